//! Random storms: a budget of seeds per size of pool. `haven-sim run` runs as many as one likes,
//! `haven-sim replay --seed N` shows one.

use haven_cluster::timing::Profile;
use haven_sim::{ChaosPlan, Options, run_seed};

fn storm(hosts: usize, statefiles: usize, seeds: std::ops::Range<u64>) {
    let mut options = Options::pool(hosts, Profile::Fast);
    options.statefiles = statefiles;
    for seed in seeds {
        let world = run_seed(options.clone(), &ChaosPlan::default(), seed);
        assert_eq!(world.broken, None, "haven-sim replay --hosts {hosts} --seed {seed}");
    }
}

#[test]
fn one_host() {
    storm(1, 1, 0..100);
}

#[test]
fn two_hosts() {
    storm(2, 1, 0..500);
}

#[test]
fn three_hosts() {
    storm(3, 1, 0..300);
}

#[test]
fn four_hosts() {
    storm(4, 1, 0..80);
}

#[test]
fn eight_hosts() {
    storm(8, 1, 0..20);
}

#[test]
fn two_hosts_three_statefiles() {
    storm(2, 3, 0..100);
}

#[test]
fn three_hosts_three_statefiles() {
    storm(3, 3, 0..50);
}

/// The same seed gives the same run, line by line.
#[test]
fn a_seed_replays_exactly() {
    let mut options = Options::pool(3, Profile::Fast);
    options.log = true;
    let one = run_seed(options.clone(), &ChaosPlan::default(), 77);
    let two = run_seed(options, &ChaosPlan::default(), 77);
    assert!(one.lines().len() > 50);
    assert_eq!(one.lines(), two.lines());
}

/// What the simulator saves, it saves without a difference: with reads in one piece, checked and
/// decoded whole each time, and everything asked and looked at again that was a moment before, every
/// run goes the same way, line by line.
#[test]
fn shortcuts_change_nothing() {
    for seed in 0..24 {
        let profile = if seed % 4 == 3 { Profile::Default } else { Profile::Fast };
        let options = Options { log: true, ..Options::pool(3, profile) }.varied(seed);
        let plan = ChaosPlan::default();
        let one = run_seed(Options { plain: false, ..options.clone() }, &plan, seed);
        let two = run_seed(Options { plain: true, ..options }, &plan, seed);
        assert_eq!(one.lines(), two.lines(), "seed {seed}");
    }
}
