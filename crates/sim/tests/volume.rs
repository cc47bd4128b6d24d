//! The metadata volume: copies that break off, and a volume that lies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use haven_cluster::timing::Profile;
use haven_sim::faults::Fault;
use haven_sim::scenario::path_to_metadata;
use haven_sim::{Options, World};

fn said(world: &World, what: &str) -> bool {
    world.lines().iter().any(|line| line.contains(what))
}

fn tail(world: &World) -> String {
    let lines = world.lines();
    lines.get(lines.len().saturating_sub(40)..).unwrap_or(lines).join("\n")
}

/// Found by storms of two hosts that killed daemons (seed 20000336 of the default profile). A
/// coordinator has its copy proposed as the live area; the proposal is accepted in one block, and
/// nobody can decide it yet. Its daemon is killed, starts again under the same life of the guard, and
/// would copy into the same area; the host dies in the middle, and whoever comes next completes the
/// proposal. The copy that stands is left alone.
#[test]
fn a_copy_that_may_become_live_is_not_made_again() {
    let mut found = 0;
    for seed in 0..24 {
        let options =
            Options { late_writes: false, vms: 0, log: true, ..Options::pool(2, Profile::Default) };
        let mut world = World::formed(options, seed);
        let (chief, heir) = (world.coordinator().unwrap(), world.worker().unwrap());
        world.inject(0, Fault::HandOver(heir));
        let until = world.now_ms() + 20_000;
        world.run_until(until, |world| world.coordinator() == Some(heir));
        world.inject(0, Fault::Stall(chief));
        // Both copies of the promise, and the first of the value.
        world.inject(0, Fault::StallAfterBallots(heir, 3));
        let until = world.now_ms() + 5_000;
        world.run_until(until, |world| world.stalled(heir));
        if !world.stalled(heir) || world.broken.is_some() {
            continue;
        }
        let told = world.lines().len();
        world.inject(0, Fault::GoodOn(heir, path_to_metadata()));
        world.inject(0, Fault::DaemonKilled(heir, 100));
        let until = world.now_ms() + 4_000;
        world.run_until(until, |world| {
            let finds = world.lines().iter().skip(told).any(|line| line.contains("finds its copy"));
            finds || world.empties_area(heir)
        });
        found += usize::from(said(&world, "finds its copy"));
        world.run_for(3);
        for host in [heir, chief] {
            world.inject(0, Fault::PowerOff(host));
            world.inject(1, Fault::DiskGood(host));
            world.inject(100, Fault::PowerOn(host));
        }
        world.run_for(100);
        world.demand_health(120_000, "the pool comes back");
        assert_eq!(world.broken, None, "seed {seed}: {}", tail(&world));
    }
    assert!(found >= 8, "the copy stood in {found} runs only");
}

fn pool(seed: u64) -> (World, usize) {
    let options = Options { log: true, ..Options::pool(3, Profile::Fast) };
    let mut world = World::formed(options, seed);
    // Some clients have written.
    world.run_for(20_000);
    let chief = world.coordinator().unwrap();
    (world, chief)
}

fn back(mut world: World, seed: u64, what: &str) -> World {
    world.demand_health(150_000, what);
    assert_eq!(world.broken, None, "seed {seed}: {}", tail(&world));
    world
}

#[test]
fn pages_that_rot_are_replaced_by_a_copy_that_is_as_new_as_the_seal() {
    let mut taken = 0;
    for seed in 0..12 {
        let (mut world, chief) = pool(seed);
        let acknowledged = world.acknowledged();
        // The headers and the seals stay.
        world.inject(0, Fault::MetadataRot(4, 1_000));
        world.inject(1, Fault::PowerOff(chief));
        world.inject(20_000, Fault::PowerOn(chief));
        world.run_for(100);
        let until = world.now_ms() + 15_000;
        world.run_until(until, World::all_run);
        taken += usize::from(said(&world, "takes a copy that is as new"));
        let world = back(world, seed, "it goes on");
        assert!(world.acknowledged() >= acknowledged || world.recovered() > 0, "seed {seed}");
    }
    // A copy that was not sent in time makes it a person's affair.
    assert!(taken >= 6, "{taken}");
}

#[test]
fn a_volume_that_is_put_back_is_refused_until_a_person_rules() {
    for seed in 0..12 {
        let (mut world, chief) = pool(seed);
        world.inject(0, Fault::MetadataSnapshot);
        world.run_for(15_000);
        world.inject(0, Fault::PowerOff(chief));
        world.inject(1, Fault::MetadataRestore);
        world.run_for(20_000);
        assert!(said(&world, "refuses the live area"), "seed {seed}: {}", tail(&world));
        assert!(!said(&world, "was rolled back, and no copy is newer"), "seed {seed}");
        world.inject(0, Fault::PowerOn(chief));
        let world = back(world, seed, "it goes on");
        assert_eq!(world.recovered(), 1, "seed {seed}");
    }
}

/// Nobody else has a copy of what the volume has lost: the coordinator's own one tells of it, when its
/// daemon starts again in the same life, and when all hosts come back in another one.
#[test]
fn a_coordinator_is_a_witness_of_its_own_changes() {
    let mut found = 0;
    for (seed, power) in (0..12).flat_map(|seed| [(seed, false), (seed, true)]) {
        let (mut world, chief) = pool(seed);
        world.inject(0, Fault::MetadataSnapshot);
        for host in (0..3).filter(|host| *host != chief) {
            world.inject(0, Fault::PowerOff(host));
        }
        world.run_for(15_000);
        // What was acknowledged within the last moment has no copy yet.
        let acknowledged = world.acknowledged();
        world.run_for(500);
        if world.acknowledged() != acknowledged {
            continue;
        }
        found += 1;
        world.inject(0, Fault::MetadataRestore);
        match power {
            true => world.inject(0, Fault::PowerOff(chief)),
            false => world.inject(0, Fault::DaemonKilled(chief, 200)),
        }
        for host in 0..3 {
            world.inject(5_000, Fault::PowerOn(host));
        }
        world.run_for(if power { 30_000 } else { 4_000 });
        assert!(said(&world, "refuses the live area"), "seed {seed}: {}", tail(&world));
        let world = back(world, seed, "it goes on");
        assert!(!said(&world, "was rolled back, and no copy is newer"), "seed {seed}");
    }
    assert!(found >= 8, "{found}");
}

/// Under a coordinator that lives whatever the volume lost is written anew from memory.
#[test]
fn what_the_volume_loses_under_its_coordinator_is_written_anew() {
    for seed in 0..12 {
        let (mut world, _) = pool(seed);
        let acknowledged = world.acknowledged();
        world.inject(0, Fault::MetadataSnapshot);
        world.inject(15_000, Fault::MetadataRestore);
        // All headers and seals of the live area.
        world.inject(30_000, Fault::MetadataRot(0, 4));
        world.run_for(60_000);
        assert!(said(&world, "anew"), "seed {seed}: {}", tail(&world));
        let chief = world.coordinator().unwrap();
        world.inject(0, Fault::PowerOff(chief));
        world.inject(20_000, Fault::PowerOn(chief));
        let world = back(world, seed, "it goes on");
        assert_eq!(world.recovered(), 0, "seed {seed}: {}", tail(&world));
        assert!(world.acknowledged() > acknowledged, "seed {seed}");
    }
}

#[test]
fn a_full_volume_takes_nothing_and_loses_nothing() {
    for seed in 0..8 {
        let (mut world, chief) = pool(seed);
        world.inject(0, Fault::MetadataFull(true));
        world.run_for(1_000);
        let acknowledged = world.acknowledged();
        world.inject(10_000, Fault::PowerOff(chief));
        world.run_for(30_000);
        assert_eq!(world.acknowledged(), acknowledged, "seed {seed}");
        world.inject(0, Fault::MetadataFull(false));
        world.inject(0, Fault::PowerOn(chief));
        let mut world = back(world, seed, "there is room");
        world.run_for(20_000);
        assert!(world.acknowledged() > acknowledged, "seed {seed}");
    }
}

/// Storms with such volumes, in pools of several sizes.
#[test]
fn storms_with_volumes_that_lie() {
    for (hosts, seeds) in [(2, 0..60), (3, 100..140), (4, 200..220)] {
        for seed in seeds {
            let options = Options { volume_faults: true, ..Options::pool(hosts, Profile::Fast) };
            let world = haven_sim::run_seed(options, &haven_sim::ChaosPlan::default(), seed);
            assert_eq!(world.broken, None, "{hosts} hosts, seed {seed}");
        }
    }
}
