//! Requests and pictures that are none.

use proptest::{collection, prelude::*, sample::Index};

use super::{files, fuzzed};

#[test]
fn the_seeds_of_requests_are_answered() {
    for (_, file) in files("fuzz/seeds/options") {
        fuzzed::options::try_on(&file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pictures_with_bytes_changed_are_errors_or_pictures(
        seed in any::<Index>(),
        changes in collection::vec((any::<Index>(), any::<u8>()), 0..8),
        length in any::<Index>(),
    ) {
        let mut seeds = files("tests/golden/pictures");
        let (_, mut file) = seeds.swap_remove(seed.index(seeds.len()));
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        file.truncate(length.index(file.len()) + 1);
        fuzzed::picture::try_on(&file);
    }
}
