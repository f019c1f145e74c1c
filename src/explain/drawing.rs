//! Maps as files: pictures and arrays.

use ndarray::{ArrayViewD, Axis};
use ndarray_npy::WriteNpyExt;

use crate::{
    error::{Error, Result},
    imaging::{self, RgbImage, Size, Style},
    model::Picture,
    runtime::Cancellation,
};

/// The most pixels of several maps drawn side by side.
const MOST_PIXELS: u64 = 100_000_000;

/// What maps are drawn over, and how.
#[derive(Clone, Copy)]
pub struct Backdrop<'a> {
    /// The picture that was explained.
    pub picture: &'a Picture,
    /// How a map is drawn.
    pub style: &'a Style,
    /// Stops the drawing: a large picture with many maps takes seconds.
    pub cancellation: &'a Cancellation,
}

impl Backdrop<'_> {
    /// `map`, [H, W] or [3, H, W] in the model's order of channels, drawn over the picture.
    pub(super) fn draw(&self, map: ArrayViewD<'_, f32>) -> Result<RgbImage> {
        self.cancellation.check()?;
        let Picture { photo, seen, order, .. } = self.picture;
        imaging::render(photo, *seen, self.input_size(), &order.to_rgb(map), self.style)
    }

    /// The maps drawn side by side, or divided if the style says so, as a PNG file; a 422 if they would be too large together.
    pub(super) fn png(&self, maps: Vec<ArrayViewD<'_, f32>>) -> Result<Vec<u8>> {
        self.check_size(maps.len())?;
        let drawn = maps.into_iter().map(|map| self.draw(map)).collect::<Result<Vec<_>>>()?;
        self.cancellation.check()?;
        imaging::encode_png(&imaging::side_by_side(self.divided(drawn)?))
    }

    /// The maps of two classes, `drawn`, as the one picture that the style's divider makes of them; without one as they are.
    ///
    /// A divider for another number of classes is a 422.
    pub(super) fn divided(&self, drawn: Vec<RgbImage>) -> Result<Vec<RgbImage>> {
        let Some(divider) = self.style.divider else { return Ok(drawn) };
        let [left, right] = <[RgbImage; 2]>::try_from(drawn).map_err(|drawn| {
            let message = format!(
                "`divider` stands between the maps of two classes, and here are {}: name two, or leave it out",
                drawn.len()
            );
            Error::unprocessable("divider_without_two", message)
        })?;
        Ok(vec![imaging::divided(left, &right, divider)])
    }

    /// Refuses `count` pictures that would be too large together.
    pub(super) fn check_size(&self, count: usize) -> Result<()> {
        let (width, height) = match self.style.size {
            Size::Model => self.input_size(),
            Size::Original => self.picture.photo.dimensions(),
        };
        if count > 1 && u64::from(width) * u64::from(height) * count as u64 > MOST_PIXELS {
            let message = format!(
                "{count} maps of {width}x{height} pixels are too large a picture: ask for fewer, or for `size=model`"
            );
            return Err(Error::unprocessable("drawing_too_large", message));
        }
        Ok(())
    }

    /// The width and height of the model's input.
    fn input_size(&self) -> (u32, u32) {
        let (_, _, height, width) = self.picture.input.dim();
        (width as u32, height as u32)
    }
}

/// Captioned pictures as one PNG file, in a grid about as wide as high.
pub(super) fn sheet(tiles: &[(String, RgbImage)]) -> Result<Vec<u8>> {
    let columns = (tiles.len() as f64).sqrt().ceil() as usize;
    imaging::encode_png(&imaging::contact_sheet(tiles, columns)?)
}

/// Arrays of one shape as one `NumPy` file, stacked along a new first axis.
pub(super) fn npy(maps: &[ArrayViewD<'_, f32>]) -> Result<Vec<u8>> {
    let stacked = ndarray::stack(Axis(0), maps).map_err(|error| Error::internal(error.to_string()))?;
    let mut file = Vec::new();
    stacked.write_npy(&mut file).map_err(|error| Error::internal(error.to_string()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4, ArrayD};

    use super::*;
    use crate::{
        config::Images,
        error::Kind,
        imaging::{ColorMap, Limits, Output, Region, decode},
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

    fn backdrop<'a>(picture: &'a Picture, style: &'a Style) -> Backdrop<'a> {
        let cancellation = Box::leak(Box::default());
        Backdrop { picture, style, cancellation }
    }

    #[test]
    fn a_gradient_in_bgr_is_drawn_in_rgb() {
        let gradient = Array3::from_shape_vec((3, 1, 2), vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap().into_dyn();
        let style = Style { output: Output::Heatmap, ..Style::default() };
        let png = backdrop(&picture(2, 1), &style).png(vec![gradient.view()]).unwrap();
        let drawn = decode(&png, Limits::from(&Images { max_pixels: 2, max_side: 2, ..Images::default() })).unwrap();
        assert_eq!(drawn.into_raw(), [128, 128, 255, 128, 128, 128]);
    }

    #[test]
    fn two_maps_are_divided_where_the_divider_stands() {
        let (low, high) = (ArrayD::from_elem(vec![1, 2], 0.0), ArrayD::from_elem(vec![1, 2], 1.0));
        let large = picture(10, 1);
        let drawn = |maps: Vec<_>, divider| {
            let style = Style {
                output: Output::Heatmap,
                colormap: Some(ColorMap::Gray),
                vmax: Some(1.0),
                divider: Some(divider),
                ..Style::default()
            };
            backdrop(&large, &style).png(maps)
        };
        for (divider, dark) in [(0.0, 0), (0.37, 4), (0.5, 5), (1.0, 10)] {
            let png = drawn(vec![low.view(), high.view()], divider).unwrap();
            let row = decode(&png, Limits::from(&Images::default())).unwrap();
            let levels: Vec<u8> = row.pixels().map(|pixel| pixel.0[0]).collect();
            assert_eq!(levels, [vec![0; dark], vec![255; 10 - dark]].concat(), "{divider}");
        }
        for maps in [vec![low.view()], vec![low.view(); 3]] {
            assert_eq!(drawn(maps, 0.5).unwrap_err().code, "divider_without_two");
        }
    }

    #[test]
    fn maps_too_large_to_stand_side_by_side_are_refused() {
        let map = ArrayD::zeros(vec![1, 2]);
        let many = || vec![map.view(); 26];
        let large = picture(2_000, 2_000);
        let error = backdrop(&large, &Style::default()).png(many()).unwrap_err();
        assert_eq!(error.code, "drawing_too_large");
        assert!(error.message.contains("size=model"), "{error}");
        let small = Style { size: Size::Model, ..Style::default() };
        assert!(backdrop(&large, &small).png(many()).is_ok());
    }

    #[test]
    fn nothing_is_drawn_that_nobody_waits_for() {
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let (picture, style) = (picture(2, 1), Style::default());
        let backdrop = Backdrop { picture: &picture, style: &style, cancellation: &cancellation };
        let map = ArrayD::zeros(vec![1, 2]);
        assert_eq!(backdrop.png(vec![map.view()]).unwrap_err().kind, Kind::Cancelled);
    }
}
