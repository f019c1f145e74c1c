//! Windows of feature maps, one for each patch: where they are, and cutting and laying them.

use std::ops::Range;

use ndarray::{Array4, ArrayView3, ArrayView4, ArrayViewMut3, Axis, s};

use crate::onnx::Step;

/// Where each patch changes a value: all windows of one size, so that they make one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// The rows and columns that change, for each patch.
    changed: Vec<[Range<usize>; 2]>,
    /// Where each patch's window begins: it holds what changes, and lies inside the value.
    origins: Vec<[i64; 2]>,
    /// The windows' rows and columns.
    size: [usize; 2],
}

impl Extent {
    /// Windows around what changes in a value of `rows` and `columns`.
    pub fn around(changed: Vec<[Range<usize>; 2]>, value: [usize; 2]) -> Self {
        let longest = |axis: usize| changed.iter().map(|ranges| ranges[axis].len()).max().unwrap_or(0).max(1);
        let size = [longest(0), longest(1)];
        let origin =
            |ranges: &[Range<usize>; 2]| [0, 1].map(|axis| ranges[axis].start.min(value[axis] - size[axis]) as i64);
        let origins = changed.iter().map(origin).collect();
        Self { changed, origins, size }
    }

    /// What changes in the output of `step`, of `value` rows and columns, when `inputs` change in its inputs.
    pub fn after(step: &Step, inputs: &[&Self], value: [usize; 2]) -> Self {
        let reach = [step.rows, step.columns];
        let affected = |patch: usize, axis: usize| {
            let ranges = inputs.iter().map(|input| reach[axis].affected(&input.changed[patch][axis], value[axis]));
            ranges
                .filter(|range| !range.is_empty())
                .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
                .unwrap_or(0..0)
        };
        let patches = inputs.first().map_or(0, |input| input.changed.len());
        Self::around((0..patches).map(|patch| [affected(patch, 0), affected(patch, 1)]).collect(), value)
    }

    /// What of its inputs `step` reads to give these windows: it may reach beyond their borders.
    pub fn read(&self, step: &Step) -> Area {
        let read = |origin: i64, axis: usize| {
            let window = origin as usize..origin as usize + self.size[axis];
            if axis == 0 { step.rows.read(&window) } else { step.columns.read(&window) }
        };
        let size = [0, 1].map(|axis| {
            let range = read(0, axis);
            (range.end - range.start) as usize
        });
        let origins = self.origins.iter().map(|origin| [0, 1].map(|axis| read(origin[axis], axis).start)).collect();
        Area { origins, size }
    }

    /// The elements of a window.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// Windows that may reach beyond the border of the value that they are cut from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Area {
    origins: Vec<[i64; 2]>,
    size: [usize; 2],
}

impl Area {
    /// The elements of a window.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// The windows that patches change in one value.
#[derive(Debug)]
pub(super) struct Changed {
    /// Where they are.
    pub extent: Extent,
    /// What they hold, [patches, C, rows, columns].
    pub values: Array4<f32>,
}

impl Changed {
    /// The windows of `extent`, cut from `value` [1, C, H, W], where they change.
    pub fn cut(extent: Extent, value: &ArrayView4<'_, f32>) -> Self {
        let mut values = Array4::zeros((extent.origins.len(), value.dim().1, extent.size[0], extent.size[1]));
        for (mut window, origin) in values.outer_iter_mut().zip(&extent.origins) {
            lay(&value.index_axis(Axis(0), 0), [0, 0], &mut window, *origin);
        }
        Self { extent, values }
    }

    /// Crops of `around` from `base` [1, C, H, W] with these windows laid over it, and `border` beyond it.
    pub fn crop(&self, base: &ArrayView4<'_, f32>, around: &Area, border: f32) -> Array4<f32> {
        let shape = (around.origins.len(), base.dim().1, around.size[0], around.size[1]);
        let mut crops = Array4::from_elem(shape, border);
        for (patch, mut crop) in crops.outer_iter_mut().enumerate() {
            lay(&base.index_axis(Axis(0), 0), [0, 0], &mut crop, around.origins[patch]);
            self.lay_window(patch, &mut crop, around.origins[patch]);
        }
        crops
    }

    /// `base` [1, C, H, W] once for each patch, with its window laid over it.
    pub fn whole(&self, base: &ArrayView4<'_, f32>) -> Array4<f32> {
        let (_, _, rows, columns) = base.dim();
        self.crop(base, &Area { origins: vec![[0, 0]; self.extent.origins.len()], size: [rows, columns] }, 0.0)
    }

    /// Lays what `patch` changes onto `crop`, which begins at `origin`.
    fn lay_window(&self, patch: usize, crop: &mut ArrayViewMut3<'_, f32>, origin: [i64; 2]) {
        let [first_row, first_column] = self.extent.origins[patch];
        let [rows, columns] = &self.extent.changed[patch];
        let within = |range: &Range<usize>, first: i64| range.start - first as usize..range.end - first as usize;
        let window = self.values.slice(s![patch, .., within(rows, first_row), within(columns, first_column)]);
        lay(&window, [rows.start as i64, columns.start as i64], crop, origin);
    }
}

/// Copies the part of `from` [C, h, w] that lies in `onto` [C, h', w'], given where both begin in the same feature map.
fn lay(from: &ArrayView3<'_, f32>, from_origin: [i64; 2], onto: &mut ArrayViewMut3<'_, f32>, onto_origin: [i64; 2]) {
    let sizes = [(from.dim().1, onto.dim().1), (from.dim().2, onto.dim().2)];
    let shared = [0, 1].map(|axis| {
        let (from_start, onto_start) = (from_origin[axis], onto_origin[axis]);
        let start = from_start.max(onto_start);
        let end = (from_start + sizes[axis].0 as i64).min(onto_start + sizes[axis].1 as i64).max(start);
        let range = |origin: i64| (start - origin) as usize..(end - origin) as usize;
        (range(from_start), range(onto_start), end > start)
    });
    let [(from_rows, onto_rows, some_rows), (from_columns, onto_columns, some_columns)] = shared;
    if some_rows && some_columns {
        onto.slice_mut(s![.., onto_rows, onto_columns]).assign(&from.slice(s![.., from_rows, from_columns]));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;
    use crate::onnx::Reach;

    fn step(stride: usize, before: usize, length: usize) -> Step {
        let reach = Reach { stride, before, length };
        Step {
            inputs: vec!["x".into()],
            output: "y".into(),
            rows: reach,
            columns: reach,
            border: 0.0,
            nodes: Vec::new(),
            work: 1,
        }
    }

    #[test]
    fn windows_grow_with_what_a_step_reads_and_stay_inside() {
        let patches = vec![[0..2, 0..2], [3..5, 6..8]];
        let input = Extent::around(patches, [8, 8]);
        assert_eq!((input.origins.clone(), input.size), (vec![[0, 0], [3, 6]], [2, 2]));
        let after = Extent::after(&step(1, 1, 3), &[&input], [8, 8]);
        assert_eq!(after.changed, [[0..3, 0..3], [2..6, 5..8]]);
        assert_eq!((after.size, after.origins.clone()), ([4, 3], vec![[0, 0], [2, 5]]));
        let read = after.read(&step(1, 1, 3));
        assert_eq!((read.size, read.origins), ([6, 5], vec![[-1, -1], [1, 4]]));
    }

    #[test]
    fn a_crop_is_the_base_with_the_window_over_it_and_the_border_around() {
        let base = Array::from_shape_fn((1, 1, 3, 3), |(_, _, y, x)| (10 * y + x) as f32);
        let covered = Array::from_elem((1, 1, 3, 3), -1.0);
        let extent = Extent::around(vec![[2..3, 1..2]], [3, 3]);
        let changed = Changed::cut(extent.clone(), &covered.view());
        let crop = changed.crop(&base.view(), &extent.read(&step(1, 1, 3)), 0.5);
        assert_eq!(crop.into_raw_vec_and_offset().0, [10.0, 11.0, 12.0, 20.0, -1.0, 22.0, 0.5, 0.5, 0.5]);
        let mut expected = base.clone();
        expected[[0, 0, 2, 1]] = -1.0;
        assert_eq!(changed.whole(&base.view()), expected);
    }

    #[test]
    fn a_patch_that_no_window_of_a_step_sees_changes_nothing() {
        let input = Extent::around(vec![[7..8, 7..8]], [8, 8]);
        let after = Extent::after(&step(3, 0, 2), &[&input], [2, 2]);
        assert_eq!(after.changed, [[0..0, 0..0]]);
        assert_eq!(after.size, [1, 1]);
    }
}
