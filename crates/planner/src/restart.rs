//! What to start where after hosts died, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::game::{Game, Stuck};
use crate::model::Model;
use crate::pack::Wish;
use crate::place::{Verdict, Why, explain};
use crate::reason::Purpose;
use crate::state::{State, Work};
use crate::tolerance::Budget;
use crate::view::{Pool, Protection, Vm};

/// When a VM counts as started, for those that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// Its processors run.
    #[default]
    Started,
    /// The agent in its guest answers.
    AgentAnswers,
}

/// What a group waits for before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// When its VMs count as started.
    pub ready: Ready,
    /// Seconds after which the next group begins although some do not.
    pub timeout_s: u64,
    /// Seconds to wait when all are ready.
    pub delay_s: u64,
}

/// How restarts are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Further failures that the pool should survive afterwards; as many as can be are kept.
    pub keep: u32,
    /// When a VM counts as started.
    pub ready: Ready,
    /// Seconds that a group waits for its VMs, at most.
    pub timeout_s: u64,
    /// What each question on the way may cost: no less than what the promise cost.
    pub budget: Budget,
}

impl Default for Rules {
    fn default() -> Self {
        Self { keep: 0, ready: Ready::Started, timeout_s: 600, budget: Budget::THOROUGH }
    }
}

/// One start of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The VM.
    pub vm: Uuid,
    /// Its name.
    pub name: String,
    /// Where.
    pub host: Uuid,
    /// How it is protected.
    pub protection: Protection,
    /// Why there, host by host.
    pub verdicts: Vec<Verdict>,
}

/// VMs that may start together; the next group waits for this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Their `VM.order`.
    pub order: i64,
    /// The starts, host by host in turn, so that no host has many at the same time.
    pub starts: Vec<Start>,
    /// What the next group waits for.
    pub gate: Gate,
}

/// A VM that is not started, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The VM.
    pub vm: Uuid,
    /// Its name.
    pub name: String,
    /// How it is protected.
    pub protection: Protection,
    /// There is room, but what is guaranteed needs it after a further failure.
    pub held_back: bool,
    /// Host by host.
    pub why: Why,
}

/// What to start where, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Guaranteed VMs in order groups, then best-effort VMs in order groups.
    pub groups: Vec<Group>,
    /// VMs that stay behind; guaranteed ones first.
    pub unplaced: Vec<Unplaced>,
    /// How many further failures are survived once it is carried out, as far as it was asked.
    pub tolerates: u32,
}

impl Plan {
    /// Whether every guaranteed VM has a place.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.unplaced.iter().all(|missing| missing.protection != Protection::Restart)
    }

    /// All starts, in their order.
    pub fn starts(&self) -> impl Iterator<Item = &Start> {
        self.groups.iter().flat_map(|group| &group.starts)
    }

    /// The host planned for a VM.
    #[must_use]
    pub fn host_of(&self, vm: Uuid) -> Option<Uuid> {
        self.starts().find(|start| start.vm == vm).map(|start| start.host)
    }
}

/// Plans the start of the VMs of `pool` that wait and are among `which`. All guaranteed VMs that
/// wait are given room together: so that the pool survives as many further failures as can be; if
/// they cannot all be placed, those with the lower order, then the smaller ones. Best-effort VMs
/// get what is left, unless the guaranteed ones will need it after further failures.
#[must_use]
pub fn restart_plan(pool: &Pool, which: &BTreeSet<Uuid>, rules: &Rules) -> Plan {
    let Some(model) = Model::new(pool, Purpose::Failover) else { return Plan::default() };
    let planner = Planner { game: Game::new(&model), model: &model };
    let mut work = rules.budget.work();
    let (mut state, tolerates, left) = planner.guaranteed(rules.keep, rules.budget);
    let placed = state.moved.len();
    let (best, held) = planner.best_effort(&mut state, which, tolerates, &mut work);
    let mut writer = Writer { pool: pool.clone(), which, rules, plan: Plan::default() };
    writer.plan.tolerates = u32::try_from(tolerates).unwrap_or(u32::MAX);
    writer.write(&model, state.moved.get(..placed).unwrap_or_default());
    writer.write(&model, &best);
    let behind = left.into_iter().map(|item| (item, false)).chain(held);
    for (item, held_back) in behind {
        writer.leave(&model, item, held_back);
    }
    writer.plan
}

struct Planner<'m, 'a> {
    game: Game<'m, 'a>,
    model: &'m Model<'a>,
}

impl Planner<'_, '_> {
    fn moment(&self, items: Vec<usize>) -> Stuck {
        Stuck { blows: Vec::new(), state: State::new(self.model), items }
    }

    /// Places for guaranteed VMs, how many failures are survived then, and what stays behind.
    fn guaranteed(&self, keep: u32, budget: Budget) -> (State, usize, Vec<usize>) {
        let now = self.moment(self.model.waiting.clone());
        let keep = usize::try_from(keep).unwrap_or(usize::MAX).min(self.model.hosts.len());
        // Each question may cost as much as the one with which the promise was made: what was
        // promised is then found again.
        for failures in (0..=keep).rev() {
            if let Ok(state) = self.game.find(&now, failures, Wish::Spread, &mut budget.work()) {
                return (state, failures, Vec::new());
            }
        }
        let (state, left) = self.as_many_as_fit(&now);
        (state, 0, left)
    }

    /// By priority: whole groups while they fit, then one by one.
    fn as_many_as_fit(&self, now: &Stuck) -> (State, Vec<usize>) {
        let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for &item in &now.items {
            let order = self.model.vm(item).map_or(0, |vm| vm.order);
            groups.entry(order).or_default().push(item);
        }
        let (mut accepted, mut left) = (Vec::new(), Vec::new());
        let mut state = now.state.clone();
        for items in groups.into_values() {
            if let Some(next) = self.fits(now, &accepted, &items) {
                accepted.extend(items);
                state = next;
                continue;
            }
            // The smaller ones first: more of them run again.
            for item in items.into_iter().rev() {
                match self.fits(now, &accepted, &[item]) {
                    Some(next) => {
                        accepted.push(item);
                        state = next;
                    }
                    None => left.push(item),
                }
            }
        }
        (state, left)
    }

    fn fits(&self, now: &Stuck, accepted: &[usize], more: &[usize]) -> Option<State> {
        let mut items: Vec<usize> = accepted.iter().chain(more).copied().collect();
        items.sort_unstable();
        let trial = Stuck { items, ..now.clone() };
        self.game.find(&trial, 0, Wish::Spread, &mut Budget::QUICK.work()).ok()
    }

    /// Places for best-effort VMs; what stays behind, and whether only for the sake of others.
    #[expect(clippy::type_complexity, reason = "used in one place")]
    fn best_effort(
        &self,
        state: &mut State,
        which: &BTreeSet<Uuid>,
        tolerates: usize,
        work: &mut Work,
    ) -> (Vec<(usize, usize)>, Vec<(usize, bool)>) {
        let mut items: Vec<(i64, u64, Uuid, usize)> = (0..self.model.items.len())
            .filter_map(|item| {
                let vm = self.model.vm(item)?;
                let wanted = vm.protection == Protection::BestEffort && vm.waits();
                (wanted && which.contains(&vm.id)).then_some((vm.order, vm.memory, vm.id, item))
            })
            .collect();
        items.sort_unstable();
        let before = state.moved.len();
        let mut all = state.clone();
        let fit = items.iter().all(|&(.., item)| all.place_wide(self.model, item, work));
        if fit && self.game.survives(&all, tolerates, work).is_yes() {
            *state = all;
            return (state.moved.get(before..).unwrap_or_default().to_vec(), Vec::new());
        }
        let mut held = Vec::new();
        for (.., item) in items {
            let mut next = state.clone();
            let fits = next.place_wide(self.model, item, work);
            if fits && self.game.survives(&next, tolerates, work).is_yes() {
                *state = next;
            } else {
                held.push((item, fits));
            }
        }
        (state.moved.get(before..).unwrap_or_default().to_vec(), held)
    }
}

/// Writes the plan down, with what was found about each host at each step.
struct Writer<'r> {
    pool: Pool,
    which: &'r BTreeSet<Uuid>,
    rules: &'r Rules,
    plan: Plan,
}

impl Writer<'_> {
    fn write(&mut self, model: &Model<'_>, moved: &[(usize, usize)]) {
        let mut groups: BTreeMap<i64, Vec<(&Vm, Uuid)>> = BTreeMap::new();
        for &(item, host) in moved {
            let (Some(vm), Some(host)) = (model.vm(item), model.host(host)) else { continue };
            if self.which.contains(&vm.id) {
                groups.entry(vm.order).or_default().push((vm, host.id));
            } else {
                self.pool.occupy(vm.id, host.id);
            }
        }
        for (order, starts) in groups {
            let delay_s = starts.iter().map(|(vm, _)| vm.start_delay_s).max().unwrap_or(0);
            let starts: Vec<Start> =
                in_turn(starts).into_iter().map(|(vm, host)| self.start(vm, host)).collect();
            let Rules { ready, timeout_s, .. } = *self.rules;
            self.plan.groups.push(Group {
                order,
                starts,
                gate: Gate { ready, timeout_s, delay_s },
            });
        }
    }

    fn start(&mut self, vm: &Vm, host: Uuid) -> Start {
        let verdicts = explain(&self.pool, vm, Some(host), Purpose::Failover);
        self.pool.occupy(vm.id, host);
        Start { vm: vm.id, name: vm.name.clone(), host, protection: vm.protection, verdicts }
    }

    fn leave(&mut self, model: &Model<'_>, item: usize, held_back: bool) {
        let Some(vm) = model.vm(item).filter(|vm| self.which.contains(&vm.id)) else { return };
        let verdicts = explain(&self.pool, vm, None, Purpose::Failover);
        self.plan.unplaced.push(Unplaced {
            vm: vm.id,
            name: vm.name.clone(),
            protection: vm.protection,
            held_back,
            why: Why { vm: vm.id, verdicts },
        });
    }
}

/// One of each host, then a second of each, and so on.
fn in_turn(starts: Vec<(&Vm, Uuid)>) -> Vec<(&Vm, Uuid)> {
    let mut turns: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut ordered: Vec<(usize, Uuid, &Vm)> = starts
        .into_iter()
        .map(|(vm, host)| {
            let turn = turns.entry(host).or_default();
            *turn += 1;
            (*turn, host, vm)
        })
        .collect();
    ordered.sort_by_key(|&(turn, host, vm)| (turn, host, vm.id));
    ordered.into_iter().map(|(_, host, vm)| (vm, host)).collect()
}
