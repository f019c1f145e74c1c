//! What the 1,000 classes of `ImageNet` (ILSVRC 2012) are called.

use super::Labels;

/// The classes' short names in index order, each different: torchvision's (`_IMAGENET_CATEGORIES`, BSD 3-Clause).
pub fn imagenet_labels() -> Labels {
    Labels::parse(include_str!("imagenet.txt"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_a_thousand_different_names_in_the_known_order() {
        let labels = imagenet_labels();
        assert_eq!(labels.len(), 1000);
        assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), 1000);
        for (index, name) in
            [(0, "tench"), (134, "crane bird"), (517, "crane"), (919, "street sign"), (999, "toilet tissue")]
        {
            assert_eq!(labels.get(index), name);
        }
    }
}
