//! Which of a graph's outputs is the classifier's.

use crate::onnx::{
    Error, Graph, Result, Shapes,
    classifier::{class_count, is_probabilities},
    graph::shape_text,
};

/// What classifiers call their scores, the surest first.
const NAMES: [&str; 9] =
    ["logits", "predictions", "prediction", "probabilities", "probs", "scores", "softmax", "classes", "output"];

/// The output that gives the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenOutput {
    /// Its name.
    pub name: String,
    /// Why it is this one, if there were others.
    pub reason: Option<String>,
}

impl Graph {
    /// Keeps the one output that gives a score for each class, and drops the others with all that only they need.
    ///
    /// That is the output `wanted`; without one, the first of those whose shape is right, and among these rather one with as
    /// many scores as there are `labels`, rather one that is called as classifiers call it, and rather one that a softmax gives. An
    /// error lists the outputs where none will do.
    pub fn keep_classifier_output(&mut self, wanted: Option<&str>, labels: Option<usize>) -> Result<ChosenOutput> {
        let shapes = self.shapes()?;
        let chosen = self.choose_output(&shapes, wanted, labels)?;
        self.outputs.retain(|output| output.name == chosen.name);
        self.outputs.truncate(1);
        self.prune();
        Ok(chosen)
    }

    fn choose_output(&self, shapes: &Shapes, wanted: Option<&str>, labels: Option<usize>) -> Result<ChosenOutput> {
        let names: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        let count = |name: &str| shapes.get(name).and_then(|shape| class_count(shape));
        let listed = || {
            let shape = |name: &str| shapes.get(name).map_or("unknown".to_owned(), |shape| shape_text(shape));
            let described: Vec<_> = names.iter().map(|name| format!("`{name}` {}", shape(name))).collect();
            described.join(", ")
        };
        if let Some(wanted) = wanted {
            return match count(wanted).filter(|_| names.contains(&wanted)) {
                Some(_) => Ok(ChosenOutput { name: wanted.to_owned(), reason: None }),
                None => Err(Error::Unsupported(format!(
                    "`{wanted}` is no output with one score for each class; its outputs are {}",
                    listed()
                ))),
            };
        }
        let mut candidates: Vec<&str> = names.iter().copied().filter(|name| count(name).is_some()).collect();
        let mut reasons = vec!["gives one score for each class".to_owned()];
        if let Some(labels) = labels.filter(|labels| candidates.iter().any(|name| count(name) == Some(*labels))) {
            let before = candidates.len();
            candidates.retain(|name| count(name) == Some(labels));
            if candidates.len() < before {
                reasons.push(format!("gives as many as there are labels, {labels}"));
            }
        }
        let named = NAMES.iter().find_map(|usual| candidates.iter().find(|name| last_part(name) == *usual));
        if let Some(named) = named.copied().filter(|_| candidates.len() > 1) {
            candidates = vec![named];
            reasons.push("has a name that classifiers give it".to_owned());
        }
        // Keras' files call all outputs `Identity`.
        let probabilities = |name: &&str| is_probabilities(self, shapes, name);
        if candidates.len() > 1 && candidates.iter().any(probabilities) {
            candidates.retain(probabilities);
            reasons.push("comes from a softmax".to_owned());
        }
        let Some(name) = candidates.first().map(|&name| name.to_owned()) else {
            return Err(Error::Unsupported(match names.as_slice() {
                [] => "it has no output".to_owned(),
                [_] => format!("its output {} is not one score for each of two or more classes", listed()),
                _ => format!("none of its outputs is one score for each class: {}", listed()),
            }));
        };
        let first =
            if candidates.len() > 1 { "of its outputs, the first that" } else { "of its outputs, the one that" };
        let reason = (names.len() > 1).then(|| format!("{first} {} ({})", reasons.join(" and "), listed()));
        Ok(ChosenOutput { name, reason })
    }
}

/// `logits` of `model/head/logits:0`.
fn last_part(name: &str) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    name.rsplit(['/', '.', ':']).next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, Dim, Node, Tensor, ValueInfo};

    /// A graph whose outputs are dense layers of these sizes, and `x` pooled to [n, 8, 2, 2] as `maps`.
    fn graph(outputs: &[(&str, usize)]) -> Graph {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let shape = vec![Dim::Symbol("n".to_owned()), 8.into(), 4.into(), 4.into()];
        let pool = Node::new("MaxPool", ["x"], ["maps"]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]);
        let mut graph = Graph {
            opset: 17,
            inputs: vec![value("x", Some(shape))],
            outputs: vec![],
            nodes: vec![pool, Node::new("Flatten", ["maps"], ["flat"])],
            ..Graph::default()
        };
        for (name, size) in outputs {
            graph.outputs.push(value(name, None));
            if *name != "maps" {
                let weights = format!("{name}.weight");
                graph.initializers.insert(weights.clone(), Tensor::from_floats(&[32, *size], &vec![0.0; 32 * size]));
                graph.nodes.push(Node::new("MatMul", ["flat".to_owned(), weights], [(*name).to_owned()]));
            }
        }
        graph
    }

    fn chosen(outputs: &[(&str, usize)], wanted: Option<&str>, labels: Option<usize>) -> (String, Option<String>) {
        let mut graph = graph(outputs);
        let ChosenOutput { name, reason } = graph.keep_classifier_output(wanted, labels).unwrap();
        assert_eq!(
            (graph.outputs.len(), graph.outputs[0].name.as_str(), graph.initializers.len()),
            (1, name.as_str(), 1)
        );
        (name, reason)
    }

    #[test]
    fn the_first_output_with_a_score_for_each_class_is_the_classifiers() {
        assert_eq!(chosen(&[("a", 5)], None, None), ("a".to_owned(), None));
        assert_eq!(chosen(&[("maps", 0), ("a", 5), ("aux", 5)], None, None).0, "a");
        let (name, reason) = chosen(&[("maps", 0), ("a", 5)], None, None);
        let expected = "of its outputs, the one that gives one score for each class (`maps` [n, 8, 2, 2], `a` [n, 5])";
        assert_eq!((name.as_str(), reason.as_deref()), ("a", Some(expected)));
    }

    #[test]
    fn labels_and_names_go_before_the_order() {
        let outputs = &[("features", 16), ("a", 5), ("head/logits:0", 5)];
        assert_eq!(chosen(outputs, None, None).0, "head/logits:0");
        assert_eq!(chosen(outputs, None, Some(16)).0, "features");
        assert_eq!(chosen(outputs, None, Some(7)).0, "head/logits:0");
        assert_eq!(chosen(outputs, Some("a"), Some(16)), ("a".to_owned(), None));
    }

    #[test]
    fn where_no_name_tells_a_softmax_goes_before_the_order() {
        let mut graph = graph(&[("Identity:0", 16), ("Identity_1:0", 5), ("scores", 5)]);
        graph.outputs.remove(2);
        let probabilities = ValueInfo { name: "Identity_2:0".to_owned(), dtype: DataType::Float, shape: None };
        graph.outputs.push(probabilities);
        graph.nodes.push(Node::new("Softmax", ["scores"], ["Identity_2:0"]));
        let ChosenOutput { name, reason } = graph.keep_classifier_output(None, None).unwrap();
        assert_eq!(name, "Identity_2:0");
        let expected = "of its outputs, the one that gives one score for each class and comes from a softmax";
        assert!(reason.unwrap().starts_with(expected));
    }

    #[test]
    fn outputs_that_are_no_scores_are_listed() {
        let refused = |outputs: &[(&str, usize)], wanted: Option<&str>| {
            graph(outputs).keep_classifier_output(wanted, None).unwrap_err().to_string()
        };
        assert!(refused(&[], None).contains("no output"));
        assert!(
            refused(&[("maps", 0)], None).contains("its output `maps` [n, 8, 2, 2] is not one score for each of two")
        );
        assert!(refused(&[("maps", 0), ("a", 1)], None).contains("`maps` [n, 8, 2, 2], `a` [n, 1]"));
        assert!(refused(&[("maps", 0), ("a", 5)], Some("maps")).contains("`maps` is no output with one score"));
        assert!(refused(&[("a", 5)], Some("b")).contains("its outputs are `a` [n, 5]"));
    }
}
