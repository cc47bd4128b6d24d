//! Decisions of high availability, without IO: what to do with the database as the guard's state
//! changes, which VMs a host's death stopped, and when to try again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haven_cluster::control::{GuardPhase, GuardState};
use haven_cluster::ids::{EpochNumber, Instant, Life};
use haven_cluster::mutation::{Mutation, removed};
use haven_model::{Holder, Host, Ref};
use uuid::Uuid;

use crate::permit;

/// First pause before a failed restart is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause between attempts to restart a VM.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Where the database of this host is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// Nowhere: this host is a member.
    #[default]
    Nothing,
    /// On the local disk: coordinator without high availability.
    Local,
    /// In an area of the metadata volume.
    Area(u8),
    /// Nowhere, but it is in memory between two homes.
    Between,
}

/// What to do about the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay,
    /// This host is not the coordinator (any more): close, and say that the IO is drained.
    Close {
        /// The newest epoch known.
        epoch: EpochNumber,
    },
    /// Copy what is live to the area that the record names, then open it.
    Copy {
        /// The epoch that made this host coordinator.
        epoch: EpochNumber,
        /// What is live.
        from: u8,
        /// The fresh area.
        to: u8,
    },
    /// Open the live area: this life's copy of it is made already.
    Open {
        /// What is live.
        area: u8,
    },
    /// The pool is disarmed, though nobody here waited for it any more: the database leaves the
    /// metadata volume.
    Home {
        /// What was live last.
        area: u8,
    },
}

/// The next step, from the guard's state at `now`. `owes`: the pool was disarmed under this host
/// as its coordinator, which has not brought the database home yet.
#[must_use]
pub fn database_step(held: Held, state: &GuardState, now: Instant, owes: bool) -> Step {
    let Some(epoch) = &state.epoch else { return Step::Stay };
    if !epoch.armed {
        return match held {
            _ if state.phase != GuardPhase::Idle => Step::Stay,
            Held::Local => Step::Stay,
            _ if owes => Step::Home { area: epoch.area_live },
            Held::Nothing => Step::Stay,
            Held::Area(_) | Held::Between => Step::Close { epoch: epoch.number },
        };
    }
    // The genesis record names hosts without lives: nobody is coordinator by it yet, and nobody
    // ceases to be.
    if state.phase == GuardPhase::Idle || epoch.number == EpochNumber(0) {
        return Step::Stay;
    }
    if state.me != Some(epoch.coordinator) {
        return match held {
            Held::Nothing => Step::Stay,
            Held::Local | Held::Area(_) | Held::Between => Step::Close { epoch: epoch.number },
        };
    }
    let may_act = permit::armed_view(Some(state), true, now).is_some_and(|view| view.may_act);
    match (may_act, epoch.area_next, held) {
        (false, ..) => Step::Stay,
        (true, Some(to), _) => Step::Copy { epoch: epoch.number, from: epoch.area_live, to },
        (true, None, Held::Area(area)) if area == epoch.area_live => Step::Stay,
        (true, None, _) => Step::Open { area: epoch.area_live },
    }
}

/// The lives of the epoch's members, for what is made durable under it.
#[must_use]
pub fn lives(state: &GuardState) -> BTreeMap<Uuid, u64> {
    let members = state.epoch.iter().flat_map(|epoch| &epoch.members);
    members.map(|life| (life.host.0, life.incarnation.0)).collect()
}

/// Whether this holder of a VM certainly does not run it any more: its life is known to be dead.
/// A holder without a life (0: named while high availability was off, or while the host was no
/// member) is never dead by this: it may be the host's present life.
#[must_use]
pub fn is_dead(holder: &Holder, dead: &[Life]) -> bool {
    let host = Uuid::from_u128(holder.host.id().0);
    holder.incarnation != 0
        && dead.iter().any(|life| life.host.0 == host && life.incarnation.0 >= holder.incarnation)
}

/// What is known of a VM after deaths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No holder died.
    Untouched,
    /// Every holder is dead: it runs nowhere.
    Lost,
    /// Some are dead; these may run it and must be asked.
    Ask(Vec<Holder>),
}

/// The fate of a VM with these holders.
#[must_use]
pub fn fate(holders: &[Holder], dead: &[Life]) -> Fate {
    let alive: Vec<Holder> = holders.iter().filter(|h| !is_dead(h, dead)).copied().collect();
    match alive.len() {
        count if count == holders.len() => Fate::Untouched,
        0 => Fate::Lost,
        _ if removed(Mutation::SurvivorUnasked) => Fate::Lost,
        _ => Fate::Ask(alive),
    }
}

/// Hosts that are not members of the newest epoch.
#[must_use]
pub fn outsiders(state: &GuardState, hosts: &[Ref<Host>]) -> BTreeSet<Ref<Host>> {
    let members = lives(state);
    let outside = |host: &&Ref<Host>| !members.contains_key(&Uuid::from_u128(host.id().0));
    hosts.iter().filter(outside).copied().collect()
}

/// Attempts to restart one VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    failures: u32,
    /// Not before (any clock, as long as it is the same).
    not_before: Duration,
}

impl Attempts {
    /// Whether to try at `now`.
    #[must_use]
    pub fn due(&self, now: Duration) -> bool {
        now >= self.not_before
    }

    /// An attempt failed. Returns how many have: the first one is told to a person.
    pub fn failed(&mut self, now: Duration) -> u32 {
        self.failures = self.failures.saturating_add(1);
        let doubled = RETRY_PAUSE.saturating_mul(1 << (self.failures - 1).min(16));
        self.not_before = now + doubled.min(RETRY_PAUSE_MAX);
        self.failures
    }

    /// What the last one lacked may be there now: the next one need not wait.
    pub(crate) fn at_once(&mut self) {
        self.not_before = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, life};

    fn holder(host: u128, incarnation: u64) -> Holder {
        Holder { host: Ref::from_u128(host), incarnation }
    }

    fn coordinator(area_next: Option<u8>) -> GuardState {
        let mut state = testing::coordinator(100);
        state.epoch.as_mut().unwrap().area_next = area_next;
        state
    }

    #[test]
    fn a_new_coordinator_copies_and_the_same_life_opens() {
        let now = Instant(1);
        let copy = Step::Copy { epoch: EpochNumber(3), from: 2, to: 0 };
        assert_eq!(database_step(Held::Nothing, &coordinator(Some(0)), now, false), copy);
        assert_eq!(database_step(Held::Area(2), &coordinator(Some(0)), now, false), copy);
        let open = Step::Open { area: 2 };
        assert_eq!(database_step(Held::Nothing, &coordinator(None), now, false), open);
        assert_eq!(database_step(Held::Area(2), &coordinator(None), now, false), Step::Stay);
        assert_eq!(database_step(Held::Area(1), &coordinator(None), now, false), open);
    }

    #[test]
    fn without_the_right_to_act_nothing_is_opened() {
        let mut state = coordinator(Some(0));
        assert_eq!(database_step(Held::Nothing, &state, Instant(100), false), Step::Stay);
        state.may_act = false;
        assert_eq!(database_step(Held::Nothing, &state, Instant(1), false), Step::Stay);
    }

    #[test]
    fn whoever_is_not_the_coordinator_in_this_life_closes() {
        let mut state = coordinator(None);
        state.me = Some(life(1, 5));
        let close = Step::Close { epoch: EpochNumber(3) };
        assert_eq!(database_step(Held::Area(2), &state, Instant(1), false), close);
        assert_eq!(database_step(Held::Local, &state, Instant(1), false), close);
        assert_eq!(database_step(Held::Nothing, &state, Instant(1), false), Step::Stay);
    }

    #[test]
    fn while_the_pool_is_being_armed_the_coordinator_keeps_its_database() {
        let mut state = coordinator(None);
        let genesis = state.epoch.as_mut().unwrap();
        (genesis.number, genesis.coordinator) = (EpochNumber(0), life(1, 0));
        assert_eq!(database_step(Held::Area(0), &state, Instant(1), false), Step::Stay);
    }

    #[test]
    fn the_database_of_a_pool_that_was_disarmed_goes_home() {
        let mut state = coordinator(None);
        if let Some(epoch) = state.epoch.as_mut() {
            epoch.armed = false;
        }
        let step = |held, state: &GuardState, owes| database_step(held, state, Instant(1), owes);
        assert_eq!(step(Held::Area(2), &state, true), Step::Stay);
        state.phase = GuardPhase::Idle;
        let home = Step::Home { area: 2 };
        assert_eq!(step(Held::Area(2), &state, true), home);
        assert_eq!(step(Held::Between, &state, true), home);
        // havend was not there when the pool was disarmed.
        assert_eq!(step(Held::Nothing, &state, true), home);
        assert_eq!(step(Held::Local, &state, true), Step::Stay);
        assert_eq!(step(Held::Nothing, &state, false), Step::Stay);
        // Another host is coordinator now.
        let close = Step::Close { epoch: EpochNumber(3) };
        assert_eq!(step(Held::Area(2), &state, false), close);
    }

    #[test]
    fn a_database_between_two_homes_is_given_up_with_the_office() {
        let mut state = coordinator(None);
        let open = Step::Open { area: 2 };
        assert_eq!(database_step(Held::Between, &state, Instant(1), false), open);
        state.me = Some(life(1, 5));
        let close = Step::Close { epoch: EpochNumber(3) };
        assert_eq!(database_step(Held::Between, &state, Instant(1), false), close);
    }

    #[test]
    fn a_vm_is_lost_only_when_every_holder_in_that_very_life_is_dead() {
        let dead = [life(2, 9)];
        assert_eq!(fate(&[holder(2, 9)], &dead), Fate::Lost);
        assert_eq!(fate(&[holder(2, 8)], &dead), Fate::Lost);
        assert_eq!(fate(&[holder(2, 10)], &dead), Fate::Untouched);
        assert_eq!(fate(&[holder(1, 9)], &dead), Fate::Untouched);
        assert_eq!(fate(&[], &dead), Fate::Untouched);
        // Named while high availability was off: the VM may run in the present life.
        assert_eq!(fate(&[holder(2, 0)], &dead), Fate::Untouched);
        let both = [holder(2, 9), holder(1, 4)];
        assert_eq!(fate(&both, &dead), Fate::Ask(vec![holder(1, 4)]));
        assert_eq!(fate(&both, &[life(2, 9), life(1, 4)]), Fate::Lost);
    }

    #[test]
    fn hosts_outside_the_epoch_are_found() {
        let hosts = [Ref::from_u128(1), Ref::from_u128(2), Ref::from_u128(3)];
        let outside = outsiders(&coordinator(None), &hosts);
        assert_eq!(outside, BTreeSet::from([Ref::from_u128(3)]));
        assert_eq!(lives(&coordinator(None)).get(&Uuid::from_u128(2)), Some(&9));
    }

    #[test]
    fn attempts_back_off_to_a_bound_and_never_end() {
        let mut attempts = Attempts::default();
        assert!(attempts.due(Duration::ZERO));
        assert_eq!(attempts.failed(Duration::ZERO), 1);
        assert!(!attempts.due(Duration::from_millis(1999)));
        assert!(attempts.due(Duration::from_secs(2)));
        for _ in 0..40 {
            attempts.failed(Duration::ZERO);
        }
        assert!(!attempts.due(Duration::from_secs(59)));
        assert!(attempts.due(Duration::from_secs(60)));
    }
}
