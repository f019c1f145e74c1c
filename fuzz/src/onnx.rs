//! A model's file, up to where ONNX Runtime gets it.

use glassbox::{
    autodiff::Rule,
    config,
    explain::{Filters, Weights},
    model::{Files, Model, Question},
    onnx::{Error, Graph},
    runtime::{self, Runtime},
};

/// Reads `bytes` as a model, and has all made of it that the service makes of a model without running it.
pub fn try_on(bytes: &[u8]) {
    let Ok(graph) = Graph::read(bytes.to_vec().into()) else { return };
    reread(&graph);
    let files = Files { graph, ..Files::default() };
    let runtime = Runtime::load(&config::Runtime::default()).expect("ONNX Runtime is there");
    let Ok(model) = Model::new("fuzzed", files, &runtime, runtime::Weights::in_memory()) else { return };
    show(&model);
    differentiate(&model);
}

/// What is written of a graph that was read can be read again, as the same but for names that only a first reading gives.
fn reread(graph: &Graph) {
    let again = Graph::read(graph.to_bytes().into());
    assert!(!matches!(again, Err(Error::Invalid(_))), "{again:?}");
}

/// All that is shown of a model without a run: summary, settings, weights, filters.
fn show(model: &Model) {
    let _ = model.summary().to_string();
    for layer in model.layers() {
        let _ = model.layer_config(layer);
        let _ = Weights::default().statistics(model, layer);
        for parameter in model.parameters(layer) {
            let _ = Weights { tensor: Some(parameter.name.to_owned()), ..Weights::default() }.npy(model, layer);
        }
        let shown = Filters { layer: Some(layer.name.clone()), ..Filters::default() }.show(model);
        let _ = shown.and_then(|shown| shown.to_png());
    }
    let _ = Filters::default().show(model);
}

/// The graphs of all rules, with respect to the picture and to the last feature maps, as bytes; and those of incremental occlusion.
fn differentiate(model: &Model) {
    let maps = model.feature_layer(None).map(|layer| layer.output.clone());
    for value in [Ok(model.input().to_owned()), maps].into_iter().flatten() {
        for rule in [Rule::Standard, Rule::Guided, Rule::Deconvnet] {
            let gradients = vec![(rule, value.clone())];
            let graph = model.graph_for(&Question { gradients, values: vec![] });
            let _ = graph.map(|graph| graph.without_miscounted_ceil_mode().map(|graph| graph.to_bytes()));
        }
    }
    let Ok(forward) = model.graph_for(&Question::default()) else { return };
    let Ok(shapes) = forward.shapes() else { return };
    let local = forward.locality(&shapes, model.input());
    let _ = local.steps.iter().map(|step| forward.of_step(step, &shapes).to_bytes()).max();
    let outputs: Vec<&str> = forward.outputs.iter().map(|output| output.name.as_str()).collect();
    let _ = forward.between(&local.frontier, &outputs, &shapes).map(|rest| rest.to_bytes());
    let _ = forward.work(&shapes);
}
