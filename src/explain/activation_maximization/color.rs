//! Colours in which photographs vary independently.

use ndarray::{Array3, ArrayView2, Axis};

/// lucid's square root of the correlation of red, green and blue (rows) in `ImageNet`, scaled so that its longest column has
/// length 1.
///
/// The columns are brightness, red against blue, and green against magenta.
const CORRELATION: [[f32; 3]; 3] = [
    [0.562_828_6, 0.194_825_3, 0.043_294_5],
    [0.584_475_8, 0.0, -0.108_236_3],
    [0.584_475_8, -0.194_825_3, 0.064_941_8],
];

/// Red, green and blue from independent colours [3, H, W].
pub(super) fn correlate(independent: &Array3<f32>) -> Array3<f32> {
    mix(&ndarray::arr2(&CORRELATION).view(), independent)
}

/// The gradient with respect to the independent colours, from that with respect to red, green and blue [3, H, W].
pub(super) fn pull_back(gradient: &Array3<f32>) -> Array3<f32> {
    mix(&ndarray::arr2(&CORRELATION).t(), gradient)
}

fn mix(matrix: &ArrayView2<'_, f32>, colors: &Array3<f32>) -> Array3<f32> {
    let mut mixed = Array3::zeros(colors.dim());
    for ((to, from), &share) in matrix.indexed_iter() {
        mixed.index_axis_mut(Axis(0), to).scaled_add(share, &colors.index_axis(Axis(0), from));
    }
    mixed
}
