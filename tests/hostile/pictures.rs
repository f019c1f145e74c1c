//! Files that are no pictures.

use proptest::{collection, prelude::*, sample::Index};

use super::{allocations::largest, change, files, fuzzed::picture::try_on};

/// Files that broke something once, and sound ones.
const SEEDS: [&str; 2] = ["fuzz/seeds/picture", "tests/golden/pictures"];

/// The most memory asked for at once: that of the largest picture within the limits, in 16 bits for each of four channels, and some.
const BOUND: usize = 16 << 20;

fn try_within_bounds(name: &str, file: &[u8]) {
    let ((), largest) = largest(|| try_on(file));
    assert!(largest <= BOUND, "{name} of {} bytes made it ask for {largest} at once", file.len());
}

#[test]
fn pictures_take_no_memory_for_what_they_claim() {
    for (name, file) in SEEDS.into_iter().flat_map(files) {
        try_within_bounds(&name, &file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn pictures_with_bytes_changed_take_no_memory_for_what_they_claim(
        seed in any::<Index>(),
        changes in collection::vec((any::<Index>(), any::<u8>()), 0..8),
        length in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut seeds: Vec<_> = SEEDS.into_iter().flat_map(files).collect();
        let (name, mut file) = seeds.swap_remove(seed.index(seeds.len()));
        change(&mut file, &changes);
        if cut {
            file.truncate(length.index(file.len()) + 1);
        }
        try_within_bounds(&name, &file);
    }
}
