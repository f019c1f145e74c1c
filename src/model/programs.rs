//! A model's compiled programs: one for each kind of question, built when first asked.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ndarray::{Array1, Array4, ArrayD, Axis};

use crate::{
    autodiff::{self, Rule, Vjp, gradient_name, is_backward},
    error::{Error, Result},
    onnx::{self, Classifier, DataType, Dim, Graph, Node, Shape, Shapes, Tensor, ValueInfo},
    runtime::{Cancellation, Input, Program, Runtime, Weights},
};

/// How many programs of a model are kept; the one unused for the longest goes first.
const MOST_PROGRAMS: usize = 16;
/// The graph input that names the classes whose logits are differentiated; -1 stands for the likeliest.
const CLASSES: &str = "glassbox/classes";

/// What a program computes besides logits and probabilities; equal questions share a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Question {
    /// Gradients of the chosen classes' logits: by which rule, with respect to which value.
    pub gradients: Vec<(Rule, String)>,
    /// Values of the forward pass, such as a layer's output.
    pub values: Vec<String>,
}

impl Question {
    /// What kind of program answers it: `forward`, `values`, or the rules of its gradients, such as `guided+standard`.
    fn kind(&self) -> String {
        let rules: BTreeSet<String> = self.gradients.iter().map(|(rule, _)| rule.to_string()).collect();
        match rules.is_empty() {
            false => rules.into_iter().collect::<Vec<_>>().join("+"),
            true if self.values.is_empty() => "forward".into(),
            true => "values".into(),
        }
    }

    /// Asks for what `other` asks for as well.
    pub fn merge(&mut self, other: Self) {
        for gradient in other.gradients {
            if !self.gradients.contains(&gradient) {
                self.gradients.push(gradient);
            }
        }
        for value in other.values {
            if !self.values.contains(&value) {
                self.values.push(value);
            }
        }
    }
}

/// What a run found, for N pictures and K classes.
#[derive(Debug)]
pub struct Answer {
    /// [N, classes].
    pub logits: ArrayD<f32>,
    /// [N, classes].
    pub probabilities: ArrayD<f32>,
    /// The index of each class asked about: that of the gradients.
    pub classes: Vec<usize>,
    values: HashMap<String, ArrayD<f32>>,
}

impl Answer {
    /// The value `name`, [N, ...]; an error if the question did not ask for it.
    pub fn value(&self, name: &str) -> Result<&ArrayD<f32>> {
        self.values.get(name).ok_or_else(|| Error::internal(format!("a run did not give `{name}`")))
    }

    /// The gradient by `rule` with respect to `value`, [K, ...]; an error if the question did not ask for it.
    pub fn gradient(&self, rule: Rule, value: &str) -> Result<&ArrayD<f32>> {
        self.value(&gradient_name(rule, value))
    }
}

/// The place of a program; empty until it is compiled, and still when that failed, so that the next question tries again.
type Cell = Arc<Mutex<Option<Arc<Program>>>>;

/// The place of the program for a question.
#[derive(Debug)]
struct Place {
    question: Question,
    fed: Fed,
    cell: Cell,
    /// When it was last asked.
    used: Instant,
}

/// What a program is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// One picture, and one cotangent.
    One,
    /// Any number of pictures.
    Any,
    /// Any number of crops of feature maps, of any size.
    Crops,
}

/// The programs of one model.
#[derive(Debug)]
pub(super) struct Programs {
    graph: Graph,
    shapes: Shapes,
    classifier: Classifier,
    runtime: Runtime,
    weights: Weights,
    /// The most recently used last.
    compiled: Mutex<Vec<Place>>,
    runs: AtomicU64,
    /// The bytes of the values of all [`Aside`]s that live.
    aside: Arc<AtomicU64>,
}

/// A program beside those that answer questions, whose values count as long as it lives.
#[derive(Debug)]
pub(super) struct Aside {
    program: Program,
    bytes: u64,
    total: Arc<AtomicU64>,
}

impl Deref for Aside {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Programs {
    pub fn new(graph: Graph, shapes: Shapes, classifier: Classifier, runtime: Runtime, weights: Weights) -> Self {
        let (compiled, runs, aside) = (Mutex::default(), AtomicU64::new(0), Arc::default());
        Self { graph, shapes, classifier, runtime, weights, compiled, runs, aside }
    }

    /// How many pictures one run can take: one where the model's file fixes its batch.
    pub fn batch(&self) -> usize {
        let fixed = self.shapes.get(&self.classifier.input).and_then(|shape| shape.first()?.size());
        fixed.unwrap_or(usize::MAX)
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    pub fn input(&self) -> &str {
        &self.classifier.input
    }

    /// About how many bytes the weights and the values of the compiled programs take.
    pub fn memory(&self) -> u64 {
        let weights: usize = self.graph.initializers.values().map(|tensor| tensor.data().len()).sum();
        let programs = self.compiled().len() as u64;
        let weights = weights + self.weights.derived_bytes();
        weights as u64 + programs * values(&self.graph, &self.shapes) + self.aside.load(Ordering::Relaxed)
    }

    /// The name of the value that holds the logits.
    pub fn logits(&self) -> &str {
        &self.classifier.logits
    }

    /// The name of the value that holds the probabilities.
    pub fn probabilities(&self) -> &str {
        &self.classifier.probabilities
    }

    /// The model's graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The shapes of the graph's values.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Compiles a graph of some `kind` that was made from the model's, so that it shares the weights, for `fed` pictures; its values take
    /// about so many `bytes`.
    pub fn compile_aside(&self, graph: &Graph, kind: &str, fed: Fed, bytes: u64) -> Result<Aside> {
        let program = self.compile_graph(graph, kind, fed)?;
        self.aside.fetch_add(bytes, Ordering::Relaxed);
        Ok(Aside { program, bytes, total: Arc::clone(&self.aside) })
    }

    pub fn ask(
        &self,
        question: &Question,
        input: &Array4<f32>,
        classes: &[Option<usize>],
        cancellation: &Cancellation,
    ) -> Result<Answer> {
        cancellation.check()?;
        let single = !question.gradients.is_empty() && input.len_of(Axis(0)) == 1 && classes.len() == 1;
        let program = self.program(question, if single { Fed::One } else { Fed::Any })?;
        let picked: Array1<i64> = classes.iter().map(|class| class.map_or(-1, |index| index as i64)).collect();
        let picture = input.as_standard_layout();
        let mut inputs = vec![(self.input(), Input::Floats(picture.view().into_dyn()))];
        if !question.gradients.is_empty() {
            inputs.push((CLASSES, Input::Ints(picked.view().into_dyn())));
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut values = program.run(inputs, cancellation)?;
        let mut take = |name: &str| {
            values.remove(name).ok_or_else(|| Error::internal(format!("a program has no output `{name}`")))
        };
        let (logits, probabilities) = (take(&self.classifier.logits)?, take(&self.classifier.probabilities)?);
        let classes = chosen(classes, &logits);
        Ok(Answer { logits, probabilities, classes, values })
    }

    /// The program for `question`, compiled if it is not yet; others who ask the same wait for it.
    ///
    /// For one picture and class it has gradients compiled apart. Where ONNX Runtime knows that feature maps and their cotangents
    /// are of the same shape it multiplies them in its layout for convolutions: saliency of VGG16 takes 331 ms instead of 355.
    fn program(&self, question: &Question, fed: Fed) -> Result<Arc<Program>> {
        let cell = self.cell(question, fed);
        let mut compiled = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = compiled.as_ref() {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(self.compile(question, fed)?);
        Ok(Arc::clone(compiled.insert(program)))
    }

    /// The place of the program for `question`, made if there is none; compiling it does not hold up other questions.
    fn cell(&self, question: &Question, fed: Fed) -> Cell {
        let mut compiled = self.compiled();
        let known = compiled.iter().position(|place| place.question == *question && place.fed == fed);
        let cell = known.map(|position| compiled.remove(position).cell).unwrap_or_default();
        compiled.push(Place { question: question.clone(), fed, cell: Arc::clone(&cell), used: Instant::now() });
        if compiled.len() > MOST_PROGRAMS {
            compiled.remove(0);
        }
        cell
    }

    /// Lets go of the programs that were not asked for for `age`; who runs one goes on with it to the end.
    pub fn release_idle(&self, age: Duration) {
        self.compiled().retain(|place| place.used.elapsed() < age);
    }

    fn compiled(&self) -> MutexGuard<'_, Vec<Place>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile(&self, question: &Question, fed: Fed) -> Result<Program> {
        let graph = self.graph_for(question)?;
        let started = Instant::now();
        let program = self.compile_graph(&graph, &question.kind(), fed);
        tracing::debug!(?question, ?fed, nodes = graph.nodes.len(), elapsed = ?started.elapsed(), "compiled a program");
        program
    }

    /// Compiles `graph` for what it is fed, in a faster form where there is one.
    ///
    /// With the batch known, ONNX infers all shapes beforehand, and refuses a graph of which it infers one wrongly (`ceil_mode.rs`). A
    /// graph that is refused in its faster form is compiled as it is.
    fn compile_graph(&self, graph: &Graph, kind: &str, fed: Fed) -> Result<Program> {
        let compile = |graph: &Graph| Program::compile(&self.runtime, &self.weights, graph, kind);
        if let Some(faster) = self.faster(graph, fed) {
            match faster.map_err(Error::from).and_then(|graph| compile(&graph)) {
                Ok(program) => return Ok(program),
                Err(error) => {
                    tracing::debug!(kind, ?fed, %error, "compiled as it is, since its faster form is refused");
                }
            }
        }
        compile(graph)
    }

    /// The form of `graph` that is faster for what it is fed.
    ///
    /// Of a gradient's graph, only convolutions of the way back are in Winograd's form. Were the forward pass, it would round neighbours
    /// that are equal differently, on a plain background say, and the gradient of a max-pool, which goes to the first of them, would be
    /// scattered over all. Kernels in that form are larger, so there are none where each program has to hold its own.
    fn faster(&self, graph: &Graph, fed: Fed) -> Option<onnx::Result<Graph>> {
        let constants = |name: &str, make: &dyn Fn() -> _| self.weights.derived(name, make);
        let winograd = self.weights.are_shared();
        match fed {
            Fed::Any => None,
            Fed::Crops => winograd.then(|| graph.clone().with_winograd(|_| true, &constants)),
            Fed::One => {
                Some(graph.clone().with_batch(1).with_winograd(|node| winograd && is_backward(node), &constants))
            }
        }
    }

    /// The graph that answers `question`.
    pub fn graph_for(&self, question: &Question) -> Result<Graph> {
        let mut kept = vec![self.classifier.logits.as_str(), self.classifier.probabilities.as_str()];
        kept.extend(question.values.iter().map(String::as_str));
        if question.gradients.is_empty() {
            return Ok(self.graph.forward_to(&kept)?);
        }
        let vjps: Vec<Vjp<'_>> =
            question.gradients.iter().map(|(rule, value)| Vjp { rule: *rule, wrt: vec![value] }).collect();
        let mut graph = autodiff::differentiate(&self.graph, &self.shapes, &self.classifier.logits, &vjps, &kept)?;
        self.choose_classes(&mut graph);
        Ok(graph)
    }

    /// Makes the cotangent one-hot rows of the chosen classes, so that one run both finds the likeliest class and differentiates it.
    fn choose_classes(&self, graph: &mut Graph) {
        graph.inputs.retain(|input| input.name != autodiff::COTANGENT);
        graph.inputs.push(ValueInfo {
            name: CLASSES.into(),
            dtype: DataType::Int64,
            shape: Some(vec![Dim::Symbol("classes".into())]),
        });
        let constants = [
            ("glassbox/none", Tensor::from_ints(&[0])),
            ("glassbox/depth", Tensor::from_ints(&[self.classifier.classes as i64])),
            ("glassbox/off_on", Tensor::from_floats(&[2], &[0.0, 1.0])),
        ];
        graph.initializers.extend(constants.map(|(name, tensor)| (name.to_owned(), tensor)));
        let logits = self.classifier.logits.as_str();
        let nodes = [
            Node::new("ArgMax", [logits], ["glassbox/likeliest"]).with_int("axis", 1).with_int("keepdims", 0),
            Node::new("Less", [CLASSES, "glassbox/none"], ["glassbox/unnamed"]),
            Node::new("Where", ["glassbox/unnamed", "glassbox/likeliest", CLASSES], ["glassbox/chosen"]),
            Node::new("OneHot", ["glassbox/chosen", "glassbox/depth", "glassbox/off_on"], [autodiff::COTANGENT]),
        ];
        let after = graph.nodes.iter().position(|node| node.outputs.iter().any(|name| name == logits));
        let place = after.map_or(0, |index| index + 1);
        graph.nodes.splice(place..place, nodes);
    }
}

/// How many bytes the values between the nodes of `graph` take for one picture, as far as `shapes` tell.
pub(super) fn values(graph: &Graph, shapes: &Shapes) -> u64 {
    let elements = |shape: &Shape| shape.iter().skip(1).filter_map(Dim::size).product::<usize>();
    let made = graph.nodes.iter().flat_map(|node| &node.outputs).filter_map(|name| shapes.get(name));
    made.map(|shape| elements(shape) * size_of::<f32>()).sum::<usize>() as u64
}

/// The classes that the program chose: those named, and the likeliest for those not.
fn chosen(classes: &[Option<usize>], logits: &ArrayD<f32>) -> Vec<usize> {
    let rows: Vec<_> = logits.axis_iter(Axis(0)).collect();
    let likeliest = |position: usize| {
        let row = rows.get(position).or(rows.first());
        // The first of equal logits, as ArgMax in the program.
        row.and_then(|row| row.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best }))
            .map_or(0, |(index, _)| index)
    };
    classes.iter().enumerate().map(|(position, class)| class.unwrap_or_else(|| likeliest(position))).collect()
}
