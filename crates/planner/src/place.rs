//! A host for one VM.

use std::cmp::Reverse;

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::game::{Game, Stuck};
use crate::model::Model;
use crate::reason::{Purpose, Reason, verdict};
use crate::state::{State, Work};
use crate::tolerance::Budget;
use crate::view::{Host, Pool, Vm};
use crate::words::{Part, Say, said_in_english, sentence};

/// What was found about one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It could take the VM and was chosen.
    Chosen,
    /// It could take the VM; another was better.
    Possible,
    /// It cannot.
    Refused(Reason),
}

/// One host's line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// What was found.
    pub outcome: Outcome,
}

impl Say for Verdict {
    fn say(&self, language: Language) -> String {
        let host = Part::from(self.name.as_str());
        match &self.outcome {
            Outcome::Chosen => sentence(language, "chosen", &[("host", host)]),
            Outcome::Possible => sentence(language, "possible", &[("host", host)]),
            Outcome::Refused(reason) => {
                let parts = [("host", host), ("why", reason.say(language).into())];
                sentence(language, "refused", &parts)
            }
        }
    }
}

/// A host for a VM, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The host.
    pub host: Uuid,
    /// How many failures are survived with the VM there, as far as it was asked.
    pub tolerates: u32,
    /// One line a host, in order of host id.
    pub verdicts: Vec<Verdict>,
}

/// No host can take the VM: why, host by host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The VM.
    pub vm: Uuid,
    /// One line a host, in order of host id.
    pub verdicts: Vec<Verdict>,
}

impl std::error::Error for Why {}

impl Say for Why {
    fn say(&self, language: Language) -> String {
        let lines = self.verdicts.iter().map(|line| line.say(language));
        let all = lines.reduce(|before, next| {
            let parts = [("before", before.into()), ("next", next.into())];
            sentence(language, "refusals", &parts)
        });
        all.unwrap_or_else(|| sentence(language, "refused-everywhere", &[]))
    }
}

said_in_english!(Verdict, Why);

/// Chooses a host for a VM that is to be started, resumed or moved. Of the hosts that can take it
/// those come first with which the pool tolerates the most failures, up to `goal`; then the
/// preferred one; then the one with the most memory left, the fewest VMs, the lowest id.
///
/// # Errors
/// When no host can, with each host's reason.
pub fn place(pool: &Pool, vm: &Vm, goal: u32, budget: Budget) -> Result<Placement, Why> {
    let purpose = Purpose::Ordinary;
    let mut able: Vec<&Host> =
        pool.hosts.iter().filter(|host| verdict(pool, vm, host, purpose).is_ok()).collect();
    able.sort_by_key(|host| {
        let preferred = vm.affinity == Some(host.id);
        (!preferred, Reverse(host.memory_free), host.vms, host.id)
    });
    let order: Vec<Uuid> = able.iter().map(|host| host.id).collect();
    let chosen = safest(pool, vm, &order, goal, budget);
    let verdicts = explain(pool, vm, chosen.map(|(host, _)| host), purpose);
    match chosen {
        Some((host, tolerates)) => Ok(Placement { host, tolerates, verdicts }),
        None => Err(Why { vm: vm.id, verdicts }),
    }
}

/// The first of the hosts with which the tolerance is highest; the first of all when the budget
/// does not suffice to find out.
fn safest(pool: &Pool, vm: &Vm, hosts: &[Uuid], goal: u32, budget: Budget) -> Option<(Uuid, u32)> {
    let first = hosts.first().copied()?;
    let trial = Trial::new(pool, vm);
    let Some(trial) = trial.filter(|_| goal > 0) else { return Some((first, 0)) };
    let game = Game::new(&trial.model);
    let mut work = budget.work();
    for failures in (1..=goal).rev() {
        let keeps = |host: &&Uuid| trial.keeps(&game, **host, failures, &mut work);
        if let Some(host) = hosts.iter().find(keeps) {
            return Some((*host, failures));
        }
    }
    Some((first, 0))
}

/// How many failures, up to `goal`, are certainly survived with the VM on that host. The check of
/// one start, move or resume: it costs far less than the whole pool's tolerance.
#[must_use]
pub fn tolerance_with(pool: &Pool, vm: &Vm, host: Uuid, goal: u32, budget: Budget) -> u32 {
    let Some(trial) = Trial::new(pool, vm) else { return 0 };
    let game = Game::new(&trial.model);
    let mut work = budget.work();
    (1..=goal).rev().find(|&failures| trial.keeps(&game, host, failures, &mut work)).unwrap_or(0)
}

/// A VM that is tried on one host after the other.
struct Trial<'a> {
    model: Model<'a>,
    item: usize,
}

impl<'a> Trial<'a> {
    fn new(pool: &'a Pool, vm: &'a Vm) -> Option<Self> {
        let model = Model::with_candidate(pool, Some(vm), Purpose::Failover)?;
        let item = model.candidate?;
        Some(Self { model, item })
    }

    fn keeps(&self, game: &Game<'_, '_>, host: Uuid, failures: u32, work: &mut Work) -> bool {
        let at = (0..self.model.hosts.len())
            .find(|&at| self.model.host(at).is_some_and(|row| row.id == host));
        let Some(at) = at else { return false };
        let failures = usize::try_from(failures).unwrap_or(usize::MAX);
        let mut state = State::new(&self.model);
        state.place(&self.model, self.item, at);
        if self.model.waiting.is_empty() {
            return game.survives(&state, failures, work).is_yes();
        }
        let items = self.model.waiting.clone();
        game.place(&Stuck { blows: Vec::new(), state, items }, failures, work).is_yes()
    }
}

/// One line a host, in order of host id.
pub(crate) fn explain(
    pool: &Pool,
    vm: &Vm,
    chosen: Option<Uuid>,
    purpose: Purpose,
) -> Vec<Verdict> {
    let line = |host: &Host| {
        let outcome = match verdict(pool, vm, host, purpose) {
            _ if chosen == Some(host.id) => Outcome::Chosen,
            Ok(()) => Outcome::Possible,
            Err(reason) => Outcome::Refused(reason),
        };
        Verdict { host: host.id, name: host.name.clone(), outcome }
    };
    let mut verdicts: Vec<Verdict> = pool.hosts.iter().map(line).collect();
    verdicts.sort_by_key(|line| line.host);
    verdicts
}
