use std::path::Path;

use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;

use super::*;

const LIMITS: Limits =
    Limits { max_pixels: 1_000_000, max_side: 2_000, memory: 64 << 20, time: Duration::from_mins(1) };
const ORANGE: [u8; 3] = [230, 120, 20];
const BLUE: [u8; 3] = [20, 60, 180];
const WHITE: [u8; 3] = [255; 3];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures").join(name)).unwrap()
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn pattern(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 13 % 256) as u8, (y * 29 % 256) as u8, (x * y % 256) as u8]))
}

fn code(bytes: &[u8]) -> &'static str {
    let error = decode(bytes, LIMITS).unwrap_err();
    assert_eq!(error.kind, crate::error::Kind::Unprocessable);
    error.code
}

/// Asserts that the picture at (x, y) has nearly the given colours.
fn check(name: &str, size: (u32, u32), colors: &[((u32, u32), [u8; 3])]) {
    let picture = decode(&file(name), LIMITS).unwrap();
    assert_eq!(picture.dimensions(), size, "{name}");
    for &((x, y), color) in colors {
        let found = picture.get_pixel(x, y).0;
        let near = found.iter().zip(color).all(|(found, wanted)| found.abs_diff(wanted) <= 6);
        assert!(near, "{name}: {found:?} at {x}, {y}, not {color:?}");
    }
}

#[test]
fn unusual_kinds_of_pictures_are_read() {
    for name in ["cmyk.jpg", "progressive.jpg", "lossy.webp", "palette.bmp"] {
        check(name, (24, 16), &[((2, 8), ORANGE), ((20, 8), BLUE)]);
    }
    check("transparent.png", (24, 16), &[((2, 8), ORANGE), ((20, 8), WHITE)]);
}

#[test]
fn the_first_frame_is_read() {
    for name in ["animated.gif", "animated.webp"] {
        check(name, (24, 16), &[((2, 8), ORANGE), ((20, 8), BLUE)]);
    }
}

#[test]
fn a_turned_picture_is_put_upright() {
    for name in ["turned.jpg", "turned.png", "turned.webp"] {
        check(name, (16, 24), &[((8, 2), ORANGE), ((8, 20), BLUE)]);
    }
}

#[test]
fn exact_formats_give_exact_pixels() {
    let picture = pattern(19, 7);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        assert_eq!(decode(&encode(picture.clone(), format), LIMITS).unwrap(), picture, "{format:?}");
    }
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Jpeg] {
        let pixel = RgbImage::from_pixel(1, 1, Rgb([200; 3]));
        assert_eq!(decode(&encode(pixel, format), LIMITS).unwrap().dimensions(), (1, 1), "{format:?}");
    }
}

#[test]
fn grey_deep_and_transparent_pixels_become_rgb() {
    let first = |picture: DynamicImage| decode(&encode(picture, ImageFormat::Png), LIMITS).unwrap().get_pixel(0, 0).0;
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Luma([77_u8])).into()), [77; 3]);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Luma([257 * 77_u16])).into()), [77; 3]);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Rgb([257 * 7_u16, 257 * 8, 65535])).into()), [7, 8, 255]);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, LumaA([0_u8, 255])).into()), [0; 3]);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Rgba([9_u8, 8, 7, 0])).into()), WHITE);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Rgba([0_u8, 100, 255, 51])).into()), [204, 224, 255]);
    assert_eq!(first(ImageBuffer::from_pixel(2, 2, Rgba([0_u16, 0, 0, 257 * 128])).into()), [127; 3]);
}

#[test]
fn what_is_no_picture_is_told_from_what_is_broken() {
    assert_eq!(code(b""), "empty_picture");
    assert_eq!(code(b"hello"), "not_a_picture");
    assert_eq!(code(b"II*\0a TIFF"), "not_a_picture");
    assert!(decode(b"hello", LIMITS).unwrap_err().message.contains("JPEG, PNG, GIF"));
    assert_eq!(code(b"\x89PNG\r\n\x1a\n"), "broken_picture");
    assert_eq!(code(b"\xff\xd8\xff"), "broken_picture");
    assert_eq!(code(b"GIF89a\0\0\0\0\0\0\0;"), "broken_picture");
}

#[test]
fn a_picture_that_was_cut_off_is_broken() {
    let mut files = vec![file("turned.jpg"), file("progressive.jpg"), file("cmyk.jpg"), file("lossy.webp")];
    let formats = [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Jpeg];
    files.extend(formats.map(|format| encode(pattern(60, 40), format)));
    for bytes in files {
        let half = &bytes[..bytes.len() / 2];
        assert_eq!(code(half), "broken_picture", "{:?}", &bytes[..4]);
        assert_eq!(code(&bytes[..bytes.len() - 12]), "broken_picture", "{:?}", &bytes[..4]);
    }
}

#[test]
fn a_whole_jpeg_inside_or_behind_another_does_not_hide_its_end() {
    let jpeg = encode(pattern(40, 40), ImageFormat::Jpeg);
    let mut with_thumbnail = jpeg[..2].to_vec();
    with_thumbnail.extend([0xff, 0xe1]);
    with_thumbnail.extend(u16::try_from(jpeg.len() + 2).unwrap().to_be_bytes());
    with_thumbnail.extend(&jpeg);
    let head = with_thumbnail.len();
    with_thumbnail.extend(&jpeg[2..]);
    assert!(decode(&with_thumbnail, LIMITS).is_ok());
    assert_eq!(code(&with_thumbnail[..head + jpeg.len() / 2]), "broken_picture");
    let followed = [&jpeg[..], b"\xff\xd8 the film of a moving photo \xff\xda"].concat();
    assert!(decode(&followed, LIMITS).is_ok());
}

/// A PNG that holds nothing but a header for `width` x `height` black or white pixels.
fn header(width: u32, height: u32) -> Vec<u8> {
    let mut png = encode(ImageBuffer::from_pixel(1, 1, Luma([0_u8])), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = png[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[test]
fn a_bomb_is_refused_from_its_header() {
    let limits = Limits { max_pixels: 50_000_000, max_side: 16_384, ..LIMITS };
    let error = decode(&header(30_000, 30_000), limits).unwrap_err();
    assert_eq!(error.code, "picture_too_large");
    for word in ["30000x30000", "50000000 pixels", "16384 a side"] {
        assert!(error.message.contains(word), "{}", error.message);
    }
    assert_eq!(decode(&header(1 << 30, 1), limits).unwrap_err().code, "picture_too_large");
    // The forged header itself is sound: at an allowed size, it is the pixels that are missed.
    assert_eq!(decode(&header(3_000, 3_000), limits).unwrap_err().code, "broken_picture");
}

#[test]
fn limits_are_inclusive() {
    let png = encode(pattern(20, 10), ImageFormat::Png);
    let with = |max_pixels, max_side| decode(&png, Limits { max_pixels, max_side, ..LIMITS });
    assert!(with(200, 20).is_ok());
    assert_eq!(with(199, 20).unwrap_err().code, "picture_too_large");
    assert_eq!(with(200, 19).unwrap_err().code, "picture_too_large");
}

#[test]
fn memory_and_time_are_bounded() {
    let deep = DynamicImage::ImageRgb8(pattern(100, 100)).into_rgba16();
    let png = encode(deep, ImageFormat::Png);
    let with = |memory| decode(&png, Limits { memory, ..LIMITS }).map_err(|error| error.code);
    assert_eq!(with(79_999), Err("picture_too_large"));
    assert!(with(200_000).is_ok());

    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp] {
        let file = encode(pattern(300, 300), format);
        let error = decode(&file, Limits { time: Duration::ZERO, ..LIMITS }).unwrap_err();
        assert_eq!(error.code, "picture_too_slow", "{format:?}: {error}");
    }
}

#[test]
fn a_jpeg_of_very_many_scans_is_refused() {
    let jpeg = file("progressive.jpg");
    let count = scans(&jpeg).unwrap();
    assert!((2..20).contains(&count), "{count}");
    // The last scan again and again, which costs the decoder as much as it does the file little.
    let last = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let scan = &jpeg[last..jpeg.len() - 2];
    let repeated = |times: usize| [&jpeg[..last], &scan.repeat(times), &[0xff, 0xd9]].concat();
    assert_eq!(code(&repeated(101)), "picture_too_slow");
    assert_ne!(decode(&repeated(2), LIMITS).map_err(|error| error.code), Err("picture_too_slow"));
}

#[test]
fn a_small_gif_with_a_huge_frame_is_refused() {
    let mut gif = encode(pattern(4, 4), ImageFormat::Gif);
    let frame = gif.windows(9).position(|part| part == [0x2c, 0, 0, 0, 0, 4, 0, 4, 0]).unwrap();
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(code(&gif), "picture_too_large");
}

#[test]
fn a_gifs_frame_has_as_many_pixels_as_a_picture_at_most() {
    let with = |width: u8, max_pixels| {
        let mut gif = encode(pattern(60, 40), ImageFormat::Gif);
        gif[6] = width;
        decode(&gif, Limits { max_pixels, ..LIMITS }).map(|picture| picture.width()).map_err(|error| error.code)
    };
    assert_eq!([with(60, 2400), with(61, 2440)], [Ok(60), Ok(61)]);
    assert_eq!([with(10, 2400), with(10, 2399)], [Ok(10), Err("picture_too_large")]);
}

#[test]
fn a_webp_that_claims_more_than_it_holds_is_broken() {
    let mut webp = file("turned.webp");
    let size = webp.windows(4).position(|part| part == b"EXIF").unwrap() + 4;
    webp[size..size + 4].copy_from_slice(&[0xf9, 0xff, 0xff, 0xff]);
    assert_eq!(code(&webp), "broken_picture");
    // What follows the picture is no part of it.
    let followed = [&file("turned.webp")[..], b"some more that looks like a chunk"].concat();
    assert!(decode(&followed, LIMITS).is_ok());
}

/// A small picture of any format that is read.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let formats = [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Jpeg];
    let mut files: Vec<_> = formats.map(|format| encode(pattern(20, 12), format)).to_vec();
    let names = ["cmyk.jpg", "progressive.jpg", "lossy.webp", "animated.gif", "animated.webp", "palette.bmp"];
    files.extend(names.map(file));
    files.extend(["turned.jpg", "turned.png", "turned.webp", "transparent.png"].map(file));
    proptest::sample::select(files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damaged_files_never_panic(
        mut bytes in any_file(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len() + 1));
        }
        if let Ok(picture) = decode(&bytes, LIMITS) {
            prop_assert!(u64::from(picture.width()) * u64::from(picture.height()) <= LIMITS.max_pixels);
        }
    }
}
