//! Schedules with machines whose storage one host has lost.

use haven_failover::storage::Response;

use super::setup::pool;
use crate::World;
use crate::data::DataFault;
use crate::faults::Fault;

/// Host 1 loses the storage of all VMs, which move after ten seconds.
fn lost(seed: u64, immortal: bool) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    let vms = world.options.vms;
    world.inject(0, Fault::Data(DataFault::Holds(vms)));
    world.inject(0, Fault::Data(DataFault::Policy(Response::Move, 10_000)));
    if let Some(vm) = world.vms_on(1).first().copied().filter(|_| immortal) {
        world.inject(0, Fault::Data(DataFault::Mortal(vm, false)));
    }
    world.inject(seed * 37, Fault::Data(DataFault::Lost([1].into())));
    world.run_for(40_000);
    world
}

pub(super) fn hung_vm_given_up(seed: u64) -> World {
    lost(seed, false)
}

/// One process cannot be ended, so the host does not let go for long; orders to start the VMs there come twice,
/// and late.
pub(super) fn writes_under_way(seed: u64) -> World {
    lost(seed, true)
}

/// The process of one VM cannot be ended, and the host has its storage again: the VM moves, which cannot be written
/// down, and the next look at what was begun comes before that is.
pub(super) fn moved_given_up(seed: u64) -> World {
    let mut world = lost(seed, true);
    let vm = world.vms_on(1).first().copied().unwrap_or(0);
    world.inject(0, Fault::Data(DataFault::Back([1].into())));
    world.inject(0, Fault::Migrate(vm, 2 * (seed as usize % 2)));
    world.inject(500, Fault::MetadataFull(true));
    world.inject(3_000, Fault::Data(DataFault::Mortal(vm, true)));
    world.inject(5_000 + seed * 500, Fault::MetadataFull(false));
    world.run_for(60_000);
    world
}
