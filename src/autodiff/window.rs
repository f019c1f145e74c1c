//! How a convolution's or a pool's window slides over a picture.

use super::Result;
use super::context::{Context, input, output, refuse};
use crate::onnx::Node;

/// One spatial axis of a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding before the first element; the padding after the last one follows from the sizes.
    pub before: usize,
    pub input: usize,
    pub output: usize,
}

impl Axis {
    /// How far the windows reach in all: from the first one's first element to the last one's last.
    fn reach(&self) -> usize {
        (self.output - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
    }

    /// The elements before and after the input that the windows reach (negative after: input that no window reaches).
    fn overhang(&self) -> (usize, i64) {
        (self.before, self.reach() as i64 - self.before as i64 - self.input as i64)
    }

    /// Whether the windows lie side by side and cover the input exactly.
    pub(super) fn tiles(&self) -> bool {
        self.stride == self.kernel && self.dilation == 1 && self.before == 0 && self.output * self.kernel == self.input
    }

    /// How many of window `index`'s elements lie within the input and `after` elements of padding, counting padding if asked.
    pub(super) fn elements(&self, index: usize, padding: Option<usize>) -> usize {
        let start = (index * self.stride) as i64 - self.before as i64;
        let (low, high) = match padding {
            Some(after) => (-(self.before as i64), (self.input + after) as i64),
            None => (0, self.input as i64),
        };
        let position = |offset: usize| start + (offset * self.dilation) as i64;
        (0..self.kernel).filter(|&offset| (low..high).contains(&position(offset))).count()
    }
}

/// A window that slides over two spatial axes, with its attributes resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub rows: Axis,
    pub columns: Axis,
    /// Padding after the last row and column, as far as the node asks for it.
    pub after: [usize; 2],
}

impl Window {
    /// The window of `node`, a convolution or a pool from `[N, C, H, W]` to `[N, M, H', W']`.
    pub(super) fn of(ctx: &Context<'_>, node: &Node, kernel: &[usize]) -> Result<Self> {
        let (from, to) = (ctx.sizes(node, input(node, 0)?)?, ctx.sizes(node, output(node, 0)?)?);
        Self::between(node, &from, &to, kernel, |axis, _, pads| {
            let total = axis.reach().saturating_sub(axis.input);
            match node.string("auto_pad", "NOTSET") {
                "SAME_UPPER" => (total / 2, total - total / 2),
                "SAME_LOWER" => (total - total / 2, total / 2),
                "VALID" => (0, 0),
                _ => pads,
            }
        })
    }

    /// The window that slides over what `node`, a transposed convolution, makes, and comes to what it reads.
    pub(super) fn of_transposed(ctx: &Context<'_>, node: &Node, kernel: &[usize]) -> Result<Self> {
        let (from, to) = (ctx.sizes(node, output(node, 0)?)?, ctx.sizes(node, input(node, 0)?)?);
        let by_shape = node.ints("output_shape").is_some();
        Self::between(node, &from, &to, kernel, |axis, index, pads| {
            let further = node.ints("output_padding").and_then(|v| v.get(index)).map_or(0, |&v| v.max(0) as usize);
            let total = (axis.reach() + further).saturating_sub(axis.input);
            match node.string("auto_pad", "NOTSET") {
                "SAME_UPPER" => (total / 2, total - total / 2),
                "VALID" => (0, 0),
                "NOTSET" if !by_shape => pads,
                _ => (total - total / 2, total / 2),
            }
        })
    }

    /// A window over two axes between `[C, H, W]` and `[M, H', W']`; `pad` says the padding of an axis, by its index and the pads given.
    fn between(
        node: &Node,
        from: &[usize],
        to: &[usize],
        kernel: &[usize],
        pad: impl Fn(&Axis, usize, (usize, usize)) -> (usize, usize),
    ) -> Result<Self> {
        if from.len() != 3 || to.len() != 3 || kernel.len() != 2 {
            return Err(refuse(node, "only windows over two spatial axes have a gradient here"));
        }
        let pads = node.ints("pads").unwrap_or(&[0; 4]);
        if pads.len() != 4 || pads.iter().any(|&pad| pad < 0) || kernel.contains(&0) || to.contains(&0) {
            return Err(refuse(node, "its window or its padding is malformed"));
        }
        let attribute = |name, axis: usize| node.ints(name).and_then(|v| v.get(axis)).map_or(1, |&v| v.max(1) as usize);
        let mut after = [0; 2];
        let mut axis = |index: usize| {
            let mut axis = Axis {
                kernel: kernel[index],
                stride: attribute("strides", index),
                dilation: attribute("dilations", index),
                before: 0,
                input: from[index + 1],
                output: to[index + 1],
            };
            let given = (pads[index] as usize, pads[index + 2] as usize);
            (axis.before, after[index]) = pad(&axis, index, given);
            axis
        };
        let (rows, columns) = (axis(0), axis(1));
        Ok(Self { rows, columns, after })
    }

    /// Whether the windows lie side by side and cover the input exactly.
    pub(super) fn tiles(&self) -> bool {
        self.rows.tiles() && self.columns.tiles()
    }

    /// The padding with which a stride-1 convolution goes back: `dilation * (kernel - 1) - pad` on each side.
    ///
    /// `None` when the stride is not 1, or a side would have to be cut.
    pub(super) fn mirrored_pads(&self) -> Option<Vec<i64>> {
        let pads = |axis: &Axis| {
            let span = (axis.dilation * (axis.kernel - 1)) as i64;
            let (before, after) = axis.overhang();
            (span - before as i64, span - after)
        };
        let ((top, bottom), (left, right)) = (pads(&self.rows), pads(&self.columns));
        let pads = vec![top, left, bottom, right];
        (self.rows.stride == 1 && self.columns.stride == 1 && pads.iter().all(|&pad| pad >= 0)).then_some(pads)
    }

    /// The padding with which a convolution has exactly these windows; `None` when the input goes on for more.
    pub(super) fn exact_pads(&self) -> Option<Vec<i64>> {
        let axes = [self.rows, self.columns];
        let further = axes.iter().any(|axis| -axis.overhang().1 >= axis.stride as i64);
        let before = axes.iter().map(|axis| axis.before as i64);
        let after = axes.iter().map(|axis| axis.overhang().1.max(0));
        (!further).then(|| before.chain(after).collect())
    }

    /// The transposed convolution from `dy` with `kernel` that gives the input's size again.
    pub(super) fn transposed(&self, node: Node) -> Node {
        let axes = [self.rows, self.columns];
        let list = |of: fn(&Axis) -> i64| axes.iter().map(of).collect::<Vec<i64>>();
        let mut pads = list(|axis| axis.before as i64);
        pads.extend(list(|axis| axis.overhang().1.max(0)));
        // Rows and columns that no window reaches are zeros after the end.
        node.with_ints("kernel_shape", list(|axis| axis.kernel as i64))
            .with_ints("strides", list(|axis| axis.stride as i64))
            .with_ints("dilations", list(|axis| axis.dilation as i64))
            .with_ints("pads", pads)
            .with_ints("output_padding", list(|axis| (-axis.overhang().1).max(0)))
    }
}
