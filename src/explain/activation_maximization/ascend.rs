//! The way up.

use std::time::Instant;

use ndarray::{Array3, Axis};
use rand::{SeedableRng, rngs::ChaCha8Rng};

use super::{ActivationMaximization, Drawing, Losses, Maximum, options::Settings};
use crate::{
    error::Result,
    explain::{Timing, predictions, report::milliseconds},
    imaging::{Region, RgbImage, crop_and_resize},
    model::{Answer, Ascent, Model, Question},
    runtime::Cancellation,
};

/// How far an ascent has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step<'a> {
    /// The steps made, with the one that is being made.
    pub step: usize,
    /// The steps that will be made in all.
    pub steps: usize,
    /// The activation of what is maximised, before the last step.
    pub value: f32,
    /// The levels [3, H, W] of the picture before the last step.
    picture: &'a Array3<f32>,
}

impl Step<'_> {
    /// The picture before the last step.
    pub fn drawing(&self) -> Result<Drawing> {
        Drawing::of(self.picture)
    }
}

impl ActivationMaximization {
    /// The name in addresses and on the command line.
    pub const NAME: &'static str = "activation-maximization";

    /// Makes the picture, and tells `progress` of each step; it can be cancelled at any time.
    ///
    /// Options that are out of range, or that `model` does not fit, are a 422.
    pub fn maximize(
        &self,
        model: &Model,
        progress: &mut dyn FnMut(Step<'_>),
        cancellation: &Cancellation,
    ) -> Result<Maximum> {
        let start = Instant::now();
        let _span = tracing::info_span!("run").entered();
        let settings = self.settings()?;
        let unit = self.unit(model)?;
        let ascent = self.ascent(model, &unit)?;
        let (levels, values) = self.ascend(model, &ascent, &settings, progress, cancellation)?;
        let image = Drawing::of(&levels)?;
        let (activation, _) = ascent.run(&model.preprocessing().tensor(&image.0).view(), cancellation)?;
        let class = self.class.as_ref().map(|_| unit.index());
        let verdict = verdict(model, &image.0, class, cancellation)?;
        Ok(Maximum {
            technique: Self::NAME,
            model: model.name().to_owned(),
            recipe: self.recipe,
            seed: self.seed,
            class: class.and_then(|_| predictions::scored(model, &verdict).pop()),
            layer: self.layer.clone(),
            filter: self.filter,
            activation,
            values,
            losses: Losses {
                lp_norm: settings.lp_norm.loss(&levels),
                total_variation: settings.total_variation.loss(&levels),
            },
            predictions: predictions::best(model, &verdict),
            image,
            timing_ms: Timing { decode: 0.0, run: milliseconds(start) },
        })
    }

    /// The levels [3, H, W] after all steps, and the activation before each.
    fn ascend(
        &self,
        model: &Model,
        ascent: &Ascent,
        settings: &Settings,
        progress: &mut dyn FnMut(Step<'_>),
        cancellation: &Cancellation,
    ) -> Result<(Array3<f32>, Vec<f32>)> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut canvas = self.canvas(settings, ascent.size(), &mut random);
        let mut optimizer = self.optimizer(settings);
        let mut values = Vec::with_capacity(settings.iterations);
        let (mut input, mut gradient) = (canvas.picture().clone(), canvas.picture().clone());
        while values.len() < settings.iterations {
            cancellation.check()?;
            let (picture, preprocessing) = (canvas.picture(), model.preprocessing());
            let transform = settings.transforms.draw(ascent.size(), &mut random);
            transform.apply(picture, &mut input);
            preprocessing.normalize_levels(&mut input);
            let (value, of_input) = ascent.run(&input.view().insert_axis(Axis(0)), cancellation)?;
            let mut of_input = of_input.index_axis_move(Axis(0), 0);
            preprocessing.pull_back(&mut of_input);
            transform.pull_back(&of_input, &mut gradient);
            settings.lp_norm.descend(picture, &mut gradient);
            settings.total_variation.descend(picture, &mut gradient);
            values.push(value);
            cancellation.report(values.len(), settings.iterations);
            progress(Step { step: values.len(), steps: settings.iterations, value, picture });
            canvas.climb(&mut optimizer, &mut gradient);
        }
        Ok((canvas.finished(), values))
    }
}

/// What the model says of `picture`, at its own size.
fn verdict(model: &Model, picture: &RgbImage, class: Option<usize>, cancellation: &Cancellation) -> Result<Answer> {
    let (width, height) = (model.preprocessing().width() as u32, model.preprocessing().height() as u32);
    let whole = Region::whole(picture.width(), picture.height());
    let resized = crop_and_resize(picture, whole, width, height);
    model.ask(&Question::default(), &model.preprocessing().tensor(&resized), &[class], cancellation)
}
