//! Schedules in which a host is taken out of the pool. What they demand is that the pool goes on: no
//! promise breaks without these rules, but nobody acts any more.

use haven_cluster::control::GuardPhase;
use haven_cluster::invariant::Invariant;
use haven_cluster::timing::{Profile, Timing};

use super::setup::logged;
use crate::faults::Fault;
use crate::options::Options;
use crate::{PowerDevice, World};

/// Demands that a host acts within `ms`.
fn demand_coordinator(world: &mut World, host: usize, ms: u64) {
    world.run_until(world.now_ms() + ms, |w| w.coordinator() == Some(host));
    if world.coordinator() != Some(host) {
        let view = world.describe();
        world.fail(Invariant::GoesOn, format!("host {host} does not act: {view}"));
    }
}

/// So many hosts with the default profile, which one of them coordinates; and the time-outs.
fn led(hosts: usize, by: usize, seed: u64) -> (World, Timing) {
    let timing = Timing::of(Profile::Default);
    let mut world = World::formed(Options { timing, ..logged(hosts) }, seed);
    world.make_coordinator(by);
    (world, timing)
}

/// Restarts a host that is alone.
fn again(world: &mut World, host: usize) {
    world.inject(0, Fault::PowerOff(host));
    world.inject(1, Fault::PowerOn(host));
    world.run_for(5);
    demand_coordinator(world, host, 200_000);
}

/// By this call the host goes out of the pool within the time that the call may take.
fn goes(world: &mut World, call: Fault, host: usize, timing: Timing) -> bool {
    let limit = timing.forgotten_bound_ms();
    world.time(call, limit, |w| w.is_taken_out(host)) < limit
}

/// Host 0 went on alone, and loses its power before its block confirms the epoch in which host 1 is back:
/// only host 1 heard it. Then it is given up, and host 1 begins a new life.
pub(super) fn given_up(seed: u64) -> World {
    let (mut world, _) = led(2, 0, seed);
    world.run_for(60_000);
    world.time(Fault::PowerOff(1), 90_000, |w| w.known_dead(1));
    world.run_for(30_000);
    world.time(Fault::PowerOn(1), 90_000, |w| {
        w.phase(1).is_some_and(|phase| match phase {
            GuardPhase::Joining(why) => why.starts_with("a member to admit"),
            _ => false,
        })
    });
    // It has to read that host 1 beats, and to decide before its disk counts as lost.
    world.run_for(150 * (seed % 10));
    world.time(Fault::BeatsStuckAfter(0, 0), 5_000, |w| w.is_member(1));
    if !world.is_member(1) {
        return world;
    }
    world.inject(0, Fault::PowerOff(0));
    world.run_until(world.now_ms() + 90_000, |w| w.coordinator() == Some(1));
    world.run_until(world.now_ms() + 10_000, World::all_run);
    // Again, should the daemon be busy.
    world.inject(1_000, Fault::Destroy(0));
    let gone = world.time(Fault::Destroy(0), 40_000, |w| w.is_taken_out(0));
    if gone >= 40_000 {
        world.fail(Invariant::GoesOn, "a host that is off stays in the pool");
    }
    again(&mut world, 1);
    world
}

/// Host 1 was alone in an epoch that is not closed. A power device says to host 0 alone that it is off; its
/// next life reaches no storage, writes nothing, leaves in order, and is to be taken out of the pool. Then
/// host 0 begins a new life.
pub(super) fn never_wrote(seed: u64) -> World {
    let timing = Timing::of(Profile::Conservative);
    let power_fencing = PowerDevice::Good;
    let mut world = World::formed(Options { timing, power_fencing, ..logged(2) }, seed);
    world.time(Fault::HandOver(1), 20_000, |w| w.coordinator() == Some(1));
    world.run_for(200_000);
    world.time(Fault::PowerOff(0), 90_000, |w| w.known_dead(0));
    world.time(Fault::PowerOn(0), 90_000, |w| w.is_member(0));
    world.inject(0, Fault::Stall(1));
    world.time(Fault::PowerOff(1), 60_000, |w| w.coordinator() == Some(0));
    world.set_boot(1, 5_000);
    world.inject(0, Fault::PowerOn(1));
    world.run_for(6_000);
    world.time(Fault::Exclude(1), 3_000, |w| w.left(1));
    world.inject(0, Fault::Remove(1));
    world.run_for(3_000);
    again(&mut world, 0);
    world
}

/// Host 1 has left in order, and nothing counts on it any more. It comes back, and loses its power while the
/// value that admits it is in phase 2, of which a write is stuck. It is not to be given up before somebody
/// has finished that: a later life may decide it, and then waits for host 1 (the model of whole pools).
pub(super) fn admitted_late(seed: u64) -> World {
    let (mut world, timing) = led(2, 0, seed);
    world.inject(0, Fault::Maintain(1));
    world.run_for(10_000);
    world.time(Fault::Exclude(1), 3_000, |w| w.left(1));
    world.run_for(60_000);
    // The record that says so forgets what host 1 was in.
    world.inject(0, Fault::Retime(Timing::of(Profile::Fast)));
    world.run_for(20_000);
    world.inject(0, Fault::PowerOff(1));
    world.inject(1, Fault::BallotsStuckAfter(0, 3));
    world.inject(1, Fault::PowerOn(1));
    world.run_for(10_000 + 100 * (seed % 10));
    if world.is_member(1) || !world.is_deciding(0) {
        return world;
    }
    world.inject(0, Fault::PowerOff(1));
    let gone = world.time(Fault::Destroy(1), 10_000, |w| w.is_taken_out(1));
    if gone < 10_000 {
        world.fail(Invariant::GoesOn, "a host is taken out that may be admitted yet");
    }
    world.inject(0, Fault::BallotsStuckAfter(0, u32::MAX));
    again(&mut world, 0);
    // Its daemon has to take over.
    world.run_for(10_000);
    if !goes(&mut world, Fault::Destroy(1), 1, timing) {
        let view = world.describe();
        world.fail(Invariant::GoesOn, format!("a host that is off stays in the pool: {view}"));
    }
    world
}

/// Host 1 was alone for a while, hands the role over, leaves in order, and is to be taken out of the pool.
/// What it wrote last rots, and host 0 begins a new life: nothing but host 1 itself can tell that the epoch
/// in which it was alone has ended.
pub(super) fn mark_rots(seed: u64) -> World {
    let timing = Timing::of(Profile::Conservative);
    let mut world = World::formed(Options { timing, ..logged(2) }, seed);
    world.time(Fault::HandOver(1), 20_000, |w| w.coordinator() == Some(1));
    world.run_for(200_000);
    world.time(Fault::PowerOff(0), 90_000, |w| w.known_dead(0));
    world.time(Fault::PowerOn(0), 90_000, |w| w.is_member(0));
    world.time(Fault::HandOver(0), 20_000, |w| w.coordinator() == Some(0));
    world.inject(0, Fault::Maintain(1));
    world.run_for(10_000);
    world.time(Fault::Exclude(1), 3_000, |w| w.left(1));
    // Somebody takes the call.
    world.run_for(2_000);
    if !goes(&mut world, Fault::Remove(1), 1, timing) {
        return world;
    }
    world.inject(0, Fault::RotBeats(1));
    world.run_for(3_000);
    again(&mut world, 0);
    world
}

/// Host 0 is given up. Host 2 was not told of it yet when it becomes coordinator, and its daemon cannot tell
/// it; host 0 comes back, and knows nothing of it either.
pub(super) fn comes_back(seed: u64) -> World {
    let (mut world, timing) = led(3, 1, seed);
    world.time(Fault::PowerOff(0), 90_000, |w| w.known_dead(0));
    world.run_for(30_000);
    if !goes(&mut world, Fault::Destroy(0), 0, timing) {
        return world;
    }
    // Its guard is asleep when it is told.
    world.inject(0, Fault::Pause(2, 1_600));
    world.run_for(1_500);
    world.inject(0, Fault::DaemonPaused(2, 60_000));
    world.inject(0, Fault::PowerOff(1));
    if world.time(Fault::PowerOn(0), 50_000, |w| w.is_member(0)) < 50_000 {
        world.fail(Invariant::GoesOn, "a host that was taken out is admitted");
    }
    world.inject(0, Fault::PowerOn(1));
    demand_coordinator(&mut world, 2, 60_000);
    world
}

/// Other time-outs are being decided when host 2, which is off, is given up: one record has both. What is
/// left of the change is not to give host 2 its place back.
pub(super) fn change_pending(seed: u64) -> World {
    let (mut world, timing) = led(3, 0, seed);
    world.time(Fault::PowerOff(2), 90_000, |w| w.known_dead(2));
    world.run_for(30_000);
    world.inject(0, Fault::AnswersLate(0, 300));
    world.inject(1, Fault::Retime(Timing { t_net_ms: timing.t_net_ms + 500, ..timing }));
    world.inject(100 + 20 * (seed % 10), Fault::Destroy(2));
    stays_out(&mut world, 2);
    world
}

/// The same while a host that comes in is given its place.
pub(super) fn host_pending(seed: u64) -> World {
    let (mut world, timing) = led(4, 0, seed);
    for host in [2, 3] {
        world.time(Fault::PowerOff(host), 90_000, |w| w.known_dead(host));
    }
    world.run_for(30_000);
    if !goes(&mut world, Fault::Destroy(3), 3, timing) {
        return world;
    }
    world.inject(0, Fault::AnswersLate(0, 300));
    world.inject(0, Fault::Add(3));
    world.inject(500 + 100 * (seed % 10), Fault::Destroy(2));
    stays_out(&mut world, 2);
    world
}

/// A host that goes out of the pool is not to have a place again.
fn stays_out(world: &mut World, host: usize) {
    let gone = world.time(Fault::Noise(0, 0, 0, 0), 40_000, |w| w.is_taken_out(host));
    let back = |w: &World| w.has_place(host);
    if gone < 40_000 && world.time(Fault::AnswersLate(0, 0), 5_000, back) < 5_000 {
        world.fail(Invariant::GoesOn, "a host that was given up may be admitted again");
    }
}

/// The time-outs are changed, and back again while that is being decided.
pub(super) fn changed_twice(seed: u64) -> World {
    let (mut world, timing) = led(3, 0, seed);
    world.run_for(5_000);
    world.inject(0, Fault::AnswersLate(0, 300));
    world.inject(1, Fault::Retime(Timing { t_net_ms: timing.t_net_ms + 500, ..timing }));
    world.inject(100 + 150 * (seed % 10), Fault::Retime(timing));
    world.run_for(10_000);
    if world.timing_of(0) != Some(timing) {
        world.fail(Invariant::GoesOn, "the pool has not the time-outs that were asked for last");
    }
    world
}

/// The pool is disarmed while the role is to be handed over. The last record must name the host whose daemon
/// has the database packed to take home: another one would take its own copy home, too.
pub(super) fn disarmed_by_two(seed: u64) -> World {
    let mut world = World::formed(logged(3), seed);
    world.make_coordinator(0);
    world.run_for(5_000);
    world.inject(0, Fault::AnswersLate(0, 300));
    world.inject(400, Fault::HandOver(1));
    world.inject(400 + 50 * (seed % 10), Fault::Disarm);
    let limit = world.now_ms() + 10_000;
    world.run_until(limit, |w| w.last_coordinator().is_some());
    if world.last_coordinator().is_some_and(|host| host != 0) {
        world.fail(Invariant::GoesOn, "the last record names a host that did not disarm the pool");
    }
    world
}

/// No host reaches the statefile for longer than anybody waits who wants to disarm the pool: it stays armed.
pub(super) fn disarmed_late(seed: u64) -> World {
    let mut world = World::formed(logged(3), seed);
    world.make_coordinator(0);
    world.run_for(5_000);
    for host in 0..3 {
        world.inject(0, Fault::Stall(host));
    }
    world.inject(10 * seed, Fault::Disarm);
    world.run_for(70_000);
    for host in 0..3 {
        world.inject(0, Fault::DiskGood(host));
    }
    world.run_for(20_000);
    if (0..3).any(|host| world.left(host)) {
        world.fail(Invariant::GoesOn, "the pool was disarmed after that had been refused");
    }
    world
}

/// The role is to go to a host that loses its power before that is decided. Later the coordinator's daemon
/// is gone for long: the role goes to a host that is there.
pub(super) fn heir_gone(seed: u64) -> World {
    let mut world = World::formed(logged(3), seed);
    world.make_coordinator(0);
    world.run_for(5_000);
    world.inject(0, Fault::Stall(0));
    world.inject(1, Fault::HandOverBy(0, 1));
    world.inject(100, Fault::PowerOff(1));
    world.inject(7_000, Fault::DiskGood(0));
    world.run_for(40_000);
    world.inject(0, Fault::DaemonKilled(0, 1_200_000));
    demand_coordinator(&mut world, 2, 600_000);
    world
}
