//! Admission control: whether a change keeps what the pool promises.

use std::collections::BTreeSet;

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::breach::Breach;
use crate::place::tolerance_with;
use crate::reason::{Purpose, verdict};
use crate::tolerance::{Budget, Tolerance, tolerance_up_to};
use crate::view::{Pool, Vm};
use crate::words::{Say, mib, said_in_english, sentence};

/// What admission control does with a change that breaks the promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuses it.
    #[default]
    Enforce,
    /// Lets it pass and says so.
    Warn,
    /// Does not look.
    Off,
}

impl Mode {
    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "enforce" => Some(Self::Enforce),
            "warn" => Some(Self::Warn),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

/// What a change does to the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The goal is reached after it.
    Keeps,
    /// Fewer failures are tolerated than before, and fewer than the goal.
    Breaks,
    /// The goal was missed before, and more is missing now.
    Erodes,
    /// The goal was missed before; the change does not matter to it.
    Indifferent,
}

/// The answer to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// What it does.
    pub effect: Effect,
    /// Failures to be tolerated.
    pub goal: u32,
    /// Tolerated before, up to the goal; not looked at when the goal is reached.
    pub before: Option<Tolerance>,
    /// Tolerated after, up to the goal.
    pub after: Tolerance,
}

impl Admission {
    /// What binds after the change.
    #[must_use]
    pub fn breach(&self) -> Option<&Breach> {
        self.after.breach.as_ref()
    }
}

impl Say for Admission {
    fn say(&self, language: Language) -> String {
        let key = match self.effect {
            Effect::Keeps => {
                return sentence(language, "admission-keeps", &[("goal", self.goal.into())]);
            }
            Effect::Indifferent => "admission-as-before",
            Effect::Breaks => "admission-breaks",
            Effect::Erodes => "admission-erodes",
        };
        let breach = self.breach().map_or_else(
            || {
                let parts = [("failures", self.after.failures.into()), ("goal", self.goal.into())];
                sentence(language, "admission-bounds", &parts)
            },
            |breach| breach.say(language),
        );
        sentence(language, key, &[("breach", breach.into())])
    }
}

said_in_english!(Admission);

/// How far a pool is: what waits without a place counts as less than nothing.
fn level(tolerance: &Tolerance) -> u32 {
    if tolerance.holds_now { tolerance.failures + 1 } else { 0 }
}

/// Judges a change of the pool from `before` to `after` by the failures to be tolerated.
#[must_use]
pub fn admit(before: &Pool, after: &Pool, goal: u32, budget: Budget) -> Admission {
    let after = tolerance_up_to(after, goal, budget);
    if after.holds_now && after.failures >= goal {
        return Admission { effect: Effect::Keeps, goal, before: None, after };
    }
    let before = tolerance_up_to(before, goal, budget);
    let short = |tolerance: &Tolerance| tolerance.breach.as_ref().map(Breach::missing_bytes);
    let effect = if level(&after) < level(&before) {
        Effect::Breaks
    } else if level(&after) == level(&before) && short(&after) > short(&before) {
        Effect::Erodes
    } else {
        Effect::Indifferent
    };
    Admission { effect, goal, before: Some(before), after }
}

/// Whether one more VM on a host certainly leaves so many failures tolerated. Far cheaper than
/// [`admit`]: the pool is neither copied nor compared with what it was. False says nothing.
#[must_use]
pub fn start_keeps(pool: &Pool, vm: &Vm, host: Uuid, goal: u32, budget: Budget) -> bool {
    let able = pool.host(host).is_some_and(|row| {
        let alone = Vm { resident: None, also_on: BTreeSet::new(), ..vm.clone() };
        verdict(pool, &alone, row, Purpose::Ordinary).is_ok()
    });
    goal > 0 && able && tolerance_with(pool, vm, host, goal, budget) >= goal
}

/// By how much more is missing after a change than before it.
#[must_use]
pub fn further_short(admission: &Admission) -> Option<String> {
    let short = |tolerance: &Tolerance| tolerance.breach.as_ref().map(Breach::missing_bytes);
    let before = admission.before.as_ref().and_then(short).unwrap_or(0);
    let after = short(&admission.after)?;
    (after > before).then(|| mib(after - before))
}
