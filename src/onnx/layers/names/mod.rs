//! What layers are called: Keras' names where the graph is a VGG, else the framework's, as the exporter noted them.

mod pytorch;
mod tensorflow;
mod vgg;

use std::collections::{HashMap, HashSet};

use super::{Layer, LayerKind, Node};

/// Names all layers, each differently, and notes what else they are known by.
///
/// `fused` are the nodes that belong to a layer besides its own, with the layer's index.
pub(super) fn assign(layers: &mut [Layer], fused: &[(usize, &Node)]) {
    let origins = Origins::of(layers, fused);
    let mut wanted: Vec<String> = layers.iter().map(|layer| origins.name(layer)).collect();
    let keras = vgg::names(layers);
    for (&index, name) in &keras {
        wanted[index].clone_from(name);
    }
    // A layer with weights is what people mean; what else has its name is a step on the way there.
    let mut taken = HashSet::new();
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|&index| layers[index].parameters.is_empty());
    for index in order {
        layers[index].name = free_name(&wanted[index], &mut taken);
    }
    let aliases = origins.aliases(layers, fused);
    for (alias, index) in aliases.into_iter().filter(|(alias, _)| !taken.contains(alias)) {
        layers[index].aliases.push(alias);
    }
    for layer in layers {
        layer.aliases.sort_unstable();
    }
}

/// `wanted`, or with the first number that makes it another than those `taken`: `relu`, `relu_1`, `relu_2`.
fn free_name(wanted: &str, taken: &mut HashSet<String>) -> String {
    let numbered = (1..).map(|number| format!("{wanted}_{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| taken.insert(name.clone())).unwrap_or_default()
}

/// Where the framework had what is now nodes.
struct Origins {
    /// The paths of all PyTorch modules and of those around them that are known.
    modules: HashSet<String>,
    /// Keras' names, without what the export added, by the exporter's.
    keras: HashMap<String, String>,
}

impl Origins {
    fn of(layers: &[Layer], fused: &[(usize, &Node)]) -> Self {
        let nodes = || layers.iter().map(|layer| &layer.node).chain(fused.iter().map(|(_, node)| *node));
        let parameters = || layers.iter().flat_map(|layer| &layer.parameters).map(|(_, name)| name.as_str());
        let modules = nodes().filter_map(pytorch::module).chain(parameters().filter_map(pytorch::module_of_parameter));
        let exported = nodes().filter_map(|node| tensorflow::layer_of_node(&node.name));
        let exported: HashSet<String> =
            exported.chain(parameters().filter_map(tensorflow::layer_of_parameter)).collect();
        let exported: Vec<String> = exported.into_iter().collect();
        let keras = tensorflow::without_call_number(&exported).unwrap_or_else(|| exported.clone());
        Self { modules: modules.collect(), keras: exported.into_iter().zip(keras).collect() }
    }

    /// What the framework calls `layer`: by its parameters, which carry the module's name, else by its node.
    fn name(&self, layer: &Layer) -> String {
        if layer.kind == LayerKind::InputLayer {
            return layer.name.clone();
        }
        let of_parameter = |(_, name): &(&str, String)| {
            pytorch::module_of_parameter(name).or_else(|| self.keras_name(tensorflow::layer_of_parameter(name)))
        };
        let of_node = || self.keras_name(tensorflow::layer_of_node(&layer.node.name));
        let name = layer.parameters.iter().find_map(of_parameter).or_else(of_node);
        name.unwrap_or_else(|| self.pytorch_name(layer)).replace(['/', ':', ' ', '?', '#', '%'], ".")
    }

    fn keras_name(&self, exported: Option<String>) -> Option<String> {
        self.keras.get(&exported?).cloned()
    }

    /// The module that does nothing else, or what the module around it does here: `layer4.1.add`.
    fn pytorch_name(&self, layer: &Layer) -> String {
        let Some(module) = pytorch::module(&layer.node) else { return layer.node.name.clone() };
        if self.is_leaf(&module) {
            return module;
        }
        let word = match &layer.kind {
            LayerKind::Activation | LayerKind::Other(_) => snake_case(&layer.node.op_type),
            kind => snake_case(&kind.to_string()),
        };
        if module.is_empty() { word } else { format!("{module}.{word}") }
    }

    fn is_leaf(&self, module: &str) -> bool {
        let inside = |other: &String| other.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
        !module.is_empty() && !self.modules.iter().any(inside)
    }

    /// Other names, each for one layer: those of modules whose work a layer does besides its own, and those of modules that
    /// contain layers, of which the last gives what the module gives.
    fn aliases(&self, layers: &[Layer], fused: &[(usize, &Node)]) -> HashMap<String, usize> {
        let mut nodes: Vec<(usize, &Node)> = layers.iter().map(|layer| &layer.node).enumerate().collect();
        nodes.extend(fused);
        // The fused after the layer's own, since it is they that give what the layer gives.
        nodes.sort_by_key(|(index, _)| *index);
        let mut aliases = HashMap::new();
        for (index, node) in nodes {
            if let Some(name) = self.keras_name(tensorflow::layer_of_node(&node.name)) {
                aliases.insert(name, index);
            }
            let module = pytorch::module(node).unwrap_or_default();
            let ends = module.match_indices('.').map(|(end, _)| end).chain([module.len()]);
            let around: Vec<String> =
                ends.map(|end| module[..end].to_owned()).filter(|name| !name.is_empty()).collect();
            aliases.extend(around.into_iter().map(|name| (name, index)));
        }
        aliases
    }
}

/// `global_average_pooling2d` of `GlobalAveragePooling2D`, as Keras has it.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut after_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_small {
            snake.push('_');
        }
        after_small = letter.is_ascii_lowercase();
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_words_as_in_keras() {
        assert_eq!(snake_case("GlobalAveragePooling2D"), "global_average_pooling2d");
        assert_eq!(snake_case("DepthwiseConv2D"), "depthwise_conv2d");
        assert_eq!(snake_case("HardSwish"), "hard_swish");
    }

    #[test]
    fn a_name_is_given_once() {
        let mut taken = HashSet::from(["relu_1".to_owned()]);
        let names: Vec<String> = (0..3).map(|_| free_name("relu", &mut taken)).collect();
        assert_eq!(names, ["relu", "relu_2", "relu_3"]);
    }
}
