//! The packing of middle-sized pools against an integer program: whether what some hosts leave
//! behind fits on the others. Failures at once only: one blow.

use std::collections::BTreeSet;

use good_lp::{Expression, Solution, SolverModel, constraint, microlp, variable, variables};
use haven_planner::{Budget, Change, Pool, Rules, Vm, restart_plan};
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
