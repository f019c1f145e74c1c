//! The map while it grows: what is known of it, and a guess at the rest.

use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// How long after one sketch the next is due, for each [`NUMBERS`] of it.
const EVERY: Duration = Duration::from_millis(250);
/// So many numbers are written, sent and read in no time.
const NUMBERS: usize = 4096;

/// The values of a grid's cells, [classes, rows, columns]; NaN where none is known yet.
pub(super) struct Sketch {
    values: Array3<f32>,
    known: usize,
    last: Instant,
}

impl Sketch {
    /// One of which nothing is known.
    pub fn new(classes: usize, [rows, columns]: [usize; 2]) -> Self {
        Self { values: Array3::from_elem((classes, rows, columns), f32::NAN), known: 0, last: Instant::now() }
    }

    /// Adds what was found for `cells`, [classes, cells].
    pub fn add(&mut self, cells: &[[usize; 2]], found: &ArrayView2<'_, f32>) {
        for (&[row, column], of_cell) in cells.iter().zip(found.axis_iter(Axis(1))) {
            self.values.slice_mut(s![.., row, column]).assign(&of_cell);
        }
        self.known += cells.len();
    }

    /// How many cells are known.
    pub fn known(&self) -> usize {
        self.known
    }

    /// Whether the last sketch is long enough ago; then the next is counted from now.
    pub fn is_due(&mut self) -> bool {
        let shares = self.values.len().div_ceil(NUMBERS) as u32;
        let due = self.last.elapsed() >= EVERY * shares;
        if due {
            self.last = Instant::now();
        }
        due
    }

    /// The values, where each cell that is not known has the mean of the smallest block around it of which something is known, that is of
    /// the block's quarters of which something is.
    pub fn filled(&self) -> Array3<f32> {
        let mut values = self.values.clone();
        for mut of_class in values.outer_iter_mut() {
            let full = filled(of_class.to_owned());
            of_class.assign(&full);
        }
        values
    }
}

fn filled(map: Array2<f32>) -> Array2<f32> {
    if map.len() <= 1 || map.iter().all(|value| !value.is_nan()) {
        return map;
    }
    let coarse = filled(halved(&map));
    Array2::from_shape_fn(map.dim(), |(row, column)| {
        let own = map[[row, column]];
        if own.is_nan() { coarse[[row / 2, column / 2]] } else { own }
    })
}

/// `map` with half as many rows and columns, rounded up: the means of the known values of blocks of two by two.
fn halved(map: &Array2<f32>) -> Array2<f32> {
    let (rows, columns) = map.dim();
    Array2::from_shape_fn((rows.div_ceil(2), columns.div_ceil(2)), |(row, column)| {
        let block = map.slice(s![2 * row..(2 * row + 2).min(rows), 2 * column..(2 * column + 2).min(columns)]);
        let known: Vec<f32> = block.iter().copied().filter(|value| !value.is_nan()).collect();
        known.iter().sum::<f32>() / known.len() as f32
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_not_known_is_guessed_from_the_smallest_block_that_has_anything() {
        let mut sketch = Sketch::new(1, [3, 4]);
        sketch.add(&[[0, 0], [0, 2]], &array![[0.5, 0.25]].view());
        assert_eq!(sketch.known(), 2);
        let blocks = array![[[0.5, 0.5, 0.25, 0.25], [0.5, 0.5, 0.25, 0.25], [0.375, 0.375, 0.375, 0.375]]];
        assert_eq!(sketch.filled(), blocks);
        sketch.add(&[[0, 1], [2, 3]], &array![[1.0, 0.0]].view());
        // The left of the last row takes after the three quarters of which something is known.
        let third = (0.75_f32 + 0.25 + 0.0) / 3.0;
        let finer = array![[[0.5, 1.0, 0.25, 0.25], [0.75, 0.75, 0.25, 0.25], [third, third, 0.0, 0.0]]];
        assert_eq!(sketch.filled(), finer);
    }

    #[test]
    fn a_sketch_is_due_every_so_often_and_a_large_one_less_often() {
        let mut small = Sketch::new(1, [2, 2]);
        let mut large = Sketch::new(2, [100, 100]);
        assert!(!small.is_due());
        for sketch in [&mut small, &mut large] {
            sketch.last -= EVERY + Duration::from_millis(1);
        }
        assert!(small.is_due() && !small.is_due() && !large.is_due());
    }
}
