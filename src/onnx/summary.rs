//! A model's layers as Keras' `model.summary()` shows them.

use std::fmt;

use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Graph, KerasShape, Layer, LayerConfig, Shapes};

/// All layers with their parameters, and the totals; as text it is Keras' table.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// The model's name.
    #[schema(examples("vgg16-caltech101"))]
    pub model: String,
    /// The layers in the order of computation.
    pub layers: Vec<LayerConfig>,
    /// How many numbers the model has learnt.
    #[schema(examples(138_357_544))]
    pub total_parameters: usize,
    /// Those of them that training changes by gradients.
    pub trainable_parameters: usize,
    /// The others: moving statistics.
    pub non_trainable_parameters: usize,
}

impl Summary {
    /// The summary of the model called `model` with these `layers` of `graph`.
    pub fn new(model: &str, layers: &[Layer], graph: &Graph, shapes: &Shapes) -> Self {
        let layers: Vec<_> = layers.iter().map(|layer| LayerConfig::of(layer, layers, graph, shapes)).collect();
        let total = layers.iter().map(|layer| layer.parameters).sum();
        let trainable = layers.iter().map(|layer| layer.trainable_parameters).sum();
        Self {
            model: model.to_owned(),
            layers,
            total_parameters: total,
            trainable_parameters: trainable,
            non_trainable_parameters: total - trainable,
        }
    }

    /// Whether each layer reads the one before it, and nothing else; Keras then has no column for it.
    fn is_sequential(&self) -> bool {
        self.layers.windows(2).all(|pair| pair[1].connected_to == [pair[0].name.clone()])
    }
}

/// The lines of Keras 3's tables.
const KERAS: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┏', '━', '┳', '┓'))
    .header_lines(ContentLineStyle::new('┃', '┃', '┃'))
    .header_separator(LineStyle::new('┡', '━', '╇', '┩'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .row_separator(LineStyle::new('├', '─', '┼', '┤'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequential = self.is_sequential();
        let mut table = Table::new();
        table.load_style(KERAS);
        let mut header = vec!["Layer (type)", "Output Shape", "Param #"];
        header.extend((!sequential).then_some("Connected to"));
        table.set_header(header);
        for layer in &self.layers {
            let name = format!("{} ({})", layer.name, layer.kind);
            let mut row = vec![name, python_tuple(&layer.output_shape), with_commas(layer.parameters)];
            row.extend((!sequential).then(|| layer.connected_to.join(", ")));
            table.add_row(row);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "Model: \"{}\"\n{table}", self.model)?;
        let total = |f: &mut fmt::Formatter<'_>, what: &str, count: usize| {
            writeln!(f, " {what} params: {} ({})", with_commas(count), bytes(4 * count))
        };
        total(f, "Total", self.total_parameters)?;
        total(f, "Trainable", self.trainable_parameters)?;
        total(f, "Non-trainable", self.non_trainable_parameters)
    }
}

/// `(None, 224, 224, 3)`
fn python_tuple(shape: &KerasShape) -> String {
    let sizes: Vec<_> = shape.iter().map(|size| size.map_or("None".to_owned(), |size| size.to_string())).collect();
    format!("({})", sizes.join(", "))
}

/// `138,357,544`
fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `527.79 MB`, as Keras counts: by 1,024.
fn bytes(count: usize) -> String {
    let mut size = count as f64;
    for unit in ["B", "KB", "MB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} GB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_keras_writes_them() {
        assert_eq!(with_commas(138_357_544), "138,357,544");
        assert_eq!(with_commas(1_792), "1,792");
        assert_eq!(with_commas(0), "0");
        assert_eq!(bytes(4 * 138_357_544), "527.79 MB");
        assert_eq!(bytes(0), "0.00 B");
        assert_eq!(python_tuple(&vec![None, Some(14), Some(14), Some(512)]), "(None, 14, 14, 512)");
    }
}
