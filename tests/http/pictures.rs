//! Pictures of every kind: a stop sign is one however it is stored.

use image::{
    DynamicImage, Frame, ImageFormat, Rgba, RgbaImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder},
    imageops,
};
use serde_json::{Value, json};

use super::{SIGN, Server, file, json, png, stop_sign};

async fn predict(picture: Vec<u8>) -> Value {
    json(Server::shared().post("/predict", picture)).await
}

/// The likeliest class and its probability.
async fn top(picture: Vec<u8>) -> (String, f64) {
    let top = predict(picture).await["predictions"][0].clone();
    (top["label"].as_str().unwrap().to_owned(), top["probability"].as_f64().unwrap())
}

async fn assert_is_a_stop_sign(picture: Vec<u8>) {
    let (label, probability) = top(picture).await;
    assert!(label == "stop_sign" && probability > 0.7, "{label}, {probability}");
}

#[tokio::test]
async fn every_format_is_read() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        assert_is_a_stop_sign(file(stop_sign(), format)).await;
    }
}

#[tokio::test]
async fn an_animations_first_frame_is_taken() {
    let sign = DynamicImage::from(stop_sign()).into_rgba8();
    let field = RgbaImage::from_pixel(320, 240, Rgba([90, 140, 70, 255]));
    let mut animation = Vec::new();
    GifEncoder::new(&mut animation).encode_frames([sign, field].map(Frame::new)).unwrap();
    assert_eq!(top(animation).await, top(file(stop_sign(), ImageFormat::Gif)).await);
}

#[tokio::test]
async fn sixteen_bits_are_as_good_as_eight() {
    assert_eq!(top(png(DynamicImage::from(stop_sign()).into_rgb16())).await, top(png(stop_sign())).await);
}

#[tokio::test]
async fn grey_is_read_as_colours_that_are_equal() {
    let grey = DynamicImage::from(stop_sign()).into_luma8();
    let coloured = DynamicImage::from(grey.clone()).into_rgb8();
    assert_eq!(top(png(grey.clone())).await, top(png(coloured)).await);
    predict(file(grey.clone(), ImageFormat::Jpeg)).await;
    predict(png(DynamicImage::from(grey.clone()).into_luma16())).await;
    predict(png(DynamicImage::from(grey).into_luma_alpha8())).await;
}

#[tokio::test]
async fn opaque_alpha_changes_nothing_and_transparency_is_white() {
    let opaque = DynamicImage::from(stop_sign()).into_rgba8();
    assert_eq!(top(png(opaque.clone())).await, top(png(stop_sign())).await);
    assert_eq!(top(png(DynamicImage::from(opaque).into_rgba16())).await, top(png(stop_sign())).await);
    let clear = top(png(RgbaImage::from_pixel(32, 32, Rgba([200, 0, 0, 0])))).await;
    assert_eq!(clear, top(png(RgbaImage::from_pixel(32, 32, Rgba([255, 255, 255, 255])))).await);
}

#[tokio::test]
async fn cmyk_is_read() {
    assert_is_a_stop_sign(include_bytes!("../golden/pictures/stop_sign_cmyk.jpg").to_vec()).await;
}

#[tokio::test]
async fn a_picture_of_one_pixel_is_one() {
    let pixel = png(image::RgbImage::new(1, 1));
    let answer = predict(pixel.clone()).await;
    assert_eq!(answer["image"], json!({"width": 1, "height": 1}));
    let drawn = Server::shared().post("/explain/grad-cam?format=png", pixel).send().await.unwrap();
    let drawn = image::load_from_memory(&drawn.bytes().await.unwrap()).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (1, 1));
}

#[tokio::test]
async fn very_long_pictures_are_read() {
    let strip = DynamicImage::from(stop_sign()).resize_exact(5000, 1, imageops::FilterType::Nearest);
    assert_eq!(predict(png(strip)).await["image"], json!({"width": 5000, "height": 1}));
}

#[tokio::test]
async fn a_turned_picture_is_turned_upright_first() {
    // Stored lying on its side: a viewer turns it by 90 degrees clockwise, orientation 6.
    let turned = imageops::rotate270(&stop_sign());
    let stored = with_orientation(&jpeg(&turned), 6);
    let answer = json(Server::shared().post("/explain/grad-cam", stored.clone())).await;
    assert_eq!(answer["image"], json!({"width": 320, "height": 240}));
    assert_eq!(answer["predictions"][0]["label"], "stop_sign");
    let rows: Vec<Vec<f32>> = serde_json::from_value(answer["maps"][0]["data"].clone()).unwrap();
    let cells = rows.iter().enumerate().flat_map(|(y, row)| row.iter().enumerate().map(move |(x, v)| (x, y, *v)));
    let (x, y, _) = cells.max_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
    let (x, y) = ((x as f32 + 0.5) * 320.0 / 14.0, (y as f32 + 0.5) * 240.0 / 14.0);
    assert!((x - SIGN.x).abs() < SIGN.radius && (y - SIGN.y).abs() < SIGN.radius, "the peak is at {x}, {y}");
    let drawn = Server::shared().post("/explain/grad-cam?format=png", stored).send().await.unwrap();
    let drawn = image::load_from_memory(&drawn.bytes().await.unwrap()).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (320, 240));
}

fn jpeg(picture: &image::RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95).encode_image(picture).unwrap();
    file
}

/// A JPEG with an EXIF segment that says how it is to be turned.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    // One entry: tag 0x0112, type SHORT, one value.
    exif.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}
