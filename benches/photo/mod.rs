//! The picture that is measured with.

use glassbox::imaging::RgbImage;

/// A photograph's worth of detail, 640x480: smooth shapes with grain.
pub fn photo() -> RgbImage {
    RgbImage::from_fn(640, 480, |x, y| {
        let wave = |scale: f32| ((x as f32 / scale).sin() * (y as f32 / scale).cos() * 60.0 + 128.0) as u8;
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) as u8 / 16;
        image::Rgb([wave(90.0), wave(50.0), wave(20.0)].map(|level| level.saturating_add(grain)))
    })
}
