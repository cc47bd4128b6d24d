//! Every rule of the protocol that can be removed, with the runs that break without it.
//!
//! For: the tests, and `haven-sim mutations`. Owns: schedules of faults that are aimed at one rule
//! each. Some rules stand behind each other: then a run counts that is safe without either, and
//! breaks without both. Never does: anything without the feature `mutations`.

mod aimed;
mod data;
mod farewells;
mod fixed;
mod keys;
mod late;
mod moves;
mod setup;
mod twins;

use std::ops::Range;
use std::sync::atomic::Ordering;

use haven_cluster::invariant::Invariant;
use haven_cluster::mutation::{Mutation as M, set};
use haven_cluster::timing::Profile;

use crate::{ChaosPlan, Options, World, run_seed};

/// Seeds of a schedule that are run with all rules in place first.
const SOUND_SEEDS: usize = 6;

/// A rule that is removed, and where that shows.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The rule.
    pub rule: M,
    /// Another rule that stands behind it.
    pub behind: Option<M>,
    seeds: Range<u64>,
    schedule: fn(u64) -> World,
    /// Without it the pool only does not go on; for all others a promise has to break.
    liveness: bool,
}

const fn removal(
    rule: M,
    behind: Option<M>,
    seeds: Range<u64>,
    schedule: fn(u64) -> World,
) -> Removal {
    Removal { rule, behind, seeds, schedule, liveness: false }
}

const fn needed_to_go_on(rule: M, schedule: fn(u64) -> World) -> Removal {
    Removal { liveness: true, ..removal(rule, None, 0..20, schedule) }
}

/// A random storm over three hosts.
fn storm(seed: u64) -> World {
    run_seed(Options::pool(3, Profile::Fast), &ChaosPlan::default(), seed)
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Removal> {
    let mut all = of_members();
    all.extend(of_places_and_machines());
    all
}

/// Of epochs, permits, deaths and areas.
fn of_members() -> Vec<Removal> {
    vec![
        removal(M::NoDeathWait, None, 0..20, storm),
        removal(M::NoCoordinatorWait, None, 0..20, storm),
        removal(M::QuorumIgnored, None, 0..300, storm),
        removal(M::NoAdoption, None, 0..300, storm),
        removal(M::OnePhase, None, 0..20, fixed::one_phase),
        removal(M::NoReread, None, 0..40, aimed::no_reread),
        removal(M::ArrivalDating, None, 0..10, aimed::arrival_dating),
        removal(M::OutsiderTakesOver, None, 0..10, aimed::outsider_takes_over),
        removal(M::NoCarry, None, 0..60, aimed::no_carry),
        removal(M::DiskIgnoresPhase2, None, 0..40, aimed::disk_ignores_phase_2),
        removal(M::UnreadableIgnored, None, 0..40, aimed::unreadable_ignored),
        removal(M::LastEpochOnly, None, 0..60, aimed::last_epoch_only),
        removal(M::DeadNotAged, None, 0..60, aimed::dead_not_aged),
        removal(M::AcksNotAged, None, 0..80, aimed::acks_not_aged),
        removal(M::AnyEpochClears, None, 0..40, aimed::any_epoch_clears),
        removal(M::NewestTimingOnly, None, 0..10, aimed::newest_timing_only),
        removal(M::NoFeedRace, None, 0..20, aimed::no_feed_race),
        removal(M::NoDrift, None, 0..10, aimed::no_drift),
        removal(M::LeaseFromWriteEnd, None, 0..120, aimed::lease_from_write_end),
        removal(M::NoLateWait, None, 0..20, late::no_late_wait),
        removal(M::NoParity, Some(M::NoLateWait), 0..400, late::no_parity),
        removal(M::VotesIgnorePhase2, Some(M::LastEpochOnly), 0..60, late::votes_ignore_phase_2),
        removal(M::VotesStartPermit, Some(M::TombstoneClears), 0..100, late::votes_start_permit),
        removal(M::EarlyTombstone, Some(M::TombstoneClears), 0..100, late::early_tombstone),
        removal(M::VotesUnread, None, 0..60, late::votes_unread),
        removal(M::ReadmitSameLife, None, 0..40, late::readmit_same_life),
        removal(M::FencingVotes, None, 0..32, fixed::fencing_votes),
        removal(
            M::ExcludedKeepsPermit,
            Some(M::LeavingStarts),
            0..60,
            fixed::excluded_keeps_permit,
        ),
        removal(M::LastCoordinatorOnly, None, 0..60, fixed::last_coordinator_only),
        removal(M::GateOpen, None, 0..60, fixed::gate_open),
        removal(M::HoldKeepsVms, None, 0..10, fixed::hold_keeps_vms),
        removal(M::OneCopy, None, 0..60, fixed::one_copy),
        removal(M::CarryUnread, None, 0..60, fixed::carry_unread),
        removal(M::FailedForgotten, None, 0..40, fixed::failed_forgotten),
        removal(M::RestartAtOnce, None, 0..30, fixed::restart_at_once),
        removal(M::OneStatefile, None, 0..10, fixed::one_statefile),
        removal(M::OrdersUnjudged, None, 0..100, late::orders_unjudged),
        removal(M::ConfirmedAtOnce, None, 0..60, late::confirmed_at_once),
        removal(M::CloseAtOnce, None, 0..60, late::close_at_once),
        removal(M::PowerOffAtOnce, None, 0..10, late::power_off_at_once),
        removal(M::PowerOffForEver, None, 0..10, late::power_off_for_ever),
        removal(M::PowerOffEarly, None, 0..10, late::power_off_early),
        removal(M::WordAtOnce, None, 0..10, late::word_at_once),
        needed_to_go_on(M::SuperblockNeeded, fixed::superblock_needed),
        removal(M::TwinUnseen, None, 0..10, twins::twin_unseen),
        removal(M::PromisesIgnored, None, 0..100, late::promises_ignored),
        removal(M::DrainIgnored, None, 0..300, storm),
        removal(M::ClosedForGood, None, 0..60, late::closed_for_good),
        removal(M::AreaReused, Some(M::NoLateWait), 0..200, late::area_reused),
    ]
}

/// Of hosts that are taken out, machines that move or are on lost storage, and keys.
fn of_places_and_machines() -> Vec<Removal> {
    vec![
        needed_to_go_on(M::DebtsForgotten, farewells::given_up),
        needed_to_go_on(M::DebtsForgotten, farewells::never_wrote),
        needed_to_go_on(M::DebtsStand, farewells::given_up),
        needed_to_go_on(M::MarksTrusted, farewells::mark_rots),
        needed_to_go_on(M::DebtsForgotten, farewells::admitted_late),
        needed_to_go_on(M::PlacesIgnored, farewells::comes_back),
        needed_to_go_on(M::PlaceGivenBack, farewells::change_pending),
        needed_to_go_on(M::PlaceGivenBack, farewells::host_pending),
        needed_to_go_on(M::AnsweredEarly, farewells::changed_twice),
        needed_to_go_on(M::LastNamesAnother, farewells::disarmed_by_two),
        needed_to_go_on(M::HeirGone, farewells::heir_gone),
        needed_to_go_on(M::RefusedActs, farewells::disarmed_late),
        removal(M::SurvivorUnasked, None, 0..20, moves::survivor_unasked),
        removal(M::MoveUnfinished, None, 0..60, moves::move_unfinished),
        removal(M::OtherLifeAnswers, None, 0..20, moves::other_life_answers),
        removal(M::GivenAwayStarts, None, 0..40, moves::to_and_fro),
        removal(M::WayLeftOpen, Some(M::OldSendActs), 0..100, moves::to_and_fro),
        removal(M::OldSendActs, None, 0..200, moves::old_send_acts),
        removal(M::HungVmGivenUp, None, 0..10, data::hung_vm_given_up),
        removal(M::MovedGivenUp, None, 0..20, data::moved_given_up),
        removal(M::WritesUnderWay, None, 0..100, data::writes_under_way),
        removal(M::HeldEndedEarly, None, 0..10, moves::held_ended_early),
        removal(M::JournalBehind, None, 0..20, moves::journal_behind),
        needed_to_go_on(M::KeyDroppedEarly, keys::slow_to_send),
        needed_to_go_on(M::KeySentEarly, keys::slow_to_accept),
        removal(M::HolderIgnored, None, 0..20, storm),
    ]
}

/// Keeps the logs of all runs from now on.
pub fn keep_logs() {
    setup::LOG.store(true, Ordering::Relaxed);
}

/// A promise broke; a pool that only does not come back is another matter.
#[must_use]
pub fn unsafe_run(world: &World) -> Option<&str> {
    let broken = world.broken.as_ref()?;
    (broken.which != Invariant::GoesOn).then_some(broken.what.as_str())
}

impl Removal {
    /// One run without these rules.
    #[must_use]
    pub fn run(&self, without: &[M], seed: u64) -> World {
        set(without);
        let world = (self.schedule)(seed);
        set(&[]);
        world
    }

    fn broken(&self, without: &[M], seed: u64) -> Option<String> {
        let world = self.run(without, seed);
        let stands = world.broken.as_ref().filter(|_| self.liveness);
        stands.map(|broken| broken.what.as_str()).or_else(|| unsafe_run(&world)).map(str::to_owned)
    }

    fn is_safe(&self, without: &[M], seed: u64) -> bool {
        self.broken(without, seed).is_none()
    }

    /// The first seed that needs the rule.
    ///
    /// # Errors
    /// The schedule breaks with all rules in place, or never.
    pub fn caught(&self) -> Result<u64, String> {
        for seed in self.seeds.clone().take(SOUND_SEEDS) {
            if let Some(what) = self.broken(&[], seed) {
                return Err(format!("with all rules, seed {seed}: {what}"));
            }
        }
        let mut removed = vec![self.rule];
        removed.extend(self.behind);
        let needs = |seed: &u64| {
            let alone = || removed.iter().all(|rule| self.is_safe(&[*rule], *seed));
            !self.is_safe(&removed, *seed) && (self.behind.is_none() || alone())
        };
        let found = self.seeds.clone().find(needs);
        found.ok_or_else(|| format!("{removed:?} is not caught by any of {:?}", self.seeds))
    }
}
