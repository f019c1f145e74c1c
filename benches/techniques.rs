//! Each technique on the default model, without HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

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

/// The steps of an ascent.
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
        let class = Some(ClassRef("yin_yang".into()));
        let technique = ActivationMaximization { class, recipe, iterations: Some(STEPS), ..Default::default() };
        let mut group = criterion.benchmark_group(ActivationMaximization::NAME);
        group.sample_size(10);
        group.bench_function(format!("{recipe:?}"), |bencher| {
            bencher.iter(|| technique.maximize(&model, &mut |_| {}, &Cancellation::default()).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, techniques);
criterion_main!(benches);
