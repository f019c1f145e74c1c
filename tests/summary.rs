//! Summaries and layers in Keras' terms.

use crate::http::models_dir::full_size_vgg16;

#[test]
fn a_full_size_vgg16_is_counted_as_keras_counts_it() {
    let summary = full_size_vgg16().app.models().unwrap().get("vgg16").unwrap().summary();
    assert_eq!(summary.total_parameters, 138_357_544);
    insta::assert_snapshot!(summary.to_string());
}
