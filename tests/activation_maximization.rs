//! Pictures made for a class or a filter of the default model.

use std::sync::OnceLock;

use glassbox::{
    autodiff::Rule,
    config::Config,
    error::{Error, Kind},
    explain::{ActivationMaximization, Maximum, Recipe, Step},
    model::{ClassRef, Model, Models, Question},
    runtime::Cancellation,
};
use ndarray::{Array3, Array4, Axis};

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Models::load_one(&Config::default(), "vgg16-caltech101").unwrap())
}

fn class(name: &str) -> ActivationMaximization {
    ActivationMaximization { class: Some(ClassRef(name.into())), ..ActivationMaximization::default() }
}

/// A few steps for a filter of a small picture.
fn filter(layer: &str, filter: usize) -> ActivationMaximization {
    ActivationMaximization {
        layer: Some(layer.into()),
        filter: Some(filter),
        size: Some(32),
        iterations: Some(8),
        ..ActivationMaximization::default()
    }
}

fn maximize(technique: &ActivationMaximization) -> Result<Maximum, Error> {
    technique.maximize(model(), &mut |_| {}, &Cancellation::default())
}

#[test]
fn yin_yang_is_reached_by_keras_vis() {
    // After 64 steps the way still depends on how sums are rounded: 0.98 to 0.999, by the seed and by the processor.
    let maximum = maximize(&ActivationMaximization { iterations: Some(128), ..class("yin_yang") }).unwrap();
    let found = maximum.class.as_ref().unwrap();
    assert!(found.prediction.probability >= 0.99, "{found:?}");
    assert_eq!(maximum.predictions[0], found.prediction);
    assert_eq!(maximum.image.0.dimensions(), (224, 224));
    assert_eq!(maximum.values.len(), 128);
    assert!(maximum.values[127] > maximum.values[0] + 5.0, "{:?}", maximum.values);
    assert!((maximum.activation - found.logit).abs() < 1e-3, "{} {}", maximum.activation, found.logit);
}

#[test]
fn a_stop_sign_is_reached_by_lucid() {
    let technique =
        ActivationMaximization { recipe: Recipe::Lucid, iterations: Some(32), seed: 1, ..class("stop_sign") };
    let maximum = maximize(&technique).unwrap();
    let found = &maximum.class.unwrap().prediction;
    assert!(found.label == "stop_sign" && found.probability >= 0.99, "{found:?}");
    // Red, more than any other colour.
    let levels = |channel: usize| maximum.image.0.pixels().map(|pixel| u32::from(pixel[channel])).sum::<u32>();
    assert!(levels(0) > levels(1) && levels(0) > levels(2));
}

#[test]
fn a_filters_picture_is_small_and_climbs() {
    for recipe in [Recipe::KerasVis, Recipe::Lucid] {
        for layer in ["block1_conv2", "block3_conv1", "block3_pool"] {
            let maximum = maximize(&ActivationMaximization { recipe, ..filter(layer, 3) }).unwrap();
            assert_eq!(maximum.image.0.dimensions(), (32, 32));
            assert_eq!((maximum.layer.as_deref(), maximum.filter, &maximum.class), (Some(layer), Some(3), &None));
            assert!(maximum.values[7] > maximum.values[0], "{recipe:?} {layer} {:?}", maximum.values);
            assert_eq!(maximum.predictions.len(), 5);
        }
    }
}

#[test]
fn a_filters_activation_is_its_mean_before_the_relu() {
    let technique = ActivationMaximization { size: Some(224), iterations: Some(1), ..filter("block2_conv1", 5) };
    let maximum = maximize(&technique).unwrap();
    let input = model().preprocessing().tensor(&maximum.image.0);
    let question = Question { values: vec!["block2_conv1/preactivation".into()], ..Question::default() };
    let answer = model().ask(&question, &input, &[], &Cancellation::default()).unwrap();
    let feature_maps = answer.value("block2_conv1/preactivation").unwrap();
    let expected = feature_maps.index_axis(Axis(1), 5).mean().unwrap();
    assert!((maximum.activation - expected).abs() <= 1e-4 * expected.abs(), "{} {expected}", maximum.activation);
}

#[test]
fn a_filter_of_feature_maps_has_a_small_picture_unless_another_size_is_asked_for() {
    let side = |layer: &str, size| {
        let technique = ActivationMaximization { size, iterations: Some(1), ..filter(layer, 0) };
        maximize(&technique).unwrap().image.0.dimensions()
    };
    assert_eq!(side("block1_conv1", None), (128, 128));
    assert_eq!(side("block1_conv1", Some(224)), (224, 224));
    assert_eq!(side("fc1", None), (224, 224));
}

#[test]
fn a_filter_of_the_last_layer_is_a_class() {
    let few = |technique| ActivationMaximization { size: None, iterations: Some(2), tv_weight: Some(1.0), ..technique };
    let (by_filter, by_class) = (few(filter("predictions", 88)), few(class("stop_sign")));
    assert_eq!(maximize(&by_filter).unwrap().image, maximize(&by_class).unwrap().image);
}

#[test]
fn the_ascent_of_a_class_has_the_gradient_that_saliency_has() {
    let input = Array4::from_shape_fn((1, 3, 224, 224), |(_, c, y, x)| ((c * 31 + y * 7 + x * 13) % 97) as f32 - 48.0);
    let cancellation = Cancellation::default();
    let unit = model().class_unit(&ClassRef("elephant".into())).unwrap();
    let (value, gradient) = model().ascent(&unit, (224, 224)).unwrap().run(&input.view(), &cancellation).unwrap();
    let question = Question { gradients: vec![(Rule::Standard, model().input().into())], values: Vec::new() };
    let answer = model().ask(&question, &input, &[Some(unit.index())], &cancellation).unwrap();
    let expected = answer.gradient(Rule::Standard, model().input()).unwrap();
    assert!((value - answer.logits[[0, unit.index()].as_slice()]).abs() < 1e-4);
    let largest = expected.iter().fold(0.0_f32, |largest, slope| largest.max(slope.abs()));
    assert!(largest > 0.0 && gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-4 * largest));
}

#[test]
fn levels_become_the_models_input_and_the_gradient_comes_back() {
    let preprocessing = model().preprocessing();
    let levels = Array3::from_shape_fn((3, 4, 5), |(c, y, x)| (c * 80 + y * 9 + x) as f32);
    let input_of = |mut levels: Array3<f32>| {
        preprocessing.normalize_levels(&mut levels);
        levels
    };
    let input = input_of(levels.clone());
    assert!((input[[0, 2, 3]] - (levels[[2, 2, 3]] - 103.939)).abs() < 1e-4);
    let cotangent = Array3::from_shape_fn((3, 4, 5), |(c, y, x)| (c + 2 * y) as f32 - x as f32);
    let change = input_of(&levels + &levels) - &input;
    let mut pulled = cotangent.clone();
    preprocessing.pull_back(&mut pulled);
    let (forth, back) = ((&change * &cotangent).sum(), (&levels * &pulled).sum());
    assert!((forth - back).abs() <= 1e-4 * forth.abs(), "{forth} {back}");
}

#[test]
fn equal_seeds_give_equal_pictures_and_others_do_not() {
    for recipe in [Recipe::KerasVis, Recipe::Lucid] {
        let with_seed = |seed| maximize(&ActivationMaximization { recipe, seed, ..filter("block2_conv2", 0) }).unwrap();
        let first = with_seed(1);
        let again = with_seed(1);
        assert_eq!((&again.image, &again.values), (&first.image, &first.values));
        assert_ne!(with_seed(2).image, first.image);
    }
}

#[test]
fn progress_is_told_and_the_work_can_be_cancelled_between_steps() {
    let cancellation = Cancellation::default();
    let mut told = Vec::new();
    let progress = &mut |step: Step<'_>| {
        told.push((step.step, step.steps));
        if step.step == 3 {
            cancellation.cancel();
        }
    };
    let error = filter("block1_conv1", 0).maximize(model(), progress, &cancellation).unwrap_err();
    assert_eq!(error.kind, Kind::Cancelled);
    assert_eq!(told, [(1, 8), (2, 8), (3, 8)]);
}

#[test]
fn what_cannot_be_maximised_is_refused_with_the_reason() {
    let refused = |technique: ActivationMaximization, code: &str, part: &str| {
        let error = maximize(&technique).unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Unprocessable, code), "{error}");
        assert!(error.message.contains(part), "{error}");
    };
    refused(ActivationMaximization::default(), "missing_target", "`class`");
    refused(ActivationMaximization { filter: None, ..filter("fc1", 0) }, "missing_target", "`filter`");
    refused(ActivationMaximization { filter: Some(0), ..class("yin_yang") }, "missing_target", "either");
    refused(class("yin_yangs"), "unknown_class", "`yin_yang`");
    refused(filter("block6_conv1", 0), "unknown_layer", "`block1_conv1`");
    refused(filter("block1_conv1", 16), "filter_out_of_range", "from 0 to 15");
    refused(filter("input", 0), "unsuitable_layer", "no filters");
    refused(filter("fc1", 0), "unsuitable_size", "224x224");
    refused(ActivationMaximization { size: Some(64), ..class("yin_yang") }, "unsuitable_size", "dense");
    refused(ActivationMaximization { size: Some(225), ..filter("block1_conv1", 0) }, "option_out_of_range", "224x224");
    refused(ActivationMaximization { size: Some(16), ..filter("block5_pool", 0) }, "unsuitable_size", "16x16");
    let waves = ActivationMaximization { frequency_power: Some(1.0), ..class("yin_yang") };
    refused(waves, "unsuitable_option", "lucid");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let lucid = || ActivationMaximization { recipe: Recipe::Lucid, ..class("yin_yang") };
    let cases = [
        ActivationMaximization { iterations: Some(0), ..lucid() },
        ActivationMaximization { iterations: Some(5000), ..lucid() },
        ActivationMaximization { size: Some(15), ..lucid() },
        ActivationMaximization { noise: Some(-0.1), ..lucid() },
        ActivationMaximization { learning_rate: Some(f32::NAN), ..lucid() },
        ActivationMaximization { learning_rate: Some(f32::INFINITY), ..lucid() },
        ActivationMaximization { decay: Some(1.0), ..lucid() },
        ActivationMaximization { momentum: Some(1.0), ..lucid() },
        ActivationMaximization { lp_norm_weight: Some(-1.0), ..lucid() },
        ActivationMaximization { lp_norm_power: Some(0.5), ..lucid() },
        ActivationMaximization { tv_weight: Some(1e9), ..lucid() },
        ActivationMaximization { tv_power: Some(0.9), ..lucid() },
        ActivationMaximization { jitter: Some(0.6), ..lucid() },
        ActivationMaximization { scale: Some(0.9), ..lucid() },
        ActivationMaximization { rotate: Some(181.0), ..lucid() },
        ActivationMaximization { frequency_power: Some(3.0), ..lucid() },
    ];
    for technique in cases {
        let error = maximize(&technique).unwrap_err();
        assert_eq!(error.code, "option_out_of_range", "{technique:?} {error}");
    }
}
