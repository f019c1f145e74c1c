//! Uploaded bytes to upright RGB pixels, within limits that are checked from the header.

use std::{
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    time::{Duration, Instant},
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits as DecoderLimits, RgbImage,
    metadata::Orientation,
};

use crate::{
    config::Images,
    error::{Error, Result},
};

/// Bounds on a picture: all but the time are checked before a pixel is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most pixels a picture may have.
    pub max_pixels: u64,
    /// The longest side in pixels.
    pub max_side: u32,
    /// The most bytes that decoding may take.
    pub memory: u64,
    /// The most time that decoding may take, where the file is read as it is decoded: PNG, GIF and BMP.
    pub time: Duration,
}

/// The most scans of a JPEG: each takes as long as the picture is large, whatever it holds. Encoders write one, or some ten.
const MOST_SCANS: usize = 100;

/// Decodes a JPEG, PNG, GIF (first frame), WebP (first frame) or BMP picture and turns it upright by its EXIF orientation.
///
/// Every picture becomes 8-bit RGB: 16-bit values lose their lower half, grey is repeated, CMYK is converted without a colour
/// profile, and what is transparent lies on white. Colour profiles are not applied.
///
/// All errors are 422: `empty_picture`, `not_a_picture`, `picture_too_large` (from the header alone), `picture_too_slow`,
/// `broken_picture` (damaged or cut off) and `unsupported_picture` (a rare kind of its format, such as an arithmetic-coded JPEG).
pub fn decode(bytes: &[u8], limits: Limits) -> Result<RgbImage> {
    let format = format(bytes)?;
    if format == ImageFormat::WebP && !has_all_chunks(bytes) {
        return Err(broken("a part of the WebP file is longer than the file"));
    }
    let end = Instant::now() + limits.time;
    let refused = |error| {
        // Decoders tell in many ways that they could not read on.
        if Instant::now() > end {
            return too_slow(&format!("decoding it takes more than {} s", limits.time.as_secs_f64()));
        }
        refused(&error, limits)
    };
    let file = Timed { file: Cursor::new(bytes), end };
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    reader.limits(limits.for_decoder(format));
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.max_pixels || width.max(height) > limits.max_side {
        return Err(too_large(&format!("{width}x{height} pixels are too many"), limits));
    }
    if decoder.total_bytes() > limits.memory {
        return Err(too_large("it takes too much memory to decode", limits));
    }
    if width == 0 || height == 0 {
        return Err(broken("it has no pixels"));
    }
    if format == ImageFormat::Jpeg {
        let scans = scans(bytes).ok_or_else(|| broken("the JPEG stops before its end marker"))?;
        if scans > MOST_SCANS {
            return Err(too_slow(&format!("it has {scans} scans, and {MOST_SCANS} are the most")));
        }
    }
    // EXIF that cannot be read says nothing about the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let mut upright = DynamicImage::ImageRgb8(over_white(picture));
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

impl From<&Images> for Limits {
    fn from(images: &Images) -> Self {
        // A time that is no number, or longer than can be counted, is no bound.
        let time = Duration::try_from_secs_f64(images.decode_timeout).unwrap_or(Duration::from_hours(1));
        Self { max_pixels: images.max_pixels, max_side: images.max_side, memory: images.decode_memory, time }
    }
}

impl Limits {
    fn for_decoder(self, format: ImageFormat) -> DecoderLimits {
        let mut limits = DecoderLimits::default();
        // A GIF's frame may be larger than the picture, which the header does not tell.
        let frame = self.max_pixels.saturating_mul(4);
        limits.max_alloc = Some(if format == ImageFormat::Gif { self.memory.min(frame) } else { self.memory });
        limits
    }
}

/// The format that the first bytes tell, if it is one that is read.
fn format(bytes: &[u8]) -> Result<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    if bytes.is_empty() {
        return Err(Error::unprocessable("empty_picture", "the picture has 0 bytes: send the picture's file"));
    }
    match image::guess_format(bytes) {
        Ok(format @ (Jpeg | Png | Gif | WebP | Bmp)) => Ok(format),
        Ok(_) | Err(_) => Err(Error::unprocessable(
            "not_a_picture",
            "these bytes are not a picture of a format that is read: send a JPEG, PNG, GIF (its first frame is taken), WebP or BMP",
        )),
    }
}

/// Whether all chunks of a WebP file end before the file does: the decoder makes room for as much EXIF as a file claims to have.
///
/// The layout is that of "WebP Container Specification", RIFF: four letters, a size, and the data, at even places.
fn has_all_chunks(webp: &[u8]) -> bool {
    let size = |place: usize| Some(u32::from_le_bytes(*webp.get(place + 4..)?.first_chunk()?) as usize);
    let end = size(0).map_or(0, |size| size + 8);
    let mut place = 12;
    while place < end {
        // What is too short for a chunk's head claims nothing.
        let Some(size) = size(place) else { return true };
        place += 8 + size;
        if place > webp.len() {
            return false;
        }
        place += size % 2;
    }
    true
}

fn refused(error: &ImageError, limits: Limits) -> Error {
    match error {
        ImageError::Limits(_) => too_large("it takes too much memory to decode", limits),
        ImageError::Unsupported(error) => Error::unprocessable(
            "unsupported_picture",
            format!("this kind of picture is not read ({error}): save it as a plain JPEG or PNG"),
        ),
        error => broken(&error.to_string()),
    }
}

/// A file that cannot be read any more after some time: what makes a decoder stop half way.
struct Timed<'a> {
    file: Cursor<&'a [u8]>,
    end: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, onto: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.end { Err(io::ErrorKind::TimedOut.into()) } else { self.file.read(onto) }
    }
}

impl Seek for Timed<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn too_slow(reason: &str) -> Error {
    Error::unprocessable(
        "picture_too_slow",
        format!("the picture takes too long to decode: {reason}; save it smaller, or as a plain JPEG"),
    )
}

fn too_large(reason: &str, Limits { max_pixels, max_side, .. }: Limits) -> Error {
    Error::unprocessable(
        "picture_too_large",
        format!("the picture is too large: {reason}; send one of at most {max_pixels} pixels and {max_side} a side"),
    )
}

fn broken(reason: &str) -> Error {
    Error::unprocessable("broken_picture", format!("the picture is damaged or cut off: {reason}; send the whole file"))
}

/// The number of scans of a JPEG whose markers lead to its end-of-image marker; `None` if they do not. (The decoder fills what is
/// missing with grey.)
///
/// A segment's content is skipped by its length, since it may hold a whole JPEG as a thumbnail; in entropy-coded data, a byte 255
/// begins a marker unless a zero, a restart marker or another 255 follows.
fn scans(jpeg: &[u8]) -> Option<usize> {
    const SCAN: u8 = 0xda;
    const END: u8 = 0xd9;
    let mut scans = 0;
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7))
    {
        match rest[at + 1] {
            END => return Some(scans),
            SCAN => scans += 1,
            _ => {}
        }
        let segment = &rest[at + 2..];
        let length = segment.first_chunk().map_or(0, |length| u16::from_be_bytes(*length));
        rest = segment.get(usize::from(length)..).unwrap_or_default();
    }
    None
}

fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (onto, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [colour @ .., alpha] = from.0.map(u32::from);
        onto.0 = colour.map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    rgb
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
