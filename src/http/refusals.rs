//! One line a second in the log for the calls that are refused because there are too many.
//!
//! A line for each would take time and disk space when there is little of either.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The time from one line to the next.
const EVERY: Duration = Duration::from_secs(1);

/// The calls that were refused since the last line.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<Since>);

#[derive(Debug)]
struct Since {
    last: Option<Instant>,
    count: u64,
}

impl Refusals {
    /// None so far.
    pub const fn new() -> Self {
        Self(Mutex::new(Since { last: None, count: 0 }))
    }

    /// Counts one more, at the time `now`; if a line is due, how many it is about.
    pub fn add(&self, now: Instant) -> Option<u64> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.count += 1;
        if since.last.is_some_and(|last| now < last + EVERY) {
            return None;
        }
        since.last = Some(now);
        Some(std::mem::take(&mut since.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_has_its_line_and_then_one_a_second_counts_the_others() {
        let (refusals, start) = (Refusals::new(), Instant::now());
        assert_eq!(refusals.add(start), Some(1));
        assert_eq!(refusals.add(start + EVERY / 3), None);
        assert_eq!(refusals.add(start + EVERY / 2), None);
        assert_eq!(refusals.add(start + EVERY), Some(3));
        assert_eq!(refusals.add(start + 9 * EVERY), Some(1));
    }
}
