//! Convolutions with fewer multiplications.
//!
//! A tile of 4x4 elements of a 3x3 convolution depends on a window of 6x6 of its input. F(4x4, 3x3) takes such windows and the kernels to
//! a domain where the convolution is a product of each of 36 elements, summed over channels: a quarter of the multiplications (Lavin
//! and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", after Winograd 1980). ONNX Runtime has no such kernels, but its
//! matrix products are as good as its convolutions, and the ways there and back are a depthwise convolution and a small product.
//!
//! The numbers are those of the convolution but for rounding, which is larger and depends on the place in a tile: equal neighbours come
//! out a little different. The largest of them may be asked for, but not where it is.

mod crops;
mod picture;
mod transforms;
mod writer;

use std::ops::RangeInclusive;

use picture::Axis;
use writer::Writer;

use super::{DataType, Dim, Graph, Node, Result, Shape, Tensor};

/// The side of a kernel.
const KERNEL: usize = 3;
/// The fewest channels, on both sides, for which the ways there and back cost less than what they save.
const FEWEST_CHANNELS: usize = 128;
/// The same for crops, which have to be stacked.
const FEWEST_CHANNELS_OF_CROPS: usize = 256;
/// The fewest and the most tiles of a picture: for fewer the kernels, four times as large, take too long to read, and of more the
/// windows, more than twice as large as the maps, take more memory than the time is worth.
const TILES: RangeInclusive<usize> = 32..=400;

/// The most bytes of kernels: they take several times as many while they are transformed.
const MOST_BYTES: usize = 64 << 20;

/// Gives the constant of a name; calls the function to make it where it is not held.
pub type Constants<'a> = dyn Fn(&str, &dyn Fn() -> Result<Tensor>) -> Result<Tensor> + 'a;

impl Graph {
    /// The same graph with those of the 3x3 convolutions that `wanted` picks in Winograd's form, where that is faster.
    ///
    /// These are those of one picture of a known size, and unpadded ones of any number of crops whose size only a run tells. Kernels take
    /// 4 and 1.8 times their memory there; `constants` may hold them for all graphs that share weights. Their names say what they are
    /// made from.
    pub fn with_winograd(mut self, wanted: impl Fn(&Node) -> bool, constants: &Constants<'_>) -> Result<Self> {
        let candidates = self.nodes.iter().any(|node| wanted(node) && is_3x3(node));
        if !candidates {
            return Ok(self);
        }
        let shapes = self.shapes()?;
        for node in std::mem::take(&mut self.nodes) {
            let input = node.input(0).and_then(|name| shapes.get(name)).filter(|_| wanted(&node));
            match input.and_then(|input| Convolution::of(&self, &node, input)) {
                Some(convolution) => convolution.write(&mut self, &node, constants)?,
                None => self.nodes.push(node),
            }
        }
        self.prune();
        Ok(self)
    }
}

/// Whether `node` is a dense 3x3 convolution of neighbours, one step at a time.
fn is_3x3(node: &Node) -> bool {
    let ones = |name: &str| node.ints(name).is_none_or(|values| values.iter().all(|&value| value == 1));
    let dense = node.int("group", 1) == 1 && ones("strides") && ones("dilations");
    let as_said =
        node.string("auto_pad", "NOTSET") == "NOTSET" && node.ints("kernel_shape").is_none_or(|size| size == [3, 3]);
    node.domain.is_empty() && node.op_type == "Conv" && dense && as_said
}

/// A convolution that pays.
struct Convolution {
    /// The name of its kernels [K, C, 3, 3].
    kernels: String,
    outputs: usize,
    inputs: usize,
    over: Over,
}

/// What is convolved.
enum Over {
    /// One picture's feature maps, of these rows and columns.
    Picture([Axis; 2]),
    /// Any number of crops of any size, without padding.
    Crops,
}

impl Convolution {
    /// How `node` is computed, if it is a convolution of `input` that pays.
    fn of(graph: &Graph, node: &Node, input: &Shape) -> Option<Self> {
        let name = node.input(1)?;
        let kernels = graph.initializers.get(name).filter(|_| is_3x3(node))?;
        let &[outputs, inputs, KERNEL, KERNEL] = kernels.shape() else { return None };
        let bias = |name| graph.initializers.get(name).is_some_and(|bias| bias.shape() == [outputs]);
        let held = kernels.dtype() == DataType::Float && kernels.data().len() <= MOST_BYTES;
        if !held || !node.input(2).is_none_or(bias) {
            return None;
        }
        let pads = node.ints("pads").unwrap_or(&[0; 4]);
        let pads: Vec<usize> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect::<Option<_>>()?;
        let &[top, left, bottom, right] = pads.as_slice() else { return None };
        let (over, fewest) = match input.as_slice() {
            &[Dim::Size(1), _, Dim::Size(rows), Dim::Size(columns)] => {
                let axes = [Axis::new(rows, top, bottom)?, Axis::new(columns, left, right)?];
                let tiles = axes[0].tiles() * axes[1].tiles();
                (TILES.contains(&tiles).then_some(Over::Picture(axes))?, FEWEST_CHANNELS)
            }
            [_, _, Dim::Symbol(_), Dim::Symbol(_)] if pads == [0; 4] => (Over::Crops, FEWEST_CHANNELS_OF_CROPS),
            _ => return None,
        };
        let kernels = name.to_owned();
        (outputs.min(inputs) >= fewest).then_some(Self { kernels, outputs, inputs, over })
    }

    /// Appends to `graph` the nodes that stand for `node`.
    fn write(&self, graph: &mut Graph, node: &Node, constants: &Constants<'_>) -> Result<()> {
        let (Some(input), Some(output)) = (node.input(0), node.output(0)) else {
            return Err(node.error("its input or its output is left out"));
        };
        let mut writer = Writer::new(graph, constants, output);
        let maps = match &self.over {
            Over::Picture(axes) => self.picture(&mut writer, input, axes)?,
            Over::Crops => self.crops(&mut writer, input)?,
        };
        writer.end(&maps, node.input(2))
    }
}
