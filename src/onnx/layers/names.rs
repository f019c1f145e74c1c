//! What layers are called: Keras' names where the graph is a VGG, else the exporter's, tidied.

use std::collections::HashMap;

use super::{Layer, LayerKind};

/// How many convolutions the blocks of VGG16 and VGG19 have.
const VGG_BLOCKS: [[usize; 5]; 2] = [[2, 2, 3, 3, 3], [2, 2, 4, 4, 4]];

/// Names all layers, each differently.
pub(super) fn assign(layers: &mut [Layer]) {
    let vgg = vgg_names(layers);
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (index, layer) in layers.iter_mut().enumerate() {
        let wanted = vgg.get(&index).cloned().unwrap_or_else(|| exporter_name(layer));
        let count = taken.entry(wanted.clone()).or_default();
        *count += 1;
        layer.name = if *count == 1 { wanted } else { format!("{wanted}_{count}") };
    }
}

/// Keras' names of the layers that make up a VGG, by index; none if there is no VGG.
///
/// The five blocks must be there, one layer after the other. Their classifier may be another: a fine-tuned network.
fn vgg_names(layers: &[Layer]) -> HashMap<usize, String> {
    VGG_BLOCKS
        .iter()
        .find_map(|blocks| vgg_base(layers, blocks))
        .map(|names| with_head(layers, names))
        .unwrap_or_default()
}

fn vgg_base(layers: &[Layer], blocks: &[usize; 5]) -> Option<HashMap<usize, String>> {
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

/// What the exporter calls the layer: by its parameters, which carry the module's name, else by its node.
fn exporter_name(layer: &Layer) -> String {
    if layer.kind == LayerKind::InputLayer {
        return layer.name.clone();
    }
    let from_parameter = layer.parameters.first().and_then(|(_, name)| module_of_parameter(name));
    let name = from_parameter.unwrap_or_else(|| module_of_node(&layer.node.name));
    name.replace(['/', ':', ' ', '?', '#', '%'], ".")
}

/// `features.28` of `features.28.weight`, `block1_conv1` of `model/block1_conv1/kernel`; `None` for a numbered name.
fn module_of_parameter(name: &str) -> Option<String> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    if let Some(module) = name.strip_suffix(".weight") {
        return Some(module.to_owned());
    }
    let kernel = name.strip_suffix("/kernel").or_else(|| name.strip_suffix("/depthwise_kernel"))?;
    kernel.rsplit('/').next().map(str::to_owned)
}

/// `layer4.1.conv2` of PyTorch's `/layer4/layer4.1/conv2/Conv`, `conv1_relu` of tf2onnx's `model/conv1_relu/Relu`.
fn module_of_node(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    if parts.len() < 2 {
        return name.trim_matches('/').to_owned();
    }
    parts.pop();
    if !name.starts_with('/') {
        return parts.pop().unwrap_or_default().to_owned();
    }
    let mut path = String::new();
    for part in parts {
        // A module in a list repeats its parent's name: `layer4`, then `layer4.1`.
        let last = path.rsplit_once('.').map_or(path.as_str(), |(_, last)| last);
        if let Some(rest) = part.strip_prefix(last).filter(|rest| !last.is_empty() && rest.starts_with('.')) {
            path.push_str(rest);
        } else {
            path = if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exporters_names_are_tidied() {
        assert_eq!(module_of_node("/layer4/layer4.1/conv2/Conv"), "layer4.1.conv2");
        assert_eq!(module_of_node("/features/features.0/Conv"), "features.0");
        assert_eq!(
            module_of_node("/features/denseblock1/denselayer1/conv1/Conv"),
            "features.denseblock1.denselayer1.conv1"
        );
        assert_eq!(module_of_node("StatefulPartitionedCall/vgg16/conv1_relu/Relu"), "conv1_relu");
        assert_eq!(module_of_node("Conv_12"), "Conv_12");
        assert_eq!(module_of_node("/Relu"), "Relu");
        assert_eq!(module_of_parameter("features.28.weight").as_deref(), Some("features.28"));
        assert_eq!(module_of_parameter("model/block1_conv1/kernel:0").as_deref(), Some("block1_conv1"));
        assert_eq!(module_of_parameter("onnx::Conv_123"), None);
    }
}
