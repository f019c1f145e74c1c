//! The picture that a graph takes.

use super::Layout;
use crate::onnx::{DataType, Dim, Error, Graph, Result, ValueInfo, graph::shape_text};

/// The input that takes the picture, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureInput {
    /// Its name.
    pub name: String,
    /// Where the file has the channels; the graph takes them first now.
    pub layout: Layout,
}

impl Graph {
    /// Finds the picture's input, and makes it [N, 3, H, W] where it is [N, H, W, 3]; inputs that nothing reads are dropped.
    ///
    /// An error says what keeps the graph from taking colour pictures.
    pub fn take_pictures(&mut self) -> Result<PictureInput> {
        self.drop_unread_inputs();
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
        let layout = match shape.as_deref() {
            Some([_, Dim::Size(3), _, _]) => Layout::ChannelsFirst,
            Some([_, _, _, Dim::Size(3)]) => Layout::ChannelsLast,
            Some(shape) => return refuse(&format!("its input `{name}` has the shape {}", shape_text(shape))),
            None => return refuse(&format!("its input `{name}` has no shape")),
        };
        Ok(PictureInput { name: name.clone(), layout })
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
        assert_eq!(input, PictureInput { name: "x".to_owned(), layout: Layout::ChannelsLast });
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
