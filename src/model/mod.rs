//! A served model: manifest, labels, preprocessing, named layers and its compiled programs.

mod ascent;
mod catalog;
mod class;
mod conventions;
mod directory;
mod examination;
mod imagenet;
mod import;
mod incremental;
mod inference;
mod intake;
mod manifest;
mod occluded;
mod parameters;
mod preprocessing;
mod programs;
mod pull;
mod sources;

use std::time::Duration;

pub use ascent::{Ascent, Unit};
pub use catalog::{Description, Entry, Models};
pub use class::{ClassRef, Labels};
pub use examination::Examination;
pub use imagenet::imagenet_labels;
pub use import::{Imported, Naming, import_vgg16};
pub use incremental::Patch;
pub use inference::{Finding, Inference};
pub use intake::Origin;
use ndarray::{Array4, Axis};
pub use occluded::Covering;
pub use parameters::Parameter;
pub use preprocessing::{ChannelOrder, Preprocessing};
pub use programs::{Answer, Question};
pub use pull::{Connection, Published, Pulled};

use inference::Inferences;
use intake::{Intake, take_in};
use manifest::Manifest;
use occluded::Occluder;
use programs::Programs;

use crate::{
    error::{Error, Result, did_you_mean, excerpt, quoted},
    imaging::{Region, RgbImage},
    onnx::{Graph, Layer, LayerConfig, LayerKind, Summary, feature_layer},
    runtime::{Cancellation, Runtime, Weights},
};

/// The files of a model as they lie in its directory.
#[derive(Debug, Default)]
pub struct Files {
    /// `model.onnx`, read.
    pub graph: Graph,
    /// `model.toml`, if there is one.
    pub manifest: Option<String>,
    /// The labels file, if there is one.
    pub labels: Option<String>,
}

/// One served model.
#[derive(Debug)]
pub struct Model {
    name: String,
    about: manifest::About,
    origin: Origin,
    inferences: Vec<Inference>,
    preprocessing: Preprocessing,
    labels: Labels,
    layers: Vec<Layer>,
    programs: Programs,
    occluder: Occluder,
}

/// An uploaded picture, made ready for one model.
#[derive(Debug)]
pub struct Picture {
    /// The upright picture as uploaded.
    pub photo: RgbImage,
    /// The part of it that the model sees.
    pub seen: Region,
    /// What the model gets, [1, 3, H, W].
    pub input: Array4<f32>,
    /// The order of the channels in `input`.
    pub order: ChannelOrder,
}

impl Model {
    /// Reads a model: brings its graph to the form that is served, finds its input, logits and layers, and moves its weights to where
    /// sessions share them.
    ///
    /// An error says what keeps it from being served.
    pub fn new(name: &str, files: Files, runtime: &Runtime, weights: Weights) -> Result<Self> {
        Self::understand(files, runtime, weights, &mut Inferences::about(name))
    }

    /// As [`Model::new`], the model that `inferences` are about; these keep what was understood where it cannot be served.
    fn understand(files: Files, runtime: &Runtime, weights: Weights, inferences: &mut Inferences<'_>) -> Result<Self> {
        let manifest = Manifest::parse(files.manifest.as_deref())?;
        let labels = files.labels.as_deref().map(Labels::parse);
        let Intake { graph, shapes, classifier, layers, preprocessing, origin } =
            take_in(files.graph, &manifest, labels.as_ref(), &weights, inferences)?;
        let labels = fitting(labels, classifier.classes, inferences)?;
        inferences.found("labels", labels.to_string());
        let layers = manifest.rename(layers)?;
        let summary = Summary::new(inferences.model(), &layers, &graph, &shapes);
        inferences.found("layers", format!("{}, with {} parameters", layers.len(), summary.total_parameters));
        if let Some(layer) = feature_layer(&layers) {
            inferences.found("Grad-CAM's layer", layer.name.as_str());
        }
        let programs = Programs::new(graph, shapes, classifier, runtime.clone(), weights);
        let (name, about, inferences) = (inferences.model().to_owned(), manifest.about, inferences.list().to_vec());
        let occluder = Occluder::new(true);
        Ok(Self { name, about, origin, inferences, preprocessing, labels, layers, programs, occluder })
    }

    /// The same model, whose [`Model::cover`] computes incrementally where that pays only if `incremental`.
    #[must_use]
    pub fn incremental(self, incremental: bool) -> Self {
        Self { occluder: Occluder::new(incremental), ..self }
    }

    /// Lets go of what was compiled and not used for `age`; it is compiled again when it is needed.
    pub fn release_idle(&self, age: Duration) {
        self.programs.release_idle(age);
        self.occluder.release_idle(age);
    }

    /// The model's name in addresses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's name for people.
    pub fn title(&self) -> &str {
        self.about.title.as_deref().unwrap_or(&self.name)
    }

    /// The licence of the weights, if the manifest states it.
    pub fn licence(&self) -> Option<&str> {
        self.about.licence.as_deref()
    }

    /// The model's file as it came.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What the model's files do not say, and what it was taken to be.
    pub fn inferences(&self) -> &[Inference] {
        &self.inferences
    }

    /// How a picture becomes the model's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What the classes are called.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The layers in the order of computation, input first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The upright `photo` made ready for this model.
    pub fn prepare(&self, photo: RgbImage) -> Picture {
        let (input, seen) = self.preprocessing.apply(&photo);
        Picture { photo, seen, input, order: self.preprocessing.order() }
    }

    /// The picture that `input` [1, 3, H, W], a single one that is preprocessed already, shows.
    pub fn picture_of(&self, input: Array4<f32>) -> Picture {
        let photo = self.preprocessing.to_picture(&input.index_axis(Axis(0), 0));
        let seen = Region::whole(photo.width(), photo.height());
        Picture { photo, seen, input, order: self.preprocessing.order() }
    }

    /// The indices of `classes`; none named: the likeliest class, as `None`.
    pub fn resolve(&self, classes: &[ClassRef]) -> Result<Vec<Option<usize>>> {
        if classes.is_empty() {
            return Ok(vec![None]);
        }
        if classes.len() > MOST_CLASSES {
            let message = format!("{} classes were asked for; ask for at most {MOST_CLASSES} at once", classes.len());
            return Err(Error::unprocessable("too_many_classes", message));
        }
        classes.iter().map(|class| self.labels.resolve(class).map(Some)).collect()
    }

    /// The layer called `name` if its output is feature maps [N, C, H, W]; no name: the last before the classifier.
    ///
    /// An unknown layer, or one without feature maps, is a 422 that names the layers that would do.
    pub fn feature_layer(&self, name: Option<&str>) -> Result<&Layer> {
        let Some(name) = name else {
            return feature_layer(&self.layers)
                .ok_or_else(|| Error::unprocessable("no_convolution", "the model has no convolution: name a `layer`"));
        };
        let maps =
            || self.layers.iter().skip(1).filter(|layer| layer.has_feature_maps()).map(|layer| layer.name.as_str());
        match self.find(name) {
            Some(layer) if layer.has_feature_maps() && layer.kind != LayerKind::InputLayer => Ok(layer),
            Some(_) => Err(Error::unprocessable(
                "unsuitable_layer",
                format!("layer `{name}` has no feature maps; use one of {}", quoted(maps())),
            )),
            None => Err(unknown_layer(name, &maps().collect::<Vec<_>>())),
        }
    }

    /// The layer called `name`; a 422 that names layers if there is none.
    pub fn layer(&self, name: &str) -> Result<&Layer> {
        let names = || self.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>();
        self.find(name).ok_or_else(|| unknown_layer(name, &names()))
    }

    /// The layer of this name, or else the one that has it among its other names.
    fn find(&self, name: &str) -> Option<&Layer> {
        let named = self.layers.iter().find(|layer| layer.name == name);
        named.or_else(|| self.layers.iter().find(|layer| layer.aliases.iter().any(|alias| alias == name)))
    }

    /// The layers with their parameters, as Keras' `model.summary()` counts them.
    pub fn summary(&self) -> Summary {
        Summary::new(&self.name, &self.layers, self.programs.graph(), self.programs.shapes())
    }

    /// The settings of `layer`, one of this model's, in Keras' terms.
    pub fn layer_config(&self, layer: &Layer) -> LayerConfig {
        LayerConfig::of(layer, &self.layers, self.programs.graph(), self.programs.shapes())
    }

    /// Answers `question` about the pictures `input` [N, 3, H, W], with one gradient for each of `classes`.
    ///
    /// `None` among the classes stands for the likeliest one. `classes` may have any length where N is 1, since one forward
    /// pass serves them all; else it has length N.
    pub fn ask(
        &self,
        question: &Question,
        input: &Array4<f32>,
        classes: &[Option<usize>],
        cancellation: &Cancellation,
    ) -> Result<Answer> {
        self.programs.ask(question, input, classes, cancellation)
    }

    /// The graph that ONNX Runtime is given to answer `question`; an error if the model cannot be differentiated as it asks.
    pub fn graph_for(&self, question: &Question) -> Result<Graph> {
        self.programs.graph_for(question)
    }

    /// Looks at the picture `input` [1, 3, H, W], ready to answer for it with any of `patches`, or patches of their sizes, taken from
    /// `covered`, of the same shape.
    ///
    /// Where it pays, only what a patch changes is then computed: the same numbers as of full runs, up to rounding.
    pub fn cover<'a>(
        &'a self,
        input: &'a Array4<f32>,
        covered: &'a Array4<f32>,
        patches: &[Patch],
        classes: &[Option<usize>],
        cancellation: &Cancellation,
    ) -> Result<Covering<'a>> {
        self.occluder.look(&self.programs, [input, covered], patches, classes, cancellation)
    }

    /// How many pictures one run can take: any number, or one where the model's file fixes its batch.
    pub fn batch(&self) -> usize {
        self.programs.batch()
    }

    /// About how many bytes the model takes with the programs that are compiled by now: its weights once, and for each program the
    /// values between its nodes for one picture; for occlusion's steps, the crops for a batch of patches.
    pub fn memory(&self) -> u64 {
        self.programs.memory()
    }

    /// How often the model has been run, with all its programs.
    pub fn runs(&self) -> u64 {
        self.programs.runs()
    }

    /// The name of the graph value that holds the picture.
    pub fn input(&self) -> &str {
        self.programs.input()
    }
}

/// The most classes a request may ask for: each takes a backward pass.
const MOST_CLASSES: usize = 16;

fn unknown_layer(name: &str, layers: &[&str]) -> Error {
    let names = || layers.iter().copied();
    let hint = did_you_mean(name, names(), 3).unwrap_or_else(|| format!("use one of {}", quoted(names())));
    Error::unprocessable("unknown_layer", format!("there is no layer `{}`: {hint}", excerpt(name)))
}

/// `labels` if there are as many as `classes`; without any, numbers.
fn fitting(labels: Option<Labels>, classes: usize, inferences: &mut Inferences<'_>) -> Result<Labels> {
    let Some(labels) = labels else {
        if classes == 1000 {
            inferences.note(
                "labels",
                "ImageNet's",
                "there is no labels file, and 1,000 classes are usually ImageNet's",
            );
            return Ok(imagenet_labels());
        }
        inferences.note("labels", "class_0, class_1, ...", "there is no labels file");
        return Ok(Labels::numbered(classes));
    };
    if labels.len() != classes {
        let message = format!("it has {classes} classes, but its labels file has {} lines", labels.len());
        return Err(Error::setup("labels_do_not_fit", message));
    }
    Ok(labels)
}
