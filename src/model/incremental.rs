//! The model's answer to many pictures that differ from one picture only in a patch, without computing anything twice.
//!
//! The picture runs through the model once, and every local feature map is kept. Then a patch changes only a window of each of
//! them: for a batch of patches, each step of the graph's local part runs on crops just large enough to give these windows, cut from
//! the kept feature maps with the changed windows of the steps before laid over them. What is not local (dense layers, say) runs in
//! full. The numbers are those of full runs, but for rounding.
//!
//! The published form of the idea is Krypton (Nakandala et al., "Incremental and Approximate Inference for Faster Occlusion-based Deep
//! CNN Explanations", SIGMOD 2019). US patent application 2023/0042004 describes a family of such methods.

mod crop;

use std::{collections::HashMap, ops::Range};

use crop::{Changed, Extent};
use ndarray::{Array2, Array4, Ix2, Ix4};

use super::{
    Answer, Question,
    programs::{Aside, Fed, Programs, values},
};
use crate::{
    error::{Error, Result},
    onnx::{Dim, Locality, Shapes, Step},
    runtime::{Cancellation, Input},
};

/// The most numbers that the crops of one step may have, for all patches of a batch. In Winograd's form they become four times as many;
/// of larger batches nothing gets faster.
const MOST_NUMBERS: usize = 2 << 20;
/// The most patches in a batch: more make no step faster.
const MOST_PATCHES: usize = 64;
/// How many patches are looked at to tell whether their windows are small.
const SAMPLE: usize = 256;
/// The share of the multiplications that must be saved; the crops cost time too.
const LEAST_SAVING: f64 = 0.2;

/// A patch of the model's input, in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub columns: Range<usize>,
}

/// The local steps of a model, each compiled, and its rest.
#[derive(Debug)]
pub(super) struct Incremental {
    input: String,
    probabilities: String,
    steps: Vec<(Step, Aside)>,
    frontier: Vec<String>,
    rest: Aside,
    /// The channels, rows and columns of each local value.
    sizes: HashMap<String, [usize; 3]>,
    work: u64,
}

impl Incremental {
    /// Compiles the steps of the model's local part; `None` if it has none.
    pub fn compile(programs: &Programs) -> Result<Option<Self>> {
        let (graph, shapes) = (programs.graph(), programs.shapes());
        let probabilities = programs.probabilities().to_owned();
        let forward = graph.forward_to(&[&probabilities])?;
        let Locality { steps, frontier } = forward.locality(shapes, programs.input());
        let locals = || steps.iter().flat_map(|step| step.inputs.iter().chain([&step.output]));
        let Some(sizes) = locals().map(|name| Some((name.clone(), size(shapes, name)?))).collect::<Option<_>>() else {
            return Ok(None);
        };
        if steps.is_empty() {
            return Ok(None);
        }
        let rest = forward.between(&frontier, &[&probabilities], shapes)?;
        let rest = programs.compile_aside(&rest, "occlusion-rest", Fed::Any, values(&rest, shapes))?;
        let work = forward.work(shapes);
        let steps = steps.into_iter().map(|step| {
            let (graph, bytes) = (forward.of_step(&step, shapes), most_bytes(&step, &sizes));
            let program = programs.compile_aside(&graph, "occlusion-step", Fed::Crops, bytes)?;
            Ok((step, program))
        });
        let steps = steps.collect::<Result<_>>()?;
        Ok(Some(Self { input: programs.input().to_owned(), probabilities, steps, frontier, rest, sizes, work }))
    }

    /// What the one full run must give: every value that crops are cut from.
    pub fn question(&self) -> Question {
        let mut question = Question::default();
        let read = self.steps.iter().flat_map(|(step, _)| &step.inputs).chain(&self.frontier);
        for name in read.filter(|name| **name != self.input) {
            if !question.values.contains(name) {
                question.values.push(name.clone());
            }
        }
        question
    }

    /// How many of `patches` to run at once; `None` if full runs would take about as long. Some hundred of them tell.
    pub fn batch(&self, patches: &[Patch]) -> Option<usize> {
        let sample: Vec<Patch> = patches.iter().step_by(patches.len().div_ceil(SAMPLE).max(1)).cloned().collect();
        let extents = self.extents(&sample);
        let mut numbers = 1;
        let mut saved = 0.0;
        for (step, _) in &self.steps {
            let [channels, rows, columns] = self.sizes[&step.output];
            let extent = &extents[step.output.as_str()];
            let share = extent.area() as f64 / (rows * columns) as f64;
            saved += step.work as f64 * (1.0 - share);
            numbers = numbers.max(channels * extent.area());
            for input in &step.inputs {
                numbers = numbers.max(self.sizes[input][0] * extent.read(step).area());
            }
        }
        let worthwhile = saved >= LEAST_SAVING * self.work as f64;
        worthwhile.then(|| (MOST_NUMBERS / numbers).clamp(1, MOST_PATCHES))
    }

    /// The probabilities [patches, classes] of the picture `input` [1, C, H, W] with each of `patches` in turn taken from `covered`, of
    /// the same shape; `whole` is the answer to [`Incremental::question`] about the picture.
    pub fn probabilities(
        &self,
        whole: &Answer,
        input: &Array4<f32>,
        covered: &Array4<f32>,
        patches: &[Patch],
        cancellation: &Cancellation,
    ) -> Result<Array2<f32>> {
        let extents = self.extents(patches);
        let base = |name: &str| {
            let value = if name == self.input { input.view().into_dyn() } else { whole.value(name)?.view() };
            value.into_dimensionality::<Ix4>().map_err(|error| Error::internal(error.to_string()))
        };
        let first = Changed::cut(extents[self.input.as_str()].clone(), &covered.view());
        let mut changed = HashMap::from([(self.input.as_str(), first)]);
        for (step, program) in &self.steps {
            let extent = &extents[step.output.as_str()];
            let around = extent.read(step);
            let crops = step
                .inputs
                .iter()
                .map(|name| Ok((name.as_str(), changed[name.as_str()].crop(&base(name)?, &around, step.border))));
            let crops = crops.collect::<Result<Vec<_>>>()?;
            let inputs = crops.iter().map(|(name, crop)| (*name, Input::Floats(crop.view().into_dyn()))).collect();
            let values = taken(&mut program.run(inputs, cancellation)?, &step.output)?;
            changed.insert(&step.output, Changed { extent: extent.clone(), values });
        }
        let ends = self.frontier.iter().map(|name| Ok((name.as_str(), changed[name.as_str()].whole(&base(name)?))));
        let ends = ends.collect::<Result<Vec<_>>>()?;
        let inputs = ends.iter().map(|(name, value)| (*name, Input::Floats(value.view().into_dyn()))).collect();
        let probabilities = self.rest.run(inputs, cancellation)?.remove(&self.probabilities);
        let probabilities = probabilities.and_then(|values| values.into_dimensionality::<Ix2>().ok());
        probabilities.ok_or_else(|| Error::internal("a run gave no probabilities"))
    }

    /// Which window of each local value each patch changes, by name.
    fn extents(&self, patches: &[Patch]) -> HashMap<&str, Extent> {
        let [_, rows, columns] = self.sizes[&self.input];
        let changed = patches.iter().map(|patch| [patch.rows.clone(), patch.columns.clone()]).collect();
        let mut extents = HashMap::from([(self.input.as_str(), Extent::around(changed, [rows, columns]))]);
        for (step, _) in &self.steps {
            let [_, rows, columns] = self.sizes[&step.output];
            let inputs: Vec<&Extent> = step.inputs.iter().map(|name| &extents[name.as_str()]).collect();
            let extent = Extent::after(step, &inputs, [rows, columns]);
            extents.insert(&step.output, extent);
        }
        extents
    }
}

/// The most bytes that crops for a batch of patches take of what `step` reads and makes.
fn most_bytes(step: &Step, sizes: &HashMap<String, [usize; 3]>) -> u64 {
    let crops = |name: &String| (MOST_PATCHES * sizes[name].iter().product::<usize>()).min(MOST_NUMBERS);
    let numbers: usize = step.inputs.iter().chain([&step.output]).map(crops).sum();
    (numbers * size_of::<f32>()) as u64
}

fn size(shapes: &Shapes, name: &str) -> Option<[usize; 3]> {
    match shapes.get(name)?.as_slice() {
        [_, Dim::Size(channels), Dim::Size(rows), Dim::Size(columns)] => Some([*channels, *rows, *columns]),
        _ => None,
    }
}

fn taken(outputs: &mut crate::runtime::Outputs, name: &str) -> Result<Array4<f32>> {
    let value = outputs.remove(name).and_then(|value| value.into_dimensionality::<Ix4>().ok());
    value.ok_or_else(|| Error::internal(format!("a step did not give `{name}`")))
}
