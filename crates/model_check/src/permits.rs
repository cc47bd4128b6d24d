//! Epochs, permits, votes, death and the coordinator's wait, with time in ticks.
//!
//! Hosts read and write one abstract disk. A decision is a value in phase 2 that somebody completes
//! (that two values never complete for one number is the other model's question); others see on the
//! disk only that it is in phase 2, until the decision is published. One host, the *watcher*,
//! judges the others by the death rule and may take over the coordinator's role: whoever would
//! break a promise does so by what one host knows, so one watcher is enough.
//!
//! Times are the smallest that keep every relation tight: the vote lease is one tick, the disk lease
//! two, the watchdog (twice its bite) one. Every wait of the protocol is exactly as long as its
//! proof demands, without drift or margin: one tick less must break a promise.

mod act;
mod rules;
mod state;
mod watch;

pub use act::Action;
pub use rules::Rule;
pub use state::{HOSTS_MAX, Host, Record, State};

use stateright::{Model, Property};

/// Ticks for which votes renew a permit, from the echoed beat.
const NET: u8 = 1;
/// Ticks for which a disk cycle renews a permit, from the start of its write.
const LEASE: u8 = 2;
/// Ticks that VMs may outlive their permit: twice the watchdog's bite.
const BITE: u8 = 1;
/// An unchanged block proves that every lease is over after this.
const DEAD: u8 = LEASE + BITE;
/// An acknowledgement proves that every vote before it is over after this.
const VOTE: u8 = NET + BITE;

/// A pool to explore.
#[derive(Clone, Debug)]
pub struct Permits {
    /// Hosts of the pool, 2 or 3; the last is the watcher.
    pub hosts: usize,
    /// Members of the first epoch, as a set of bits; the others may be admitted later.
    pub founders: u8,
    /// Epochs that may be decided in all, at most 4.
    pub epochs: usize,
    /// Only host 0 is followed whole. Of the others only what matters to it is kept, and they may do
    /// more than real ones: vote without a permit, stop at any instant, be known dead as soon as
    /// they have stopped. What holds here holds for real hosts; each host in turn is host 0.
    pub focus: bool,
    /// Coordinators come and go too (S2); else the role stays where it is and nobody acts.
    pub roles: bool,
    /// Hosts that may propose, as a set of bits; others still complete what they find in phase 2.
    pub proposers: u8,
    /// Only these records are proposed, one after the other (members as a set, coordinator): a search
    /// that is aimed at a run. Empty: whatever a proposer may.
    pub plan: &'static [(u8, u8)],
    /// Hosts that do nothing but vote, as a set of bits: what others have no part in.
    pub mute: u8,
    /// Ticks that may pass; 0: no bound, every reachable state is visited.
    pub ticks: u8,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

impl Permits {
    fn drops(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    /// Its permit, cycles and VMs are followed.
    fn is_whole(&self, host: usize) -> bool {
        !self.focus || host == 0
    }

    fn watcher(&self) -> usize {
        self.hosts - 1
    }

    /// Votes that a member of an epoch of `members` hosts needs, itself included, for one failure
    /// to tolerate.
    fn quorum(members: u8) -> u32 {
        let count = members.count_ones();
        (count / 2 + 1).max(2).min(count)
    }
}

impl Model for Permits {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut first = State::first(self.founders, self.ticks);
        for host in (0..self.hosts).filter(|&host| !self.is_whole(host)) {
            first.hosts[host].permit = 0;
            first.hosts[host].running = false;
        }
        first.hosts[0].acting &= self.roles;
        vec![first]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, &action);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("S1: who is declared dead runs nothing", |_, state: &State| {
                state
                    .hosts
                    .iter()
                    .zip(&state.seen)
                    .all(|(host, seen)| !(seen.dead > 0 && host.running))
            }),
            Property::always("S2: one coordinator acts", |_, state: &State| {
                state.hosts.iter().filter(|host| host.acting).count() <= 1
            }),
        ]
    }
}
