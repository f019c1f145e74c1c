//! How far a computation looks along one axis.

use std::ops::Range;

/// Element `i` of the output depends on the inputs' elements from `i * stride - before` on, `length` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How far apart the windows of neighbouring elements are.
    pub stride: usize,
    /// How many elements before the first one the first window begins.
    pub before: usize,
    /// From a window's first element to its last, both counted.
    pub length: usize,
}

impl Reach {
    /// Each element depends on the one in its own place.
    pub const POINT: Self = Self { stride: 1, before: 0, length: 1 };

    /// The elements that `outputs` read; they may lie before the first or after the last there is.
    pub fn read(&self, outputs: &Range<usize>) -> Range<i64> {
        let start = (outputs.start * self.stride) as i64 - self.before as i64;
        start..start + (outputs.len().saturating_sub(1) * self.stride + self.length) as i64
    }

    /// The outputs, of `count`, that read any of `changed`.
    pub fn affected(&self, changed: &Range<usize>, count: usize) -> Range<usize> {
        let (stride, before, length) = (self.stride as i64, self.before as i64, self.length as i64);
        let first = (changed.start as i64 + before - length).div_euclid(stride) + 1;
        let end = (changed.end as i64 - 1 + before).div_euclid(stride) + 1;
        let place = |index: i64| index.clamp(0, count as i64) as usize;
        place(first)..place(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_output_is_affected_if_and_only_if_it_reads_what_changed(
            stride in 1_usize..4, before in 0_usize..3, length in 1_usize..6,
            start in 0_usize..12, changed in 1_usize..6, count in 1_usize..12,
        ) {
            let (reach, changed) = (Reach { stride, before, length }, start..start + changed);
            let reads_changed = |output: &usize| {
                let read = reach.read(&(*output..output + 1));
                read.start < changed.end as i64 && read.end > changed.start as i64
            };
            let expected: Vec<usize> = (0..count).filter(reads_changed).collect();
            prop_assert_eq!(reach.affected(&changed, count).collect::<Vec<_>>(), expected);
        }
    }
}
