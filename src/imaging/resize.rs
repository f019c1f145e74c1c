//! Cutting and resizing as Pillow does it.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{F32, U8x3},
};
use image::RgbImage;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;
use utoipa::ToSchema;

/// A rectangle of a picture, in its pixels; fractions where a centre crop falls between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Region {
    /// The left edge.
    pub left: f64,
    /// The upper edge.
    pub top: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

impl Region {
    /// All of a picture of `width` x `height` pixels.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { left: 0.0, top: 0.0, width: f64::from(width), height: f64::from(height) }
    }
}

/// Resizes the `region` of `image`, which lies inside it, to `width` x `height` pixels.
///
/// Bilinear with antialias: the filter's triangle widens with the scale when shrinking, as in Pillow's `Image.resize(size,
/// BILINEAR, box=region)`, whose values it gives up to rounding (1 of 255).
pub fn crop_and_resize(image: &RgbImage, region: Region, width: u32, height: u32) -> RgbImage {
    let mut resized = RgbImage::new(width, height);
    // A computed region may end a rounding error beyond the edge, which would be refused.
    let region_width = region.width.min(f64::from(image.width()) - region.left);
    let region_height = region.height.min(f64::from(image.height()) - region.top);
    let options = bilinear().crop(region.left, region.top, region_width, region_height);
    let from = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw());
    let onto = TypedImage::<U8x3>::from_buffer(width, height, &mut resized);
    if let (Ok(from), Ok(mut onto)) = (from, onto) {
        let outcome = Resizer::new().resize_typed(&from, &mut onto, &options);
        debug_assert!(outcome.is_ok(), "{region:?} is not inside the picture");
    }
    resized
}

/// Enlarges `map` [H, W] to [height, width], bilinearly between the centres of its cells.
///
/// The same numbers as `PyTorch`'s `interpolate(mode="bilinear", align_corners=False)`, up to rounding.
pub fn upsample(map: &ArrayView2<'_, f32>, width: usize, height: usize) -> Array2<f32> {
    let (rows, columns) = map.dim();
    let pixels: Vec<F32> = map.iter().copied().map(F32::new).collect();
    let mut enlarged = vec![0.0; width * height];
    let image = TypedImageRef::new(columns as u32, rows as u32, &pixels);
    let onto = TypedImage::<F32>::from_buffer(width as u32, height as u32, bytemuck::cast_slice_mut(&mut enlarged));
    if let (Ok(image), Ok(mut onto)) = (image, onto) {
        let outcome = Resizer::new().resize_typed(&image, &mut onto, &bilinear());
        debug_assert!(outcome.is_ok(), "a map is resized whole");
    }
    Array2::from_shape_vec((height, width), enlarged).unwrap_or_default()
}

fn bilinear() -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use ndarray::arr2;

    use super::*;

    #[test]
    fn enlarging_is_bilinear_between_the_centres_of_cells() {
        // torch.nn.functional.interpolate(torch.tensor([[[[0., 4.], [8., 20.]]]]), size=(3, 4), mode="bilinear")
        let expected = arr2(&[[0.0, 1.0, 3.0, 4.0], [4.0, 6.0, 10.0, 12.0], [8.0, 11.0, 17.0, 20.0]]);
        assert_eq!(upsample(&arr2(&[[0.0, 4.0], [8.0, 20.0]]).view(), 4, 3), expected);
        assert_eq!(upsample(&arr2(&[[-1.5]]).view(), 2, 1), arr2(&[[-1.5, -1.5]]));
        let same = arr2(&[[1.0, 2.0, 3.0]]);
        assert_eq!(upsample(&same.view(), 3, 1), same);
    }

    #[test]
    fn shrinking_averages_all_pixels() {
        let stripes = RgbImage::from_fn(64, 1, |x, _| Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
        let small = crop_and_resize(&stripes, Region::whole(64, 1), 4, 1);
        assert!(small.pixels().all(|pixel| pixel.0[0].abs_diff(100) <= 2), "{small:?}");
    }

    #[test]
    fn a_region_between_pixels_is_interpolated() {
        let ramp = RgbImage::from_fn(10, 1, |x, _| Rgb([10 * x as u8; 3]));
        let region = Region { left: 2.5, top: 0.0, width: 4.0, height: 1.0 };
        let cut = crop_and_resize(&ramp, region, 4, 1);
        assert_eq!(cut.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [25, 35, 45, 55]);
    }

    #[test]
    fn a_region_a_rounding_error_beyond_the_edge_is_cut() {
        let pixel = RgbImage::from_pixel(1, 1, Rgb([7, 8, 9]));
        let region = Region { left: 0.0, top: 0.0, width: 1.0 + f64::EPSILON, height: 1.0 };
        assert_eq!(crop_and_resize(&pixel, region, 2, 2), RgbImage::from_pixel(2, 2, Rgb([7, 8, 9])));
    }
}
