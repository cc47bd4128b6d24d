//! Schedules that are aimed at rules of membership: silence, votes, records, dates.

use haven_cluster::timing::{Profile, Timing};

use super::setup::{feeds_late, hidden_decision, linger, pool, unlink};
use crate::World;
use crate::faults::Fault;
use crate::options::Options;

/// The coordinator has no disk, so it did not see the victim's block change for long; another
/// member puts the victim out just as that one's network fails.
pub(super) fn no_reread(seed: u64) -> World {
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
}

/// Everything that the victim hears is old: votes must be dated by what they echo.
pub(super) fn arrival_dating(seed: u64) -> World {
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
}

/// Two members without disk keep each other alive; the third comes back from a reboot and sees
/// nobody.
pub(super) fn outsider_takes_over(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::PowerOff(2));
    world.inject(100, Fault::Stall(0));
    world.inject(100, Fault::Stall(1));
    world.inject(100, Fault::CutHost(2));
    world.inject(500, Fault::PowerOn(2));
    world.run_for(60_000);
    world
}

/// A value is decided and told by datagram only; its proposer reboots twice before anybody else
/// reads it.
pub(super) fn no_carry(seed: u64) -> World {
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
}

pub(super) fn disk_ignores_phase_2(seed: u64) -> World {
    hidden_decision(seed, false)
}

pub(super) fn unreadable_ignored(seed: u64) -> World {
    hidden_decision(seed, true)
}

/// Hosts 0 and 1 keep each other alive under an epoch that host 2 left twice (H1).
pub(super) fn last_epoch_only(seed: u64) -> World {
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
}

/// The last vote of a member that fences late carries the victim beyond the others' wait (P1).
pub(super) fn dead_not_aged(seed: u64) -> World {
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
}

/// The victim's disk was lost long ago; when the network goes too, only the votes keep it.
pub(super) fn acks_not_aged(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::Stall(2));
    world.run_for(6_000);
    feeds_late(&mut world, 2);
    linger(&mut world, 2, 700);
    world.inject(0, Fault::CutHost(2));
    world.run_for(15_000);
    world
}

/// The role goes to a host that cannot be heard any more, and on to the next (P2).
pub(super) fn any_epoch_clears(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(1);
    world.inject(0, Fault::Stall(0));
    world.inject(0, Fault::CutOneWay(0, 1));
    world.inject(0, Fault::CutOneWay(0, 2));
    world.inject(100 + 10 * (seed % 20), Fault::HandOver(0));
    world.run_for(15_000);
    world
}

/// Time-outs are shortened while the victim, cut off, still holds a long lease (H10).
pub(super) fn newest_timing_only(seed: u64) -> World {
    let mut world = World::formed(Options::pool(3, Profile::Default), seed);
    world.make_coordinator(0);
    world.inject(0, Fault::CutHost(2));
    world.inject(0, Fault::Stall(2));
    world.inject(500, Fault::Retime(Timing::of(Profile::Fast)));
    world.run_for(40_000);
    world
}

/// Checked, paused, fed: the watchdog's time counts twice (H11).
pub(super) fn no_feed_race(seed: u64) -> World {
    let mut world = pool(2, seed);
    world.make_coordinator(0);
    feeds_late(&mut world, 1);
    world.inject(0, Fault::CutHost(1));
    world.inject(0, Fault::Stall(1));
    linger(&mut world, 1, 1_400 + 30 * (seed % 20));
    world.run_for(15_000);
    world
}

/// The victim's clock is slow, the judge's is fast (H12). Long time-outs, so that it shows.
pub(super) fn no_drift(seed: u64) -> World {
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
}

/// A write is seen long before its answer arrives: the lease counts from its start (H18).
pub(super) fn lease_from_write_end(seed: u64) -> World {
    let mut world = pool(2, seed);
    world.make_coordinator(0);
    feeds_late(&mut world, 1);
    world.inject(0, Fault::CutHost(1));
    world.inject(0, Fault::AnswersLate(1, 600 + 60 * (seed % 3)));
    world.inject(0, Fault::BeatsStuckAfter(1, 1));
    linger(&mut world, 1, 2_450 + 10 * (seed % 40));
    world.run_for(15_000);
    world
}
