//! The filters of convolutions, as numbers and as pictures.

use ndarray::{ArrayD, Axis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Values, drawing, explanation::MapValues};
use crate::{
    error::{Error, Result},
    imaging::{self, contact_sheet, encode_png},
    model::Model,
    onnx::Layer,
};

/// The most filters or channels shown at once.
const MOST: usize = 64;

/// The filters of convolutions, one channel each.
///
/// Without options the article's figure: the first filter, and of it the first channel, of each block's first convolution, or
/// of the first convolution of each size of feature maps in a model that is no VGG.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Filters {
    /// The convolution. By default the first of each block.
    pub layer: Option<String>,
    /// The filter; repeat it for several, at most 64. By default the first 64 of a layer that is named, else the first.
    pub filter: Vec<usize>,
    /// The channel of each filter. By default the first, or the first 64 of one filter that is named with its layer.
    pub channel: Option<usize>,
    /// Whether the three channels of a filter that sees the picture itself are shown together, as RGB.
    pub color: bool,
}

/// The filters that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FiltersShown {
    /// The model's name.
    #[schema(examples("vgg16-caltech101"))]
    pub model: String,
    /// The filters, in the order asked for.
    pub filters: Vec<ShownFilter>,
}

/// A filter, or one channel of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShownFilter {
    /// The layer.
    #[schema(examples("block1_conv1"))]
    pub layer: String,
    /// The filter's index.
    pub filter: usize,
    /// The channel's index; all three where `color` is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<usize>,
    /// [H, W], or [3, H, W] in RGB order.
    #[serde(flatten)]
    #[schema(value_type = MapValues)]
    pub weights: Values,
}

impl Filters {
    /// The filters of `model` that are asked for.
    ///
    /// A layer that does not convolve, an index out of range, colour where there are no three channels, or too many filters
    /// are a 422.
    pub fn show(&self, model: &Model) -> Result<FiltersShown> {
        if self.filter.len() > MOST {
            let message = format!("{} filters were asked for; ask for at most {MOST} at once", self.filter.len());
            return Err(Error::unprocessable("too_many_filters", message));
        }
        if self.color && self.channel.is_some() {
            let message = "`color` shows all three channels: leave out `channel`, or `color`";
            return Err(Error::unprocessable("contradicting_options", message));
        }
        let layers = match &self.layer {
            Some(name) => vec![model.layer(name)?],
            None if self.color => first_of_each_size(model).into_iter().take(1).collect(),
            None => first_of_each_size(model),
        };
        let mut filters = Vec::new();
        for layer in layers {
            filters.extend(self.of_layer(model, layer)?);
        }
        Ok(FiltersShown { model: model.name().to_owned(), filters })
    }

    fn of_layer(&self, model: &Model, layer: &Layer) -> Result<Vec<ShownFilter>> {
        let kernel = model.filters(layer)?;
        let (count, channels) = (kernel.shape()[0], kernel.shape()[1]);
        let whole_layer = self.layer.is_some() || self.color;
        let filters = match self.filter.as_slice() {
            [] if whole_layer => (0..count.min(MOST)).collect(),
            [] => vec![0],
            named => named.to_vec(),
        };
        filters.iter().try_for_each(|&filter| check(&layer.name, "filter", filter, count))?;
        if self.color {
            return filters.into_iter().map(|filter| in_color(model, layer, &kernel, filter)).collect();
        }
        let channels: Vec<usize> = match self.channel {
            Some(channel) => {
                check(&layer.name, "channel", channel, channels)?;
                vec![channel]
            }
            None if self.layer.is_some() && self.filter.len() == 1 => (0..channels.min(MOST)).collect(),
            None => vec![0],
        };
        let shown = |filter: usize, channel: usize| ShownFilter {
            layer: layer.name.clone(),
            filter,
            channel: Some(channel),
            weights: Values(kernel.index_axis(Axis(0), filter).index_axis(Axis(0), channel).to_owned()),
        };
        Ok(filters.iter().flat_map(|&filter| channels.iter().map(move |&channel| shown(filter, channel))).collect())
    }
}

/// The first convolution of each size of feature maps: of each block, in a VGG.
fn first_of_each_size(model: &Model) -> Vec<&Layer> {
    let mut firsts: Vec<&Layer> = Vec::new();
    for layer in model.layers().iter().filter(|layer| layer.kind.is_convolution() && layer.has_feature_maps()) {
        if firsts.iter().all(|first| first.output_shape[2..] != layer.output_shape[2..]) {
            firsts.push(layer);
        }
    }
    firsts
}

fn check(layer: &str, what: &str, index: usize, count: usize) -> Result<()> {
    if index < count {
        return Ok(());
    }
    let message = format!("layer `{layer}` has no {what} {index}: they go from 0 to {}", count.saturating_sub(1));
    let code = if what == "filter" { "filter_out_of_range" } else { "channel_out_of_range" };
    Err(Error::unprocessable(code, message))
}

/// A filter of `kernel` [out, in, H, W] whose channels are those of the picture.
fn in_color(model: &Model, layer: &Layer, kernel: &ArrayD<f32>, filter: usize) -> Result<ShownFilter> {
    if layer.inputs != [model.input()] || kernel.shape()[1] != 3 {
        let message = format!(
            "the filters of layer `{}` have no colours: only those of a layer that sees the picture itself have",
            layer.name
        );
        return Err(Error::unprocessable("no_colors", message));
    }
    let weights = model.preprocessing().order().to_rgb(kernel.index_axis(Axis(0), filter)).to_owned();
    Ok(ShownFilter { layer: layer.name.clone(), filter, channel: None, weights: Values(weights) })
}

impl FiltersShown {
    /// The filters as a titled grid, each from its smallest weight (black) to its largest (white), as a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let several_layers = self.filters.iter().any(|filter| filter.layer != self.filters[0].layer);
        let tiles = self.filters.iter().map(|shown| {
            let index = shown
                .channel
                .map_or_else(|| format!("#{}", shown.filter), |channel| format!("#{} channel {channel}", shown.filter));
            Ok((format!("{} {index}", shown.layer), imaging::filter_tile(&shown.weights.0.view())?))
        });
        let tiles = tiles.collect::<Result<Vec<_>>>()?;
        encode_png(&contact_sheet(&tiles, if several_layers { tiles.len() } else { 8 })?)
    }

    /// The filters as one `NumPy` file, stacked along a new first axis; filters of several sizes are a 422.
    pub fn to_npy(&self) -> Result<Vec<u8>> {
        if self.filters.iter().any(|shown| shown.weights.0.shape() != self.filters[0].weights.0.shape()) {
            let message = "filters of several sizes are not one array: name one `layer`, or ask for JSON";
            return Err(Error::unprocessable("not_one_array", message));
        }
        drawing::npy(&self.filters.iter().map(|shown| shown.weights.0.view()).collect::<Vec<_>>())
    }
}
