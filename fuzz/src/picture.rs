//! A picture's file, as a client uploads it.

use std::time::Duration;

use glassbox::imaging::{Limits, Region, crop_and_resize, decode, encode_png};

/// Narrower than the service's, so that what goes beyond them shows soon.
const LIMITS: Limits = Limits { max_pixels: 1 << 20, max_side: 4096, memory: 64 << 20, time: Duration::from_secs(2) };

/// Decodes `bytes`, and makes of the picture what the service makes of it; a picture beyond the limits is a panic.
pub fn try_on(bytes: &[u8]) {
    let Ok(picture) = decode(bytes, LIMITS) else { return };
    let (width, height) = picture.dimensions();
    assert!(width > 0 && height > 0 && width.max(height) <= LIMITS.max_side, "{width}x{height}");
    assert!(u64::from(width) * u64::from(height) <= LIMITS.max_pixels, "{width}x{height}");
    let small = crop_and_resize(&picture, Region::whole(width, height), 32, 32);
    encode_png(&small).expect("a picture can be written");
}
