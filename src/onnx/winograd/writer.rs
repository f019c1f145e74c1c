//! Writes the nodes that stand for a convolution.

use super::transforms::Minimal;
use super::{Constants, Convolution, Graph, Node, Result, Tensor};
use crate::onnx::{Attribute, new_node};

/// Appends the nodes for one convolution to a graph.
pub(super) struct Writer<'g> {
    graph: &'g mut Graph,
    constants: &'g Constants<'g>,
    output: String,
    written: usize,
}

impl<'g> Writer<'g> {
    /// Writes what makes the convolution's `output`.
    pub fn new(graph: &'g mut Graph, constants: &'g Constants<'g>, output: &str) -> Self {
        Self { graph, constants, output: output.to_owned(), written: 0 }
    }

    /// Appends `node`, whose output is still to be named, and returns the name of its output.
    pub fn emit(&mut self, mut node: Node) -> String {
        let name = format!("{}/winograd_{}", self.output, self.written);
        self.written += 1;
        node.name.clone_from(&name);
        node.outputs = vec![name.clone()];
        self.graph.nodes.push(node);
        name
    }

    /// Appends a node without attributes.
    pub fn op<const N: usize>(&mut self, op_type: &str, inputs: [&str; N]) -> String {
        self.emit(new_node(op_type, inputs))
    }

    /// `value` under another shape.
    pub fn reshape(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.op("Reshape", [value, &shape])
    }

    /// The first rows and columns of `maps` [.., .., H, W], of which the two `sizes` say how many.
    pub fn cut(&mut self, maps: &str, sizes: &str) -> String {
        let (starts, axes) = (self.ints(&[0, 0]), self.ints(&[2, 3]));
        self.op("Slice", [maps, &starts, sizes, &axes])
    }

    /// A constant list of integers.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let name = format!("glassbox/winograd/ints/{values:?}");
        self.graph.initializers.entry(name.clone()).or_insert_with(|| Tensor::from_ints(values));
        name
    }

    /// The constant `name`, which must say all that it depends on: it is made only once.
    fn constant(&mut self, name: String, make: &dyn Fn() -> Result<Tensor>) -> Result<String> {
        if !self.graph.initializers.contains_key(&name) {
            let tensor = (self.constants)(&name, make)?;
            self.graph.initializers.insert(name.clone(), tensor);
        }
        Ok(name)
    }

    /// Makes the output of `maps` [n, K, H, W] and the `bias` of K elements, if there is one.
    pub fn end(self, maps: &str, bias: Option<&str>) -> Result<()> {
        let last = match bias {
            Some(bias) => {
                let values = self.graph.constant(bias)?;
                let spread = values.reshaped(vec![1, values.len(), 1, 1])?;
                let bias = format!("{bias}/winograd");
                self.graph.initializers.insert(bias.clone(), spread);
                Node::new("Add", [maps, &bias], [self.output])
            }
            None => Node::new("Identity", [maps], [self.output]),
        };
        self.graph.nodes.push(last);
        Ok(())
    }
}

impl Convolution {
    /// The maps of `picture` [1, C, H, W], padded to whole tiles by `pads`; `places` is [1, K * TILE * TILE, rows of tiles, columns of tiles].
    pub(super) fn tiles<const WINDOW: usize>(
        &self,
        algorithm: &Minimal<WINDOW>,
        writer: &mut Writer<'_>,
        picture: &str,
        pads: [usize; 4],
        places: &str,
    ) -> Result<String> {
        let (tile, elements) = (Minimal::<WINDOW>::TILE as i64, Minimal::<WINDOW>::ELEMENTS as i64);
        let kernels = writer.graph.constant(&self.kernels)?.clone();
        let kernels =
            writer.constant(format!("{}/winograd_{tile}", self.kernels), &|| algorithm.transformed(&kernels))?;
        let windows = writer.constant(format!("glassbox/winograd_{tile}/{}", self.inputs), &|| {
            Ok(algorithm.window_kernels(self.inputs))
        })?;
        let matrix = writer.constant(format!("glassbox/winograd_{tile}/map"), &|| Ok(algorithm.map_matrix()))?;

        let windows = new_node("Conv", [picture, &windows])
            .with_int("group", self.inputs as i64)
            .with_ints("kernel_shape", [WINDOW as i64; 2])
            .with_ints("strides", [tile; 2])
            .with_ints("pads", pads.map(|pad| pad as i64));
        let windows = writer.emit(windows);
        let windows = writer.reshape(&windows, &[self.inputs as i64, elements, -1]);
        let windows = writer.emit(new_node("Transpose", [&windows]).with_ints("perm", [1, 0, 2]));
        let products = writer.op("MatMul", [&kernels, &windows]);
        let products = writer.reshape(&products, &[elements, -1]);
        let tiles = writer.op("MatMul", [&matrix, &products]);
        let tiles = writer.op("Reshape", [&tiles, places]);
        let maps = new_node("DepthToSpace", [&tiles]).with_int("blocksize", tile);
        Ok(writer.emit(maps.with("mode", Attribute::String("DCR".to_owned()))))
    }
}
