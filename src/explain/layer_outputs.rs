//! What layers give: their feature maps.

use std::{fmt, str::FromStr};

use ndarray::{ArrayView3, Axis, Ix2};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AnyOfBuilder, ObjectBuilder, Schema, Type},
    },
};

use super::{
    Backdrop, Findings, Prediction, Technique, Values, drawing, explanation::MapValues, input_gradient::feature_maps,
    predictions,
};
use crate::{
    error::{Error, Result},
    imaging::{self, RgbImage, Style},
    model::{Model, Picture, Question},
    onnx::Layer,
    runtime::Cancellation,
};

/// The layers of the article's figure.
const ARTICLE: [&str; 4] = ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv2"];
/// The most feature maps of one answer.
const MOST_MAPS: usize = 256;

/// Feature maps of several layers, after their activations, from one run of the model.
///
/// What each filter of a layer responds to in the picture. As a picture they are a titled grid with a row for each layer; of
/// the options of pictures only `colormap` counts (by default viridis, and rdbu for a map with negative values).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct LayerOutputs {
    /// The layer; repeat it for several. By default the article's `block1_conv1`, `block2_conv1`, `block3_conv1` and `block4_conv2`, or
    /// four convolutions spread over a model that is no VGG.
    #[arg(long)]
    pub layer: Vec<String>,
    /// Which feature maps: the `first`, the `strongest` (by their mean), or a list of channels such as `0,5,7`.
    #[arg(long, default_value_t)]
    #[schema(default = "first")]
    pub channels: Channels,
    /// How many feature maps of each layer, where `channels` is no list; a layer that has fewer gives all.
    #[arg(long, default_value_t = LayerOutputs::default().maps)]
    #[schema(minimum = 1, maximum = 64)]
    pub maps: usize,
}

impl Default for LayerOutputs {
    fn default() -> Self {
        Self { layer: Vec::new(), channels: Channels::default(), maps: 5 }
    }
}

/// Which feature maps of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Channels {
    /// The first.
    #[default]
    First,
    /// Those with the largest means, the strongest first.
    Strongest,
    /// These.
    List(Vec<usize>),
}

impl ToSchema for Channels {}

impl PartialSchema for Channels {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^(first|strongest|\d{1,9}( ?, ?\d{1,9}){0,63})$"));
        let channel = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        AnyOfBuilder::new().item(text).item(channel).into()
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "first" => Ok(Self::First),
            "strongest" => Ok(Self::Strongest),
            list => {
                let numbers: Result<Vec<usize>, _> = list.split(',').map(|number| number.trim().parse()).collect();
                match numbers {
                    Ok(numbers) if numbers.len() <= 64 => Ok(Self::List(numbers)),
                    _ => Err("channels takes `first`, `strongest`, or up to 64 numbers such as `0,5,7`".to_owned()),
                }
            }
        }
    }
}

impl TryFrom<String> for Channels {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Channels> for String {
    fn from(channels: Channels) -> Self {
        channels.to_string()
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Strongest => f.write_str("strongest"),
            Self::List(list) => f.write_str(&list.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

/// The feature maps of several layers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "technique": "layer-outputs",
    "predictions": [{"index": 36, "label": "elephant", "probability": 0.97}],
    "layers": [{
        "layer": "block1_conv1", "channels": 16,
        "maps": [{"channel": 0, "shape": [2, 2], "min": 0.0, "max": 3.1, "data": [[0.0, 0.1], [0.4, 3.1]]}]
    }]
}))]
pub struct LayerOutputsFound {
    /// The technique.
    #[schema(examples("layer-outputs"))]
    pub technique: &'static str,
    /// The likeliest classes, best first.
    pub predictions: Vec<Prediction>,
    /// The layers, in the order asked for.
    pub layers: Vec<LayerMaps>,
}

/// The feature maps of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LayerMaps {
    /// The layer's name.
    #[schema(examples("block1_conv1"))]
    pub layer: String,
    /// How many feature maps the layer has in all.
    #[schema(examples(16))]
    pub channels: usize,
    /// Those chosen.
    pub maps: Vec<FeatureMap>,
}

/// One feature map, raw.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FeatureMap {
    /// Its channel: the index of the filter that made it.
    pub channel: usize,
    /// [H, W].
    #[serde(flatten)]
    #[schema(value_type = MapValues)]
    pub values: Values,
}

impl Technique for LayerOutputs {
    const NAME: &'static str = "layer-outputs";
    type Findings = LayerOutputsFound;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<LayerOutputsFound> {
        let layers = self.layers(model)?;
        self.check_count(layers.len())?;
        let mut question = Question::default();
        for layer in &layers {
            question.merge(Question { values: vec![layer.output.clone()], ..Question::default() });
        }
        let answer = model.ask(&question, &picture.input, &[], cancellation)?;
        let of_layer = |layer: &&Layer| {
            let outputs = feature_maps(answer.value(&layer.output)?)?;
            self.choose(&layer.name, &outputs.index_axis(Axis(0), 0))
        };
        let layers = layers.iter().map(of_layer).collect::<Result<_>>()?;
        Ok(LayerOutputsFound { technique: Self::NAME, predictions: predictions::best(model, &answer), layers })
    }
}

impl LayerOutputs {
    /// Refuses too many feature maps of `layers` layers.
    fn check_count(&self, layers: usize) -> Result<()> {
        let of_each = if let Channels::List(list) = &self.channels { list.len() } else { self.maps };
        if layers * of_each > MOST_MAPS {
            let message = format!(
                "{of_each} feature maps of each of {layers} layers were asked for; ask for at most {MOST_MAPS} in all"
            );
            return Err(Error::unprocessable("too_many_maps", message));
        }
        Ok(())
    }

    /// The layers asked for, or the default ones; a 422 for one without feature maps.
    fn layers<'m>(&self, model: &'m Model) -> Result<Vec<&'m Layer>> {
        if !self.layer.is_empty() {
            return self.layer.iter().map(|name| model.feature_layer(Some(name))).collect();
        }
        let convolutions: Vec<&Layer> =
            model.layers().iter().filter(|layer| layer.kind.is_convolution() && layer.has_feature_maps()).collect();
        let article: Vec<&Layer> =
            ARTICLE.iter().filter_map(|name| convolutions.iter().copied().find(|layer| layer.name == *name)).collect();
        if article.len() == ARTICLE.len() {
            return Ok(article);
        }
        let Some(last) = convolutions.len().checked_sub(1) else { return Ok(vec![model.feature_layer(None)?]) };
        let mut spread: Vec<usize> = (0..ARTICLE.len()).map(|step| step * last / (ARTICLE.len() - 1)).collect();
        spread.dedup();
        Ok(spread.into_iter().map(|index| convolutions[index]).collect())
    }

    /// The feature maps of `layer` that were asked for, out of `outputs` [C, H, W].
    fn choose(&self, layer: &str, outputs: &ArrayView3<'_, f32>) -> Result<LayerMaps> {
        let count = outputs.dim().0;
        let channels: Vec<usize> = match &self.channels {
            Channels::First => (0..count.min(self.maps)).collect(),
            Channels::Strongest => {
                let mut ranked: Vec<(usize, f32)> = outputs.outer_iter().map(|map| map.sum()).enumerate().collect();
                ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
                ranked.into_iter().take(self.maps).map(|(channel, _)| channel).collect()
            }
            Channels::List(list) => list.clone(),
        };
        if let Some(beyond) = channels.iter().find(|channel| **channel >= count) {
            let message =
                format!("layer `{layer}` has no channel {beyond}: they go from 0 to {}", count.saturating_sub(1));
            return Err(Error::unprocessable("channel_out_of_range", message));
        }
        let map = |channel: usize| FeatureMap {
            channel,
            values: Values(outputs.index_axis(Axis(0), channel).to_owned().into_dyn()),
        };
        Ok(LayerMaps { layer: layer.to_owned(), channels: count, maps: channels.into_iter().map(map).collect() })
    }
}

impl LayerOutputsFound {
    /// The feature maps drawn, each with its title: the layer and the channel.
    pub(super) fn drawings(&self, style: &Style) -> Result<Vec<(String, RgbImage)>> {
        let mut tiles = Vec::new();
        for LayerMaps { layer, maps, .. } in &self.layers {
            for FeatureMap { channel, values } in maps {
                let map = values.0.view().into_dimensionality::<Ix2>();
                let map = map.map_err(|error| Error::internal(error.to_string()))?;
                tiles.push((format!("{layer} #{channel}"), imaging::map_tile(&map, style.colormap)));
            }
        }
        Ok(tiles)
    }
}

impl Findings for LayerOutputsFound {
    /// A titled grid with a row for each layer, or rows of eight where a layer has more than that.
    fn to_png(&self, backdrop: Backdrop<'_>) -> Result<Vec<u8>> {
        let most = self.layers.iter().map(|layer| layer.maps.len()).max().unwrap_or(1);
        let columns = if self.layers.len() > 1 { most } else { most.min(8) };
        let sheet = imaging::contact_sheet(&self.drawings(backdrop.style)?, columns)?;
        imaging::encode_png(&sheet)
    }

    /// The maps of the one layer, [maps, H, W]; several layers are a 422, since their shapes differ.
    fn to_npy(&self) -> Result<Vec<u8>> {
        let [layer] = self.layers.as_slice() else {
            let message = "the feature maps of several layers are not one array: name one `layer`, or ask for JSON";
            return Err(Error::unprocessable("not_one_array", message));
        };
        drawing::npy(&layer.maps.iter().map(|map| map.values.0.view()).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    fn chosen(channels: &str) -> Result<Vec<usize>> {
        let outputs = Array3::from_shape_vec((3, 1, 2), vec![1.0, 0.0, 0.0, 0.0, 2.0, 3.0]).unwrap();
        let technique = LayerOutputs { channels: channels.parse().unwrap(), maps: 2, ..LayerOutputs::default() };
        let maps = technique.choose("conv", &outputs.view())?.maps;
        Ok(maps.into_iter().map(|map| map.channel).collect())
    }

    #[test]
    fn channels_are_the_first_the_strongest_or_those_listed() {
        assert_eq!(chosen("first"), Ok(vec![0, 1]));
        assert_eq!(chosen("strongest"), Ok(vec![2, 0]));
        assert_eq!(chosen("2, 1,0"), Ok(vec![2, 1, 0]));
        let error = chosen("3").unwrap_err();
        assert_eq!(error.message, "layer `conv` has no channel 3: they go from 0 to 2");
        assert!("1,b".parse::<Channels>().is_err() && String::new().parse::<Channels>().is_err());
    }
}
