//! Schedules in which the keys of the datagrams change while a member's daemon is slow. Its guard beats all
//! the time: nobody may be fenced for that.

use haven_cluster::invariant::Invariant;

use super::setup::pool;
use crate::World;
use crate::faults::Fault;

/// Runs on until the keys are changed; whoever was fenced meanwhile was so for nothing.
fn nobody_is_fenced(world: &mut World) {
    world.run_until(world.now_ms() + 60_000, |w| !w.fences.is_empty() || w.one_key() == Some(1));
    if let Some((host, ..)) = world.fences.first() {
        let what = format!("host {host} is fenced, and no more than its daemon was slow");
        world.fail(Invariant::GoesOn, what);
    } else if world.one_key() != Some(1) {
        world.fail(Invariant::GoesOn, "the keys were never changed");
    }
}

/// The daemon of host 1 does not hear that all are to send with the new key.
pub(super) fn slow_to_send(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.run_for(100 * (seed % 10));
    world.inject(0, Fault::Rekey);
    world.run_until(world.now_ms() + 5_000, |w| w.between_keys(1));
    world.inject(0, Fault::DaemonPaused(1, 20_000));
    nobody_is_fenced(&mut world);
    world
}

/// It does not hear that it is to accept the new key.
pub(super) fn slow_to_accept(seed: u64) -> World {
    let mut world = pool(3, seed);
    world.make_coordinator(0);
    world.run_for(100 * (seed % 10));
    world.inject(0, Fault::Rekey);
    world.run_until(world.now_ms() + 5_000, |w| w.between_keys(0));
    world.inject(0, Fault::DaemonPaused(1, 20_000));
    nobody_is_fenced(&mut world);
    world
}
