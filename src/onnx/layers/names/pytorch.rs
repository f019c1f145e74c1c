//! Where a node stands among PyTorch's modules.

use super::Node;

/// The path of the module that `node` is of, empty for the network itself; `None` if neither exporter says.
///
/// The dynamo exporter notes it; the legacy exporter's name is `/layer4/layer4.1/conv2/Conv`, the operator last.
pub(super) fn module(node: &Node) -> Option<String> {
    if !node.module.is_empty() {
        return Some(node.module.clone());
    }
    if node.name.starts_with("node_") {
        return Some(String::new());
    }
    let (scopes, _) = node.name.strip_prefix('/')?.rsplit_once('/').unwrap_or_default();
    let mut path: Vec<&str> = Vec::new();
    for scope in scopes.split('/').filter(|scope| !scope.is_empty()) {
        let scope: Vec<&str> = scope.split('.').collect();
        // A module in a list repeats its parent's name: `layer4`, then `layer4.1`.
        let repeated = (0..=path.len().min(scope.len())).rev().find(|&count| path.ends_with(&scope[..count]));
        path.extend(&scope[repeated.unwrap_or_default()..]);
    }
    Some(path.join("."))
}

/// `features.28` of `features.28.weight`; `None` for a name that is no module's.
pub(super) fn module_of_parameter(name: &str) -> Option<String> {
    name.strip_suffix(".weight").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legacy_exporters_names_are_paths_of_modules() {
        let of = |name: &str| module(&Node { name: name.to_owned(), ..Node::default() });
        for (name, path) in [
            ("/layer4/layer4.1/conv2/Conv", "layer4.1.conv2"),
            ("/features/features.0/Conv", "features.0"),
            ("/features/features.1/conv/conv.0/conv.0.0/Conv", "features.1.conv.0.0"),
            ("/features/features.3/features.3.0/block/block.2/fc1/Conv", "features.3.0.block.2.fc1"),
            ("/features/denseblock1/denselayer1/conv1/Conv", "features.denseblock1.denselayer1.conv1"),
            ("/Relu", ""),
        ] {
            assert_eq!(of(name).as_deref(), Some(path));
        }
        assert_eq!(of("Conv_12"), None);
        assert_eq!(of("model/conv1/Conv2D"), None);
    }

    #[test]
    fn the_dynamo_exporter_notes_the_module() {
        let node = Node { name: "node_conv2d_3".to_owned(), module: "layer1.0.conv1".to_owned(), ..Node::default() };
        assert_eq!(module(&node).as_deref(), Some("layer1.0.conv1"));
    }
}
