//! Each technique on the default model, without HTTP; and what activation maximization computes beside the graph's runs.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use glassbox::{
    config::Config,
    explain::{
        ActivationMaximization, IntegratedGradients, Occlusion, Recipe, SmoothGrad, Technique, Visitor,
        visit_techniques,
    },
    model::{ClassRef, Model, Models, Picture},
    runtime::Cancellation,
};

mod photo;

/// Steps of an ascent that is timed.
const STEPS: usize = 24;
/// The techniques that take many runs have a benchmark of their own size.
const LONG: [&str; 3] = [Occlusion::NAME, SmoothGrad::NAME, IntegratedGradients::NAME];

struct Bench<'a> {
    criterion: &'a mut Criterion,
    model: &'a Model,
    picture: &'a Picture,
}

impl Visitor for Bench<'_> {
    fn visit<T: Technique>(&mut self) {
        let technique = T::default();
        let mut group = self.criterion.benchmark_group("techniques");
        group.sample_size(if LONG.contains(&T::NAME) { 10 } else { 30 });
        group.bench_function(T::NAME, |bencher| {
            bencher.iter(|| technique.explain(self.model, self.picture, &Cancellation::default()).unwrap());
        });
        group.finish();
    }
}

fn techniques(criterion: &mut Criterion) {
    let model = Models::load_one(&Config::default(), "vgg16-caltech101").unwrap();
    let picture = model.prepare(photo::photo());
    visit_techniques(&mut Bench { criterion, model: &model, picture: &picture });
    for recipe in [Recipe::KerasVis, Recipe::Lucid] {
        let share = beside_the_runs(&model, recipe);
        println!("activation maximization, {recipe:?}: {:.1} % of a step is beside the graph's run", share * 100.0);
    }
}

/// The share of a step that is not the run of the graph, from the medians of both in turn.
fn beside_the_runs(model: &Model, recipe: Recipe) -> f64 {
    let cancellation = Cancellation::default();
    let class = ClassRef("yin_yang".into());
    let ascent = model.ascent(&model.class_unit(&class).unwrap(), (224, 224)).unwrap();
    let input = model.prepare(photo::photo()).input;
    let technique =
        ActivationMaximization { class: Some(class), recipe, iterations: Some(STEPS), ..Default::default() };
    let mut steps = Vec::new();
    let mut last = Instant::now();
    technique
        .maximize(
            model,
            &mut |_| {
                steps.push(last.elapsed());
                ascent.run(&input.view(), &cancellation).unwrap();
                last = Instant::now();
            },
            &cancellation,
        )
        .unwrap();
    let mut runs: Vec<Duration> = Vec::new();
    for _ in 0..STEPS {
        let start = Instant::now();
        ascent.run(&input.view(), &cancellation).unwrap();
        runs.push(start.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    1.0 - median(&mut runs) / median(&mut steps)
}

criterion_group!(benches, techniques);
criterion_main!(benches);
