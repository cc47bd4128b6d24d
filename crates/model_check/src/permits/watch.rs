//! The watcher: death rule, and the coordinator's wait.

use super::state::{EPOCHS_MAX, State};
use super::{DEAD, LEASE, Permits, Rule, VOTE};

impl Permits {
    /// The watcher has read the disk.
    pub(super) fn observe(&self, state: &mut State) {
        for number in 0..self.hosts {
            if state.seen[number].changed && self.is_whole(number) {
                state.seen[number].changed = false;
                state.seen[number].still = 0;
            }
            let shown = state.hosts[number].shown;
            confirm(state, number, shown);
        }
    }

    /// The watcher may treat the host as dead: death rules 1 and 2.
    pub(super) fn is_dead(&self, state: &State, host: usize) -> bool {
        let watcher = self.watcher();
        let know = usize::from(state.hosts[watcher].know);
        if host == watcher || state.chain[know].has(host) || state.seen[host].dead > 0 {
            return false;
        }
        if !self.is_whole(host) {
            return state.hosts[host].fencing;
        }
        let Some(last) = (0..know).rev().find(|&e| state.chain[e].has(host)) else {
            return false;
        };
        state.hosts[host].tombstone
            || (self.stood_still(state, host) && self.left(state, host, last))
    }

    fn stood_still(&self, state: &State, host: usize) -> bool {
        let seen = &state.seen[host];
        let wait = if self.drops(Rule::DeadWait) {
            0
        } else if self.drops(Rule::DeadWaitBite) {
            LEASE
        } else {
            DEAD
        };
        (!seen.changed || self.drops(Rule::Reread)) && seen.still >= wait
    }

    /// Of every epoch in which the host may stand, so many have gone that nobody can keep it alive.
    fn left(&self, state: &State, host: usize, last: usize) -> bool {
        if self.drops(Rule::Acknowledgements) {
            return true;
        }
        let age = if self.drops(Rule::ConfirmationAge) { 1 } else { DEAD + 1 };
        let newest = (0..EPOCHS_MAX).rev().find(|&e| state.seen[host].confirmed[e] >= age);
        let from = if self.drops(Rule::EveryEpoch) { last } else { newest.unwrap_or(0) };
        (from..=last).filter(|&e| state.chain[e].has(host)).all(|epoch| {
            let members = state.chain[epoch].members;
            let gone = (0..self.hosts).filter(|&peer| {
                let seen = &state.seen[peer];
                members & (1 << peer) != 0
                    && (seen.confirmed[epoch + 1] >= self.ack_age() || seen.dead >= self.dead_age())
            });
            gone.count() as u32 > members.count_ones() - Self::quorum(members)
        })
    }

    fn ack_age(&self) -> u8 {
        if self.drops(Rule::AcknowledgementAge) { 1 } else { VOTE + 1 }
    }

    fn dead_age(&self) -> u8 {
        if self.drops(Rule::DeadAge) { 1 } else { VOTE + 1 }
    }

    /// The watcher, named coordinator, may act.
    pub(super) fn may_act(&self, state: &State) -> bool {
        self.waited(state, self.watcher(), |former, named| {
            let seen = &state.seen[former];
            let newer = if self.drops(Rule::NewerConfirmation) {
                (0..=named)
                    .find(|&e| usize::from(state.chain[e].coordinator) != former)
                    .unwrap_or(named + 1)
            } else {
                named + 1
            };
            seen.dead > 0 || seen.confirmed[newer] > 0
        })
    }

    /// Another host than the watcher may act: judged by what is true, which no rule of its own can
    /// beat.
    pub(super) fn may_act_in_truth(&self, state: &State, host: usize) -> bool {
        self.waited(state, host, |former, named| {
            let life = &state.hosts[former];
            let gone = if self.is_whole(former) { !life.running } else { life.fencing };
            usize::from(life.know) > named || gone
        })
    }

    fn waited(&self, state: &State, host: usize, over: impl Fn(usize, usize) -> bool) -> bool {
        let life = &state.hosts[host];
        let know = usize::from(life.know);
        if life.fencing
            || (!life.running && self.is_whole(host))
            || usize::from(state.chain[know].coordinator) != host
        {
            return false;
        }
        let from = if self.drops(Rule::CoordinatorWait) {
            know
        } else if self.drops(Rule::EveryCoordinator) {
            know.saturating_sub(1)
        } else {
            0
        };
        (from..know).all(|epoch| {
            let former = usize::from(state.chain[epoch].coordinator);
            let named =
                (0..=know).rev().find(|&e| usize::from(state.chain[e].coordinator) == former);
            former == host || over(former, named.unwrap_or(epoch))
        })
    }
}

/// The watcher hears that a host confirms an epoch.
pub(super) fn confirm(state: &mut State, host: usize, epoch: u8) {
    for age in &mut state.seen[host].confirmed[..=usize::from(epoch)] {
        *age = (*age).max(1);
    }
}

/// A tick has passed for the watcher.
pub(super) fn grow_older(model: &Permits, state: &mut State) {
    for (number, seen) in state.seen.iter_mut().enumerate().take(model.hosts) {
        let whole = model.is_whole(number);
        let most = if whole { DEAD + 1 } else { VOTE + 1 };
        if whole {
            seen.still = (seen.still + 1).min(DEAD);
        }
        for age in seen.confirmed.iter_mut().chain([&mut seen.dead]).filter(|age| **age > 0) {
            *age = (*age + 1).min(most);
        }
    }
}
