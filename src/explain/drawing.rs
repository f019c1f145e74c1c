//! Maps as files: pictures and arrays.

use ndarray::{ArrayViewD, Axis};
use ndarray_npy::WriteNpyExt;

use crate::{
    error::{Error, Result},
    imaging::{self, RgbImage, Size, Style},
    model::Picture,
};

/// The most pixels of several maps drawn side by side.
const MOST_PIXELS: u64 = 100_000_000;

/// `map`, [H, W] or [3, H, W] in the model's order of channels, drawn as `style` says.
pub(super) fn draw(map: ArrayViewD<'_, f32>, picture: &Picture, style: &Style) -> Result<RgbImage> {
    let values = picture.order.to_rgb(map);
    imaging::render(&picture.photo, picture.seen, input_size(picture), &values, style)
}

/// The maps drawn side by side, as a PNG file; a 422 if they would be too large together.
pub(super) fn png(maps: Vec<ArrayViewD<'_, f32>>, picture: &Picture, style: &Style) -> Result<Vec<u8>> {
    check_size(maps.len(), picture, style)?;
    let drawn = maps.into_iter().map(|map| draw(map, picture, style)).collect::<Result<Vec<_>>>()?;
    imaging::encode_png(&imaging::side_by_side(drawn))
}

/// Captioned pictures as one PNG file, in a grid about as wide as high.
pub(super) fn sheet(tiles: &[(String, RgbImage)]) -> Result<Vec<u8>> {
    let columns = (tiles.len() as f64).sqrt().ceil() as usize;
    imaging::encode_png(&imaging::contact_sheet(tiles, columns)?)
}

/// Refuses `count` pictures that would be too large together.
pub(super) fn check_size(count: usize, picture: &Picture, style: &Style) -> Result<()> {
    let (width, height) = if style.size == Size::Model { input_size(picture) } else { picture.photo.dimensions() };
    if count > 1 && u64::from(width) * u64::from(height) * count as u64 > MOST_PIXELS {
        let message = format!(
            "{count} maps of {width}x{height} pixels are too large a picture: ask for fewer, or for `size=model`"
        );
        return Err(Error::unprocessable("drawing_too_large", message));
    }
    Ok(())
}

/// Arrays of one shape as one `NumPy` file, stacked along a new first axis.
pub(super) fn npy(maps: &[ArrayViewD<'_, f32>]) -> Result<Vec<u8>> {
    let stacked = ndarray::stack(Axis(0), maps).map_err(|error| Error::internal(error.to_string()))?;
    let mut file = Vec::new();
    stacked.write_npy(&mut file).map_err(|error| Error::internal(error.to_string()))?;
    Ok(file)
}

/// The width and height of the model's input.
fn input_size(picture: &Picture) -> (u32, u32) {
    let (_, _, height, width) = picture.input.dim();
    (width as u32, height as u32)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4, ArrayD};

    use super::*;
    use crate::{
        imaging::{Limits, Output, Region, decode},
        model::ChannelOrder,
    };

    fn picture(width: u32, height: u32) -> Picture {
        Picture {
            photo: RgbImage::new(width, height),
            seen: Region::whole(width, height),
            input: Array4::zeros((1, 3, 1, 2)),
            order: ChannelOrder::Bgr,
        }
    }

    #[test]
    fn a_gradient_in_bgr_is_drawn_in_rgb() {
        let gradient = Array3::from_shape_vec((3, 1, 2), vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap().into_dyn();
        let style = Style { output: Output::Heatmap, ..Style::default() };
        let png = png(vec![gradient.view()], &picture(2, 1), &style).unwrap();
        let drawn = decode(&png, Limits { max_pixels: 2, max_side: 2 }).unwrap();
        assert_eq!(drawn.into_raw(), [128, 128, 255, 128, 128, 128]);
    }

    #[test]
    fn maps_too_large_to_stand_side_by_side_are_refused() {
        let map = ArrayD::zeros(vec![1, 2]);
        let both = || vec![map.view(), map.view()];
        let large = picture(8_000, 8_000);
        let error = png(both(), &large, &Style::default()).unwrap_err();
        assert_eq!(error.code, "drawing_too_large");
        assert!(error.message.contains("size=model"), "{error}");
        assert!(png(both(), &large, &Style { size: Size::Model, ..Style::default() }).is_ok());
    }
}
