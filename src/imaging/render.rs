//! Maps of numbers to pictures.

use image::{
    ImageEncoder, Rgb, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    imageops,
};
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, Axis, Ix2};

use super::{Alpha, ColorMap, Output, Region, Size, Style, crop_and_resize, upsample};
use crate::error::{Error, Result};

/// The share of a map's magnitudes that are told apart; the few above it, the spikes of a gradient, get the last colour.
const SHARE: f64 = 0.995;
/// What lies around a heat map where the model saw only a part of the photograph.
const OUTSIDE: Rgb<u8> = Rgb([128; 3]);
/// Between pictures in a row.
const MARGIN: u32 = 8;
const MARGIN_COLOR: Rgb<u8> = Rgb([255; 3]);

/// Draws `map` over the part `seen` of `photo` that the model got as `input` (width, height) pixels.
///
/// `map` is [H, W] of any size, or [3, H, W] in RGB order for a signed gradient, which is drawn in its own colours about grey.
/// Numbers are scaled for the picture only. A map without negative values goes from 0 to its 99.5th percentile, so that a few
/// spikes do not leave the rest dark (in a small map that is the maximum), or to the style's `vmax`; a map with negative values, or
/// one in a diverging colour map, goes as far on both sides of 0. A map that is the same everywhere is drawn as zeros.
///
/// At the original size, an overlay leaves the photo untouched around what the model saw, and a heat map is grey there; so they are
/// where the map is below the style's `cutoff`.
///
/// Another shape of `map` is an internal error.
pub fn render(
    photo: &RgbImage,
    seen: Region,
    input: (u32, u32),
    map: &ArrayViewD<'_, f32>,
    style: &Style,
) -> Result<RgbImage> {
    let (size, place) = match style.size {
        Size::Original => (photo.dimensions(), Place::of(seen, photo)),
        Size::Model => (input, Place { left: 0, top: 0, width: input.0, height: input.1 }),
    };
    let below = || match style.size {
        Size::Original => photo.clone(),
        Size::Model => crop_and_resize(photo, seen, size.0, size.1),
    };
    if style.output.shows_mask() {
        let mut mask = RgbImage::new(size.0, size.1);
        lay_over(&mut mask, &draw_mask(map, place.width, place.height)?, None, place, Alpha::OPAQUE);
        return Ok(if style.output == Output::Masked { masked(below(), &mask) } else { mask });
    }
    let map = &map.mapv(|value| if value.is_finite() { value } else { 0.0 });
    let drawn = draw(map, style, place.width, place.height)?;
    let large = (style.cutoff > 0.0).then(|| large(map, style, place.width, place.height)).transpose()?;
    let (mut canvas, alpha) = match style.output {
        Output::Heatmap => (RgbImage::from_pixel(size.0, size.1, OUTSIDE), Alpha::OPAQUE),
        _ => (below(), style.alpha),
    };
    lay_over(&mut canvas, &drawn, large.as_ref(), place, alpha);
    Ok(canvas)
}

/// The picture blurred by a Gaussian of `deviation` pixels.
pub fn blur(picture: &RgbImage, deviation: f32) -> RgbImage {
    imageops::fast_blur(picture, deviation)
}

/// White where the magnitude of `map` reaches half of its largest, else black.
fn draw_mask(map: &ArrayViewD<'_, f32>, width: u32, height: u32) -> Result<RgbImage> {
    let magnitudes = flat(&map.mapv(|value| if value.is_finite() { value.abs() } else { 0.0 }))?;
    let large = upsample(&magnitudes.view(), width as usize, height as usize);
    let largest = magnitudes.iter().copied().fold(0.0, f32::max);
    let important = |x: u32, y: u32| largest > 0.0 && large[[y as usize, x as usize]] >= largest / 2.0;
    Ok(RgbImage::from_fn(width, height, |x, y| Rgb([if important(x, y) { 255 } else { 0 }; 3])))
}

/// `map` [H, W], or the largest magnitude of each pixel's channels of [C, H, W].
fn flat(map: &ArrayD<f32>) -> Result<Array2<f32>> {
    let flat = match map.ndim() {
        3 => map.fold_axis(Axis(0), 0.0_f32, |&a, &b| a.max(b.abs())),
        _ => map.clone(),
    };
    flat.into_dimensionality().map_err(|_| Error::internal(format!("a map of shape {:?} cannot be drawn", map.shape())))
}

/// Where the magnitude of `map` reaches the style's cutoff.
fn large(map: &ArrayD<f32>, style: &Style, width: u32, height: u32) -> Result<Array2<bool>> {
    let least = style.cutoff * style.vmax.unwrap_or_else(|| scale(&map.view()));
    let enlarged = upsample(&flat(map)?.view(), width as usize, height as usize);
    Ok(enlarged.mapv(|value| value.abs() >= least))
}

/// `picture` where `mask` is white, else black.
fn masked(mut picture: RgbImage, mask: &RgbImage) -> RgbImage {
    for (pixel, mask) in picture.pixels_mut().zip(mask.pixels()) {
        for (level, mask) in pixel.0.iter_mut().zip(mask.0) {
            *level &= mask;
        }
    }
    picture
}

/// Pictures in a row, with a white margin between them.
pub fn side_by_side(mut pictures: Vec<RgbImage>) -> RgbImage {
    if pictures.len() == 1 {
        return pictures.remove(0);
    }
    let height = pictures.iter().map(RgbImage::height).max().unwrap_or(0);
    let width = pictures.iter().map(|picture| picture.width() + MARGIN).sum::<u32>().saturating_sub(MARGIN);
    let mut row = RgbImage::from_pixel(width, height, MARGIN_COLOR);
    let mut left = 0;
    for picture in pictures {
        imageops::replace(&mut row, &picture, left, 0);
        left += i64::from(picture.width() + MARGIN);
    }
    row
}

/// `left` up to the share `divider` of its width, and what is right of that of `right`, a picture of the same size.
pub fn divided(mut left: RgbImage, right: &RgbImage, divider: f32) -> RgbImage {
    let (width, height) = left.dimensions();
    let column = ((f64::from(divider) * f64::from(width)).round() as u32).min(width);
    let part = imageops::crop_imm(right, column, 0, width - column, height);
    imageops::replace(&mut left, &*part, i64::from(column), 0);
    left
}

/// The picture as a PNG file, packed fast rather than small.
pub fn encode_png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let (width, height) = picture.dimensions();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Paeth)
        .write_image(picture.as_raw(), width, height, image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::internal(format!("a picture cannot be written: {error}")))?;
    Ok(file)
}

/// Whole pixels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Place {
    /// The pixels nearest to `region`, at least one, inside `picture`.
    fn of(region: Region, picture: &RgbImage) -> Self {
        let span = |from: f64, length: f64, limit: u32| {
            let first = (from.round() as u32).min(limit.saturating_sub(1));
            let end = ((from + length).round() as u32).min(limit);
            (first, end.saturating_sub(first).max(1))
        };
        let (left, width) = span(region.left, region.width, picture.width());
        let (top, height) = span(region.top, region.height, picture.height());
        Self { left, top, width, height }
    }
}

fn draw(map: &ArrayD<f32>, style: &Style, width: u32, height: u32) -> Result<RgbImage> {
    if let Ok(map) = map.view().into_dimensionality::<Ix2>() {
        return Ok(in_colormap(&map, style.colormap, style.vmax, (width, height)));
    }
    let &[3, rows, columns] = map.shape() else {
        return Err(Error::internal(format!("a map of shape {:?} cannot be drawn", map.shape())));
    };
    let levels = levels(&map.view(), true, style.vmax);
    let color = |x, y| Rgb([0, 1, 2].map(|channel| levels[[channel, y as usize, x as usize].as_slice()].round() as u8));
    let small = RgbImage::from_fn(columns as u32, rows as u32, color);
    Ok(crop_and_resize(&small, Region::whole(columns as u32, rows as u32), width, height))
}

pub(super) fn in_colormap(
    map: &ArrayView2<'_, f32>,
    colormap: Option<ColorMap>,
    vmax: Option<f32>,
    (width, height): (u32, u32),
) -> RgbImage {
    let has_negatives = map.iter().any(|value| *value < 0.0);
    let colormap = colormap.unwrap_or(if has_negatives { ColorMap::RdBu } else { ColorMap::Jet });
    let levels = levels(&map.into_dyn(), has_negatives || colormap.is_diverging(), vmax);
    let colors = colormap.colors();
    let levels = levels.into_dimensionality().unwrap_or_default();
    let mut picture = RgbImage::new(width, height);
    for (pixel, level) in picture.pixels_mut().zip(upsample(&levels.view(), width as usize, height as usize)) {
        // Adding a half and cutting is rounding, and many times faster than `round`.
        pixel.0 = colors[usize::from((level + 0.5) as u8)];
    }
    picture
}

/// The numbers between 0 and 255: from 0 upwards, or on both sides of 0 if `symmetric`.
fn levels(map: &ArrayViewD<'_, f32>, symmetric: bool, vmax: Option<f32>) -> ArrayD<f32> {
    let scale = vmax.unwrap_or_else(|| scale(map));
    map.mapv(|value| {
        let share = if scale > 0.0 { value / scale } else { 0.0 };
        let share = if symmetric { share.mul_add(0.5, 0.5) } else { share };
        share.clamp(0.0, 1.0) * 255.0
    })
}

/// The magnitude that gets the last colour; 0 for a map that is the same everywhere.
fn scale(map: &ArrayViewD<'_, f32>) -> f32 {
    if map.iter().all(|value| Some(value) == map.first()) {
        return 0.0;
    }
    let mut magnitudes: Vec<f32> = map.iter().map(|value| value.abs()).collect();
    let last = ((magnitudes.len() as f64 * SHARE).ceil() as usize).saturating_sub(1);
    let (_, &mut high, above) = magnitudes.select_nth_unstable_by(last, f32::total_cmp);
    // More than the share may be zeros.
    if high > 0.0 { high } else { above.iter().copied().fold(0.0, f32::max) }
}

/// Mixes `drawn`, as large as `place`, into the canvas there, of it only what is `shown` if that is said.
fn lay_over(canvas: &mut RgbImage, drawn: &RgbImage, shown: Option<&Array2<bool>>, place: Place, alpha: Alpha) {
    const CHANNELS: usize = 3;
    let canvas_width = canvas.width() as usize;
    let alpha = alpha.of_256();
    let span = CHANNELS * place.left as usize..CHANNELS * (place.left + place.width) as usize;
    let rows = canvas.chunks_exact_mut(CHANNELS * canvas_width).skip(place.top as usize);
    for (row, (below, above)) in rows.zip(drawn.chunks_exact(CHANNELS * place.width as usize)).enumerate() {
        for (index, (below, &above)) in below[span.clone()].iter_mut().zip(above).enumerate() {
            if shown.is_none_or(|shown| shown[[row, index / CHANNELS]]) {
                *below = ((u32::from(*below) * (256 - alpha) + u32::from(above) * alpha + 128) >> 8) as u8;
            }
        }
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
