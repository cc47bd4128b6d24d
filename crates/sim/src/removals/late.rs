//! Schedules that are aimed at rules about lives, final marks, power, areas and orders.

use haven_cluster::timing::{Profile, Timing};

use super::setup::{feeds_late, fenced_and_back, linger, logged, pool, powered, unlink};
use crate::World;
use crate::database::METADATA;
use crate::faults::Fault;
use crate::options::Options;

/// A host that lost power is back at once: its old life's writes must land before the new life
/// speaks, for speaking proves the old one dead (H14, P9).
pub(super) fn no_late_wait(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.set_boot(1, 100);
    world.inject(0, Fault::PowerOff(1));
    world.inject(10, Fault::PowerOn(1));
    world.run_for(15_000);
    world
}

/// A ballot write that its host's power loss left on the way lands over that of the next life.
pub(super) fn no_parity(seed: u64) -> World {
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
}

/// Host 0 proposes host 1 out, which only its own votes keep alive, and loses its disk just when
/// phase 2 has landed: it must not vote on (H1).
pub(super) fn votes_ignore_phase_2(seed: u64) -> World {
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
}

/// A fenced life goes on, with its tombstone on the disk and a permit by votes (H2).
pub(super) fn votes_start_permit(seed: u64) -> World {
    fenced_and_back(seed, true)
}

/// A tombstone that was read before the decision says nothing of a life that went on (H13).
pub(super) fn early_tombstone(seed: u64) -> World {
    fenced_and_back(seed, false)
}

/// Host 1 acknowledges the epoch without host 2, and reboots without a disk: what its new life
/// hears from host 2 is no ground to vote for it (H16).
pub(super) fn votes_unread(seed: u64) -> World {
    let mut world = World::formed(Options { late_writes: false, ..logged(3) }, seed);
    world.make_coordinator(0);
    world.set_boot(1, 30);
    world.inject(0, Fault::Stall(2));
    unlink(&mut world, 0, 2);
    world.inject(0, Fault::CutOneWay(1, 2));
    world.inject(1, Fault::PutOut(2));
    let epoch = world.epoch_of(1);
    world.run_until(world.now_ms() + 2_000, |w| w.epoch_of(1) > epoch);
    world.run_for(10 + 5 * (seed % 20));
    world.inject(0, Fault::CutOneWay(0, 1));
    world.inject(0, Fault::PowerOff(1));
    world.inject(0, Fault::Stall(1));
    world.inject(0, Fault::Join(1, 2));
    world.inject(1, Fault::PowerOn(1));
    world.run_for(20_000);
    world
}

/// The victim is put out and, before it noticed, taken in again by host 1; hosts 0 and 2 hear of
/// the first only (H5). Whatever reaches the victim by network is four seconds old.
pub(super) fn readmit_same_life(seed: u64) -> World {
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
}

/// A start order comes late, after the VM was stopped there and placed elsewhere (H7).
pub(super) fn orders_unjudged(seed: u64) -> World {
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
}

/// A host that was switched off has left writes on their way (P9).
pub(super) fn power_off_at_once(seed: u64) -> World {
    let mut world = powered(seed);
    world.inject(0, Fault::Stall(2));
    world.inject(0, Fault::CutHost(2));
    world.run_for(15_000);
    world
}

/// Switched off once, back, and silent again: this life is not proven dead by that.
pub(super) fn power_off_for_ever(seed: u64) -> World {
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
    world.set_device(crate::PowerDevice::Hanging);
    world.inject(0, Fault::Stall(2));
    world.inject(0, Fault::CutHost(2));
    world.run_for(15_000);
    world
}

/// A proof of half a minute ago is reported for a life that was put out just now (H13).
pub(super) fn power_off_early(seed: u64) -> World {
    let mut world = powered(seed);
    world.set_device(crate::PowerDevice::Hanging);
    declared_dead(world, seed, &Fault::StaleProof(2))
}

/// Somebody sees a host that does not answer, and says that it is off.
pub(super) fn word_at_once(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    declared_dead(world, seed, &Fault::Word(2))
}

/// Host 2 falls silent and lives on for a while; meanwhile it is said to be dead.
fn declared_dead(mut world: World, seed: u64, said: &Fault) -> World {
    feeds_late(&mut world, 2);
    linger(&mut world, 2, 1_600 + 30 * seed);
    world.inject(0, Fault::Stall(2));
    world.inject(0, Fault::CutHost(2));
    for step in 0..10 {
        world.inject(800 + 50 * step, said.clone());
    }
    world.run_for(15_000);
    world
}

/// Two proposers with different wishes, one of them slow.
pub(super) fn promises_ignored(seed: u64) -> World {
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
}

/// A coordinator dies while it copies; what it wrote lands late, in an area that is taken again.
pub(super) fn area_reused(seed: u64) -> World {
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
}

/// Hosts 1 and 2, without disk, vote for each other; host 0 puts out the one, then the other, and
/// both hear of the first decision eight seconds late.
fn two_epochs_late(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    for host in [1, 2] {
        world.inject(0, Fault::Stall(host));
        world.inject(0, Fault::Lag(0, host, 8_000));
    }
    world.inject(100, Fault::PutOut(1));
    world.inject(700, Fault::PutOut(2));
    world
}

/// Host 2 lives on votes of an epoch that it left a moment ago (H1b).
pub(super) fn confirmed_at_once(seed: u64) -> World {
    let mut world = two_epochs_late(seed);
    world.inject(0, Fault::CutOneWay(1, 0));
    world.inject(0, Fault::CutOneWay(0, 1));
    world.run_for(15_000);
    world
}

/// The epoch whose votes it lives on is closed a moment after all left it (P3).
pub(super) fn close_at_once(seed: u64) -> World {
    let mut world = two_epochs_late(seed);
    let timing = Timing { margin_ms: 110, ..Timing::of(Profile::Fast) };
    world.inject(8_150 + 20 * (seed % 15), Fault::Retime(timing));
    world.run_for(15_000);
    world
}

/// The coordinator's daemon is stopped in order and starts again. Writes of its next life are on their way
/// when another host is named.
pub(super) fn closed_for_good(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.run_for(2_000);
    world.inject(0, Fault::DaemonStopped(0, 1_000));
    world.run_for(5_000);
    world.inject(0, Fault::SlowOn(0, METADATA, 6_000));
    world.inject(100 + 20 * seed, Fault::HandOver(1));
    world.run_for(20_000);
    world
}
