//! A convolution of one picture's feature maps.

use super::transforms::{LARGE, Minimal};
use super::writer::Writer;
use super::{Convolution, KERNEL, Result};

/// The side of a tile.
const TILE: usize = Minimal::<6>::TILE;

/// One axis of a picture's feature maps.
pub(super) struct Axis {
    length: usize,
    before: usize,
    outputs: usize,
}

impl Axis {
    /// An axis with padding `before` and `after`; `None` where a kernel does not fit.
    pub fn new(length: usize, before: usize, after: usize) -> Option<Self> {
        let outputs = (length + before + after + 1).checked_sub(KERNEL)?;
        Some(Self { length, before, outputs })
    }

    /// How many tiles cover the output.
    pub fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    /// The padding after, for whole tiles.
    fn after(&self) -> usize {
        TILE * self.tiles() + KERNEL - 1 - self.length - self.before
    }
}

impl Convolution {
    /// The maps of one picture's `input` [1, C, H, W], [1, K, H', W'], by F(4x4, 3x3).
    pub(super) fn picture(&self, writer: &mut Writer<'_>, input: &str, axes: &[Axis; 2]) -> Result<String> {
        let [rows, columns] = axes;
        let pads = [rows.before, columns.before, rows.after(), columns.after()];
        let channels = TILE * TILE * self.outputs;
        let places = writer.ints(&[1, channels as i64, rows.tiles() as i64, columns.tiles() as i64]);
        let maps = self.tiles(&LARGE, writer, input, pads, &places)?;
        if axes.iter().all(|axis| axis.outputs.is_multiple_of(TILE)) {
            return Ok(maps);
        }
        let sizes = writer.ints(&[rows.outputs as i64, columns.outputs as i64]);
        Ok(writer.cut(&maps, &sizes))
    }
}
