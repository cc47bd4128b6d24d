//! The packing of middle-sized pools against an integer program: whether what some hosts leave
//! behind fits on the others. Failures at once only: one blow.

use std::collections::BTreeSet;

use good_lp::{Expression, Solution, SolverModel, constraint, microlp, variable, variables};
use haven_planner::{Budget, Change, Pool, Rules, Vm, restart_plan, tolerance};
use uuid::Uuid;

use crate::pools::{Shape, random};

/// Whether all VMs that wait fit, by the integer program.
fn fits(pool: &Pool) -> bool {
    let waiting: Vec<&Vm> = pool
        .vms
        .iter()
        .filter(|vm| vm.waits() && vm.protection == haven_planner::Protection::Restart)
        .collect();
    let hosts: Vec<_> = pool.hosts.iter().filter(|host| host.live).collect();
    variables! { problem: }
    let places: Vec<Vec<_>> = waiting
        .iter()
        .map(|_| hosts.iter().map(|_| problem.add(variable().binary())).collect())
        .collect();
    let total: Expression = places.iter().flatten().copied().sum();
    let mut model = problem.maximise(total).using(microlp);
    for row in &places {
        let sum: Expression = row.iter().copied().sum();
        model = model.with(constraint!(sum <= 1));
    }
    for (at, host) in hosts.iter().enumerate() {
        let load: Expression =
            waiting.iter().zip(&places).map(|(vm, row)| vm.memory as f64 * row[at]).sum();
        model = model.with(constraint!(load <= host.memory_free as f64));
    }
    let solution = model.solve().unwrap();
    let placed: f64 = places.iter().flatten().map(|place| solution.value(*place)).sum();
    placed.round() as usize == waiting.len()
}

/// Every set of hosts of a size.
fn sets(hosts: &[Uuid], size: usize) -> Vec<Vec<Uuid>> {
    let masks = (0u32..1 << hosts.len()).filter(|mask| mask.count_ones() as usize == size);
    let chosen = |mask: u32| {
        (0..hosts.len()).filter(|at| mask & (1 << at) != 0).map(|at| hosts[at]).collect()
    };
    masks.map(chosen).collect()
}

/// "Yes" of a middle pool holds for every set of hosts that fail at once, and a proven "no" names
/// a set for which there is no place.
#[test]
fn tolerance_is_never_more_than_an_integer_program_finds() {
    let shape =
        Shape { hosts: (5, 7), vms: (18, 34), memory: (30, 55), size_max: 11, rules: false };
    let (mut checked, mut refuted) = (0, 0);
    for seed in 0..30 {
        let mut pool = random(seed, &shape);
        pool.vms.retain(|vm| !vm.waits());
        let hosts: Vec<Uuid> = pool.hosts.iter().map(|host| host.id).collect();
        let found = tolerance(&pool, Budget::QUICK);
        let fail =
            |failed: &[Uuid]| fits(&pool.with(&Change::Fail { hosts: failed.to_vec() }).unwrap());
        for failed in sets(&hosts, found.failures as usize) {
            assert!(fail(&failed), "seed {seed}: {found} but not {failed:?}");
            checked += 1;
        }
        let breach = found.breach.filter(|breach| breach.proven);
        if let Some([blow]) = breach.as_ref().map(|breach| breach.failed.as_slice()) {
            let failed: Vec<Uuid> = blow.iter().map(|host| host.id).collect();
            assert!(!fail(&failed), "seed {seed}: there is a place after {failed:?}");
            refuted += 1;
        }
    }
    assert!(checked > 150 && refuted > 10, "{checked} checked, {refuted} refuted");
}

#[test]
fn packings_are_those_of_an_integer_program() {
    let shape =
        Shape { hosts: (4, 6), vms: (14, 26), memory: (24, 40), size_max: 13, rules: false };
    let (mut yes, mut no) = (0, 0);
    for seed in 0..120 {
        let mut pool = random(seed, &shape);
        pool.vms.retain(|vm| !vm.waits());
        let failed: Vec<Uuid> =
            pool.hosts.iter().take(1 + seed as usize % 2).map(|h| h.id).collect();
        let lost = pool.with(&Change::Fail { hosts: failed }).unwrap();
        let which: BTreeSet<Uuid> =
            lost.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect();
        let rules = Rules { budget: Budget::QUICK, ..Rules::default() };
        let complete = restart_plan(&lost, &which, &rules).complete();
        assert_eq!(complete, fits(&lost), "seed {seed}");
        yes += u32::from(complete);
        no += u32::from(!complete);
    }
    assert!(yes > 15 && no > 15, "{yes} fit, {no} do not: too one-sided to say anything");
}
