//! Linear maps along one axis, carried back.

use super::Result;
use super::context::{Context, refuse};
use super::layout::pad_with_zeros;
use crate::onnx::{Node, Tensor};

/// A map along one axis of a value, which leaves the others alone.
pub(super) struct Along<'n> {
    /// The node that maps.
    pub node: &'n Node,
    /// The axis, counted from the front; not the batch's.
    pub axis: usize,
    /// How long the axis is before the map.
    pub length: usize,
}

impl Along<'_> {
    /// `y[i] = x[places[i]]`: `dx[j]` is the sum of the `dy[i]` with `places[i] = j`.
    ///
    /// `sizes`, those of `dy` after its batch, become those of `dx`.
    pub(super) fn pick(
        &self,
        ctx: &mut Context<'_>,
        dy: &str,
        sizes: &mut [usize],
        places: &[usize],
    ) -> Result<String> {
        let mut from = vec![None; self.length];
        let mut once = true;
        for (index, &place) in places.iter().enumerate() {
            let slot = from.get_mut(place).ok_or_else(|| refuse(self.node, "it reads beyond its input"))?;
            once &= slot.replace(index).is_none();
        }
        let Some(&first) = places.first() else { return Err(refuse(self.node, "it takes nothing of its input")) };
        if places.iter().enumerate().all(|(index, &place)| place == first + index) {
            let after = self.length - first - places.len();
            return Ok(self.pad(ctx, dy, sizes, first as i64, after as i64));
        }
        if once {
            return Ok(self.inverse(ctx, dy, sizes, &from));
        }
        let mut matrix = vec![0.0; places.len() * self.length];
        for (index, &place) in places.iter().enumerate() {
            matrix[index * self.length + place] = 1.0;
        }
        Ok(self.multiply(ctx, dy, sizes, &format!("picks/{places:?}"), &matrix))
    }

    /// `dy` with zeros before and after it.
    fn pad(&self, ctx: &mut Context<'_>, dy: &str, sizes: &mut [usize], before: i64, after: i64) -> String {
        sizes[self.axis - 1] = self.length;
        if before == 0 && after == 0 {
            return dy.to_owned();
        }
        let rank = sizes.len() + 1;
        let mut pads = vec![0; 2 * rank];
        (pads[self.axis], pads[rank + self.axis]) = (before, after);
        pad_with_zeros(ctx, dy, &pads)
    }

    /// `dx[j] = dy[from[j]]`, and 0 where nothing was taken.
    fn inverse(&self, ctx: &mut Context<'_>, dy: &str, sizes: &mut [usize], from: &[Option<usize>]) -> String {
        let taken = sizes[self.axis - 1];
        // The zero to take where nothing was taken comes after the end.
        let missing = from.contains(&None);
        let dy = if missing {
            let padded = Along { length: taken + 1, ..*self };
            padded.pad(ctx, dy, sizes, 0, 1)
        } else {
            dy.to_owned()
        };
        sizes[self.axis - 1] = self.length;
        let indices: Vec<i64> = from.iter().map(|index| index.unwrap_or(taken) as i64).collect();
        let indices = ctx.ints(&indices);
        ctx.emit(super::context::new_node("Gather", [dy, indices]).with_int("axis", self.axis as i64))
    }

    /// `y = matrix x` along the axis, `matrix` `[to, length]` row by row: `dx` is `dy` times its transpose.
    ///
    /// `name` must say all that the matrix depends on; `sizes`, those of `dy` after its batch, become those of `dx`.
    pub(super) fn multiply(
        &self,
        ctx: &mut Context<'_>,
        dy: &str,
        sizes: &mut [usize],
        name: &str,
        matrix: &[f32],
    ) -> String {
        let to = sizes[self.axis - 1];
        let last = self.axis == sizes.len();
        sizes[self.axis - 1] = self.length;
        if last {
            let matrix = ctx
                .tensor(format!("backward/{name}/{}", self.length), || Tensor::from_floats(&[to, self.length], matrix));
            return ctx.op("MatMul", [dy, &matrix]);
        }
        let transposed = ctx.tensor(format!("backward/{name}/{}/transposed", self.length), || {
            let column = |from: usize| (0..to).map(move |row| matrix[row * self.length + from]);
            let values: Vec<f32> = (0..self.length).flat_map(column).collect();
            Tensor::from_floats(&[self.length, to], &values)
        });
        // The axes after this one are one to the product, and those before it count as further pictures.
        let inner: usize = sizes[self.axis..].iter().product();
        let dy = ctx.reshape(dy, &[-1, to as i64, inner as i64]);
        let product = ctx.op("MatMul", [transposed, dy]);
        let view: Vec<i64> = std::iter::once(-1).chain(sizes.iter().map(|&size| size as i64)).collect();
        ctx.reshape(&product, &view)
    }
}
