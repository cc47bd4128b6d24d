//! What the schedules have in common.

use std::sync::atomic::{AtomicBool, Ordering};

use haven_cluster::timing::Profile;

use crate::World;
use crate::faults::Fault;
use crate::options::Options;

/// Whether the runs keep their logs.
pub(super) static LOG: AtomicBool = AtomicBool::new(false);

pub(super) fn logged(hosts: usize) -> Options {
    Options { log: LOG.load(Ordering::Relaxed), ..Options::pool(hosts, Profile::Fast) }
}

pub(super) fn pool(hosts: usize, seed: u64) -> World {
    World::formed(logged(hosts), seed)
}

/// Cuts both directions between two hosts.
pub(super) fn unlink(world: &mut World, a: usize, b: usize) {
    world.inject(0, Fault::CutOneWay(a, b));
    world.inject(0, Fault::CutOneWay(b, a));
}

/// The victim's guard always is late between check and feed: by almost the watchdog's time.
pub(super) fn feeds_late(world: &mut World, victim: usize) {
    world.inject(0, Fault::FeedLate(victim, 1_900));
    world.run_for(4_000);
}

/// The victim's guard stops running after `ms`: its VMs live on to the bite.
pub(super) fn linger(world: &mut World, victim: usize, ms: u64) {
    world.inject(ms, Fault::Pause(victim, 60_000));
}

/// The victim comes back to the disk after a decision of which only phase 2 is to be seen there.
pub(super) fn hidden_decision(seed: u64, corrupt: bool) -> World {
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

/// The victim's permit ends, it writes its tombstone, and its votes or its disk come back.
pub(super) fn fenced_and_back(seed: u64, by_votes: bool) -> World {
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

pub(super) fn powered(seed: u64) -> World {
    let mut options = logged(3);
    options.power_fencing = crate::PowerDevice::Good;
    let mut world = World::formed(options, seed);
    world.make_coordinator(0);
    world
}
