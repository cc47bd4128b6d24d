//! Schedules that wait for what they need instead of leaving it to chance.

use haven_cluster::control::IsolationResponse;
use haven_cluster::invariant::Invariant;
use haven_cluster::timing::Timing;

use super::setup::{feeds_late, linger, logged, pool, unlink};
use crate::World;
use crate::faults::{Fault, Head};
use crate::options::Options;

/// Empties a host and makes it the only one where VMs may start.
fn lone_target(world: &mut World, target: usize) {
    world.inject(0, Fault::Maintain(target));
    world.run_until(world.now_ms() + 10_000, |w| w.running_on(target) == 0 && w.all_run());
    for other in (0..3).filter(|other| *other != target) {
        world.inject(0, Fault::Maintain(other));
    }
    world.inject(0, Fault::Enable(target));
}

/// Lets VMs run everywhere again.
fn open_all(world: &mut World) {
    for host in 0..3 {
        world.inject(0, Fault::Enable(host));
    }
}

/// Host 1 leaves in order, and the answer to its *excluded* comes late: so long it may vote no more
/// (P1). Host 2 has no disk and hears only host 1; its guard stops when its permit is about to end.
pub(super) fn fencing_votes(seed: u64) -> World {
    let mut world = World::new(logged(3), seed);
    world.set_drift(0, 9_900);
    world.set_drift(2, -9_900);
    world.power_on_all();
    world.demand_health(120_000, "the pool does not form");
    world.run_for(60_000);
    world.make_coordinator(0);
    world.inject(0, Fault::Maintain(1));
    world.run_until(world.now_ms() + 10_000, |w| w.running_on(1) == 0 && w.all_run());
    feeds_late(&mut world, 2);
    world.inject(0, Fault::Stall(2));
    unlink(&mut world, 0, 2);
    world.run_for(2_500);
    // Host 1 hears nothing of the epoch without host 2, by disk or by network.
    world.inject(0, Fault::ReadsStuck(1, true));
    unlink(&mut world, 0, 1);
    world.inject(1, Fault::PutOut(2));
    let epoch = world.epoch_of(0);
    world.run_until(world.now_ms() + 700, |w| w.epoch_of(0) > epoch);
    world.inject(0, Fault::AnswersLate(1, 1_900));
    world.inject(0, Fault::Exclude(1));
    linger(&mut world, 2, 1_900 + 50 * (seed % 16));
    world.run_for(20_000);
    world
}

/// A VM is on its way to a host that is leaving: placed there, not running yet.
fn leaves_meanwhile(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    lone_target(&mut world, 1);
    world.run_until(world.now_ms() + 5_000, |w| w.starting_on(1) > 0);
    world.inject(0, Fault::AnswersLate(1, 1_500));
    world.inject(0, Fault::Exclude(1));
    world.run_for(100);
    open_all(&mut world);
    world.run_for(15_000);
    world
}

/// The daemon's part of P10: nothing begins to execute once it asked for a clean shutdown; and the
/// guard's: the permit is over before *excluded* is written.
pub(super) fn excluded_keeps_permit(seed: u64) -> World {
    leaves_meanwhile(seed)
}

/// The role goes from the silent host 0 to host 1, which hands it over at once to host 2 (H6).
pub(super) fn last_coordinator_only(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::CutHost(0));
    let beats = 4 * (seed % 30);
    world.run_for(beats);
    world.inject(0, Fault::Stall(0));
    let epoch = world.epoch_of(1);
    world.run_until(world.now_ms() + 3_000, |w| w.epoch_of(1) > epoch);
    world.inject(0, Fault::HandOverBy(1, 2));
    world.run_for(15_000);
    world
}

/// A guard fences while a start is between the daemon's check and its deed (H8).
pub(super) fn gate_open(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    lone_target(&mut world, 1);
    world.run_until(world.now_ms() + 5_000, |w| w.agreed_on(1) > 0);
    world.inject(0, Fault::PutOut(1));
    world.run_for(50);
    open_all(&mut world);
    world.run_for(15_000);
    world
}

/// A pool that holds: a host that lost network and disk stops its VMs all the same (H9).
pub(super) fn hold_keeps_vms(seed: u64) -> World {
    let options = Options { isolation_response: IsolationResponse::Hold, ..logged(3) };
    let mut world = World::formed(options, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::CutHost(2));
    world.run_for(1_000);
    world.inject(0, Fault::Stall(2));
    world.run_for(20_000);
    world
}

/// Host 0 decides an epoch that only its own ballot shows; then that is damaged, and all hosts begin
/// new lives.
fn damaged_ballot(seed: u64, both: bool) -> World {
    let mut world = World::formed(Options { late_writes: false, ..logged(3) }, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::Stall(2));
    world.run_for(1_000);
    world.inject(0, Fault::PowerOff(1));
    let epoch = world.epoch_of(2);
    world.run_until(world.now_ms() + 5_000, |w| w.epoch_of(2) > epoch);
    // Nobody mends it.
    world.inject(0, Fault::BallotsStuckAfter(0, 0));
    world.run_for(10 + seed % 300);
    world.inject(0, Fault::RotBallots(0, both));
    world.inject(1, Fault::PowerOff(0));
    world.inject(1, Fault::PowerOff(2));
    world.inject(2, Fault::BallotsStuckAfter(0, u32::MAX));
    for host in 0..3 {
        world.inject(10, Fault::DiskGood(host));
        world.inject(20, Fault::PowerOn(host));
    }
    world.run_for(60_000);
    world
}

/// A ballot of which one copy rots is in the other one (H4).
pub(super) fn one_copy(seed: u64) -> World {
    damaged_ballot(seed, false)
}

/// A life that cannot read what its earlier ones promised writes nothing (P5).
pub(super) fn carry_unread(seed: u64) -> World {
    damaged_ballot(seed, true)
}

/// A write of host 0's ballot fails, and lands when later ones have been counted; then all hosts
/// begin new lives, and must find what the last one said.
pub(super) fn failed_forgotten(seed: u64) -> World {
    let mut world = World::formed(Options { late_writes: false, ..logged(3) }, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::Stall(2));
    world.run_for(1_000);
    world.inject(0, Fault::FailsLate(0, true, 3_500));
    world.inject(0, Fault::PowerOff(1));
    let epoch = world.epoch_of(2);
    world.run_until(world.now_ms() + 2_500, |w| w.epoch_of(2) > epoch);
    world.inject(0, Fault::BallotsStuckAfter(0, 0));
    world.run_for(3_600 + seed % 100);
    world.inject(0, Fault::PowerOff(0));
    world.inject(0, Fault::PowerOff(2));
    world.inject(2, Fault::BallotsStuckAfter(0, u32::MAX));
    for host in 0..3 {
        world.inject(10, Fault::DiskGood(host));
        world.inject(20, Fault::PowerOn(host));
    }
    world.run_for(60_000);
    world
}

/// Host 0 lives three lives while a ballot write of its first, which failed, is on its way: it lands
/// in the block of the third (P6). Lateness is long, so that there is time for that.
pub(super) fn restart_at_once(seed: u64) -> World {
    let mut options = Options { late_writes: false, vms: 0, ..logged(3) };
    options.timing = Timing { t_wd_ms: 8_000, t_late_ms: 16_000, ..options.timing };
    let mut world = World::formed(options, seed);
    world.make_coordinator(1);
    world.inject(0, Fault::FailsLate(0, true, 15_000));
    let timing = Timing { margin_ms: 110, ..world.options.timing };
    world.inject(0, Fault::Retime(timing));
    world.run_for(300);
    for _ in 0..2 {
        world.inject(0, Fault::PutOut(0));
        world.run_until(world.now_ms() + 1_500, |w| !w.is_member(0));
        world.run_until(world.now_ms() + 5_000, |w| w.is_member(0));
    }
    world.inject(0, Fault::HandOver(0));
    world.run_until(world.now_ms() + 2_000, |w| w.coordinator() == Some(0));
    // Only its own ballot shows what it decides now.
    world.inject(0, Fault::Stall(2));
    world.run_for(500);
    world.inject(0, Fault::PowerOff(1));
    let epoch = world.epoch_of(2);
    world.run_until(world.now_ms() + 4_000, |w| w.epoch_of(2) > epoch);
    world.run_for(100);
    world.inject(0, Fault::BallotsStuckAfter(0, 0));
    world.run_for(10_000);
    world.inject(0, Fault::PowerOff(0));
    world.inject(0, Fault::PowerOff(2));
    world.inject(2, Fault::BallotsStuckAfter(0, u32::MAX));
    for host in 0..3 {
        world.inject(10, Fault::DiskGood(host));
        world.inject(20, Fault::PowerOn(host));
    }
    world.run_for(90_000);
    world
}

/// Host 0 is told to hand over; of its ballot only phase 1 reaches the disk, and then it is gone.
pub(super) fn one_phase(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::BallotsStuckAfter(0, 2));
    world.inject(0, Fault::CutHost(0));
    world.inject(1, Fault::HandOver(1));
    let epoch = world.epoch_of(0);
    world.run_until(world.now_ms() + 300, |w| w.epoch_of(0) > epoch);
    world.inject(0, Fault::StallOn(0, 0));
    world.run_for(15_000);
    world
}

/// Host 0 reaches one statefile, the others the other two (H17).
pub(super) fn one_statefile(seed: u64) -> World {
    let mut options = logged(3);
    options.statefiles = 3;
    let mut world = World::formed(options, seed);
    world.make_coordinator(1);
    world.inject(0, Fault::CutHost(0));
    world.inject(0, Fault::StallOn(0, 1));
    world.inject(0, Fault::StallOn(0, 2));
    for host in [1, 2] {
        world.inject(0, Fault::StallOn(host, 0));
    }
    world.run_for(20_000);
    world
}

/// Both copies of the superblock rot: whoever knows what stood there goes on (L7).
pub(super) fn superblock_needed(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.inject(seed * 10, Fault::Superblock(0, Head::Rotten));
    world.run_for(20_000);
    if world.casualties() != (0, 0) || !world.all_run() {
        let view = world.describe();
        world.fail(Invariant::GoesOn, format!("hosts stop for a superblock that rots: {view}"));
    }
    world
}
