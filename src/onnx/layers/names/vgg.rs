//! Keras' names of the layers of VGG16 and VGG19, whoever exported them.

use std::collections::HashMap;

use super::super::{Layer, LayerKind};

/// How many convolutions the blocks of VGG16 and VGG19 have.
const BLOCKS: [[usize; 5]; 2] = [[2, 2, 3, 3, 3], [2, 2, 4, 4, 4]];

/// Keras' names of the layers that make up a VGG, by index; none if there is no VGG.
///
/// The five blocks must be there, one layer after the other. Their classifier may be another: a fine-tuned network.
pub(super) fn names(layers: &[Layer]) -> HashMap<usize, String> {
    BLOCKS.iter().find_map(|blocks| base(layers, blocks)).map(|names| with_head(layers, names)).unwrap_or_default()
}

fn base(layers: &[Layer], blocks: &[usize; 5]) -> Option<HashMap<usize, String>> {
    let mut names = HashMap::new();
    let mut index = 0;
    let mut next = |kind: LayerKind, name: String| {
        index += 1;
        let (before, layer) = (layers.get(index - 1)?, layers.get(index)?);
        let follows = layer.inputs == [before.output.clone()] && layer.kind == kind;
        follows.then(|| names.insert(index, name)).map(|_| ())
    };
    for (block, &convolutions) in blocks.iter().enumerate() {
        for convolution in 1..=convolutions {
            next(LayerKind::Conv2D, format!("block{}_conv{convolution}", block + 1))?;
        }
        next(LayerKind::MaxPooling2D, format!("block{}_pool", block + 1))?;
    }
    Some(names)
}

/// Adds Keras' names of a classifier of three dense layers.
fn with_head(layers: &[Layer], mut names: HashMap<usize, String>) -> HashMap<usize, String> {
    let head = |kind: LayerKind| (names.len() + 1..layers.len()).filter(move |&index| layers[index].kind == kind);
    let dense: Vec<usize> = head(LayerKind::Dense).collect();
    let flatten: Vec<usize> = head(LayerKind::Flatten).collect();
    if let ([fc1, fc2, predictions], [flatten]) = (dense.as_slice(), flatten.as_slice()) {
        let keras = [(flatten, "flatten"), (fc1, "fc1"), (fc2, "fc2"), (predictions, "predictions")];
        names.extend(keras.map(|(&index, name)| (index, name.to_owned())));
    }
    names
}
