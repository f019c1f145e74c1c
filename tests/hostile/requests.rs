//! Requests that are none.

use super::{files, fuzzed};

#[test]
fn the_seeds_of_requests_are_answered() {
    for (_, file) in files("fuzz/seeds/options") {
        fuzzed::options::try_on(&file);
    }
}
