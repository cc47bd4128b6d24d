//! Each rule of the protocol, removed, must break a promise: at random, or in a fixed schedule
//! that is aimed at it. The same schedules hold with the rule in place.
//!
//! Run with `--features mutations`.
#![cfg(feature = "mutations")]

use haven_cluster::mutation::{Mutation, set};
use haven_cluster::timing::{Profile, Timing};
use haven_sim::faults::Fault;
use haven_sim::{ChaosPlan, Options, World, run_seed};

/// A promise broke; a pool that only does not come back is another matter.
fn unsafe_run(world: &World) -> Option<&str> {
    let broken = world.broken.as_ref()?;
    (!broken.what.starts_with("liveness")).then_some(broken.what.as_str())
}

fn runs_safely(without: &[Mutation], seed: u64, schedule: &impl Fn(u64) -> World) -> bool {
    set(without);
    let world = schedule(seed);
    set(&[]);
    for line in world.lines() {
        println!("{line}");
    }
    unsafe_run(&world).is_none()
}

/// `schedule` breaks without the rule for some seed, and with it for none.
fn caught(mutation: Mutation, seeds: std::ops::Range<u64>, schedule: impl Fn(u64) -> World) {
    for seed in seeds.clone().take(10) {
        let world = schedule(seed);
        assert_eq!(unsafe_run(&world), None, "with all rules, seed {seed}");
    }
    let hit = seeds.clone().find(|seed| !runs_safely(&[mutation], *seed, &schedule));
    assert!(hit.is_some(), "{mutation:?} is not caught by any of {seeds:?}");
    println!("caught {mutation:?}");
}

/// Each of the two rules stands behind the other: some run of `schedule` is safe without either
/// one, and breaks without both.
fn caught_as_a_pair(
    rule: Mutation,
    behind: Mutation,
    seeds: std::ops::Range<u64>,
    schedule: impl Fn(u64) -> World,
) {
    for seed in seeds.clone().take(10) {
        let world = schedule(seed);
        assert_eq!(unsafe_run(&world), None, "with all rules, seed {seed}");
    }
    let hit = seeds.clone().find(|seed| {
        !runs_safely(&[rule, behind], *seed, &schedule)
            && runs_safely(&[rule], *seed, &schedule)
            && runs_safely(&[behind], *seed, &schedule)
    });
    assert!(hit.is_some(), "{rule:?} and {behind:?}: no run of {seeds:?} needs one of them");
    println!("caught {rule:?}");
}

fn random(mutation: Mutation, hosts: usize, seeds: std::ops::Range<u64>) {
    let options = Options::pool(hosts, Profile::Fast);
    caught(mutation, seeds, |seed| run_seed(options.clone(), &ChaosPlan::default(), seed));
}

/// `SHOW=1` prints what happens in the runs without a rule.
fn logged(hosts: usize) -> Options {
    Options { log: std::env::var("SHOW").is_ok(), ..Options::pool(hosts, Profile::Fast) }
}

fn pool(hosts: usize, seed: u64) -> World {
    World::formed(logged(hosts), seed)
}

/// Cuts both directions between two hosts.
fn unlink(world: &mut World, a: usize, b: usize) {
    world.inject(0, Fault::CutOneWay(a, b));
    world.inject(0, Fault::CutOneWay(b, a));
}

/// The victim's guard always is late between check and feed: by almost the watchdog's time.
fn feeds_late(world: &mut World, victim: usize) {
    world.inject(0, Fault::FeedLate(victim, 1_900));
    world.run_for(4_000);
}

/// The victim's guard stops running after `ms`: its VMs live on to the bite.
fn linger(world: &mut World, victim: usize, ms: u64) {
    world.inject(ms, Fault::Pause(victim, 60_000));
}

#[test]
fn no_death_wait() {
    random(Mutation::NoDeathWait, 3, 0..20);
}

#[test]
fn no_coordinator_wait() {
    random(Mutation::NoCoordinatorWait, 3, 0..20);
}

#[test]
fn quorum_ignored() {
    random(Mutation::QuorumIgnored, 3, 0..300);
}

#[test]
fn no_adoption() {
    random(Mutation::NoAdoption, 3, 0..300);
}

#[test]
fn one_phase() {
    random(Mutation::OnePhase, 3, 0..200);
}

/// The coordinator has no disk, so it did not see the victim's block change for long; another
/// member puts the victim out just as that one's network fails.
#[test]
fn no_reread() {
    caught(Mutation::NoReread, 0..40, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        let (judge, proposer, victim) = (0, 1, 2);
        world.inject(0, Fault::StallOn(judge, 0));
        world.run_for(6_000);
        feeds_late(&mut world, victim);
        world.inject(0, Fault::Isolation(victim, false));
        world.inject(0, Fault::CutHost(victim));
        world.run_for(2_000);
        linger(&mut world, victim, 1_700 + 30 * (seed % 8));
        world.inject(20 * (seed % 15), Fault::Stall(victim));
        let epoch = world.epoch_of(proposer);
        world.run_until(world.now_ms() + 3_000, |w| w.epoch_of(proposer) > epoch);
        world.run_for(12_000);
        world
    });
}

/// Everything that the victim hears is old: votes must be dated by what they echo.
#[test]
fn arrival_dating() {
    caught(Mutation::ArrivalDating, 0..10, |seed| {
        let mut world = pool(2, seed);
        world.make_coordinator(0);
        for step in 1..=50 {
            world.inject(500 * step, Fault::Lag(0, 1, 400 * step));
        }
        world.run_for(30_000);
        world.inject(0, Fault::Stall(1));
        world.inject(0, Fault::CutOneWay(1, 0));
        world.run_for(20_000);
        world
    });
}

/// Two members without disk keep each other alive; the third comes back from a reboot and sees
/// nobody.
#[test]
fn outsider_takes_over() {
    caught(Mutation::OutsiderTakesOver, 0..10, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::PowerOff(2));
        world.inject(100, Fault::Stall(0));
        world.inject(100, Fault::Stall(1));
        world.inject(100, Fault::CutHost(2));
        world.inject(500, Fault::PowerOn(2));
        world.run_for(60_000);
        world
    });
}

/// A value is decided and told by datagram only; its proposer reboots twice before anybody else
/// reads it.
#[test]
fn no_carry() {
    caught(Mutation::NoCarry, 0..60, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Stall(2));
        world.run_for(1_000);
        world.inject(0, Fault::BallotsStuckAfter(0, 4));
        world.inject(0, Fault::PowerOff(1));
        let epoch = world.epoch_of(2);
        world.run_until(world.now_ms() + 5_000, |w| w.epoch_of(2) > epoch);
        world.inject(0, Fault::PowerOff(0));
        world.inject(0, Fault::CutHost(2));
        world.inject(0, Fault::BallotsStuckAfter(0, u32::MAX));
        world.inject(1_000, Fault::PowerOn(0));
        world.run_for(25_000);
        world.inject(0, Fault::PowerOff(0));
        world.inject(1_000, Fault::PowerOn(0));
        world.inject(1_000, Fault::PowerOn(1));
        world.run_for(60_000);
        world
    });
}

/// The victim comes back to the disk after a decision of which only phase 2 is to be seen there.
fn hidden_decision(seed: u64, corrupt: bool) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::Stall(1));
    world.run_for(3_000);
    world.inject(0, Fault::BallotsStuckAfter(0, 4));
    world.inject(0, Fault::CutHost(2));
    world.inject(0, Fault::Stall(2));
    // Nor can the victim finish what it sees.
    if !corrupt {
        world.inject(0, Fault::BallotsStuckAfter(2, 0));
    }
    let epoch = world.epoch_of(0);
    world.run_until(world.now_ms() + 1_800, |w| w.epoch_of(0) > epoch);
    world.run_for(40 + 10 * (seed % 10));
    world.inject(0, Fault::StallOn(0, 0));
    if corrupt {
        for block in world.ballot_blocks(0) {
            world.inject(0, Fault::Corrupt(0, block));
        }
    }
    world.inject(1, Fault::DiskGood(2));
    world.run_for(15_000);
    world
}

#[test]
fn disk_ignores_phase_2() {
    caught(Mutation::DiskIgnoresPhase2, 0..40, |seed| hidden_decision(seed, false));
}

#[test]
fn unreadable_ignored() {
    caught(Mutation::UnreadableIgnored, 0..40, |seed| hidden_decision(seed, true));
}

/// Hosts 0 and 1 keep each other alive under an epoch that host 2 left twice (H1).
#[test]
fn last_epoch_only() {
    caught(Mutation::LastEpochOnly, 0..60, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(2);
        world.inject(0, Fault::Stall(1));
        unlink(&mut world, 1, 2);
        unlink(&mut world, 0, 1);
        world.run_for(800 + 15 * (seed % 40));
        world.inject(0, Fault::Stall(0));
        unlink(&mut world, 0, 2);
        world.inject(0, Fault::Join(0, 1));
        world.inject(0, Fault::Join(1, 0));
        world.run_for(20_000);
        world
    });
}

/// The last vote of a member that fences late carries the victim beyond the others' wait (P1).
#[test]
fn dead_not_aged() {
    caught(Mutation::DeadNotAged, 0..60, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Isolation(1, false));
        world.inject(0, Fault::CutHost(0));
        world.inject(0, Fault::Stall(1));
        world.inject(0, Fault::Stall(2));
        world.run_for(3_000);
        world.inject(0, Fault::DiskGood(1));
        world.run_for(1_300 + 20 * (seed % 40));
        world.inject(0, Fault::Stall(1));
        let epoch = world.epoch_of(0);
        world.run_until(world.now_ms() + 2_000, |w| w.epoch_of(0) > epoch);
        world.inject(4_300, Fault::DiskGood(1));
        world.run_for(15_000);
        world
    });
}

/// The victim's disk was lost long ago; when the network goes too, only the votes keep it.
#[test]
fn acks_not_aged() {
    caught(Mutation::AcksNotAged, 0..10, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Stall(2));
        world.run_for(6_000);
        feeds_late(&mut world, 2);
        linger(&mut world, 2, 700);
        world.inject(0, Fault::CutHost(2));
        world.run_for(15_000);
        world
    });
}

/// The role goes to a host that cannot be heard any more, and on to the next (P2).
#[test]
fn any_epoch_clears() {
    caught(Mutation::AnyEpochClears, 0..40, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(1);
        world.inject(0, Fault::Stall(0));
        world.inject(0, Fault::CutOneWay(0, 1));
        world.inject(0, Fault::CutOneWay(0, 2));
        world.inject(100 + 10 * (seed % 20), Fault::HandOver(0));
        world.run_for(15_000);
        world
    });
}

/// Time-outs are shortened while the victim, cut off, still holds a long lease (H10).
#[test]
fn newest_timing_only() {
    caught(Mutation::NewestTimingOnly, 0..10, |seed| {
        let mut world = World::formed(Options::pool(3, Profile::Default), seed);
        world.make_coordinator(0);
        world.inject(0, Fault::CutHost(2));
        world.inject(0, Fault::Stall(2));
        world.inject(500, Fault::Retime(Timing::of(Profile::Fast)));
        world.run_for(40_000);
        world
    });
}

/// Checked, paused, fed: the watchdog's time counts twice (H11).
#[test]
fn no_feed_race() {
    caught(Mutation::NoFeedRace, 0..20, |seed| {
        let mut world = pool(2, seed);
        world.make_coordinator(0);
        feeds_late(&mut world, 1);
        world.inject(0, Fault::CutHost(1));
        world.inject(0, Fault::Stall(1));
        linger(&mut world, 1, 1_400 + 30 * (seed % 20));
        world.run_for(15_000);
        world
    });
}

/// The victim's clock is slow, the judge's is fast (H12). Long time-outs, so that it shows.
#[test]
fn no_drift() {
    caught(Mutation::NoDrift, 0..10, |seed| {
        let mut options = Options::pool(2, Profile::Conservative);
        options.timing = Timing { t_lease_ms: 300_000, t_wd_ms: 100_000, ..options.timing };
        let mut world = World::new(options, seed);
        world.set_drift(0, 9_900);
        world.set_drift(1, -9_900);
        world.power_on_all();
        world.demand_health(120_000, "the pool does not form");
        world.make_coordinator(0);
        world.run_for(600_000);
        world.inject(0, Fault::FeedLate(1, 99_900));
        world.run_for(150_000);
        world.inject(0, Fault::CutHost(1));
        world.inject(0, Fault::Stall(1));
        world.inject(298_000 + 250 * (seed % 10), Fault::Pause(1, 400_000));
        world.run_for(600_000);
        world
    });
}

/// A write is seen long before its answer arrives: the lease counts from its start (H18).
#[test]
fn lease_from_write_end() {
    caught(Mutation::LeaseFromWriteEnd, 0..120, |seed| {
        let mut world = pool(2, seed);
        world.make_coordinator(0);
        feeds_late(&mut world, 1);
        world.inject(0, Fault::CutHost(1));
        world.inject(0, Fault::AnswersLate(1, 600 + 60 * (seed % 3)));
        world.inject(0, Fault::BeatsStuckAfter(1, 1));
        linger(&mut world, 1, 2_450 + 10 * (seed % 40));
        world.run_for(15_000);
        world
    });
}

/// A host that lost power is back at once: its old life's writes must land before the new life
/// speaks, for speaking proves the old one dead (H14, P9).
#[test]
fn no_late_wait() {
    caught(Mutation::NoLateWait, 0..20, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.set_boot(1, 100);
        world.inject(0, Fault::PowerOff(1));
        world.inject(10, Fault::PowerOn(1));
        world.run_for(15_000);
        world
    });
}

/// A ballot write that its host's power loss left on the way lands over that of the next life.
#[test]
fn no_parity() {
    caught_as_a_pair(Mutation::NoParity, Mutation::NoLateWait, 0..400, |seed| {
        let mut options = Options::pool(2, Profile::Fast);
        options.vms = 0;
        let mut world = World::formed(options, seed);
        world.make_coordinator(0);
        world.set_boot(0, 50);
        world.inject(0, Fault::HandOver(1));
        world.run_for(5 + seed % 40);
        world.inject(0, Fault::PowerOff(0));
        world.inject(0, Fault::PowerOff(1));
        world.inject(1, Fault::PowerOn(0));
        world.run_for(1);
        let epoch = world.epoch_of(0).max(world.newest_epoch());
        world.run_until(world.now_ms() + 3_500, |w| w.epoch_of(0) > epoch);
        world.run_for(200 + 50 * (seed % 30));
        world.inject(0, Fault::PowerOff(0));
        world.inject(1, Fault::PowerOn(1));
        world.run_for(30_000);
        world
    });
}

/// Host 0 proposes host 1 out, which only its own votes keep alive, and loses its disk just when
/// phase 2 has landed: it must not vote on (H1).
#[test]
fn votes_ignore_phase_2() {
    caught_as_a_pair(Mutation::VotesIgnorePhase2, Mutation::LastEpochOnly, 0..60, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Stall(1));
        unlink(&mut world, 1, 2);
        unlink(&mut world, 0, 1);
        world.inject(0, Fault::StallAfterBallots(0, 4));
        world.run_until(world.now_ms() + 1_700, |w| w.stalled(0));
        unlink(&mut world, 0, 2);
        world.inject(0, Fault::Join(0, 1));
        world.inject(0, Fault::Join(1, 0));
        world.run_for(20_000);
        world
    });
}

/// A fenced life goes on, with its tombstone on the disk and a permit by votes (H2).
#[test]
fn votes_start_permit() {
    caught_as_a_pair(Mutation::VotesStartPermit, Mutation::TombstoneClears, 0..100, |seed| {
        fenced_and_back(seed, true)
    });
}

/// A tombstone that was read before the decision says nothing of a life that went on (H13).
#[test]
fn early_tombstone() {
    caught_as_a_pair(Mutation::EarlyTombstone, Mutation::TombstoneClears, 0..100, |seed| {
        fenced_and_back(seed, false)
    });
}

/// The victim's permit ends, it writes its tombstone, and its votes or its disk come back.
fn fenced_and_back(seed: u64, by_votes: bool) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    let victim = 2;
    let inbound = |world: &mut World, cut: bool| {
        for from in [0, 1] {
            let one_way = Fault::CutOneWay(from, victim);
            world.inject(0, if cut { one_way } else { Fault::Join(from, victim) });
        }
    };
    world.inject(0, Fault::ReadsStuck(victim, true));
    inbound(&mut world, true);
    let before = world.casualties().1;
    world.run_until(world.now_ms() + 4_000, |w| w.casualties().1 > before);
    // The others cannot decide yet, and go on voting.
    world.inject(0, Fault::BallotsStuckAfter(0, 0));
    world.inject(0, Fault::BallotsStuckAfter(1, 0));
    inbound(&mut world, false);
    if by_votes {
        world.inject(150, Fault::ReadsStuck(victim, false));
        // Its tombstone lands, and nothing later.
        world.inject(0, Fault::BeatsStuckAfter(victim, 1));
    } else {
        world.inject(250, Fault::ReadsStuck(victim, false));
    }
    world.run_for(2_500);
    inbound(&mut world, true);
    if !by_votes {
        world.inject(0, Fault::ReadsStuck(victim, true));
    }
    for host in [0, 1] {
        world.inject(0, Fault::BallotsStuckAfter(host, u32::MAX));
        world.inject(0, Fault::DiskGood(host));
    }
    world.run_for(15_000);
    world
}

/// Host 1 acknowledges the epoch without host 2, and reboots without a disk: what its new life
/// hears from host 2 is no ground to vote for it (H16).
#[test]
fn votes_unread() {
    caught(Mutation::VotesUnread, 0..60, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.set_boot(1, 30);
        world.inject(0, Fault::Stall(2));
        unlink(&mut world, 0, 2);
        world.inject(0, Fault::CutOneWay(1, 2));
        world.inject(1, Fault::PutOut(2));
        let epoch = world.epoch_of(1);
        world.run_until(world.now_ms() + 2_000, |w| w.epoch_of(1) > epoch);
        world.run_for(10 + 5 * (seed % 20));
        world.inject(0, Fault::PowerOff(1));
        world.inject(0, Fault::Stall(1));
        world.inject(0, Fault::Join(1, 2));
        world.inject(1, Fault::PowerOn(1));
        world.run_for(20_000);
        world
    });
}

/// The victim is put out and, before it noticed, taken in again by host 1; hosts 0 and 2 hear of
/// the first only (H5). Whatever reaches the victim by network is four seconds old.
#[test]
fn readmit_same_life() {
    caught(Mutation::ReadmitSameLife, 0..40, |seed| {
        let mut options = logged(4);
        options.timing.t_lease_ms = 6_000;
        let mut world = World::formed(options, seed);
        world.make_coordinator(0);
        let victim = 3;
        for step in 1..=10 {
            for from in 0..3 {
                world.inject(500 * step, Fault::Lag(from, victim, 400 * step));
            }
        }
        world.run_for(10_000);
        world.inject(0, Fault::ReadsStuck(victim, true));
        world.inject(0, Fault::BeatsStuckAfter(victim, 0));
        for to in 0..3 {
            world.inject(0, Fault::CutOneWay(victim, to));
        }
        let epoch = world.epoch_of(0);
        let all = |w: &World| (0..3).all(|host| w.epoch_of(host) > epoch);
        world.run_until(world.now_ms() + 2_000, all);
        // Time for one more read.
        world.run_for(300 + 10 * (seed % 20));
        for host in [0, 2] {
            world.inject(0, Fault::StallOn(host, 0));
            unlink(&mut world, host, 1);
        }
        world.inject(0, Fault::Join(victim, 1));
        world.inject(0, Fault::BeatsStuckAfter(victim, u32::MAX));
        world.inject(0, Fault::DiskGood(victim));
        world.inject(1_500, Fault::ReadsStuck(victim, false));
        world.run_for(20_000);
        world
    });
}

/// Host 1 leaves in order over a slow disk, and may not vote for host 2 meanwhile (P1).
#[test]
fn fencing_votes() {
    caught_as_a_pair(Mutation::FencingVotes, Mutation::DeadNotAged, 0..200, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Maintain(1));
        world.run_until(world.now_ms() + 10_000, |w| w.running_on(1) == 0 && w.all_run());
        world.inject(0, Fault::Stall(2));
        unlink(&mut world, 0, 2);
        world.run_for(5_500);
        world.inject(0, Fault::ReadsStuck(1, true));
        world.inject(0, Fault::PutOut(2));
        unlink(&mut world, 0, 1);
        let at = 5_400 + 5 * (seed % 20);
        world.inject(at, Fault::Exclude(1));
        world.inject(at, Fault::AnswersLate(1, 1_700));
        world.inject(at, Fault::BallotsStuckAfter(0, 0));
        world.inject(at + 1_250, Fault::BallotsStuckAfter(0, u32::MAX));
        world.inject(at + 1_250, Fault::DiskGood(0));
        world.run_for(15_000);
        world
    });
}

/// A VM starts on a host that is leaving, whose *excluded* the others have read (P10).
#[test]
fn excluded_keeps_permit() {
    caught(Mutation::ExcludedKeepsPermit, 0..100, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Maintain(1));
        world.run_until(world.now_ms() + 10_000, |w| w.running_on(1) == 0 && w.all_run());
        world.inject(0, Fault::AnswersLate(1, 1_500));
        world.inject(0, Fault::Enable(1));
        world.inject(0, Fault::Maintain(2));
        world.inject(20 + 5 * (seed % 30), Fault::Exclude(1));
        world.run_for(15_000);
        world
    });
}

/// A start order comes late, after the VM was stopped there and placed elsewhere (H7).
#[test]
fn orders_unjudged() {
    caught(Mutation::OrdersUnjudged, 0..100, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        for round in 0..6 {
            world.inject(3_000 * round, Fault::Maintain(1));
            world.inject(3_000 * round + 1_500, Fault::Enable(1));
            world.inject(3_000 * round + 1_500, Fault::Maintain(2));
            world.inject(3_000 * round + 2_900, Fault::Enable(2));
        }
        world.run_for(40_000);
        world
    });
}

fn powered(seed: u64) -> World {
    let mut options = logged(3);
    options.power_fencing = haven_sim::PowerDevice::Good;
    let mut world = World::formed(options, seed);
    world.make_coordinator(0);
    world
}

/// A host that was switched off has left writes on their way (P9).
#[test]
fn power_off_at_once() {
    caught(Mutation::PowerOffAtOnce, 0..10, |seed| {
        let mut world = powered(seed);
        world.inject(0, Fault::Stall(2));
        world.inject(0, Fault::CutHost(2));
        world.run_for(15_000);
        world
    });
}

/// Switched off once, back, and silent again: this life is not proven dead by that.
#[test]
fn power_off_for_ever() {
    caught(Mutation::PowerOffForEver, 0..10, |seed| {
        let mut world = powered(seed);
        world.inject(0, Fault::Stall(2));
        world.inject(0, Fault::CutHost(2));
        world.run_for(6_000);
        world.inject(0, Fault::DiskGood(2));
        world.inject(0, Fault::HealHost(2));
        world.run_for(80_000);
        world.inject(0, Fault::Maintain(0));
        world.inject(0, Fault::Maintain(1));
        world.run_for(10_000);
        world.inject(0, Fault::Enable(0));
        world.inject(0, Fault::Enable(1));
        world.set_device(haven_sim::PowerDevice::Hanging);
        world.inject(0, Fault::Stall(2));
        world.inject(0, Fault::CutHost(2));
        world.run_for(15_000);
        world
    });
}

/// A proof of half a minute ago is reported for a life that was put out just now (H13).
#[test]
fn power_off_early() {
    caught(Mutation::PowerOffEarly, 0..10, |seed| {
        let mut world = powered(seed);
        world.set_device(haven_sim::PowerDevice::Hanging);
        feeds_late(&mut world, 2);
        linger(&mut world, 2, 1_600 + 30 * seed);
        world.inject(0, Fault::Stall(2));
        world.inject(0, Fault::CutHost(2));
        for step in 0..10 {
            world.inject(800 + 50 * step, Fault::StaleProof(2));
        }
        world.run_for(15_000);
        world
    });
}

/// Two proposers with different wishes, one of them slow.
#[test]
fn promises_ignored() {
    caught(Mutation::PromisesIgnored, 0..100, |seed| {
        let mut world = pool(3, seed);
        world.make_coordinator(0);
        world.inject(0, Fault::Slow(0, 300 + 50 * (seed % 10)));
        world.inject(1, Fault::HandOver(1));
        world.inject(10 * (seed % 60), Fault::PowerOff(2));
        // What host 1 decides is not to be read, nor heard by host 0.
        world.inject(1, Fault::BallotsStuckAfter(1, 4));
        world.inject(1, Fault::CutOneWay(1, 0));
        world.run_for(8_000);
        world
    });
}

#[test]
fn drain_ignored() {
    random(Mutation::DrainIgnored, 3, 0..300);
}

/// A coordinator dies while it copies; what it wrote lands late, in an area that is taken again.
#[test]
fn area_reused() {
    caught_as_a_pair(Mutation::AreaReused, Mutation::NoLateWait, 0..200, |seed| {
        let mut options = logged(3);
        options.vms = 0;
        let mut world = World::formed(options, seed);
        world.make_coordinator(0);
        world.set_boot(1, 30);
        world.inject(0, Fault::HandOver(1));
        world.run_until(world.now_ms() + 3_000, |w| w.empties_area(1));
        world.inject(0, Fault::PowerOff(1));
        world.inject(1, Fault::PowerOn(1));
        for step in 0..4 {
            let heir = usize::from(step % 2 == 0) * 2;
            world.inject(500 + 20 * (seed % 10) + 800 * step, Fault::HandOver(heir));
        }
        world.run_for(15_000);
        world
    });
}
