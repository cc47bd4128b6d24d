//! Each rule of the protocol, removed, must break a promise: at random, or in a schedule that is
//! aimed at it. The same schedules hold with the rule in place.
//!
//! Run with `--features mutations`; `haven-sim mutations --rule NAME` shows one.
#![cfg(feature = "mutations")]

use haven_cluster::mutation::Mutation;
use haven_sim::removals;

macro_rules! removed {
    ($($name:ident $rule:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let all = removals::all().into_iter();
                let mut listed = all.filter(|removal| removal.rule == Mutation::$rule).peekable();
                assert!(listed.peek().is_some());
                for removal in listed {
                    assert_eq!(removal.caught().map(|_| ()), Ok(()));
                }
            }
        )*
        const TESTED: &[Mutation] = &[$(Mutation::$rule,)*];
    };
}

removed! {
    no_death_wait NoDeathWait,
    no_coordinator_wait NoCoordinatorWait,
    quorum_ignored QuorumIgnored,
    no_adoption NoAdoption,
    one_phase OnePhase,
    no_reread NoReread,
    arrival_dating ArrivalDating,
    outsider_takes_over OutsiderTakesOver,
    no_carry NoCarry,
    disk_ignores_phase2 DiskIgnoresPhase2,
    unreadable_ignored UnreadableIgnored,
    last_epoch_only LastEpochOnly,
    dead_not_aged DeadNotAged,
    acks_not_aged AcksNotAged,
    any_epoch_clears AnyEpochClears,
    newest_timing_only NewestTimingOnly,
    no_feed_race NoFeedRace,
    no_drift NoDrift,
    lease_from_write_end LeaseFromWriteEnd,
    no_late_wait NoLateWait,
    no_parity NoParity,
    votes_ignore_phase2 VotesIgnorePhase2,
    votes_start_permit VotesStartPermit,
    early_tombstone EarlyTombstone,
    votes_unread VotesUnread,
    readmit_same_life ReadmitSameLife,
    orders_unjudged OrdersUnjudged,
    confirmed_at_once ConfirmedAtOnce,
    close_at_once CloseAtOnce,
    power_off_at_once PowerOffAtOnce,
    power_off_for_ever PowerOffForEver,
    power_off_early PowerOffEarly,
    word_at_once WordAtOnce,
    promises_ignored PromisesIgnored,
    superblock_needed SuperblockNeeded,
    twin_unseen TwinUnseen,
    drain_ignored DrainIgnored,
    closed_for_good ClosedForGood,
    area_reused AreaReused,
    fencing_votes FencingVotes,
    excluded_keeps_permit ExcludedKeepsPermit,
    last_coordinator_only LastCoordinatorOnly,
    gate_open GateOpen,
    hold_keeps_vms HoldKeepsVms,
    one_copy OneCopy,
    carry_unread CarryUnread,
    one_statefile OneStatefile,
    restart_at_once RestartAtOnce,
    failed_forgotten FailedForgotten,
    debts_forgotten DebtsForgotten,
    marks_trusted MarksTrusted,
    places_ignored PlacesIgnored,
    debts_stand DebtsStand,
    place_given_back PlaceGivenBack,
    answered_early AnsweredEarly,
    last_names_another LastNamesAnother,
    heir_gone HeirGone,
    refused_acts RefusedActs,
    survivor_unasked SurvivorUnasked,
    move_unfinished MoveUnfinished,
    other_life_answers OtherLifeAnswers,
    way_left_open WayLeftOpen,
    given_away_starts GivenAwayStarts,
    old_send_acts OldSendActs,
    hung_vm_given_up HungVmGivenUp,
    moved_given_up MovedGivenUp,
    writes_under_way WritesUnderWay,
    held_ended_early HeldEndedEarly,
    journal_behind JournalBehind,
    key_dropped_early KeyDroppedEarly,
    key_sent_early KeySentEarly,
    holder_ignored HolderIgnored,
}

/// Seeds among which one breaks a pool that does not wait for deaths.
const SHRINK_SEEDS: u64 = 200;

/// A run that breaks is found again with few faults, and tells itself as a log.
#[test]
fn a_failing_run_is_shrunk() {
    let options = haven_sim::Options::pool(3, haven_cluster::timing::Profile::Fast);
    let plan = haven_sim::ChaosPlan::default();
    haven_cluster::mutation::set(&[Mutation::NoDeathWait]);
    // Which seed breaks it changes with every change of the storms.
    let shrunk =
        (0..SHRINK_SEEDS).find_map(|seed| haven_sim::shrink::shrink(&options, &plan, seed));
    haven_cluster::mutation::set(&[]);
    let shrunk = shrunk.expect("one of them breaks by few of its faults");
    assert!(shrunk.world.broken.is_some());
    assert!(shrunk.world.lines().iter().any(|line| line.contains("BROKEN S")));
}

/// A rule without a test would only look tested.
#[test]
fn every_rule_is_tested() {
    let behind: Vec<Mutation> = removals::all().iter().filter_map(|r| r.behind).collect();
    for rule in Mutation::ALL {
        let known = TESTED.contains(rule) || behind.contains(rule);
        assert!(known, "{rule:?} has no test");
    }
}
