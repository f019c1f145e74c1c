use std::path::Path;

use image::Rgb;
use ndarray::{Array3, Array4, Axis, s};
use ndarray_npy::ReadNpyExt;

use super::*;
use crate::onnx::{Graph, Layout, PictureInput};

/// The preprocessing that `text` states, stretching unless it says otherwise, to a size in `text` or else this.
fn resolve(text: &str, size: Option<(usize, usize)>) -> Result<Preprocessing> {
    let section = toml::from_str::<Section>(text).unwrap();
    let size = section.size().or(size.map(|(height, width)| [height, width])).unwrap();
    Section { resize: section.resize.or(Some(Resize::Stretch)), ..section }.resolve(size)
}

/// The message of the error that `text` gives, at no size of its own.
fn refused(text: &str) -> String {
    let error = resolve(text, None).unwrap_err();
    assert_eq!(error.code, "invalid_preprocessing");
    error.message
}

/// The picture that `tests/golden/preprocessing.py` draws.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = |channel: u32| x * (5 + 2 * channel) + y * (3 + channel) + (x / 8 + y / 8) % 2 * 90;
        Rgb([0, 1, 2].map(|channel| (value(channel) % 256) as u8))
    })
}

/// Compares the input made of a `width` x `height` picture with the golden file, in 255ths.
fn check(name: &str, preprocessing: &Preprocessing, (width, height): (u32, u32)) {
    let (input_width, input_height) = (preprocessing.width(), preprocessing.height());
    let file = format!("tests/golden/preprocessing/{name}_{width}x{height}_{input_width}x{input_height}.npy");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let golden = Array3::<f32>::read_npy(std::fs::File::open(path).unwrap()).unwrap();
    let (input, _) = preprocessing.apply(&picture(width, height));
    let step = if input_width.max(input_height) > 32 { 7 } else { 1 };
    let input = input.slice(s![0, .., ..;step, ..;step]);
    assert_eq!(input.shape(), golden.shape(), "{file}");
    for (channel, (ours, golden)) in input.outer_iter().zip(golden.outer_iter()).enumerate() {
        let level = preprocessing.std[channel] / preprocessing.scale;
        let largest = (&ours - &golden).iter().fold(0.0_f32, |largest, d| largest.max((d * level).abs()));
        assert!(largest <= 1.01, "{file}, channel {channel}: {largest} of 255");
    }
}

#[test]
fn stretching_gives_keras_values() {
    let cases = [
        ("caffe", (500, 375), (224, 224)),
        ("caffe", (17, 23), (32, 32)),
        ("caffe", (1, 1), (8, 8)),
        ("torch", (300, 451), (32, 24)),
        ("tf", (40, 9), (30, 28)),
        ("tf", (32, 32), (32, 32)),
    ];
    for (mode, picture, (width, height)) in cases {
        check(mode, &resolve(&format!("mode = \"{mode}\""), Some((height, width))).unwrap(), picture);
    }
}

#[test]
fn cropping_gives_torchvisions_values() {
    let cases = [
        ((500, 375), 224),
        ((427, 639), 224),
        ((301, 201), 30),
        ((23, 17), 28),
        ((9, 40), 28),
        ((32, 32), 28),
        ((1, 1), 8),
    ];
    for (picture, side) in cases {
        check("torchvision", &resolve("mode = \"torch\"\nresize = \"crop\"", Some((side, side))).unwrap(), picture);
    }
}

#[test]
fn the_seen_region_is_the_middle() {
    let seen = |text: &str, size, (width, height)| resolve(text, Some(size)).unwrap().apply(&picture(width, height)).1;
    assert_eq!(seen("mode = \"caffe\"", (24, 24), (60, 40)), Region::whole(60, 40));
    let crop = "mode = \"torch\"\nresize = \"crop\"";
    let expected = Region { left: 48.0, top: 16.0, width: 224.0, height: 224.0 };
    assert_eq!(seen(crop, (224, 224), (320, 256)), expected);
    // Inputs that are not square: the picture, resized to cover 64x128 pixels, is cut to 56x112.
    assert_eq!(seen(crop, (112, 56), (128, 128)), Region { left: 36.0, top: 8.0, width: 56.0, height: 112.0 });
    let line = seen(crop, (224, 224), (3000, 1));
    assert!((line.left - 1499.5625).abs() < 1e-3 && (line.width - 0.875).abs() < 1e-6, "{line:?}");
}

#[test]
fn numbers_may_be_spelt_out() {
    let caffe = resolve("mode = \"caffe\"", Some((8, 8)));
    let same = "order = \"bgr\"\nmean = [103.939, 116.779, 123.68]\nsize = 8";
    assert_eq!(resolve(same, None), caffe);
    let tf = resolve("mode = \"tf\"\nsize = [4, 6]", None).unwrap();
    assert_eq!((tf.height(), tf.width()), (4, 6));
    let same = "order = \"rgb\"\nscale = 0.00784313725490196\nmean = [1, 1, 1]\nstd = [1, 1, 1]";
    assert_eq!(resolve(same, Some((4, 6))), Ok(tf));
}

#[test]
fn contradictions_and_gaps_are_errors() {
    assert!(refused("mode = \"caffe\"\nscale = 2.0\nsize = 8").contains("`mode` already says"));
    assert!(refused("mode = \"tf\"\norder = \"rgb\"\nsize = 8").contains("`mode` already says"));
    assert!(refused("resize = \"crop\"\nsize = 8").contains("say `mode`"));
    assert!(refused("mean = [1, 2, 3]\nsize = 8").contains("`order`"));
    assert!(refused("mode = \"tf\"\nsize = 0").contains("at least 1"));
    assert!(refused("order = \"rgb\"\nstd = [1, 0, 1]\nsize = 8").contains("not 0"));
    assert!(refused("order = \"rgb\"\nscale = nan\nsize = 8").contains("finite"));
}

#[test]
fn what_is_left_open_is_completed_and_told() {
    let graph = Graph { producer: "pytorch".to_owned(), ..Graph::default() };
    let input = PictureInput { name: "x".to_owned(), layout: Layout::ChannelsFirst, size: [None, None] };
    let conventions = Conventions::of(&graph, &input);
    let completed = |text: &str| {
        let mut inferences = Inferences::about("m");
        let section = toml::from_str::<Section>(text).unwrap().completed(&conventions, &mut inferences);
        let told = inferences.list().iter().map(|inference| format!("{}: {}", inference.setting, inference.value));
        (section.mode, section.resize, told.collect::<Vec<_>>())
    };
    let (torch, crop) = (Some(Mode::Torch), Some(Resize::Crop));
    let told = |told: &[&str]| told.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    assert_eq!(completed(""), (torch, crop, told(&["preprocessing: mode = \"torch\"", "resize: crop"])));
    assert_eq!(completed("resize = \"crop\"\nsize = 8"), (torch, crop, told(&["preprocessing: mode = \"torch\""])));
    assert_eq!(completed("mode = \"torch\""), (torch, crop, told(&["resize: crop"])));
    // A mode of Keras' comes with its resizing.
    assert_eq!(completed("mode = \"tf\""), (Some(Mode::Tf), Some(Resize::Stretch), told(&["resize: stretch"])));
    assert_eq!(completed("order = \"bgr\"\nresize = \"stretch\""), (None, Some(Resize::Stretch), vec![]));
}

#[test]
fn unknown_words_name_the_known_ones() {
    let unknown = |text: &str| toml::from_str::<Section>(text).unwrap_err().to_string();
    assert!(unknown("colour = \"rgb\"").contains("`order`"));
    assert!(unknown("mode = \"keras\"").contains("`caffe`"));
    assert!(unknown("order = \"gbr\"").contains("`bgr`"));
    assert!(unknown("resize = \"pad\"").contains("`crop`"));
    assert!(unknown("size = \"big\"").contains("[height, width]"));
    assert!(unknown("size = -1").contains("[height, width]"));
    assert!(unknown("mean = [1, 2]").contains('3'));
}

#[test]
fn an_input_turns_back_into_its_picture() {
    let original = picture(30, 20);
    for text in ["mode = \"caffe\"", "mode = \"torch\"", "mode = \"tf\"", "order = \"bgr\"\nscale = -1.0"] {
        let preprocessing = resolve(text, Some((20, 30))).unwrap();
        let (input, _) = preprocessing.apply(&original);
        assert_eq!(preprocessing.to_picture(&input.index_axis(Axis(0), 0)), original, "{text}");
    }
    let beyond = Array4::from_elem((1, 3, 1, 1), 1e9);
    let caffe = resolve("mode = \"caffe\"", Some((1, 1))).unwrap();
    assert_eq!(caffe.to_picture(&beyond.index_axis(Axis(0), 0)).get_pixel(0, 0), &Rgb([255; 3]));
}

#[test]
fn a_color_and_the_range_are_in_the_models_order() {
    let caffe = resolve("mode = \"caffe\"", Some((1, 1))).unwrap();
    let expected = [3.0 - 103.939, 2.0 - 116.779, 1.0 - 123.68];
    assert!(caffe.normalize([1, 2, 3]).iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6));
    assert_eq!(caffe.range()[0], (-103.939, 255.0 - 103.939));
    assert_eq!(resolve("mode = \"tf\"", Some((1, 1))).unwrap().range(), [(-1.0, 1.0); 3]);
    let negative = resolve("order = \"rgb\"\nscale = -1.0", Some((1, 1))).unwrap();
    assert_eq!(negative.range(), [(-255.0, 0.0); 3]);
}

#[test]
fn a_bgr_gradient_is_turned_to_rgb_and_a_map_left_alone() {
    let gradient = Array3::from_shape_fn((3, 1, 2), |(channel, _, _)| channel as f32).into_dyn();
    let blue_first = ChannelOrder::Bgr.to_rgb(gradient.view());
    assert_eq!(blue_first.iter().copied().collect::<Vec<_>>(), [2.0, 2.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(ChannelOrder::Rgb.to_rgb(gradient.view()), gradient);
    let map = ndarray::arr2(&[[1.0], [2.0]]).into_dyn();
    assert_eq!(ChannelOrder::Bgr.to_rgb(map.view()), map);
}

#[test]
fn levels_become_values_as_colors_do_and_the_gradient_comes_back_by_the_same_factors() {
    for order in ["bgr", "rgb"] {
        let text = format!("order = \"{order}\"\nscale = 0.5\nmean = [1.0, 2.0, 3.0]\nstd = [1.0, 2.0, 4.0]\nsize = 2");
        let preprocessing = resolve(&text, None).unwrap();
        let color = [10_u8, 70, 250];
        let mut values = Array3::from_shape_fn((3, 2, 2), |(channel, ..)| f32::from(color[channel]));
        preprocessing.normalize_levels(&mut values);
        let expected = preprocessing.normalize(color);
        assert!(values.indexed_iter().all(|((channel, ..), value)| (value - expected[channel]).abs() < 1e-5));
        // A level more changes its own value alone, by what the gradient is multiplied by.
        for changed in 0..3 {
            let mut brighter = color;
            brighter[changed] += 1;
            let after = preprocessing.normalize(brighter);
            let mut gradient = Array3::ones((3, 2, 2));
            preprocessing.pull_back(&mut gradient);
            let change: f32 = after.iter().zip(expected).map(|(after, before)| after - before).sum();
            assert!(gradient.index_axis(Axis(0), changed).iter().all(|slope| (slope - change).abs() < 1e-5), "{order}");
        }
    }
}
