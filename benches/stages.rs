//! What each step beside the model's own run takes, for a 640x480 JPEG and the default model's map of 14x14.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{hint::black_box, io::Cursor};

use criterion::{Criterion, criterion_group, criterion_main};
use glassbox::{
    config::{Config, Images},
    imaging::{Limits, Region, RgbImage, Style, decode, encode_png, render, upsample},
    model::Models,
};
use ndarray::Array2;

mod photo;

fn stages(criterion: &mut Criterion) {
    let photo = photo::photo();
    let mut jpeg = Vec::new();
    photo.write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
    let limits = Limits::from(&Images::default());
    let model = Models::load_one(&Config::default(), "vgg16-caltech101").unwrap();
    let map = Array2::from_shape_fn((14, 14), |(y, x)| ((x * 7 + y * 13) % 31) as f32);
    let overlay = |photo: &RgbImage| {
        let seen = Region::whole(photo.width(), photo.height());
        render(photo, seen, (224, 224), &map.view().into_dyn(), &Style::default()).unwrap()
    };
    let drawn = overlay(&photo);

    let mut group = criterion.benchmark_group("stages");
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&jpeg), limits).unwrap()));
    group.bench_function("preprocess", |bencher| {
        bencher.iter_batched(|| photo.clone(), |photo| model.prepare(photo), criterion::BatchSize::LargeInput);
    });
    group.bench_function("upsample", |bencher| bencher.iter(|| upsample(black_box(&map.view()), 640, 480)));
    group.bench_function("render", |bencher| bencher.iter(|| overlay(black_box(&photo))));
    group.bench_function("encode PNG", |bencher| bencher.iter(|| encode_png(black_box(&drawn)).unwrap()));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
