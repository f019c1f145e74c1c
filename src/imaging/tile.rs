//! Small maps as tiles of a contact sheet.

use image::{Rgb, RgbImage, imageops};
use ndarray::{ArrayView2, ArrayViewD};

use super::{ColorMap, render::in_colormap};
use crate::error::{Error, Result};

/// About how large the tile of a feature map is, in pixels.
const MAP: u32 = 224;
/// About how large the tile of a filter is, in pixels.
const FILTER: u32 = 126;
/// A line around a filter's tile, so that white weights end where it ends.
const FRAME: Rgb<u8> = Rgb([128; 3]);

/// A feature map [H, W] in colours, about 224 pixels large; by default viridis, and rdbu for a map with negative values.
///
/// As a heat map is: numbers from 0 to the 99.5th percentile, or as far on both sides of 0.
pub fn map_tile(map: &ArrayView2<'_, f32>, colormap: Option<ColorMap>) -> RgbImage {
    let (rows, columns) = map.dim();
    let has_negatives = map.iter().any(|value| *value < 0.0);
    let colormap = colormap.unwrap_or(if has_negatives { ColorMap::RdBu } else { ColorMap::Viridis });
    let (height, width) = (rows.max(1) as u32, columns.max(1) as u32);
    let small = in_colormap(map, Some(colormap), None, (width, height));
    enlarged(&small, MAP)
}

/// A filter's weights in a thin frame, about 128 pixels large: [H, W] from black (the smallest) to white (the largest), or [3, H, W] as RGB.
///
/// Weights that are all equal are grey. Another shape is an internal error.
pub fn filter_tile(weights: &ArrayViewD<'_, f32>) -> Result<RgbImage> {
    let min = weights.iter().copied().fold(f32::INFINITY, f32::min);
    let max = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let level = |value: f32| if max > min { ((value - min) / (max - min) * 255.0).round() as u8 } else { 128 };
    let (rows, columns) = match *weights.shape() {
        [rows, columns] | [3, rows, columns] => (rows as u32, columns as u32),
        _ => return Err(Error::internal(format!("weights of shape {:?} cannot be drawn", weights.shape()))),
    };
    let color = |x: u32, y: u32| match weights.ndim() {
        2 => [level(weights[[y as usize, x as usize].as_slice()]); 3],
        _ => [0, 1, 2].map(|channel| level(weights[[channel, y as usize, x as usize].as_slice()])),
    };
    let tile = enlarged(&RgbImage::from_fn(columns, rows, |x, y| Rgb(color(x, y))), FILTER);
    let mut framed = RgbImage::from_pixel(tile.width() + 2, tile.height() + 2, FRAME);
    imageops::replace(&mut framed, &tile, 1, 1);
    Ok(framed)
}

/// Each pixel as a square of pixels, so that the longer side is up to `side` pixels long.
fn enlarged(small: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = small.dimensions();
    let factor = (side / height.max(width).max(1)).max(1);
    imageops::resize(small, width * factor, height * factor, imageops::FilterType::Nearest)
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn a_filters_weights_go_from_black_to_white_in_squares() {
        let tile = filter_tile(&arr2(&[[-1.0, 0.0, 1.0]]).view().into_dyn()).unwrap();
        assert_eq!(tile.dimensions(), (128, 44));
        assert_eq!([1, 42, 43, 126].map(|x| tile.get_pixel(x, 42).0[0]), [0, 0, 128, 255]);
        let calm = filter_tile(&arr2(&[[2.0, 2.0]]).view().into_dyn()).unwrap();
        assert!(calm.pixels().all(|pixel| pixel.0 == [128; 3]));
    }

    #[test]
    fn a_map_of_zeros_has_the_first_colour() {
        let tile = map_tile(&arr2(&[[0.0, 0.0], [0.0, 0.0]]).view(), None);
        assert_eq!(tile.dimensions(), (224, 224));
        assert!(tile.pixels().all(|pixel| pixel.0 == ColorMap::Viridis.colors()[0]));
    }
}
