//! Schedules with VMs that move while they run.

use super::setup::pool;
use crate::World;
use crate::faults::Fault;

/// How often a VM is sent to and fro.
const ROUNDS: u64 = 40;

/// The VMs of host 1, which does not coordinate.
fn begun(seed: u64) -> (World, Vec<u32>) {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.run_for(2_000);
    let vms = world.vms_on(1);
    (world, vms)
}

/// The destination loses its power; the VMs run on at the source.
pub(super) fn survivor_unasked(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    for (wait, vm) in (0..).step_by(100).zip(vms) {
        world.inject(wait, Fault::Migrate(vm, 2));
    }
    world.inject(200 + seed, Fault::PowerOff(2));
    world.run_for(20_000);
    world
}

/// The source loses its power and starts at once; nobody has proof of its death yet, and what it wrote
/// may still land.
pub(super) fn other_life_answers(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    for vm in vms {
        world.inject(0, Fault::Migrate(vm, 2));
    }
    // Both are named by then, and it was not told to send yet.
    let wait = 30 + 3 * seed;
    world.inject(wait, Fault::PowerOff(1));
    world.inject(wait + 100, Fault::PowerOn(1));
    world.run_for(20_000);
    world
}

/// The coordinator's daemon dies again and again, at any moment of a migration.
pub(super) fn move_unfinished(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    let vm = vms.first().copied().unwrap_or(0);
    for round in 0..ROUNDS {
        world.inject(0, Fault::Migrate(vm, 2 - (round % 2) as usize));
        world.inject(40 + (seed * 37 + round * 101) % 2_900, Fault::DaemonKilled(0, 100));
        world.run_for(8_000);
    }
    world
}

/// The coordinator loses its power just when clients hear how their task ended.
pub(super) fn journal_behind(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    let vm = vms.first().copied().unwrap_or(0);
    world.inject(0, Fault::Migrate(vm, 2));
    let limit = world.now_ms() + 8_000;
    world.run_until(limit, |w| w.task_of(vm).is_some_and(|stage| stage == "ended done"));
    world.inject(seed % 4, Fault::PowerOff(0));
    world.run_for(20_000);
    world
}

/// The coordinator loses its power while a host copies a disk for it.
pub(super) fn held_ended_early(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    world.inject(0, Fault::CopyDisk(vms.first().copied().unwrap_or(0), 1));
    world.inject(500 + 100 * seed, Fault::PowerOff(0));
    world.run_for(30_000);
    world
}

/// Moves to and fro, while orders come twice and late.
pub(super) fn to_and_fro(seed: u64) -> World {
    let mut world = pool(3, seed);
    for round in 0..ROUNDS {
        for vm in 0..6 {
            world.inject(100 * u64::from(vm), Fault::Migrate(vm, ((seed + round) % 3) as usize));
        }
        world.run_for(5_000);
    }
    world
}

/// The order to send a VM comes late: its migration is given up, the next one leaves the way open at the
/// destination, which did not hear that it is over, and the VM is back by then.
pub(super) fn old_send_acts(seed: u64) -> World {
    let (mut world, vms) = begun(seed);
    let vm = vms.first().copied().unwrap_or(0);
    let moved = |world: &mut World, to: usize| {
        world.inject(0, Fault::Migrate(vm, to));
        world.run_until(world.now_ms() + 5_000, |w| w.vms_on(to).contains(&vm));
    };
    world.inject(0, Fault::CutHost(1));
    world.inject(1, Fault::Migrate(vm, 2));
    world.inject(600, Fault::HealHost(1));
    world.run_for(4_000);
    moved(&mut world, 2);
    world.inject(0, Fault::CutHost(2));
    world.inject(600, Fault::HealHost(2));
    world.run_for(2_000);
    moved(&mut world, 1);
    world.run_for(20_000);
    world
}
