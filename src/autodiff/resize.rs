//! Resizing: interpolation, which is linear in its input.

use super::Result;
use super::along::Along;
use super::context::{Context, input, output, refuse};
use super::layout::inner_axis;
use super::rules::Contributions;
use crate::onnx::Node;

/// `y = R x` along each axis resized, the rows of `R` being each element's weights in the interpolation: `dx` is `dy` times the transpose of `R`.
pub(super) fn resize(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let mode = Mode::of(node)?;
    let before = ctx.sizes(node, input(node, 0)?)?;
    let mut sizes = ctx.sizes(node, output(node, 0)?)?;
    if before == sizes {
        // Whatever the scales, ONNX Runtime copies.
        return Ok(vec![(0, dy.to_owned())]);
    }
    let scales = scales(ctx, node, &before, &sizes)?;
    let mut dx = dy.to_owned();
    for (axis, scale) in scales {
        let (from, to) = (before[axis - 1], sizes[axis - 1]);
        if from == 0 || to == 0 {
            return Err(refuse(node, "an axis has no elements"));
        }
        if from == to && (scale - 1.0).abs() < f32::EPSILON {
            continue;
        }
        let mut matrix = vec![0.0; from * to];
        for (row, index) in matrix.chunks_exact_mut(from).zip(0..to) {
            mode.weigh(row, mode.position(index, scale, from, to));
        }
        let name = format!("resize/{mode:?}/{scale}/{to}");
        dx = Along { node, axis, length: from }.multiply(ctx, &dx, &mut sizes, &name, &matrix);
    }
    Ok(vec![(0, dx)])
}

/// Each axis resized and by how much: by the scales given, else by the sizes.
fn scales(ctx: &Context<'_>, node: &Node, before: &[usize], after: &[usize]) -> Result<Vec<(usize, f32)>> {
    let rank = before.len() + 1;
    if after.len() != before.len() {
        return Err(refuse(node, "it does not keep the axes"));
    }
    let axes = node.ints("axes").map_or_else(|| (0..rank as i64).collect(), <[i64]>::to_vec);
    let given = match node.input(2) {
        Some(_) => ctx.constant_floats(node, 2)?.filter(|scales| scales.len() == axes.len()),
        None => None,
    };
    let mut scales = Vec::new();
    for (index, &axis) in axes.iter().enumerate() {
        let scale = given.as_ref().map(|scales| scales[index]);
        if axis == 0 || axis == -(rank as i64) {
            if scale.is_some_and(|scale| (scale - 1.0).abs() > f32::EPSILON) {
                return Err(refuse(node, "it changes the batch axis"));
            }
            continue;
        }
        let axis = inner_axis(node, axis, rank)?;
        scales.push((axis, scale.unwrap_or(after[axis - 1] as f32 / before[axis - 1] as f32)));
    }
    Ok(scales)
}

/// How an element is made from its neighbours, in ONNX's words.
#[derive(Debug)]
struct Mode {
    interpolation: Interpolation,
    coordinates: Coordinates,
}

#[derive(Debug, Clone, Copy)]
enum Interpolation {
    Linear,
    Nearest(Rounding),
}

#[derive(Debug, Clone, Copy)]
enum Rounding {
    HalfDown,
    HalfUp,
    Floor,
    Ceil,
}

#[derive(Debug, Clone, Copy)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    TfHalfPixelForNn,
    AlignCorners,
    Asymmetric,
}

impl Mode {
    fn of(node: &Node) -> Result<Self> {
        if node.int("antialias", 0) != 0 {
            return Err(refuse(node, "it is antialiased"));
        }
        let interpolation = match node.string("mode", "nearest") {
            "linear" => Interpolation::Linear,
            "nearest" => Interpolation::Nearest(match node.string("nearest_mode", "round_prefer_floor") {
                "round_prefer_floor" => Rounding::HalfDown,
                "round_prefer_ceil" => Rounding::HalfUp,
                "floor" => Rounding::Floor,
                "ceil" => Rounding::Ceil,
                other => return Err(refuse(node, format!("its nearest_mode `{other}` is not known"))),
            }),
            other => {
                return Err(refuse(
                    node,
                    format!("its mode is `{other}`; only `nearest` and `linear` have a gradient here"),
                ));
            }
        };
        let coordinates = match node.string("coordinate_transformation_mode", "half_pixel") {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            other => return Err(refuse(node, format!("its coordinates `{other}` have no gradient here"))),
        };
        Ok(Self { interpolation, coordinates })
    }

    /// Where element `index` of `to` lies among the `from` elements of the input; rounded as ONNX Runtime does.
    fn position(&self, index: usize, scale: f32, from: usize, to: usize) -> f32 {
        let (place, index) = (index as f64, index as f32);
        match self.coordinates {
            Coordinates::HalfPixel => (index + 0.5) / scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = to as f32 / (scale * from as f32);
                let offset = from as f32 / 2.0 * (1.0 - adjustment);
                // The middle is often a whole number, to be floored: with as much precision as ONNX Runtime has.
                (f64::from(offset) + (place + 0.5) / f64::from(scale) - 0.5) as f32
            }
            Coordinates::PytorchHalfPixel if to > 1 => (index + 0.5) / scale - 0.5,
            Coordinates::TfHalfPixelForNn => (index + 0.5) / scale,
            Coordinates::AlignCorners if to > 1 => index * (from - 1) as f32 / (to - 1) as f32,
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => 0.0,
            Coordinates::Asymmetric => index / scale,
        }
    }

    /// Writes the weights of the elements around `position`.
    fn weigh(&self, row: &mut [f32], position: f32) {
        let last = row.len() - 1;
        match self.interpolation {
            Interpolation::Linear => {
                let position = position.clamp(0.0, last as f32);
                let floor = position.floor();
                row[floor as usize] += 1.0 - (position - floor);
                row[(floor as usize + 1).min(last)] += position - floor;
            }
            Interpolation::Nearest(rounding) => {
                let place = match rounding {
                    Rounding::HalfDown => (position - 0.5).ceil(),
                    Rounding::HalfUp => (position + 0.5).floor(),
                    Rounding::Floor => position.floor(),
                    Rounding::Ceil => position.ceil(),
                };
                row[(place.max(0.0) as usize).min(last)] = 1.0;
            }
        }
    }
}
