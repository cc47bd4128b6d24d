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

/// `schedule` breaks without the rule for some seed, and with it for none.
fn caught(mutation: Mutation, seeds: std::ops::Range<u64>, schedule: impl Fn(u64) -> World) {
    for seed in seeds.clone().take(10) {
        let world = schedule(seed);
        assert_eq!(unsafe_run(&world), None, "with all rules, seed {seed}");
    }
    set(Some(mutation));
    let hit = seeds.clone().find(|seed| unsafe_run(&schedule(*seed)).is_some());
    set(None);
    assert!(hit.is_some(), "{mutation:?} is not caught by any of {seeds:?}");
}

fn random(mutation: Mutation, hosts: usize, seeds: std::ops::Range<u64>) {
    let options = Options::pool(hosts, Profile::Fast);
    caught(mutation, seeds, |seed| run_seed(options.clone(), &ChaosPlan::default(), seed));
}

fn pool(hosts: usize, seed: u64) -> World {
    World::formed(Options::pool(hosts, Profile::Fast), seed)
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
        world.inject(0, Fault::Stall(judge));
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
    world.inject(0, Fault::Stall(0));
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
