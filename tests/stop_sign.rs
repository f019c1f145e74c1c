//! A picture with a known answer: a stop sign drawn in code.

use image::{Rgb, RgbImage};

/// The centre of the sign in pixels, and its radius.
#[derive(Clone, Copy)]
pub struct Sign {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
}

/// A red octagon with a white rim and a white bar for its lettering, on a sky over a field.
pub fn draw(width: u32, height: u32, sign: Sign) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (x as f32 - sign.x, y as f32 - sign.y);
        let (ax, ay) = (dx.abs(), dy.abs());
        // The distance from the centre in the octagon's own measure: 1 on its edge.
        let octagon = ax.max(ay).max((ax + ay) / 2.0_f32.sqrt()) / sign.radius;
        let horizon = height as f32 * 0.7;
        match octagon {
            o if o < 0.88 && letters(dx / sign.radius, dy / sign.radius) => Rgb([240, 240, 240]),
            o if o < 0.88 => Rgb([180, 20, 30]),
            o if o < 1.0 => Rgb([240, 240, 240]),
            _ if ax < sign.radius * 0.08 && dy > 0.0 => Rgb([120, 120, 120]),
            _ if (y as f32) < horizon => Rgb([150, 190, 230]),
            _ => Rgb([90, 140, 70]),
        }
    })
}

/// STOP in strokes, `u` and `v` in radii from the centre.
fn letters(u: f32, v: f32) -> bool {
    let letter = ((u + 0.72) / 0.36).floor();
    if !(0.0..4.0).contains(&letter) || v.abs() > 0.28 {
        return false;
    }
    let s = (u + 0.72) / 0.36 - letter; // 0 to 1 across the letter's cell
    if !(0.12..0.88).contains(&s) {
        return false;
    }
    let (left, right, middle) = (s < 0.32, s > 0.68, (0.4..0.6).contains(&s));
    let (top, bottom, centre) = (v < -0.19, v > 0.19, v.abs() < 0.05);
    match letter as u32 {
        0 => top || bottom || centre || (left && v < 0.0) || (right && v > 0.0),
        1 => top || middle,
        2 => top || bottom || left || right,
        _ => left || top || centre || (right && v < 0.0),
    }
}
