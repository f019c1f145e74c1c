//! Occlusion: how the class's probability falls when a part of the picture is covered.

mod fill;
mod findings;
mod refine;
mod sketch;
mod windows;

use ndarray::{Array3, ArrayView2};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use fill::Fill;
pub use findings::{Occluded, OcclusionMaps, Quantity};
use refine::{Order, coarse_to_fine};
use sketch::Sketch;
pub use windows::Placement;
use windows::Windows;

use super::{Technique, predictions};
use crate::{
    error::Result,
    model::{ClassRef, Model, Patch, Picture},
    runtime::Cancellation,
};

/// The class's probability with a square covered, for every place of the square.
///
/// Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, section 4.2. A low probability, that is
/// a large drop from the whole picture's, marks what the class depends on. It takes a run of the model for each place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct Occlusion {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// The side of the square that is covered, in pixels of the model's input; by default 70 of 224, and as much of other sizes.
    #[arg(long)]
    #[schema(minimum = 1)]
    pub patch: Option<usize>,
    /// How far the square moves, in pixels of the model's input; by default 14 of 224, and as much of other sizes.
    #[arg(long)]
    #[schema(minimum = 1)]
    pub stride: Option<usize>,
    /// What covers the square: a number after preprocessing, `gray`, `mean`, `black` or `blur`.
    #[arg(long, default_value_t)]
    #[schema(default = 0.5)]
    pub fill: Fill,
    /// How windows and the map's elements belong together.
    #[arg(long, value_enum, default_value_t)]
    pub placement: Placement,
    /// Which map is drawn and written as npy; JSON has both.
    #[arg(long, value_enum, default_value_t)]
    pub quantity: Quantity,
    /// What counts as important in the mask: a probability below this share of the map's largest.
    #[arg(long, default_value_t = Occlusion::default().threshold)]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: f32,
    /// How often strides are halved on the way to `stride`: at first the square moves by 2^refine times as much, and only the
    /// quarter of the places where the probability changes most is looked at more closely, each time. 0 tries every place.
    #[arg(long, default_value_t = Occlusion::default().refine)]
    #[schema(minimum = 0, maximum = 5)]
    pub refine: u32,
}

impl Default for Occlusion {
    fn default() -> Self {
        Self {
            class: Vec::new(),
            patch: None,
            stride: None,
            fill: Fill::default(),
            placement: Placement::default(),
            quantity: Quantity::default(),
            threshold: 0.85,
            refine: 0,
        }
    }
}

impl Technique for Occlusion {
    const NAME: &'static str = "occlusion";
    type Findings = OcclusionMaps;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<OcclusionMaps> {
        self.maps(model, picture, None, cancellation)
    }

    fn explain_growing(
        &self,
        model: &Model,
        picture: &Picture,
        growing: &mut dyn FnMut(OcclusionMaps),
        cancellation: &Cancellation,
    ) -> Result<OcclusionMaps> {
        self.maps(model, picture, Some(growing), cancellation)
    }

    /// One place of the square.
    fn trial(model: &Model) -> Self {
        let preprocessing = model.preprocessing();
        Self { stride: Some(preprocessing.width().min(preprocessing.height())), ..Self::default() }
    }
}

impl Occlusion {
    /// The maps. Where somebody watches them grow, what there is of them so far goes to `watcher` now and then, and the places that show
    /// most are tried first.
    fn maps(
        &self,
        model: &Model,
        picture: &Picture,
        mut watcher: Option<&mut dyn FnMut(OcclusionMaps)>,
        cancellation: &Cancellation,
    ) -> Result<OcclusionMaps> {
        let classes = model.resolve(&self.class)?;
        let (_, _, height, width) = picture.input.dim();
        let share = |of_224: usize| (height.min(width) * of_224 / 224).max(1);
        let (patch, stride) = (self.patch.unwrap_or(share(70)), self.stride.unwrap_or(share(14)));
        let windows = Windows::new(self.placement, [height, width], patch, stride)?;
        let patches: Vec<Patch> = windows.iter().collect();
        let covered = self.fill.of(model, picture);
        let covering = model.cover(&picture.input, &covered, &patches, &classes, cancellation)?;
        let scored = predictions::scored(model, covering.whole());
        let whole: Vec<f32> = scored.iter().map(|class| class.prediction.probability).collect();
        let grid = windows.grid();
        let findings = |probabilities: &Array3<f32>, positions| OcclusionMaps {
            technique: Self::NAME,
            predictions: predictions::best(model, covering.whole()),
            positions,
            maps: scored
                .iter()
                .zip(probabilities.outer_iter())
                .map(|(class, of_class)| Occluded::new(class.clone(), windows.map(&of_class), self.threshold))
                .collect(),
            quantity: self.quantity,
        };
        let order = if watcher.is_some() { Order::CoarseFirst } else { Order::Rows };
        let mut sketch = Sketch::new(whole.len(), grid);
        let mut rounds = 0..=self.refine as usize;
        let (probabilities, positions) = coarse_to_fine(grid, self.refine, &whole, order, |cells| {
            let patches: Vec<Patch> =
                cells.iter().map(|[row, column]| patches[row * grid[1] + column].clone()).collect();
            let round = rounds.next().unwrap_or_default();
            let mut begun = 0;
            let found = &mut |found: ArrayView2<'_, f32>| {
                sketch.add(&cells[begun..begun + found.ncols()], &found);
                begun += found.ncols();
                if let Some(growing) = &mut watcher
                    && sketch.is_due()
                {
                    growing(findings(&sketch.filled(), sketch.known()));
                }
            };
            covering.probabilities(&patches, found, &cancellation.part(round, self.refine as usize + 1))
        })?;
        Ok(findings(&probabilities, positions))
    }
}
