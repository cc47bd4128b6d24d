//! A pool whose high availability was turned off, for work on the network say, and forgotten.
//!
//! Owns: when a person is reminded, how often, and when that ends. Nothing is turned on again by itself:
//! who turned it off knows why. What is remembered lies in the pool database, for whoever coordinates
//! next, in wall-clock time; a clock that was set costs one reminder too early or too late.

use serde::{Deserialize, Serialize};

/// Hours until the first reminder; less, if reminders are to come more often than that.
const FIRST_HOURS: u64 = 4;
/// Hours between two reminders, unless the pool says otherwise.
pub const EVERY_HOURS: u64 = 24;
/// The most that may be asked for.
pub const EVERY_HOURS_MAX: u64 = 30 * 24;
/// Reminders after which nobody is reminded any more: whoever has not cared by then does not.
const TOLD_MAX: u32 = 30;
const HOUR_MS: u64 = 3_600_000;

/// What is remembered of a pool that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Off {
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// When somebody was reminded last.
    last_ms: u64,
    /// How often.
    told: u32,
}

impl Off {
    /// It was turned off now, or is found to be off.
    #[must_use]
    pub fn since(wall_ms: u64) -> Self {
        Self { since_ms: wall_ms, last_ms: wall_ms, told: 0 }
    }

    /// Whole hours for which it has been off.
    #[must_use]
    pub fn hours(&self, wall_ms: u64) -> u64 {
        wall_ms.saturating_sub(self.since_ms) / HOUR_MS
    }
}

/// What is to be done about it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// This is remembered from now on.
    Note(Off),
    /// A person is reminded, and this remembered.
    Remind(Off),
    /// What is remembered is void: the pool is armed.
    Forget,
}

/// Looks at a pool. `protects`: some VM is to be restarted when its host fails; a pool that never was
/// armed is nobody's concern without one. `every_hours`: 0 for never.
#[must_use]
pub fn due(
    off: Option<Off>,
    (armed, protects): (bool, bool),
    every_hours: u64,
    wall_ms: u64,
) -> Due {
    let Some(off) = off else {
        let begins = !armed && protects;
        return if begins { Due::Note(Off::since(wall_ms)) } else { Due::Nothing };
    };
    if armed {
        return Due::Forget;
    }
    if wall_ms < off.last_ms {
        // The clock was set back: counted from here, or nobody would be reminded until it is there again.
        return Due::Note(Off { since_ms: off.since_ms.min(wall_ms), last_ms: wall_ms, ..off });
    }
    let pause = if off.told == 0 { FIRST_HOURS.min(every_hours) } else { every_hours };
    let over = wall_ms >= off.last_ms.saturating_add(pause.saturating_mul(HOUR_MS));
    if every_hours == 0 || off.told >= TOLD_MAX || !over {
        return Due::Nothing;
    }
    Due::Remind(Off { last_ms: wall_ms, told: off.told + 1, ..off })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: u64 = 1_800_000_000_000;

    /// Hours after noon at which somebody is reminded within so many, looking once an hour.
    fn reminded(hours: u64, every: u64, mut off: Option<Off>) -> Vec<u64> {
        let mut told = Vec::new();
        for hour in 0..hours {
            match due(off, (false, true), every, NOON_MS + hour * HOUR_MS) {
                Due::Nothing => {}
                Due::Forget => off = None,
                Due::Note(noted) => off = Some(noted),
                Due::Remind(noted) => {
                    told.push(hour);
                    off = Some(noted);
                }
            }
        }
        told
    }

    #[test]
    fn after_some_hours_then_daily_and_not_for_ever() {
        assert_eq!(reminded(60, EVERY_HOURS, None), [4, 28, 52]);
        assert_eq!(reminded(8, 2, None), [2, 4, 6]);
        assert_eq!(reminded(1000, 0, None), Vec::<u64>::new(), "silenced");
        assert_eq!(reminded(10_000, EVERY_HOURS, None).len(), 30);
    }

    #[test]
    fn nobody_is_reminded_of_a_pool_that_is_armed_or_never_was_and_protects_nothing() {
        let off = Some(Off::since(0));
        assert_eq!(due(off, (true, true), EVERY_HOURS, NOON_MS), Due::Forget);
        assert_eq!(due(None, (true, true), EVERY_HOURS, NOON_MS), Due::Nothing);
        assert_eq!(due(None, (false, false), EVERY_HOURS, NOON_MS), Due::Nothing);
        // It was armed before, and nothing is protected any more.
        assert!(matches!(due(off, (false, false), EVERY_HOURS, NOON_MS), Due::Remind(_)));
    }

    #[test]
    fn a_clock_that_was_set_back_puts_a_reminder_off_by_one_pause() {
        let off = Some(Off::since(NOON_MS + 1_000 * HOUR_MS));
        assert_eq!(reminded(10, EVERY_HOURS, off), [4]);
    }
}
