//! Admission control: whether a change keeps what the pool promises.

use std::collections::BTreeSet;

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::breach::Breach;
use crate::place::tolerance_with;
use crate::reason::{Purpose, verdict};
use crate::remedy::Unit;
use crate::tolerance::{Budget, Tolerance, tolerance_up_to};
use crate::view::{Pool, Vm};
use crate::words::{Say, said_in_english, sentence};

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

    /// Bytes that are missing after the change and were not missing before.
    #[must_use]
    pub fn further_bytes(&self) -> u64 {
        let short = |tolerance: &Tolerance| tolerance.breach.as_ref().map(Breach::missing_bytes);
        let before = self.before.as_ref().and_then(short).unwrap_or(0);
        short(&self.after).unwrap_or(0).saturating_sub(before)
    }
}

impl Say for Admission {
    fn say(&self, language: Language) -> String {
        let binding = match self.breach() {
            Some(breach) => breach.say(language),
            None => bounds(self.after.failures, self.goal, language),
        };
        weighed(self.effect, self.goal, binding, language)
    }
}

/// What is known where no constraint is.
pub(crate) fn bounds(failures: u32, goal: u32, language: Language) -> String {
    let parts = [("failures", failures.into()), ("goal", goal.into())];
    sentence(language, "admission-bounds", &parts)
}

/// What a change does, with what binds.
pub(crate) fn weighed(effect: Effect, goal: u32, binding: String, language: Language) -> String {
    let key = match effect {
        Effect::Keeps => return sentence(language, "admission-keeps", &[("goal", goal.into())]),
        Effect::Indifferent => "admission-as-before",
        Effect::Breaks => "admission-breaks",
        Effect::Erodes => "admission-erodes",
    };
    sentence(language, key, &[("breach", binding.into())])
}

said_in_english!(Admission);

/// How far a pool is: what waits without a place counts as less than nothing.
fn level(tolerance: &Tolerance) -> u32 {
    if tolerance.holds_now { tolerance.failures + 1 } else { 0 }
}

/// Whether more is missing than before: of memory, or of virtual processors.
fn shorter(before: &Tolerance, after: &Tolerance) -> bool {
    let bytes = |tolerance: &Tolerance| tolerance.breach.as_ref().map(Breach::missing_bytes);
    let vcpus = |tolerance: &Tolerance| {
        let missing = tolerance.breach.as_ref().and_then(|breach| breach.missing);
        missing.filter(|missing| missing.unit == Unit::Vcpus).map(|missing| missing.short)
    };
    bytes(after) > bytes(before) || vcpus(after) > vcpus(before)
}

/// Judges a change of the pool from `before` to `after` by the failures to be tolerated.
#[must_use]
pub fn admit(before: &Pool, after: &Pool, goal: u32, budget: Budget) -> Admission {
    let after = tolerance_up_to(after, goal, budget);
    if after.holds_now && after.failures >= goal {
        return Admission { effect: Effect::Keeps, goal, before: None, after };
    }
    let before = tolerance_up_to(before, goal, budget);
    let effect = if level(&after) < level(&before) {
        Effect::Breaks
    } else if level(&after) == level(&before) && shorter(&before, &after) {
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
