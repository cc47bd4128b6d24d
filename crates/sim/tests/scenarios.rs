//! Fixed scenarios: one fault at a known moment, and what must follow within which virtual time.

use haven_cluster::timing::{COPY_MS, Profile, Timing};
use haven_sim::faults::Fault;
use haven_sim::{Options, World};

const SEEDS: [u64; 4] = [1, 2, 3, 4];

fn pool(hosts: usize, profile: Profile, seed: u64) -> World {
    // The bounds count from the last write that lands.
    let options = Options { late_writes: false, ..Options::pool(hosts, profile) };
    World::formed(options, seed)
}

fn sound(world: &World) {
    assert_eq!(world.broken, None);
}

/// Power loss of `victim`: time until it is known dead, and until all VMs run again.
fn power_loss(world: &mut World, victim: usize) -> (u64, u64) {
    let dead = world.time(Fault::PowerOff(victim), 120_000, |w| w.known_dead(victim));
    let start = world.now_ms();
    let end = world.run_until(start + 60_000, World::all_run);
    (dead, dead + end - start)
}

/// Scenario 1: a worker loses power.
#[test]
fn worker_power_loss() {
    for (profile, bound) in [(Profile::Fast, 7_000), (Profile::Default, 23_000)] {
        for hosts in [2, 3, 4] {
            for seed in SEEDS {
                let mut world = pool(hosts, profile, seed);
                let victim = world.worker().expect("a worker");
                let (dead, running) = power_loss(&mut world, victim);
                sound(&world);
                assert!(dead <= bound, "{hosts} hosts, seed {seed}: dead after {dead} ms");
                assert!(running <= bound + 500, "{hosts} hosts, seed {seed}: {running} ms");
                assert_eq!(world.casualties(), (0, 0));
            }
        }
    }
}

/// Scenario 2: the coordinator loses power; the database is copied before VMs restart.
#[test]
fn coordinator_power_loss() {
    for (profile, bound) in [(Profile::Fast, 7_000), (Profile::Default, 23_000)] {
        for hosts in [2, 3, 4] {
            for seed in SEEDS {
                let mut world = pool(hosts, profile, seed);
                let victim = world.coordinator().expect("a coordinator");
                let (dead, running) = power_loss(&mut world, victim);
                sound(&world);
                assert!(dead <= bound, "{hosts} hosts, seed {seed}: dead after {dead} ms");
                assert!(running <= bound + 2_000, "{hosts} hosts, seed {seed}: {running} ms");
                assert_eq!(world.casualties(), (0, 0));
            }
        }
    }
}

/// The bound that is printed is the bound that holds.
#[test]
fn bounds_of_the_profiles() {
    assert!(Timing::of(Profile::Fast).restart_bound_ms() <= 7_000);
    assert!(Timing::of(Profile::Default).restart_bound_ms() <= 23_000);
    assert!(Timing::of(Profile::Conservative).restart_bound_ms() <= 66_000);
    // Scenario 2: the coordinator's is larger.
    let allowed = [(Profile::Fast, 9), (Profile::Default, 27), (Profile::Conservative, 72)];
    for (profile, seconds) in allowed {
        let timing = Timing::of(profile);
        assert!(timing.takeover_bound_ms() <= seconds * 1_000, "{profile:?}");
        assert!(timing.takeover_bound_ms() > timing.restart_bound_ms() + COPY_MS, "{profile:?}");
    }
}

/// Scenario 7: one host loses the network only: it alone fences, its VMs restart.
#[test]
fn one_host_loses_the_network() {
    for hosts in [3, 4, 5] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            let victim = world.worker().expect("a worker");
            world.inject(0, Fault::Isolation(victim, false));
            let all = world.time(Fault::CutHost(victim), 30_000, |w| {
                w.casualties().1 > 0 && w.running_on(victim) == 0 && w.all_run()
            });
            sound(&world);
            assert!(world.all_run(), "{hosts} hosts, seed {seed}: after {all} ms");
            assert_eq!(world.running_on(victim), 0);
            assert_eq!(world.casualties().1, 1, "{hosts} hosts, seed {seed}: only one fences");
            // It comes back by itself when the network does.
            world.inject(0, Fault::HealHost(victim));
            world.demand_health(60_000, "the cut-off host does not come back");
            sound(&world);
        }
    }
}

/// Two hosts, the link between them cut: the one that reaches its gateway goes on.
#[test]
fn two_hosts_link_cut() {
    for seed in SEEDS {
        let mut world = pool(2, Profile::Fast, seed);
        let victim = world.coordinator().expect("a coordinator");
        world.inject(0, Fault::Isolation(victim, false));
        world.time(Fault::CutHost(victim), 30_000, |w| w.running_on(victim) == 0 && w.all_run());
        sound(&world);
        assert!(world.all_run(), "seed {seed}");
        assert_eq!(world.running_on(victim), 0);
        world.inject(0, Fault::HealHost(victim));
        world.demand_health(60_000, "the pair does not come together again");
        sound(&world);
    }
}

/// One host loses the statefile: nothing happens while the others may hope for its return.
#[test]
fn one_host_loses_the_disk() {
    for hosts in [2, 3, 4] {
        for seed in SEEDS {
            for fault in [Fault::Stall as fn(usize) -> Fault, Fault::Fail] {
                let mut world = pool(hosts, Profile::Fast, seed);
                let victim = world.worker().expect("a worker");
                world.inject(0, fault(victim));
                world.run_for(50_000);
                sound(&world);
                assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
                assert!(world.permitted(victim));
                world.inject(0, Fault::DiskGood(victim));
                world.run_for(10_000);
                sound(&world);
                assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
                assert!(world.healthy());
            }
        }
    }
}

/// A host whose statefile stays lost is put out in the end, and its VMs run elsewhere.
#[test]
fn one_host_loses_the_disk_for_good() {
    for hosts in [2, 3] {
        let mut world = pool(hosts, Profile::Fast, 5);
        let victim = world.worker().expect("a worker");
        world.time(Fault::Stall(victim), 200_000, |w| w.running_on(victim) == 0 && w.all_run());
        sound(&world);
        assert!(world.all_run());
        assert_eq!(world.running_on(victim), 0);
    }
}

/// Scenario 15: all hosts lose the statefile: nothing happens, for as long as it takes.
#[test]
fn all_lose_the_disk() {
    for hosts in [2, 3, 4] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            for host in 0..hosts {
                world.inject(0, Fault::Stall(host));
            }
            world.run_for(600_000);
            sound(&world);
            assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
            // The storage comes back to one host after the other.
            for (host, wait) in (0..hosts).zip([0, 4_000, 9_000, 15_000]) {
                world.inject(wait, Fault::DiskGood(host));
            }
            world.run_for(30_000);
            sound(&world);
            assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
            assert!(world.healthy());
        }
    }
}

/// Scenario 16: then one host loses the network too: the quorum lives on, it alone fences.
#[test]
fn all_lose_the_disk_then_one_the_network() {
    for hosts in [3, 4] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            let victim = world.worker().expect("a worker");
            for host in 0..hosts {
                world.inject(0, Fault::Stall(host));
            }
            world.run_for(20_000);
            world.inject(0, Fault::CutHost(victim));
            world.run_for(60_000);
            sound(&world);
            assert_eq!(world.casualties().1, 1, "{hosts} hosts, seed {seed}");
            assert_eq!(world.running_on(victim), 0);
            for host in 0..hosts {
                world.inject(0, Fault::DiskGood(host));
            }
            world.time(Fault::HealNetwork, 60_000, World::all_run);
            sound(&world);
            assert!(world.all_run());
        }
    }
}

/// Whole-site power cut: everything comes back by itself, in any order.
#[test]
fn site_power_cut() {
    for hosts in [1, 2, 3, 5] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            for host in 0..hosts {
                world.inject(0, Fault::PowerOff(host));
                world.inject(5_000 + 4_000 * ((host as u64 + seed) % 3), Fault::PowerOn(host));
            }
            world.run_for(1_000);
            world.demand_health(90_000, "the site does not come back");
            sound(&world);
        }
    }
}

/// After a site cut n - q + 1 hosts are enough; of two hosts one.
#[test]
fn site_power_cut_with_some_hosts_missing() {
    for (hosts, back) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            for host in 0..hosts {
                world.inject(0, Fault::PowerOff(host));
            }
            for host in hosts - back..hosts {
                world.inject(3_000, Fault::PowerOn(host));
            }
            world.run_for(1_000);
            world.demand_health(120_000, "too few came back, so it seems");
            sound(&world);
        }
    }
}

/// With fewer nothing starts: the missing ones might still be alive.
#[test]
fn one_of_three_is_not_enough() {
    let mut world = pool(3, Profile::Fast, 1);
    for host in 0..3 {
        world.inject(0, Fault::PowerOff(host));
    }
    world.inject(3_000, Fault::PowerOn(2));
    world.run_for(300_000);
    sound(&world);
    assert_eq!(world.running(), 0);
    world.inject(0, Fault::PowerOn(0));
    world.run_for(1_000);
    world.demand_health(60_000, "two of three are enough");
    sound(&world);
}

/// A host returns and is a member again.
#[test]
fn host_returns() {
    for hosts in [2, 3] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            let victim = world.worker().expect("a worker");
            power_loss(&mut world, victim);
            world.inject(10_000, Fault::PowerOn(victim));
            world.run_for(10_001);
            world.demand_health(60_000, "the host is not admitted");
            sound(&world);
        }
    }
}

/// A host reboots faster than anybody can declare it dead: its VMs run again all the same.
#[test]
fn fast_reboot() {
    for seed in SEEDS {
        let mut world = pool(3, Profile::Default, seed);
        let victim = world.worker().expect("a worker");
        world.inject(0, Fault::PowerOff(victim));
        world.inject(100, Fault::PowerOn(victim));
        world.run_for(1_000);
        world.demand_health(60_000, "the old life is never dead");
        sound(&world);
    }
}

/// Scenario 10: the switch dies, no gateway answers: dark, and nobody goes out.
#[test]
fn network_dark() {
    for hosts in [2, 3, 4] {
        for seed in SEEDS {
            let mut world = pool(hosts, Profile::Fast, seed);
            for host in 0..hosts {
                world.inject(0, Fault::Isolation(host, false));
                world.inject(0, Fault::CutHost(host));
            }
            world.run_for(300_000);
            sound(&world);
            assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
            assert!(world.all_run());
            // The ports come back one by one.
            for host in 0..hosts {
                world.inject(1_000 * host as u64, Fault::Isolation(host, true));
                world.inject(1_000 * host as u64, Fault::HealHost(host));
            }
            world.run_for(60_000);
            sound(&world);
            assert_eq!(world.casualties(), (0, 0), "{hosts} hosts, seed {seed}");
        }
    }
}

/// Scenario 11: two halves: exactly one goes on.
#[test]
fn even_split() {
    for seed in SEEDS {
        let mut world = pool(4, Profile::Fast, seed);
        world.time(Fault::Partition(0b0011), 60_000, |w| w.all_run() && w.casualties().1 >= 2);
        sound(&world);
        assert_eq!(world.casualties().1, 2, "seed {seed}");
        assert!(world.all_run());
    }
}

/// The role is handed over by command, without harm to anybody.
#[test]
fn hand_over() {
    for seed in SEEDS {
        let mut world = pool(3, Profile::Fast, seed);
        let heir = world.worker().expect("a worker");
        let took = world.time(Fault::HandOver(heir), 10_000, |w| w.coordinator() == Some(heir));
        sound(&world);
        assert_eq!(world.coordinator(), Some(heir));
        assert!(took <= 1_000, "seed {seed}: {took} ms");
        assert_eq!(world.casualties(), (0, 0));
    }
}

/// A clean shutdown: nobody waits for a host that left by itself.
#[test]
fn clean_shutdown() {
    for hosts in [2, 3] {
        let mut options = Options::pool(hosts, Profile::Fast);
        options.vms = 0;
        let mut world = World::formed(options, 1);
        let victim = world.worker().expect("a worker");
        world.time(Fault::Exclude(victim), 5_000, |w| w.left(victim));
        assert!(world.left(victim));
        world.run_for(5_000);
        sound(&world);
        assert!(world.known_dead(victim));
        assert_eq!(world.casualties(), (0, 0));
    }
}

/// Disarming ends the membership everywhere, and stops nothing.
#[test]
fn disarm() {
    for hosts in [1, 2, 3] {
        let mut world = pool(hosts, Profile::Fast, 1);
        let before = world.running();
        world.time(Fault::Disarm, 20_000, |w| (0..hosts).all(|host| w.left(host)));
        world.run_for(60_000);
        sound(&world);
        assert!((0..hosts).all(|host| world.left(host)));
        assert_eq!((world.running(), world.casualties()), (before, (0, 0)));
    }
}

/// Scenario 39: time-outs change while armed, up and down.
#[test]
fn change_of_timing() {
    for seed in SEEDS {
        let mut world = pool(3, Profile::Fast, seed);
        world.inject(0, Fault::Retime(Timing::of(Profile::Default)));
        world.inject(60_000, Fault::Retime(Timing::of(Profile::Fast)));
        world.run_for(120_000);
        sound(&world);
        assert_eq!(world.casualties(), (0, 0), "seed {seed}");
        let victim = world.worker().expect("a worker");
        let (dead, _) = power_loss(&mut world, victim);
        sound(&world);
        assert!(dead <= 30_000, "seed {seed}: {dead} ms");
    }
}

/// Three statefiles: one of them may be lost.
#[test]
fn three_statefiles() {
    let mut options = Options::pool(3, Profile::Fast);
    options.statefiles = 3;
    let mut world = World::formed(options, 1);
    let victim = world.coordinator().expect("a coordinator");
    let (dead, _) = power_loss(&mut world, victim);
    sound(&world);
    assert!(dead <= 7_000, "{dead} ms");
}

/// The largest pool forms, and survives the loss of a host.
#[test]
fn sixty_four_hosts() {
    let mut options = Options::pool(64, Profile::Default);
    options.vms = 64;
    let mut world = World::new(options, 1);
    world.power_on_all();
    world.demand_health(60_000, "the pool does not form");
    sound(&world);
    world.run_for(3_000);
    let victim = world.worker().expect("a worker");
    let dead = world.time(Fault::PowerOff(victim), 60_000, |w| w.known_dead(victim));
    sound(&world);
    assert!(dead <= 23_000, "{dead} ms");
}
