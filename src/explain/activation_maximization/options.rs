//! What can be chosen, and what each recipe chooses.

use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    canvas::{Canvas, Pixels, Waves},
    lp_norm::LpNorm,
    optimizer::Optimizer,
    total_variation::TotalVariation,
    transform::Transforms,
};
use crate::{
    error::{Error, Result},
    explain::check_bounds,
    model::{Ascent, ClassRef, Model, Unit},
};

/// The side of a filter's picture, as in Chollet, "How convolutional neural networks see the world", 2016.
const SMALL: usize = 128;

/// A picture made from noise, so that a class's logit or a layer's filter answers to it as strongly as can be.
///
/// Gradient ascent on the picture: Erhan et al., "Visualizing higher-layer features of a deep network", 2009; Simonyan et al.,
/// "Deep inside convolutional networks", 2013. Name a `class`, or a `layer` and one of its filters as `filter`, of which the
/// mean over all positions, before the activation function, is maximised. The `recipe` is how; every number of it can be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct ActivationMaximization {
    /// The class whose logit is maximised, by label or index.
    #[arg(long)]
    pub class: Option<ClassRef>,
    /// The layer of the filter that is maximised.
    #[arg(long)]
    #[schema(examples("block5_conv3"))]
    pub layer: Option<String>,
    /// The index of the filter that is maximised: a channel of the layer's feature maps, or one number of a dense layer.
    #[arg(long)]
    pub filter: Option<usize>,
    /// How the picture is found.
    #[arg(long, value_enum, default_value_t)]
    pub recipe: Recipe,
    /// What the noise and the transforms are drawn from: equal seeds give equal pictures.
    #[arg(long, default_value_t)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub seed: u64,
    /// The picture's side in pixels, at most that of the model's input: by default 128 for a filter of feature maps, whose picture
    /// takes the layers up to its own alone. Where dense layers lead to what is maximised it is the model's.
    #[arg(long)]
    #[schema(minimum = 16)]
    pub size: Option<usize>,
    /// How many steps are made; by default 256, for lucid 512.
    #[arg(long)]
    #[schema(minimum = 1, maximum = 4096)]
    pub iterations: Option<usize>,
    /// The standard deviation of the noise at the start: for keras-vis as a share of the range from black to white (0.05), for
    /// lucid of the waves' coefficients (0.01).
    #[arg(long)]
    #[schema(minimum = 0, maximum = 1)]
    pub noise: Option<f32>,
    /// How far a step goes: for keras-vis in levels of 0 to 255 (3), for lucid in waves' coefficients (0.05).
    #[arg(long)]
    #[schema(minimum = 0, maximum = 100)]
    pub learning_rate: Option<f32>,
    /// How much of the squared gradient's running mean is kept at each step; by default 0.99, for lucid 0.999.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 0.9999)]
    pub decay: Option<f32>,
    /// How much of the gradient's running mean is kept at each step; by default 0.9.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 0.9999)]
    pub momentum: Option<f32>,
    /// What extreme levels cost, as their Lp norm; by default 10, for lucid 0.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub lp_norm_weight: Option<f32>,
    /// The norm's p: by default 6.
    #[arg(long)]
    #[schema(minimum = 1, maximum = 16)]
    pub lp_norm_power: Option<f32>,
    /// What differences between neighbouring pixels cost, as their total variation; by default 10 for a class and 0.003 for a filter,
    /// whose mean changes less with each pixel; for lucid 0.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub tv_weight: Option<f32>,
    /// The power of those differences: smaller ones give sharper edges; by default 1.25, for lucid 2.
    #[arg(long)]
    #[schema(minimum = 1, maximum = 3)]
    pub tv_power: Option<f32>,
    /// How far the picture is shifted at random before each step, as a share of its side; by default 0.05.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 0.5)]
    pub jitter: Option<f32>,
    /// By how much the picture is enlarged or shrunk at random before each step, as a share of its size; by default 0, for lucid
    /// 0.1.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 0.5)]
    pub scale: Option<f32>,
    /// How far the picture is turned at random before each step, in degrees; by default 0, for lucid 10.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 180)]
    pub rotate: Option<f32>,
    /// How much less waves of a high frequency f count, as `1 / f^power`; only for lucid, by default 1.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 2)]
    pub frequency_power: Option<f32>,
}

/// A way to make the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// As keras-vis does: pixels are changed by `RMSprop` on the gradient's direction, kept calm by an Lp norm and total variation.
    ///
    /// The regularizers are of levels from 0 to 255, whatever the model's preprocessing. Other than in keras-vis, the picture is
    /// shifted back after each step, so that it does not drift; levels stay in their range; the last picture is given, not that
    /// of least loss, with its contrast raised but its colour kept; and four numbers are others, by which the default model's
    /// classes can be told from the pictures. keras-vis squares differences between neighbours (`tv_power=2`), which leaves
    /// nothing but grey here; with its `momentum=0`, `decay=0.95` and `learning_rate=1` there is more grain.
    #[default]
    KerasVis,
    /// As lucid does: waves in independent colours are changed by Adam, while the picture is shifted, turned and scaled.
    ///
    /// Other than in lucid, the picture's opposite edges touch, as waves do, so that nothing is padded or cut.
    Lucid,
}

/// All numbers of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub iterations: usize,
    pub lp_norm: LpNorm,
    pub total_variation: TotalVariation,
    pub transforms: Transforms,
    noise: f32,
    learning_rate: f32,
    decay: f32,
    momentum: f32,
    frequency_power: f32,
}

impl Recipe {
    /// The usual numbers for a class, or else for a filter.
    fn settings(self, of_class: bool) -> Settings {
        let no_norm = LpNorm { weight: 0.0, power: 6.0 };
        let no_variation = TotalVariation { weight: 0.0, power: 2.0 };
        match self {
            Self::KerasVis => Settings {
                iterations: 256,
                noise: 0.05,
                learning_rate: 3.0,
                decay: 0.99,
                momentum: 0.9,
                lp_norm: LpNorm { weight: 10.0, ..no_norm },
                total_variation: TotalVariation { weight: if of_class { 10.0 } else { 0.003 }, power: 1.25 },
                transforms: Transforms { jitter: 0.05, scale: 0.0, rotate: 0.0 },
                frequency_power: 0.0,
            },
            Self::Lucid => Settings {
                iterations: 512,
                noise: 0.01,
                learning_rate: 0.05,
                decay: 0.999,
                momentum: 0.9,
                lp_norm: no_norm,
                total_variation: no_variation,
                transforms: Transforms { jitter: 0.05, scale: 0.1, rotate: 10.0 },
                frequency_power: 1.0,
            },
        }
    }
}

impl ActivationMaximization {
    /// The recipe's numbers, with those that are set in their place; a 422 for one that is out of range or has no use.
    pub(super) fn settings(&self) -> Result<Settings> {
        check_bounds(self)?;
        if self.recipe != Recipe::Lucid && self.frequency_power.is_some() {
            let message =
                "`frequency_power` is only for `recipe=lucid`, whose pictures are made of waves: leave it out";
            return Err(Error::unprocessable("unsuitable_option", message));
        }
        let usual = self.recipe.settings(self.class.is_some());
        let (lp_norm, variation, transforms) = (usual.lp_norm, usual.total_variation, usual.transforms);
        Ok(Settings {
            iterations: self.iterations.unwrap_or(usual.iterations),
            noise: self.noise.unwrap_or(usual.noise),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            decay: self.decay.unwrap_or(usual.decay),
            momentum: self.momentum.unwrap_or(usual.momentum),
            lp_norm: LpNorm {
                weight: self.lp_norm_weight.unwrap_or(lp_norm.weight),
                power: self.lp_norm_power.unwrap_or(lp_norm.power),
            },
            total_variation: TotalVariation {
                weight: self.tv_weight.unwrap_or(variation.weight),
                power: self.tv_power.unwrap_or(variation.power),
            },
            transforms: Transforms {
                jitter: self.jitter.unwrap_or(transforms.jitter),
                scale: self.scale.unwrap_or(transforms.scale),
                rotate: self.rotate.unwrap_or(transforms.rotate),
            },
            frequency_power: self.frequency_power.unwrap_or(usual.frequency_power),
        })
    }

    /// The unit of `model` that is named; a 422 unless it is one class, or one filter of a layer.
    pub(super) fn unit(&self, model: &Model) -> Result<Unit> {
        match (&self.class, &self.layer, self.filter) {
            (Some(class), None, None) => model.class_unit(class),
            (None, Some(layer), Some(filter)) => model.filter_unit(layer, filter),
            _ => {
                let message = "say what is maximised: either a `class`, or a `layer` and the index of one of its filters \
                               as `filter`";
                Err(Error::unprocessable("missing_target", message))
            }
        }
    }

    /// The way to `unit` from pictures of the `size` asked for, or else of the usual one; a 422 if it is larger than the model's.
    pub(super) fn ascent(&self, model: &Model, unit: &Unit) -> Result<Ascent> {
        let (height, width) = (model.preprocessing().height(), model.preprocessing().width());
        if let Some(side) = self.size {
            if side > height.max(width) {
                let message = format!("option `size` cannot be {side}: the model's own size is {width}x{height}");
                return Err(Error::unprocessable("option_out_of_range", message));
            }
            return model.ascent(unit, (side, side));
        }
        let layer = self.layer.as_deref().map(|name| model.layer(name)).transpose()?;
        let small = match layer {
            Some(layer) if layer.has_feature_maps() => (height.min(SMALL), width.min(SMALL)),
            _ => (height, width),
        };
        match model.ascent(unit, small) {
            Err(error) if error.code == "unsuitable_size" => model.ascent(unit, (height, width)),
            ascent => ascent,
        }
    }

    /// The picture at the start.
    pub(super) fn canvas(&self, settings: &Settings, size: (usize, usize), random: &mut ChaCha8Rng) -> Box<dyn Canvas> {
        match self.recipe {
            Recipe::KerasVis => Box::new(Pixels::noise(size, settings.noise, random)),
            Recipe::Lucid => Box::new(Waves::noise(size, settings.noise, settings.frequency_power, random)),
        }
    }

    /// What makes the steps.
    pub(super) fn optimizer(&self, settings: &Settings) -> Optimizer {
        let Settings { learning_rate, momentum, decay, .. } = *settings;
        match self.recipe {
            Recipe::KerasVis => Optimizer::rms_prop(learning_rate, momentum, decay),
            Recipe::Lucid => Optimizer::adam(learning_rate, momentum, decay),
        }
    }
}
