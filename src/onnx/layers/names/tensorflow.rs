//! What Keras calls the layer that a name of TensorFlow's is of.

/// Scopes within a layer.
const WITHIN: [&str; 13] = [
    "BiasAdd",
    "Cast",
    "Conv2D",
    "FusedBatchNormV3",
    "MatMul",
    "ReadVariableOp",
    "Tensordot",
    "batchnorm",
    "convolution",
    "depthwise",
    "merged_input",
    "moments",
    "separable_conv2d",
];

/// `block1_conv1` of a node `vgg16/block1_conv1/Relu`, whose last part is the operation; `None` for a name that is no path.
pub(super) fn layer_of_node(name: &str) -> Option<String> {
    layer(name.rsplit_once('/').filter(|_| !name.starts_with('/'))?.0)
}

/// `block1_conv1` of `vgg16/block1_conv1/convolution/ReadVariableOp:0`, or of `vgg16/block1_conv1/kernel:0`.
pub(super) fn layer_of_parameter(name: &str) -> Option<String> {
    let (path, _) = name.rsplit_once('/').filter(|_| !name.starts_with('/'))?;
    layer(path)
}

fn layer(path: &str) -> Option<String> {
    path.rsplit('/').find(|part| !WITHIN.contains(part)).map(str::to_owned)
}

/// Keras 3 exports a model on its second call, which gives each layer a number more: `conv1_1`, and `activation_1_2`.
///
/// The names without it, if all have one, and for most of them it is 1.
pub(super) fn without_call_number(names: &[String]) -> Option<Vec<String>> {
    let split = |name: &'_ String| {
        let (name, number) = name.rsplit_once('_')?;
        Some((name.to_owned(), number.parse::<u32>().ok()?))
    };
    let split: Vec<(String, u32)> = names.iter().map(split).collect::<Option<_>>()?;
    let first = split.iter().filter(|(_, number)| *number == 1).count();
    (2 * first > names.len()).then(|| split.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_layers() {
        assert_eq!(layer_of_node("StatefulPartitionedCall/vgg16/conv1_relu/Relu").as_deref(), Some("conv1_relu"));
        assert_eq!(
            layer_of_node("xception_1/block2_sepconv1_1/separable_conv2d/depthwise").as_deref(),
            Some("block2_sepconv1_1")
        );
        assert_eq!(layer_of_node("resnet50_1/conv1_bn_1/batchnorm/mul_1").as_deref(), Some("conv1_bn_1"));
        assert_eq!(layer_of_node("Conv__404"), None);
        assert_eq!(layer_of_node("/layer4/Conv"), None);
        for name in ["model/block1_conv1/kernel:0", "vgg16/block1_conv1/convolution/ReadVariableOp:0"] {
            assert_eq!(layer_of_parameter(name).as_deref(), Some("block1_conv1"));
        }
        assert_eq!(layer_of_parameter("const_fold_opt__36"), None);
    }

    #[test]
    fn the_number_of_the_call_goes() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let counted = names(&["conv1_1", "activation_1", "activation_1_2", "activation_2_1", "predictions_1"]);
        let expected = names(&["conv1", "activation", "activation_1", "activation_2", "predictions"]);
        assert_eq!(without_call_number(&counted), Some(expected));
        assert_eq!(without_call_number(&names(&["conv2d", "conv2d_1", "dense_1"])), None);
        assert_eq!(without_call_number(&names(&["conv2d_4", "conv2d_5", "dense_1"])), None);
    }
}
