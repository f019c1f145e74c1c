//! The layer whose feature maps class activation maps look at.

use super::{Dim, Layer, LayerKind};

/// The last feature maps that the classifier reads: what Grad-CAM and its kin look at by default.
///
/// The classifier is the last layer with a kernel. Before it, this is the last layer whose maps are more than one place, and that
/// neither pools nor only rearranges. So it is `block5_conv3` of VGG16, the sum of `ResNet`'s last block after its rectifier, and
/// for others too the layer that feeds the global average, as the authors of pytorch-grad-cam advise.
pub fn feature_layer(layers: &[Layer]) -> Option<&Layer> {
    let classifier = layers.iter().rposition(|layer| layer.kind.is_convolution() || layer.kind == LayerKind::Dense)?;
    let before = layers[..classifier].iter().rev().find(|layer| makes_features(&layer.kind) && is_spread(layer));
    // A network of one convolution has nothing before it.
    before.or_else(|| Some(&layers[classifier]).filter(|layer| layer.has_feature_maps()))
}

/// Whether the layer's maps are of more than one place, as far as is known before a run.
fn is_spread(layer: &Layer) -> bool {
    layer.has_feature_maps() && layer.output_shape[2..].iter().any(|length| *length != Dim::Size(1))
}

fn makes_features(kind: &LayerKind) -> bool {
    kind.is_convolution()
        || matches!(
            kind,
            LayerKind::Activation
                | LayerKind::Add
                | LayerKind::BatchNormalization
                | LayerKind::Concatenate
                | LayerKind::LayerNormalization
                | LayerKind::Multiply
                | LayerKind::Subtract
        )
}
