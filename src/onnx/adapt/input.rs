//! The picture that a graph takes.

use super::Layout;
use crate::onnx::{DataType, Dim, Error, Graph, Result, Tensor, ValueInfo, graph::shape_text};

/// The input that takes the picture, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureInput {
    /// Its name.
    pub name: String,
    /// Where the file has the channels; the graph takes them first now.
    pub layout: Layout,
    /// The height and the width of the pictures, where the file fixes them.
    pub size: [Option<usize>; 2],
}

/// What exporters call the switch between training and use.
const SWITCHES: [&str; 3] = ["learning_phase", "training", "is_train"];

impl Graph {
    /// Finds the picture's input, and makes it [N, 3, H, W] where it is [N, H, W, 3].
    ///
    /// Inputs that nothing reads are dropped, and switches between training and use are set to use.
    ///
    /// An error says what keeps the graph from taking colour pictures.
    pub fn take_pictures(&mut self) -> Result<PictureInput> {
        self.drop_unread_inputs();
        self.switch_training_off();
        let input = self.picture_input()?;
        if input.layout == Layout::ChannelsLast {
            self.take_channels_first(&input.name);
        }
        Ok(input)
    }

    /// Takes out inputs that no node reads: exporters leave some that belonged to what they folded away.
    fn drop_unread_inputs(&mut self) {
        let consumers = self.consumers();
        let read: Vec<bool> = self.inputs.iter().map(|input| consumers.contains_key(input.name.as_str())).collect();
        let mut read = read.into_iter();
        self.inputs.retain(|_| read.next().unwrap_or_default());
    }

    fn switch_training_off(&mut self) {
        let is_switch = |input: &ValueInfo| {
            let scalar = input.shape.as_ref().is_none_or(|shape| shape.iter().all(|dim| *dim == Dim::Size(1)));
            let name = input.name.to_lowercase();
            input.dtype == DataType::Bool && scalar && SWITCHES.iter().any(|switch| name.contains(switch))
        };
        for input in self.inputs.extract_if(.., |input| is_switch(input)) {
            let off = Tensor::boolean(false, input.shape.map_or(0, |shape| shape.len()));
            self.initializers.insert(input.name, off);
        }
    }

    /// Fixes the `height` and `width` of the pictures that `input` [N, 3, H, W] takes.
    pub fn fix_picture_size(&mut self, input: &str, [height, width]: [usize; 2]) {
        let shape = self.inputs.iter_mut().find(|value| value.name == input).and_then(|value| value.shape.as_mut());
        if let Some([_, _, rows, columns]) = shape.map(Vec::as_mut_slice) {
            (*rows, *columns) = (Dim::Size(height), Dim::Size(width));
        }
    }

    fn picture_input(&self) -> Result<PictureInput> {
        let input = match self.inputs.as_slice() {
            [input] => input,
            inputs => {
                let names: Vec<_> = inputs.iter().map(|input| format!("`{}`", input.name)).collect();
                return refuse(&format!("it has {} inputs ({})", names.len(), names.join(", ")));
            }
        };
        let ValueInfo { name, dtype, shape } = input;
        if *dtype != DataType::Float {
            return refuse(&format!("its input `{name}` takes {dtype:?} numbers"));
        }
        let (layout, size) = match shape.as_deref() {
            Some([_, Dim::Size(3), height, width]) => (Layout::ChannelsFirst, [height.size(), width.size()]),
            Some([_, height, width, Dim::Size(3)]) => (Layout::ChannelsLast, [height.size(), width.size()]),
            Some(shape) => return refuse(&format!("its input `{name}` has the shape {}", shape_text(shape))),
            None => return refuse(&format!("its input `{name}` has no shape")),
        };
        Ok(PictureInput { name: name.clone(), layout, size })
    }
}

fn refuse<T>(reason: &str) -> Result<T> {
    let taken = "glassbox explains classifiers of colour pictures, [N, 3, H, W] or [N, H, W, 3]";
    Err(Error::Unsupported(format!("{reason}; {taken}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Node;

    /// A graph that pools pictures of `shape`.
    fn graph(shape: Vec<Dim>) -> Graph {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        Graph {
            opset: 17,
            inputs: vec![value("x", Some(shape))],
            outputs: vec![value("y", None)],
            nodes: vec![Node::new("ReduceMean", ["x"], ["y"]).with_ints("axes", [1, 2])],
            ..Graph::default()
        }
    }

    fn sizes(sizes: [usize; 4]) -> Vec<Dim> {
        sizes.map(Dim::Size).to_vec()
    }

    #[test]
    fn a_channels_last_input_gets_its_channels_first() {
        let mut graph = graph(sizes([1, 8, 9, 3]));
        let input = graph.take_pictures().unwrap();
        assert_eq!(
            input,
            PictureInput { name: "x".to_owned(), layout: Layout::ChannelsLast, size: [Some(8), Some(9)] }
        );
        assert_eq!(graph.inputs[0].shape, Some(sizes([1, 3, 8, 9])));
        assert_eq!(graph.shapes().unwrap()["y"], [1, 1, 1, 3].map(Dim::Size));
    }

    #[test]
    fn a_channels_first_input_stays_as_it_is() {
        // With a width of 3 it could be either; channels first is ONNX's own order.
        for shape in [[1, 3, 8, 9], [1, 3, 8, 3]] {
            let mut graph = graph(sizes(shape));
            let before = graph.clone();
            assert_eq!(graph.take_pictures().unwrap().layout, Layout::ChannelsFirst);
            assert_eq!(graph, before);
        }
    }

    #[test]
    fn inputs_that_nothing_reads_are_no_inputs() {
        let mut graph = graph(sizes([1, 3, 8, 8]));
        graph.inputs.insert(0, ValueInfo { name: "left over".to_owned(), ..graph.inputs[0].clone() });
        assert_eq!(graph.take_pictures().unwrap().name, "x");
        assert_eq!(graph.inputs.len(), 1);
    }

    #[test]
    fn a_switch_for_training_is_off() {
        let mut graph = graph(sizes([1, 3, 8, 8]));
        let switch =
            ValueInfo { name: "keras_learning_phase:0".to_owned(), dtype: DataType::Bool, shape: Some(vec![]) };
        graph.nodes.push(Node::new("Where", ["keras_learning_phase:0", "x", "y"], ["z"]));
        graph.inputs.push(switch.clone());
        let mut other = graph.clone();
        graph.take_pictures().unwrap();
        assert_eq!((graph.inputs.len(), graph.initializers[&switch.name].data().as_ref()), (1, &[0][..]));
        // Of numbers, or under another name, nobody knows what it means.
        other.inputs[1].dtype = DataType::Float;
        assert!(other.take_pictures().unwrap_err().to_string().contains("2 inputs"));
    }

    #[test]
    fn an_open_size_can_be_fixed() {
        let open = |side: &str| Dim::Symbol(side.to_owned());
        let mut graph = graph(vec![1.into(), open("h"), 9.into(), 3.into()]);
        let input = graph.take_pictures().unwrap();
        assert_eq!(input.size, [None, Some(9)]);
        graph.fix_picture_size(&input.name, [8, 9]);
        assert_eq!(graph.inputs[0].shape, Some(sizes([1, 3, 8, 9])));
    }

    #[test]
    fn what_takes_no_colour_pictures_is_refused_with_the_reason() {
        let refused = |shape, edit: fn(&mut Graph)| {
            let mut graph = graph(shape);
            edit(&mut graph);
            graph.take_pictures().unwrap_err().to_string()
        };
        let picture = || sizes([1, 3, 8, 8]);
        assert!(refused(picture(), |graph| graph.inputs.push(graph.inputs[0].clone())).contains("2 inputs (`x`, `x`)"));
        assert!(refused(picture(), |graph| graph.inputs[0].dtype = DataType::Uint8).contains("Uint8"));
        assert!(refused(picture(), |graph| graph.inputs[0].shape = None).contains("no shape"));
        assert!(refused(sizes([1, 1, 28, 28]), |_| {}).contains("[1, 1, 28, 28]"));
    }
}
