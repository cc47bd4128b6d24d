//! How many host failures the pool tolerates.

use haven_model::Language;
use serde::{Deserialize, Serialize};

use crate::breach::{Breach, explain};
use crate::game::{Answer, Game};
use crate::model::Model;
use crate::reason::Purpose;
use crate::state::Work;
use crate::view::Pool;
use crate::words::{Say, said_in_english, sentence};

/// What an answer may cost, in placements tried; a million take about 20 ms in a release build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(pub u64);

impl Budget {
    /// For questions of people and for alerts: about two seconds.
    pub const THOROUGH: Self = Self(100_000_000);
    /// For questions on the way of an operation: about a quarter of a second.
    pub const QUICK: Self = Self(12_000_000);

    pub(crate) const fn work(self) -> Work {
        Work::new(self.0)
    }
}

/// How many host failures are survived, and what breaks first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// So many hosts may fail, at once or one after the other with restarts between: every
    /// guaranteed VM runs again. Proven.
    pub failures: u32,
    /// The truth is not above this. Equal to `failures` when the answer is exact.
    pub at_most: u32,
    /// Every guaranteed VM that waits has a place as things are.
    pub holds_now: bool,
    /// What breaks with one failure more, if that was examined.
    pub breach: Option<Breach>,
}

impl Tolerance {
    /// Whether `failures` is the truth, and not only a bound.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.failures == self.at_most
    }
}

impl Say for Tolerance {
    fn say(&self, language: Language) -> String {
        let key = if self.is_exact() { "tolerates" } else { "tolerates-between" };
        let parts = [("failures", self.failures.into()), ("most", self.at_most.into())];
        let tolerates = sentence(language, key, &parts);
        match &self.breach {
            None => tolerates,
            Some(breach) => {
                let breach = breach.say(language);
                let parts = [("tolerates", tolerates.into()), ("breach", breach.into())];
                sentence(language, "tolerates-more", &parts)
            }
        }
    }
}

said_in_english!(Tolerance);

/// How many host failures the pool tolerates.
#[must_use]
pub fn tolerance(pool: &Pool, budget: Budget) -> Tolerance {
    tolerance_up_to(pool, u32::MAX, budget)
}

/// The same, but no more than `limit` is asked for: `failures` and `at_most` stop there.
#[must_use]
pub fn tolerance_up_to(pool: &Pool, limit: u32, budget: Budget) -> Tolerance {
    let Some(model) = Model::new(pool, Purpose::Failover) else {
        let hosts = u32::try_from(pool.hosts.len()).unwrap_or(u32::MAX);
        return Tolerance { failures: 0, at_most: hosts, holds_now: false, breach: None };
    };
    of_model(&model, limit, budget)
}

pub(crate) fn of_model(model: &Model<'_>, limit: u32, budget: Budget) -> Tolerance {
    let game = Game::new(model);
    let mut work = budget.work();
    // With all hosts gone nothing is left to tolerate with.
    let ceiling = u32::try_from(model.hosts.len()).unwrap_or(u32::MAX).saturating_sub(1).min(limit);
    let mut found = Tolerance { failures: 0, at_most: ceiling, holds_now: true, breach: None };
    for failures in 0..=ceiling {
        let asked = usize::try_from(failures).unwrap_or(usize::MAX);
        match game.answer(asked, &mut work) {
            Answer::Yes => found.failures = failures,
            Answer::No(stuck) => {
                found.holds_now = failures > 0;
                found.at_most = failures.saturating_sub(1);
                found.breach = explain(model, &stuck, true);
                return found;
            }
            Answer::Unknown(stuck) => {
                found.holds_now = failures > 0;
                found.breach = stuck.and_then(|stuck| explain(model, &stuck, false));
                found.at_most = ceiling_above(&game, failures, ceiling);
                return found;
            }
        }
    }
    found
}

/// Whether the pool survives `failures`: yes, no, or (`None`) not decided within the budget.
#[must_use]
pub fn survives(pool: &Pool, failures: u32, budget: Budget) -> Option<bool> {
    let model = Model::new(pool, Purpose::Failover)?;
    let failures = usize::try_from(failures).unwrap_or(usize::MAX);
    match Game::new(&model).answer(failures, &mut budget.work()) {
        Answer::Yes => Some(true),
        Answer::No(_) => Some(false),
        Answer::Unknown(_) => None,
    }
}

/// Work for one look at a number of failures that is probably too large.
const LOOK: Budget = Budget(200_000);

/// From an undecided number on: the first that is certainly too large, less one.
fn ceiling_above(game: &Game<'_, '_>, undecided: u32, ceiling: u32) -> u32 {
    let (mut low, mut high) = (undecided, ceiling.saturating_add(1));
    // What is too much stays too much with more failures.
    while low < high {
        let middle = low + (high - low) / 2;
        let asked = usize::try_from(middle).unwrap_or(usize::MAX);
        match game.too_many(asked, &mut LOOK.work()) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low.saturating_sub(1)
}
