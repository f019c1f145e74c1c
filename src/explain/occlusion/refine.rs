//! Coarse to fine: places of the occluder are tried densely only where the first ones made a difference.

use std::{cmp::Reverse, collections::HashMap};

use ndarray::{Array2, Array3, Axis, s};

use crate::error::Result;

/// Of the blocks of one size, the share that is looked at more closely.
const SHARE: f64 = 0.25;

/// A square of cells, of which the one in the middle stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    row: usize,
    column: usize,
    side: usize,
}

impl Block {
    /// The blocks of `side` cells that cover a grid.
    fn all([rows, columns]: [usize; 2], side: usize) -> Vec<Self> {
        let of_row = |row| (0..columns).step_by(side).map(move |column| Self { row, column, side });
        (0..rows).step_by(side).flat_map(of_row).collect()
    }

    /// The cell in the middle, or the last one of the grid.
    fn middle(&self, [rows, columns]: [usize; 2]) -> [usize; 2] {
        [(self.row + self.side / 2).min(rows - 1), (self.column + self.side / 2).min(columns - 1)]
    }

    /// Its quarters, as far as they lie in the grid.
    fn quarters(&self, [rows, columns]: [usize; 2]) -> Vec<Self> {
        let side = self.side / 2;
        let places = [(0, 0), (0, side), (side, 0), (side, side)];
        let quarters = places.map(|(down, right)| Self { row: self.row + down, column: self.column + right, side });
        quarters.into_iter().filter(|block| block.row < rows && block.column < columns).collect()
    }
}

/// Which of the cells to try are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Row by row: neighbours fit best into one batch.
    Rows,
    /// Those of coarser grids first: any first part of the cells shows the whole map.
    CoarseFirst,
}

/// A lower number for cells of a coarser grid.
fn coarseness([row, column]: &[usize; 2]) -> Reverse<u32> {
    Reverse(row.trailing_zeros().min(column.trailing_zeros()))
}

/// The values [classes, rows, columns] of a grid's cells, and how many cells were tried.
///
/// First every `2^halvings`-th cell is tried; then the quarter of the blocks that differ most from `whole` (a value for each class) are
/// cut into four, and so on down to single cells. A cell that is not tried has the value of its block. `values` gives those of some
/// cells, [classes, cells], and is asked for them in `order`.
pub(super) fn coarse_to_fine(
    grid: [usize; 2],
    halvings: u32,
    whole: &[f32],
    order: Order,
    mut values: impl FnMut(&[[usize; 2]]) -> Result<Array2<f32>>,
) -> Result<(Array3<f32>, usize)> {
    let mut map = Array3::zeros((whole.len(), grid[0], grid[1]));
    let mut tried = HashMap::<[usize; 2], Vec<f32>>::new();
    let mut blocks = Block::all(grid, 1 << halvings);
    loop {
        let mut cells: Vec<[usize; 2]> = blocks.iter().map(|block| block.middle(grid)).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.retain(|cell| !tried.contains_key(cell));
        if order == Order::CoarseFirst {
            cells.sort_by_key(coarseness);
        }
        if !cells.is_empty() {
            let found = values(&cells)?;
            tried.extend(cells.into_iter().zip(found.axis_iter(Axis(1)).map(|column| column.to_vec())));
        }
        for block in &blocks {
            let of_block = &tried[&block.middle(grid)];
            let rows = block.row..(block.row + block.side).min(grid[0]);
            let columns = block.column..(block.column + block.side).min(grid[1]);
            for (mut of_class, value) in map.outer_iter_mut().zip(of_block) {
                of_class.slice_mut(s![rows.clone(), columns.clone()]).fill(*value);
            }
        }
        for ([row, column], of_cell) in &tried {
            map.slice_mut(s![.., *row, *column]).iter_mut().zip(of_cell).for_each(|(onto, value)| *onto = *value);
        }
        if blocks.iter().all(|block| block.side == 1) {
            return Ok((map, tried.len()));
        }
        let difference = |block: &Block| {
            let of_block = &tried[&block.middle(grid)];
            of_block.iter().zip(whole).map(|(value, whole)| (value - whole).abs()).fold(0.0, f32::max)
        };
        blocks.sort_by(|a, b| difference(b).total_cmp(&difference(a)));
        blocks.truncate((blocks.len() as f64 * SHARE).ceil() as usize);
        blocks = blocks.iter().flat_map(|block| block.quarters(grid)).collect();
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// One class whose probability falls to 0 at the cell (9, 5), and by less around it.
    fn valley([row, column]: [usize; 2]) -> f32 {
        let distance = row.abs_diff(9).max(column.abs_diff(5)) as f32;
        (distance / 4.0).min(1.0)
    }

    fn refined(halvings: u32) -> (Array2<f32>, usize) {
        let values =
            |cells: &[[usize; 2]]| Ok(Array2::from_shape_fn((1, cells.len()), |(_, cell)| valley(cells[cell])));
        let (map, tried) = coarse_to_fine([13, 10], halvings, &[1.0], Order::Rows, values).unwrap();
        (map.index_axis(Axis(0), 0).to_owned(), tried)
    }

    #[test]
    fn without_halvings_every_cell_is_tried() {
        let (map, tried) = refined(0);
        assert_eq!(tried, 130);
        assert_eq!(map, Array2::from_shape_fn((13, 10), |(row, column)| valley([row, column])));
    }

    #[test]
    fn cells_are_tried_in_the_order_asked_for() {
        let tried = |order| {
            let mut tried = Vec::new();
            let values = |cells: &[[usize; 2]]| {
                tried.extend_from_slice(cells);
                Ok(Array2::zeros((1, cells.len())))
            };
            coarse_to_fine([4, 4], 0, &[1.0], order, values).unwrap();
            assert_eq!(tried.len(), 16);
            tried
        };
        assert_eq!(tried(Order::CoarseFirst)[..4], [[0, 0], [0, 2], [2, 0], [2, 2]]);
        assert_eq!(tried(Order::Rows)[..4], [[0, 0], [0, 1], [0, 2], [0, 3]]);
    }

    #[test]
    fn the_valley_is_found_with_fewer_cells() {
        let (map, tried) = refined(2);
        assert!(tried < 50, "{tried}");
        assert_eq!(map.slice(s![8..10, 4..6]), array![[0.25, 0.25], [0.25, 0.0]]);
        assert_eq!(map.slice(s![0..1, 9..]), array![[1.0]]);
    }

    #[test]
    fn a_grid_smaller_than_a_block_is_one_block() {
        let values = |cells: &[[usize; 2]]| Ok(Array2::from_elem((2, cells.len()), 0.5));
        let (map, tried) = coarse_to_fine([1, 3], 3, &[1.0, 0.2], Order::CoarseFirst, values).unwrap();
        assert_eq!((tried, map), (3, Array3::from_elem((2, 1, 3), 0.5)));
    }
}
