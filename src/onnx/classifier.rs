//! Where a classifier takes its picture and gives its answer.

use super::{Dim, Error, Graph, Node, Result, Shapes, graph::shape_text};

/// The values of a classifier that have a meaning for its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classifier {
    /// The picture, [N, 3, H, W].
    pub input: String,
    /// The classes' scores before the softmax, [N, classes].
    pub logits: String,
    /// The classes' probabilities, [N, classes].
    pub probabilities: String,
    /// How many classes there are.
    pub classes: usize,
}

/// The names of the values that are added where a model lacks them.
const LOGITS: &str = "glassbox/logits";
const PROBABILITIES: &str = "glassbox/probabilities";

impl Classifier {
    /// Finds the values in `graph`, whose `input` takes the picture, and adds those it lacks: a `Softmax` where it ends in logits,
    /// a `Flatten` where these are not [N, classes].
    ///
    /// An error says what keeps the graph from being a classifier.
    pub fn find(graph: &mut Graph, shapes: &mut Shapes, input: &str) -> Result<Self> {
        let output = graph.outputs.first().ok_or_else(|| Error::Invalid("it has no output".to_owned()))?.name.clone();
        let head = Head::of(graph, shapes, &output);
        let scores = head.as_ref().map_or(output.as_str(), |head| &head.scores).to_owned();
        let classes = shapes.get(&scores).and_then(|shape| class_count(shape)).ok_or_else(|| {
            let shape = shapes.get(&scores).map_or("unknown".to_owned(), |shape| shape_text(shape));
            Error::Unsupported(format!("its output `{scores}` is not one score for each class (its shape is {shape})"))
        })?;
        let logits = flattened(graph, shapes, scores, classes);
        let probabilities = match head {
            Some(Head { probabilities: Some(name), .. }) => name,
            _ => {
                graph.nodes.push(Node::new("Softmax", [logits.as_str()], [PROBABILITIES]).with_int("axis", -1));
                let shape = shapes.get(&logits).cloned().unwrap_or_default();
                shapes.insert(PROBABILITIES.to_owned(), shape);
                PROBABILITIES.to_owned()
            }
        };
        Ok(Self { input: input.to_owned(), logits, probabilities, classes })
    }
}

/// How many scores a picture gets in a value of `shape`, if that is one score for each of at least two classes.
pub(super) fn class_count(shape: &[Dim]) -> Option<usize> {
    let sizes = shape.get(1..)?.iter().map(Dim::size).collect::<Option<Vec<_>>>()?;
    let mut counts = sizes.into_iter().filter(|&size| size != 1);
    counts.next().filter(|&count| count > 1 && counts.next().is_none())
}

/// Whether `output` comes from a softmax (or sigmoid), as a classifier's probabilities do.
pub(super) fn is_probabilities(graph: &Graph, shapes: &Shapes, output: &str) -> bool {
    Head::of(graph, shapes, output).is_some()
}

/// `scores` as [N, classes].
fn flattened(graph: &mut Graph, shapes: &mut Shapes, scores: String, classes: usize) -> String {
    let shape = shapes.get(&scores).cloned().unwrap_or_default();
    if shape.len() == 2 {
        return scores;
    }
    graph.nodes.push(Node::new("Flatten", [scores], [LOGITS]).with_int("axis", 1));
    shapes.insert(LOGITS.to_owned(), vec![shape[0].clone(), Dim::Size(classes)]);
    LOGITS.to_owned()
}

/// What turns scores into probabilities at the end of a model.
struct Head {
    scores: String,
    /// The probabilities as [N, classes], if the model has them so.
    probabilities: Option<String>,
}

impl Head {
    /// The softmax (or sigmoid) that `output` comes from, through nothing but changes of layout.
    fn of(graph: &Graph, shapes: &Shapes, output: &str) -> Option<Self> {
        let producers = graph.producers();
        let producer = |value: &str| producers.get(value).map(|&index| &graph.nodes[index]);
        let mut node = producer(output)?;
        while matches!(node.op_type.as_str(), "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Transpose" | "Cast") {
            node = producer(node.input(0)?)?;
        }
        let flat = shapes.get(output).is_some_and(|shape| shape.len() == 2);
        let probabilities = flat.then(|| output.to_owned());
        match node.op_type.as_str() {
            "Softmax" | "Sigmoid" => Some(Self { scores: node.input(0)?.to_owned(), probabilities }),
            "LogSoftmax" => Some(Self { scores: node.input(0)?.to_owned(), probabilities: None }),
            "Div" => Some(Self { scores: spelled_out_softmax(node, &producer)?, probabilities }),
            _ => None,
        }
    }
}

/// `x`, if `division` ends `exp(x - max(x)) / sum(exp(x - max(x)))`, or the same without the maximum.
fn spelled_out_softmax<'g>(division: &Node, producer: &impl Fn(&str) -> Option<&'g Node>) -> Option<String> {
    let made_by = |value: &str, op_type: &str| producer(value).filter(|node| node.op_type == op_type);
    let exp = made_by(division.input(0)?, "Exp")?;
    let sum = made_by(division.input(1)?, "ReduceSum")?;
    if sum.input(0) != exp.output(0) {
        return None;
    }
    let exponent = exp.input(0)?;
    let without_maximum = || {
        let difference = made_by(exponent, "Sub")?;
        let maximum = made_by(difference.input(1)?, "ReduceMax")?;
        (maximum.input(0) == difference.input(0)).then(|| difference.input(0)).flatten()
    };
    Some(without_maximum().unwrap_or(exponent).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{DataType, ValueInfo};
    use super::*;

    fn graph(nodes: Vec<Node>) -> Graph {
        let n = Dim::Symbol("n".to_owned());
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let output = nodes.last().unwrap().outputs[0].clone();
        let body = Node::new("GlobalAveragePool", ["x"], ["pooled"]);
        Graph {
            opset: 17,
            inputs: vec![value("x", Some(vec![n, 3.into(), 8.into(), 8.into()]))],
            outputs: vec![value(&output, None)],
            nodes: std::iter::once(body).chain(nodes).collect(),
            ..Graph::default()
        }
    }

    fn find(mut graph: Graph) -> Result<(Classifier, Graph)> {
        let mut shapes = graph.shapes()?;
        let classifier = Classifier::find(&mut graph, &mut shapes, "x")?;
        assert_eq!(shapes[&classifier.logits], [Dim::Symbol("n".to_owned()), Dim::Size(3)]);
        assert_eq!(shapes[&classifier.probabilities], shapes[&classifier.logits]);
        assert_eq!((classifier.input.as_str(), classifier.classes), ("x", 3));
        Ok((classifier, graph))
    }

    fn flatten() -> Node {
        Node::new("Flatten", ["pooled"], ["scores"])
    }

    #[test]
    fn a_trailing_softmax_is_found() {
        let (classifier, graph) = find(graph(vec![flatten(), Node::new("Softmax", ["scores"], ["p"])])).unwrap();
        assert_eq!((classifier.logits.as_str(), classifier.probabilities.as_str()), ("scores", "p"));
        assert_eq!(graph.nodes.len(), 3);
    }

    #[test]
    fn a_softmax_is_added_to_logits_and_to_their_logarithm() {
        let log = Node::new("LogSoftmax", ["scores"], ["log"]);
        for nodes in [vec![flatten()], vec![flatten(), log]] {
            let (classifier, graph) = find(graph(nodes)).unwrap();
            assert_eq!((classifier.logits.as_str(), classifier.probabilities.as_str()), ("scores", PROBABILITIES));
            assert_eq!(graph.nodes.last().unwrap().op_type, "Softmax");
        }
    }

    #[test]
    fn a_softmax_spelled_out_is_found() {
        let tail = |exponent: &str| {
            vec![
                Node::new("Exp", [exponent], ["e"]),
                Node::new("ReduceSum", ["e", "axes"], ["sum"]),
                Node::new("Div", ["e", "sum"], ["p"]),
            ]
        };
        let shifted = vec![
            Node::new("ReduceMax", ["scores"], ["m"]).with_ints("axes", [1]),
            Node::new("Sub", ["scores", "m"], ["s"]),
        ];
        for nodes in [[vec![flatten()], tail("scores")].concat(), [vec![flatten()], shifted, tail("s")].concat()] {
            let mut graph = graph(nodes);
            graph.initializers.insert("axes".to_owned(), super::super::Tensor::from_ints(&[1]));
            let (classifier, _) = find(graph).unwrap();
            assert_eq!((classifier.logits.as_str(), classifier.probabilities.as_str()), ("scores", "p"));
        }
    }

    #[test]
    fn scores_for_each_class_as_feature_maps_are_flattened() {
        let softmax = Node::new("Softmax", ["pooled"], ["maps"]).with_int("axis", 1);
        let (classifier, _) = find(graph(vec![softmax.clone()])).unwrap();
        assert_eq!((classifier.logits.as_str(), classifier.probabilities.as_str()), (LOGITS, PROBABILITIES));
        let (classifier, _) = find(graph(vec![softmax, Node::new("Flatten", ["maps"], ["p"])])).unwrap();
        assert_eq!((classifier.logits.as_str(), classifier.probabilities.as_str()), (LOGITS, "p"));
    }

    #[test]
    fn what_is_no_classifier_is_refused_with_the_reason() {
        let refused = |edit: fn(&mut Graph)| {
            let mut graph = graph(vec![flatten()]);
            edit(&mut graph);
            find(graph).unwrap_err().to_string()
        };
        assert!(refused(|graph| graph.outputs.clear()).contains("no output"));
        assert!(
            refused(|graph| graph.nodes[1].op_type = "Mystery".to_owned()).contains("not one score for each class")
        );
    }
}
