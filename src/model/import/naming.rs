//! What libraries call VGG16's tensors.

use std::fmt;

/// How many convolutions each block has.
const BLOCKS: [usize; 5] = [2, 2, 3, 3, 3];

/// Whose names the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `features.0.weight`, `classifier.0.weight`
    Torchvision,
    /// `features.0.weight`, `pre_logits.fc1.weight`
    Timm,
    /// `block1_conv1/kernel`, `fc1/kernel`
    Keras,
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Keras => "Keras",
        })
    }
}

/// A layer's name by each library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LayerName {
    pub keras: String,
    torchvision: String,
    timm: String,
}

impl LayerName {
    /// What `naming` calls the layer's kernel and its bias.
    pub fn tensors(&self, naming: Naming) -> [String; 2] {
        let (module, roles) = match naming {
            Naming::Torchvision => (&self.torchvision, [".weight", ".bias"]),
            Naming::Timm => (&self.timm, [".weight", ".bias"]),
            Naming::Keras => (&self.keras, ["/kernel", "/bias"]),
        };
        roles.map(|role| format!("{module}{role}"))
    }
}

/// The thirteen convolutions, by block.
pub(super) fn convolutions() -> Vec<Vec<LayerName>> {
    // In PyTorch's numbering a ReLU follows each convolution, and a pool each block.
    let mut index = 0;
    let mut block = |(block, &count): (usize, &usize)| {
        let layers = (1..=count).map(|convolution| {
            let features = format!("features.{index}");
            index += 2;
            let keras = format!("block{}_conv{convolution}", block + 1);
            LayerName { keras, torchvision: features.clone(), timm: features }
        });
        let layers = layers.collect();
        index += 1;
        layers
    };
    BLOCKS.iter().enumerate().map(&mut block).collect()
}

/// The three dense layers.
pub(super) fn dense() -> [LayerName; 3] {
    [
        ("fc1", "classifier.0", "pre_logits.fc1"),
        ("fc2", "classifier.3", "pre_logits.fc2"),
        ("predictions", "classifier.6", "head.fc"),
    ]
    .map(|(keras, torchvision, timm)| LayerName {
        keras: keras.to_owned(),
        torchvision: torchvision.to_owned(),
        timm: timm.to_owned(),
    })
}

/// How a file spells the names.
#[derive(Debug)]
pub(super) struct Spelling {
    pub naming: Naming,
    /// The module that the network is part of, as `model.` in `model.features.0.weight`.
    wrapper: String,
}

impl Spelling {
    /// The spelling of `names`; `None` when they are not a VGG's.
    pub fn of(names: &[&str]) -> Option<Self> {
        if let Some(wrapper) = names.iter().find_map(|name| name.strip_suffix("features.0.weight")) {
            let is_timm = names.iter().any(|name| name.contains("pre_logits.fc1"));
            let naming = if is_timm { Naming::Timm } else { Naming::Torchvision };
            return Some(Self { naming, wrapper: wrapper.to_owned() });
        }
        let is_keras = names.iter().any(|name| keras_name(name).starts_with("block1_conv1/"));
        is_keras.then(|| Self { naming: Naming::Keras, wrapper: String::new() })
    }

    /// `name` as [`LayerName::tensors`] has it.
    pub fn plain(&self, name: &str) -> String {
        match self.naming {
            Naming::Torchvision | Naming::Timm => name.strip_prefix(&self.wrapper).unwrap_or(name).to_owned(),
            Naming::Keras => keras_name(name),
        }
    }
}

/// `block1_conv1/kernel` of Keras 3's `block1_conv1/kernel`, TensorFlow's `vgg16/block1_conv1/kernel:0`, and the
/// `block1_conv1_W_1:0` of Keras' own file.
fn keras_name(name: &str) -> String {
    let bare = name.strip_suffix(":0").unwrap_or(name);
    let roles = [("kernel", "kernel"), ("bias", "bias"), ("W_1", "kernel"), ("b_1", "bias")];
    let split = roles.iter().find_map(|(suffix, role)| Some((bare.strip_suffix(suffix)?, *role)));
    let Some((path, role)) = split else { return name.to_owned() };
    let path = path.trim_end_matches(['/', '_', '.']);
    let layer = path.rsplit('/').next().unwrap_or(path);
    format!("{layer}/{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognized(names: &[&str]) -> Option<(Naming, Vec<String>)> {
        let spelling = Spelling::of(names)?;
        Some((spelling.naming, names.iter().map(|name| spelling.plain(name)).collect()))
    }

    #[test]
    fn torch_modules_are_numbered_with_their_activations_and_pools() {
        let blocks = convolutions();
        let indices = blocks.iter().flatten().map(|layer| layer.torchvision.as_str());
        let expected = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map(|index| format!("features.{index}"));
        assert!(indices.eq(expected.iter()));
        assert_eq!(blocks[4][2].keras, "block5_conv3");
    }

    #[test]
    fn the_origin_of_names_is_recognized() {
        let bare = |naming, names: &[&str]| Some((naming, names.iter().map(|name| (*name).to_owned()).collect()));
        let torchvision = ["features.0.weight", "classifier.0.bias"];
        assert_eq!(recognized(&torchvision), bare(Naming::Torchvision, &torchvision));
        assert_eq!(
            recognized(&["module.features.0.weight", "module.classifier.0.bias"]),
            bare(Naming::Torchvision, &torchvision)
        );
        let timm = ["features.0.weight", "pre_logits.fc1.weight", "head.fc.bias"];
        assert_eq!(recognized(&timm), bare(Naming::Timm, &timm));
        let keras = bare(Naming::Keras, &["block1_conv1/kernel", "fc1/bias"]);
        for names in [
            ["block1_conv1/kernel", "fc1/bias"],
            ["vgg16/block1_conv1/kernel:0", "vgg16/fc1/bias:0"],
            ["block1_conv1_kernel:0", "fc1_bias:0"],
            ["block1_conv1/block1_conv1_W_1:0", "fc1/fc1_b_1:0"],
        ] {
            assert_eq!(recognized(&names), keras);
        }
        assert_eq!(recognized(&["layer1.0.conv1.weight", "fc.weight"]), None);
    }
}
