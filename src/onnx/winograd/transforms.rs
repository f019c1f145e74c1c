//! The matrices of minimal filtering algorithms for 3x3 kernels, and kernels in their domain.

use super::KERNEL;
use crate::onnx::{Result, Tensor};

/// The algorithm for windows of `WINDOW` x `WINDOW`: F(WINDOW - 2, 3) on both axes.
///
/// It multiplies polynomials by their values at points, one of which is infinity (Toom and Cook). For the same points the matrices are
/// those of Lavin and Gray, but for a factor that moves between them.
pub(super) struct Minimal<const WINDOW: usize> {
    /// The other points, `WINDOW - 1` different ones.
    points: &'static [f64],
}

/// F(2x2, 3x3): 2.25 times fewer multiplications, about twice the rounding.
pub(super) const SMALL: Minimal<4> = Minimal { points: &[0.0, 1.0, -1.0] };
/// F(4x4, 3x3): 4 times fewer multiplications, about six times the rounding; the usual points 0, 1, -1, 2, -2 double that.
pub(super) const LARGE: Minimal<6> = Minimal { points: &[0.0, 0.75, -0.75, 1.5, -1.5] };

impl<const WINDOW: usize> Minimal<WINDOW> {
    /// The side of a tile of the output.
    pub const TILE: usize = WINDOW - KERNEL + 1;
    /// The elements of a window.
    pub const ELEMENTS: usize = WINDOW * WINDOW;

    /// From a window of the input to the domain: row `i` holds the coefficients of the product of `x - p` over all points but the
    /// `i`th; the last row, for infinity, those over all points.
    fn of_window(&self) -> [[f64; WINDOW]; WINDOW] {
        let mut rows = [[0.0; WINDOW]; WINDOW];
        for (left_out, row) in rows.iter_mut().enumerate() {
            row[0] = 1.0;
            for (_, point) in self.points.iter().enumerate().filter(|&(index, _)| index != left_out) {
                for power in (0..WINDOW).rev() {
                    let lower = if power == 0 { 0.0 } else { row[power - 1] };
                    row[power] = lower - point * row[power];
                }
            }
        }
        rows
    }

    /// From a kernel to the domain: the kernel's value at each point, over the product of that point's differences to the others.
    fn of_kernel(&self) -> [[f64; KERNEL]; WINDOW] {
        std::array::from_fn(|index| {
            let Some(&point) = self.points.get(index) else { return [0.0, 0.0, 1.0] };
            let others = self.points.iter().enumerate().filter(|&(other, _)| other != index);
            let scale = 1.0 / others.map(|(_, other)| point - other).product::<f64>();
            [scale, scale * point, scale * point * point]
        })
    }

    /// From the domain to the output: the powers of each point.
    fn to_map(&self) -> Vec<[f64; WINDOW]> {
        let at_infinity = |power| f64::from(u8::from(power == Self::TILE - 1));
        let row = |power| {
            std::array::from_fn(|index| {
                self.points.get(index).map_or(at_infinity(power), |point| point.powi(power as i32))
            })
        };
        (0..Self::TILE).map(row).collect()
    }

    /// The kernels of a depthwise convolution that takes `channels` to the domain, [channels * ELEMENTS, 1, WINDOW, WINDOW].
    pub fn window_kernels(&self, channels: usize) -> Tensor {
        let values = both_axes(&self.of_window()).repeat(channels);
        Tensor::from_floats(&[channels * Self::ELEMENTS, 1, WINDOW, WINDOW], &values)
    }

    /// The matrix that takes a tile from the domain to the output, [TILE * TILE, ELEMENTS].
    pub fn map_matrix(&self) -> Tensor {
        Tensor::from_floats(&[Self::TILE * Self::TILE, Self::ELEMENTS], &both_axes(&self.to_map()))
    }

    /// `kernels` [K, C, 3, 3] in the domain, [ELEMENTS, K, C].
    pub fn transformed(&self, kernels: &Tensor) -> Result<Tensor> {
        let values = kernels.floats()?;
        let (rows, count) = (self.of_kernel(), values.len() / (KERNEL * KERNEL));
        let mut transformed = vec![0.0_f32; Self::ELEMENTS * count];
        for (index, kernel) in values.as_chunks::<{ KERNEL * KERNEL }>().0.iter().enumerate() {
            let across: [[f64; WINDOW]; KERNEL] = std::array::from_fn(|row| {
                std::array::from_fn(|j| {
                    (0..KERNEL).map(|tap| f64::from(kernel[row * KERNEL + tap]) * rows[j][tap]).sum()
                })
            });
            for (i, row) in rows.iter().enumerate() {
                for j in 0..WINDOW {
                    let element: f64 = (0..KERNEL).map(|tap| row[tap] * across[tap][j]).sum();
                    transformed[(i * WINDOW + j) * count + index] = element as f32;
                }
            }
        }
        let shape = kernels.shape();
        Ok(Tensor::from_floats(&[Self::ELEMENTS, shape[0], shape[1]], &transformed))
    }
}

/// `matrix` for both axes: the Kronecker product with itself, row by row.
fn both_axes<const WINDOW: usize>(matrix: &[[f64; WINDOW]]) -> Vec<f32> {
    let pairs = matrix.iter().flat_map(|down| matrix.iter().map(move |across| (down, across)));
    pairs.flat_map(|(down, across)| down.iter().flat_map(|a| across.iter().map(move |b| (a * b) as f32))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convolves<const WINDOW: usize>(algorithm: &Minimal<WINDOW>) {
        let (window, kernel) = ([3.0, -1.0, 4.0, 1.0, -5.0, 9.0], [2.0, -6.0, 5.0]);
        let dot = |row: &[f64], values: &[f64]| row.iter().zip(values).map(|(a, b)| a * b).sum::<f64>();
        let rows = algorithm.of_window().into_iter().zip(algorithm.of_kernel());
        let product: Vec<f64> = rows.map(|(row, of)| dot(&row, &window) * dot(&of, &kernel)).collect();
        let map: Vec<f64> = algorithm.to_map().iter().map(|row| dot(row, &product)).collect();
        assert_eq!(map.len(), WINDOW - 2);
        for (index, element) in map.iter().enumerate() {
            assert!((element - dot(&window[index..index + KERNEL], &kernel)).abs() < 1e-9, "{index}: {element}");
        }
    }

    #[test]
    fn the_matrices_convolve() {
        convolves(&SMALL);
        convolves(&LARGE);
    }

    #[test]
    fn kernels_keep_their_places() {
        let mut values = vec![0.0; 2 * 3 * 9];
        values[4 * 9] = 1.0;
        let tensor = LARGE.transformed(&Tensor::from_floats(&[2, 3, 3, 3], &values)).unwrap();
        assert_eq!(tensor.shape(), [36, 2, 3]);
        let corner = LARGE.of_kernel()[0][0];
        let values = tensor.floats().unwrap();
        assert!((f64::from(values[4]) - corner * corner).abs() < 1e-6);
        assert!(values.iter().enumerate().all(|(index, &value)| value == 0.0 || index % 6 == 4));
    }
}
