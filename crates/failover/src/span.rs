//! Spans of time that are written down in wall-clock time, for whoever coordinates next.
//!
//! Owns: when such a span is over though the clock was set meanwhile. Wall-clock time is all that the next
//! coordinator shares with the one before, so it is used once, when a process first sees the span; from
//! then on that process counts on a clock that nobody sets. Wherever the clock stands, a span lasts no
//! longer than its length from the first sight on, and one that this process began lasts exactly that.

use std::collections::BTreeMap;
use std::time::Duration;

/// Spans that are remembered; the oldest is forgotten first, and seen anew if it is asked about.
const SPANS_MAX: usize = 8;

/// From when until when, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Begin.
    pub since_ms: u64,
    /// End.
    pub until_ms: u64,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::from_millis(self.until_ms.saturating_sub(self.since_ms))
    }
}

/// When each span ends that this process has seen, on its own clock.
#[derive(Clone, Debug, Default)]
pub struct Spans(BTreeMap<Span, Duration>);

impl Spans {
    /// An empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// How much is left of a span; zero: it is over. `wall_ms`: what the clock on the wall says now,
    /// `now`: what the clock says that nobody sets.
    pub fn left(&mut self, span: Span, wall_ms: u64, now: Duration) -> Duration {
        if let Some(end) = self.0.get(&span) {
            return end.saturating_sub(now);
        }
        let left = Duration::from_millis(span.until_ms.saturating_sub(wall_ms)).min(span.length());
        if self.0.len() >= SPANS_MAX {
            self.0.pop_first();
        }
        self.0.insert(span, now + left);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const NOON_MS: u64 = 1_800_000_000_000;

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    fn pause() -> Span {
        Span { since_ms: NOON_MS, until_ms: NOON_MS + 600_000 }
    }

    #[test]
    fn a_clock_that_is_set_neither_ends_a_span_nor_prolongs_it() {
        for wall_ms in [NOON_MS + HOUR_MS, NOON_MS - HOUR_MS, 0, u64::MAX] {
            let mut spans = Spans::new();
            assert_eq!(spans.left(pause(), NOON_MS, minutes(5)), minutes(10));
            assert_eq!(spans.left(pause(), wall_ms, minutes(9)), minutes(6));
            assert_eq!(spans.left(pause(), wall_ms, minutes(15)), minutes(0));
            assert_eq!(spans.left(pause(), wall_ms, minutes(500)), minutes(0));
        }
    }

    #[test]
    fn who_sees_it_first_believes_the_wall_but_no_longer_than_its_length() {
        let left = |wall_ms| Spans::new().left(pause(), wall_ms, minutes(0));
        assert_eq!(left(NOON_MS + 240_000), minutes(6));
        assert_eq!(left(NOON_MS - HOUR_MS), minutes(10));
        assert_eq!(left(NOON_MS + HOUR_MS), minutes(0));
    }

    #[test]
    fn another_span_is_another_and_few_are_remembered() {
        let mut spans = Spans::new();
        for n in 0..100 {
            let span = Span { since_ms: NOON_MS + n, until_ms: NOON_MS + n + 1_000 };
            assert_eq!(spans.left(span, NOON_MS + n, minutes(n)), Duration::from_secs(1));
        }
        assert_eq!(spans.0.len(), SPANS_MAX);
    }
}
