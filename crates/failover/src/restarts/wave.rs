//! A plan that is being carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haven_planner::{Gate, Plan, Protection, Ready};
use uuid::Uuid;

use super::{AGENT_POLL, Agent, Output};

/// What comes first: guaranteed VMs before best effort, and then by `VM.order`.
pub(super) type Rank = (Protection, i64);

/// Where a start stands among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rank: Rank,
    pub(super) wave: u64,
    pub(super) group: usize,
    pub(super) index: usize,
}

#[derive(Debug)]
struct Group {
    rank: Rank,
    gate: Gate,
    /// Which VM where.
    starts: Vec<(Uuid, Uuid)>,
    /// VMs whose starts are not over.
    open: BTreeSet<Uuid>,
    /// Guests whose agents have not answered, and when they are asked again.
    silent: BTreeMap<Uuid, Duration>,
}

/// Groups, of which each waits for the one before.
#[derive(Debug)]
pub(super) struct Wave {
    groups: Vec<Group>,
    current: usize,
    /// When the present group began; not yet, while it waits for those of other plans.
    began: Option<Duration>,
    /// When it was ready.
    ready: Option<Duration>,
}

impl Wave {
    /// What of a plan is to be carried out; nothing, if it starts nothing.
    pub(super) fn of(plan: Plan, which: impl Fn(&Uuid) -> bool) -> Option<Self> {
        let groups = plan.groups.into_iter().map(|group| {
            let starts = group.starts.iter().map(|start| (start.vm, start.host));
            let starts: Vec<(Uuid, Uuid)> = starts.filter(|(vm, _)| which(vm)).collect();
            let open = starts.iter().map(|(vm, _)| *vm).collect();
            let protection = group.starts.iter().map(|start| start.protection).min();
            let rank = (protection.unwrap_or_default(), group.order);
            Group { rank, gate: group.gate, starts, open, silent: BTreeMap::new() }
        });
        let groups: Vec<Group> = groups.filter(|group| !group.starts.is_empty()).collect();
        let wave = Self { groups, current: 0, began: None, ready: None };
        (!wave.groups.is_empty()).then_some(wave)
    }

    /// All starts: where they stand in this wave of this number, VM, host.
    pub(super) fn starts(&self, wave: u64) -> Vec<(Place, Uuid, Uuid)> {
        let groups = self.groups.iter().enumerate();
        let of = |(group, at): (usize, &Group)| {
            let (rank, starts) = (at.rank, at.starts.clone().into_iter().enumerate());
            let place = move |index| Place { rank, wave, group, index };
            starts.map(move |(index, (vm, host))| (place(index), vm, host)).collect::<Vec<_>>()
        };
        groups.flat_map(of).collect()
    }

    /// The rank of the present group, if it has not begun.
    pub(super) fn pending(&self) -> Option<Rank> {
        let group = self.groups.get(self.current).filter(|_| self.began.is_none())?;
        Some(group.rank)
    }

    /// Whether groups of this rank wait for the present one, in whichever plan they are.
    pub(super) fn holds_up(&self, rank: Rank, now: Duration) -> bool {
        let Some((group, began)) = self.groups.get(self.current).zip(self.began) else {
            return false;
        };
        let late = now >= began + Duration::from_secs(group.gate.timeout_s);
        let last = self.current + 1 >= self.groups.len();
        group.rank < rank && !late && !(last && group.open.is_empty())
    }

    /// The present group begins: its starts.
    pub(super) fn begin(&mut self, now: Duration) -> Vec<(Uuid, Uuid)> {
        (self.began, self.ready) = (Some(now), None);
        let group = self.groups.get_mut(self.current);
        group.map(|group| std::mem::take(&mut group.starts)).unwrap_or_default()
    }

    /// A start is over, however it went.
    pub(super) fn over(&mut self, group: usize, vm: Uuid) {
        if let Some(group) = self.groups.get_mut(group) {
            group.open.remove(&vm);
        }
    }

    /// A VM runs.
    pub(super) fn runs(&mut self, group: usize, vm: Uuid, now: Duration) {
        // Nobody waits for the last group, nor for one that was late.
        let waits = group == self.current && group + 1 < self.groups.len();
        let asks = |group: &&mut Group| waits && group.gate.ready == Ready::AgentAnswers;
        if let Some(group) = self.groups.get_mut(group).filter(asks) {
            group.silent.insert(vm, now);
        }
    }

    pub(super) fn heard(&mut self, vm: Uuid, agent: Agent, now: Duration) {
        let Some(group) = self.groups.get_mut(self.current) else { return };
        match agent {
            Agent::Answers | Agent::Gone => drop(group.silent.remove(&vm)),
            Agent::Silent => {
                group.silent.entry(vm).and_modify(|at| *at = now + AGENT_POLL);
            }
        }
    }

    /// Guests to be asked now, so many at most.
    pub(super) fn to_ask(&self, now: Duration, asked: &BTreeSet<Uuid>, most: usize) -> Vec<Uuid> {
        let Some(group) = self.groups.get(self.current) else { return Vec::new() };
        let due = group.silent.iter().filter(|(vm, at)| **at <= now && !asked.contains(*vm));
        due.map(|(vm, _)| *vm).take(most).collect()
    }

    /// Whether the next group may begin; what that says about the present one.
    pub(super) fn passes(&mut self, now: Duration, out: &mut Vec<Output>) -> bool {
        let last = self.current + 1 >= self.groups.len();
        let group = self.groups.get_mut(self.current).filter(|_| !last);
        let Some((group, began)) = group.zip(self.began) else { return false };
        let (protection, order) = group.rank;
        let (starting, silent) = (group.open.len(), group.silent.len());
        if self.ready.is_none() && starting == 0 && silent == 0 {
            self.ready = Some(now);
            out.push(Output::Ready { protection, order });
        }
        let passes = match self.ready {
            Some(ready) => now >= ready + Duration::from_secs(group.gate.delay_s),
            None if now >= began + Duration::from_secs(group.gate.timeout_s) => {
                out.push(Output::Late { protection, order, starting, silent });
                true
            }
            None => false,
        };
        if passes {
            // What still starts goes on beside the next group.
            group.silent.clear();
            self.current += 1;
            self.began = None;
        }
        passes
    }

    /// No further group begins.
    pub(super) fn cut_short(&mut self) {
        self.groups.truncate(self.current + 1);
        if let Some(group) = self.groups.get_mut(self.current) {
            group.silent.clear();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.current + 1 >= self.groups.len()
            && self.groups.iter().all(|group| group.open.is_empty())
    }
}
