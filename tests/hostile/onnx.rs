//! Models that are no models.

use glassbox::onnx::Graph;
use proptest::{collection, prelude::*, sample::Index};

use super::{allocations::largest, change, files, fuzzed::onnx::try_on};

const SEEDS: &str = "fuzz/seeds/onnx";

/// The most memory asked for at once while a file of `length` bytes is taken in: some for what is made of any model, such as the
/// drawing of its filters, and some for each byte, since an empty node takes two bytes in a file.
fn bound(length: usize) -> usize {
    (8 << 20) + 512 * length
}

fn try_within_bounds(name: &str, file: &[u8]) {
    let ((), largest) = largest(|| try_on(file));
    assert!(largest <= bound(file.len()), "{name} of {} bytes made it ask for {largest} at once", file.len());
}

#[test]
fn hostile_models_are_errors_and_take_no_memory_for_what_they_claim() {
    for (name, file) in files(SEEDS) {
        try_within_bounds(&name, &file);
    }
}

#[test]
fn models_that_are_cut_off_anywhere_are_errors() {
    for (name, file) in files(SEEDS) {
        for length in 0..file.len() {
            let _ = largest(|| Graph::read(file[..length].to_vec().into()));
            if length % 16 == 0 {
                try_within_bounds(&name, &file[..length]);
            }
        }
    }
}

#[test]
fn sound_seeds_are_read() {
    let sound = files(SEEDS).into_iter().filter(|(_, file)| Graph::read(file.clone().into()).is_ok()).count();
    assert!(sound >= 13, "only {sound}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn models_with_bytes_changed_are_errors_or_models(
        seed in any::<Index>(),
        changes in collection::vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let mut seeds = files(SEEDS);
        let (name, mut file) = seeds.swap_remove(seed.index(seeds.len()));
        change(&mut file, &changes);
        try_within_bounds(&name, &file);
    }
}
