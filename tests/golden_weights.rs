//! Weights and filters of the default model against NumPy's view of its file (`golden/weights.py`).

use std::path::Path;

use glassbox::explain::{Filters, Statistics, Weights};
use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt, ReadableElement};

use crate::techniques::model;

fn golden<T: ReadableElement>(name: &str) -> ArrayD<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/weights/{name}.npy"));
    ArrayD::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}

/// The part of each kernel that the script keeps: every how manieth element along its last two axes.
const PARTS: [(&str, [usize; 2]); 6] = [
    ("block1_conv1", [1, 1]),
    ("block3_conv2", [5, 7]),
    ("block5_conv3", [11, 13]),
    ("fc1", [37, 16]),
    ("fc2", [7, 16]),
    ("predictions", [4, 4]),
];

#[test]
fn kernels_are_in_keras_order() {
    let model = model();
    let wanted = Weights { tensor: Some("kernel".into()), ..Weights::default() };
    for (layer, steps) in PARTS {
        let file = wanted.npy(model, model.layer(layer).unwrap()).unwrap();
        let kernel = ArrayD::<f32>::read_npy(file.as_slice()).unwrap();
        let first = kernel.ndim() - 2;
        let part = kernel.slice_each_axis(|axis| {
            let step = axis.axis.index().checked_sub(first).map_or(1, |last| steps[last]);
            ndarray::Slice::new(0, None, step as isize)
        });
        assert_eq!(part, golden::<f32>(&format!("{layer}_kernel")), "{layer}");
    }
}

#[test]
fn statistics_and_histograms_are_numpys() {
    let model = model();
    for (layer, _) in PARTS {
        let found = Weights::default().statistics(model, model.layer(layer).unwrap()).unwrap();
        for Statistics { name, mean, std, min, max, histogram, .. } in found.tensors {
            let theirs = golden::<f64>(&format!("{layer}_{name}_statistics")).into_raw_vec_and_offset().0;
            let close = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-12 * theirs.abs();
            assert!(close(mean, theirs[0]) && close(std, theirs[1]), "{layer} {name}: {mean} {std}, {theirs:?}");
            assert_eq!(
                [min, max].map(|value| f64::from(value).to_bits()),
                [theirs[2], theirs[3]].map(f64::to_bits),
                "{layer} {name}"
            );
            let counts: Vec<f64> = histogram.counts.iter().map(|&count| count as f64).collect();
            assert_eq!(counts, theirs[4..36], "{layer} {name}");
            let edges: Vec<f64> = histogram.edges.iter().copied().map(f64::from).collect();
            assert_eq!(edges, theirs[36..], "{layer} {name}");
        }
    }
}

#[test]
fn filters_are_the_files() {
    let shown = |filters: Filters| ArrayD::<f32>::read_npy(filters.show(model()).unwrap().to_npy().unwrap().as_slice());
    assert_eq!(shown(Filters::default()).unwrap(), golden::<f32>("filters"));
    assert_eq!(shown(Filters { color: true, ..Filters::default() }).unwrap(), golden::<f32>("filters_in_color"));
}
