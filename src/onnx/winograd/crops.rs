//! A convolution of many small crops of feature maps.

use super::transforms::{Minimal, SMALL};
use super::writer::Writer;
use super::{Convolution, KERNEL, Result};
use crate::onnx::new_node;

/// The side of a tile.
const TILE: usize = Minimal::<4>::TILE;
/// By how much a window is larger than its tile.
const HALO: usize = KERNEL - 1;

impl Convolution {
    /// The maps of the crops `input` [n, C, h, w], [n, K, h - 2, w - 2], by F(2x2, 3x3): what is computed from crops should be very close
    /// to what is computed from all.
    ///
    /// The crops are stacked to one tall picture, each as many rows high as tiles cover: so there are many tiles for each element of
    /// the kernels, however small the crops. The tiles between two crops see both and are cut off.
    pub(super) fn crops(&self, writer: &mut Writer<'_>, input: &str) -> Result<String> {
        let shape = writer.emit(new_node("Shape", [input]).with_int("start", 2));
        let (tiles, covered) = covered(writer, &shape);
        let tall = self.stack(writer, input, &shape, &covered);

        let (first, last) = (writer.ints(&[1]), writer.ints(&[2]));
        let across = writer.op("Slice", [&tiles, &first, &last]);
        let channels = writer.ints(&[1, (TILE * TILE * self.outputs) as i64, -1]);
        let places = writer.emit(new_node("Concat", [&channels, &across]).with_int("axis", 0));
        let tall = self.tiles(&SMALL, writer, &tall, [0, 0, HALO, 0], &places)?;

        let each = writer.ints(&[self.outputs as i64, -1]);
        let each = writer.emit(new_node("Concat", [&each, &covered]).with_int("axis", 0));
        let maps = writer.op("Reshape", [&tall, &each]);
        let lost = writer.ints(&[HALO as i64]);
        let sizes = writer.op("Sub", [&shape, &lost]);
        let maps = writer.cut(&maps, &sizes);
        Ok(writer.emit(new_node("Transpose", [&maps]).with_ints("perm", [1, 0, 2, 3])))
    }

    /// The crops `input` as one picture, [1, C, n * rows, columns + 2], each with zeros below and beside it up to `covered`.
    fn stack(&self, writer: &mut Writer<'_>, input: &str, shape: &str, covered: &str) -> String {
        let (zeros, halo) = (writer.ints(&[0; 6]), writer.ints(&[0, HALO as i64]));
        let padded = writer.op("Add", [covered, &halo]);
        let missing = writer.op("Sub", [&padded, shape]);
        let pads = writer.emit(new_node("Concat", [&zeros, &missing]).with_int("axis", 0));
        let crops = writer.op("Pad", [input, &pads]);
        let crops = writer.emit(new_node("Transpose", [&crops]).with_ints("perm", [1, 0, 2, 3]));
        writer.reshape(&crops, &[1, self.inputs as i64, -1, 0])
    }
}

/// How many tiles a crop of `shape` takes along rows and columns, and what they cover: all rows of the crop, since the next crop
/// follows, and those columns that have an output.
fn covered(writer: &mut Writer<'_>, shape: &str) -> (String, String) {
    let (side, rounding) = (writer.ints(&[TILE as i64]), writer.ints(&[TILE as i64 - 1]));
    let halo = writer.ints(&[0, HALO as i64]);
    let kept = writer.op("Sub", [shape, &halo]);
    let rounded = writer.op("Add", [&kept, &rounding]);
    let tiles = writer.op("Div", [&rounded, &side]);
    let covered = writer.op("Mul", [&tiles, &side]);
    (tiles, covered)
}
