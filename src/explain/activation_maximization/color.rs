//! Colours in which photographs vary independently.

use multiversion::multiversion;
use ndarray::Array3;

use super::channels_mut;

/// lucid's square root of the correlation of red, green and blue (rows) in `ImageNet`, scaled so that its longest column has
/// length 1.
///
/// The columns are brightness, red against blue, and green against magenta.
const CORRELATION: [[f32; 3]; 3] = [
    [0.562_828_6, 0.194_825_3, 0.043_294_5],
    [0.584_475_8, 0.0, -0.108_236_3],
    [0.584_475_8, -0.194_825_3, 0.064_941_8],
];

/// Turns independent colours [3, H, W] into red, green and blue.
pub(super) fn correlate(colors: &mut Array3<f32>) {
    mix(&CORRELATION, channels_mut(colors));
}

/// Turns the gradient with respect to red, green and blue [3, H, W] into that with respect to the independent colours.
pub(super) fn pull_back(gradient: &mut Array3<f32>) {
    let [red, green, blue] = CORRELATION;
    let transposed = std::array::from_fn(|color| [red[color], green[color], blue[color]]);
    mix(&transposed, channels_mut(gradient));
}

/// Multiplies each pixel's three numbers by `matrix`.
#[multiversion(targets("x86_64+avx2"))]
fn mix(matrix: &[[f32; 3]; 3], [first, second, third]: [&mut [f32]; 3]) {
    for ((first, second), third) in first.iter_mut().zip(second).zip(third) {
        let mixed = matrix.map(|row| row[0] * *first + row[1] * *second + row[2] * *third);
        [*first, *second, *third] = mixed;
    }
}
