//! Schedules with a host whose whole disk was copied into another machine.

use super::setup::pool;
use crate::World;
use crate::faults::Fault;

/// The copy's number in a world of three hosts.
const COPY: usize = 3;

/// Host 2 lives by the votes of the others alone when its copy starts, and stops by its watchdog some
/// time after it was put out.
pub(super) fn twin_unseen(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.inject(0, Fault::Stall(2));
    world.inject(10, Fault::Copy(2));
    world.run_for(20);
    world.set_boot(COPY, 50);
    world.inject(0, Fault::PowerOn(COPY));
    // It stops running once the copy would have written.
    world.inject(4_300 + 50 * (seed % 10), Fault::Pause(2, 60_000));
    world.run_for(20_000);
    world
}
