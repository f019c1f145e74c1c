//! Where the occluder lies.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    model::Patch,
};

/// How windows and the map's elements belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The picture is cut into cells of `stride` pixels, and a window centred on each, cut at the border. The map has an
    /// element for each cell.
    #[default]
    Centered,
    /// Windows lie side by side or overlap, from the first pixel on, the last ones cut at the border. The map has an element
    /// for each pixel: the mean over all windows that cover it (Captum's way).
    Sliding,
}

/// All places of the occluder.
#[derive(Debug)]
pub(super) struct Windows {
    placement: Placement,
    size: [usize; 2],
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

impl Windows {
    /// The places of a square of `patch` pixels, `stride` apart, on a picture of `size` (height, width).
    ///
    /// A patch larger than the picture, or strides that leave gaps between sliding windows, are a 422.
    pub fn new(placement: Placement, size: [usize; 2], patch: usize, stride: usize) -> Result<Self> {
        let [height, width] = size;
        if patch > height.min(width) {
            let message = format!("option `patch` cannot be {patch}: the model's pictures are {width}x{height} pixels");
            return Err(Error::unprocessable("patch_too_large", message));
        }
        if stride > height.min(width) || (placement == Placement::Sliding && stride > patch) {
            let message = format!(
                "option `stride` cannot be {stride}: it goes up to the picture's side ({}), and up to `patch` ({patch}) for \
                 sliding windows, which must not leave gaps",
                height.min(width)
            );
            return Err(Error::unprocessable("stride_too_large", message));
        }
        let places = |length| match placement {
            Placement::Centered => centered(length, patch, stride),
            Placement::Sliding => sliding(length, patch, stride),
        };
        Ok(Self { placement, size, rows: places(height), columns: places(width) })
    }

    /// The windows, row by row.
    pub fn iter(&self) -> impl Iterator<Item = Patch> {
        let of_row = |rows: &Range<usize>| {
            let rows = rows.clone();
            self.columns.iter().map(move |columns| Patch { rows: rows.clone(), columns: columns.clone() })
        };
        self.rows.iter().flat_map(of_row)
    }

    /// How many rows and columns of windows there are.
    pub fn grid(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// The map of one value for each window, [rows, columns] of windows.
    pub fn map(&self, values: &ArrayView2<'_, f32>) -> Array2<f32> {
        match self.placement {
            Placement::Centered => values.to_owned(),
            Placement::Sliding => self.average(values),
        }
    }

    /// For each pixel the mean of the values of the windows that cover it.
    fn average(&self, values: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut sums = Array2::<f32>::zeros(self.size);
        let mut counts = Array2::<f32>::zeros(self.size);
        for (Patch { rows, columns }, value) in self.iter().zip(values) {
            let place = s![rows, columns];
            sums.slice_mut(place).mapv_inplace(|sum| sum + value);
            counts.slice_mut(place).mapv_inplace(|count| count + 1.0);
        }
        sums / counts
    }
}

/// A window around each cell of `stride` elements, as far as it lies on the axis.
fn centered(length: usize, patch: usize, stride: usize) -> Vec<Range<usize>> {
    let cells = length.div_ceil(stride);
    let window = |cell: usize| {
        let start = (cell * stride) as i64 + (stride as i64 - patch as i64).div_euclid(2);
        let place = |index: i64| index.clamp(0, length as i64) as usize;
        place(start)..place(start + patch as i64)
    };
    (0..cells).map(window).collect()
}

/// Windows from the start on, until the last element is covered.
fn sliding(length: usize, patch: usize, stride: usize) -> Vec<Range<usize>> {
    let count = (length - patch).div_ceil(stride) + 1;
    (0..count).map(|index| index * stride..(index * stride + patch).min(length)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{arr2, aview2};

    use super::*;

    #[test]
    fn the_articles_occluder_is_five_cells_wide_and_cut_at_the_border() {
        let windows = Windows::new(Placement::Centered, [224, 224], 70, 14).unwrap();
        assert_eq!(windows.grid(), [16, 16]);
        let all: Vec<Patch> = windows.iter().collect();
        assert_eq!(all[0], Patch { rows: 0..42, columns: 0..42 });
        assert_eq!(all[5 * 16 + 3], Patch { rows: 42..112, columns: 14..84 });
        assert_eq!(all[255], Patch { rows: 182..224, columns: 182..224 });
    }

    #[test]
    fn cells_that_do_not_divide_the_picture_cover_it() {
        assert_eq!(centered(10, 2, 4), [1..3, 5..7, 9..10]);
        assert_eq!(centered(4, 3, 2), [0..2, 1..4]);
    }

    #[test]
    fn sliding_windows_cover_the_last_row_and_their_overlaps_are_averaged() {
        assert_eq!(sliding(5, 2, 2), [0..2, 2..4, 4..5]);
        let windows = Windows::new(Placement::Sliding, [2, 3], 2, 1).unwrap();
        assert_eq!(windows.map(&aview2(&[[1.0, 3.0]])), arr2(&[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let refused = |placement, patch, stride| Windows::new(placement, [8, 8], patch, stride).unwrap_err().code;
        assert_eq!(refused(Placement::Centered, 9, 1), "patch_too_large");
        assert_eq!(refused(Placement::Centered, 2, 9), "stride_too_large");
        assert_eq!(refused(Placement::Sliding, 2, 3), "stride_too_large");
    }
}
