//! What "tolerates" means, tried out in every case: every set of hosts, every order, every way of
//! placing. Written without a look at the planner's own code.

use std::collections::BTreeSet;

use haven_planner::{Budget, Host, Pool, Protection, Tolerance, Vm, tolerance};
use uuid::Uuid;

use crate::pools::{Shape, random};

/// A pool of which some hosts are gone.
#[derive(Clone)]
struct World {
    hosts: Vec<(Host, u64, Option<u64>)>,
    /// VM, where it is.
    vms: Vec<(Vm, BTreeSet<Uuid>)>,
}

impl World {
    fn new(pool: &Pool) -> Self {
        let hosts = pool.hosts.iter().filter(|host| host.live);
        let hosts: Vec<_> =
            hosts.map(|host| (host.clone(), host.memory_free, pool.vcpus_free(host))).collect();
        let live: BTreeSet<Uuid> = hosts.iter().map(|(host, ..)| host.id).collect();
        let vms = pool
            .vms
            .iter()
            .map(|vm| (vm.clone(), vm.holders().filter(|holder| live.contains(holder)).collect()));
        Self { hosts, vms: vms.collect() }
    }

    fn may_run(vm: &Vm, host: &Host) -> bool {
        host.enabled
            && !host.quarantined
            && vm.srs.is_subset(&host.srs)
            && vm.networks.is_subset(&host.networks)
            && vm.cpu_features.is_subset(&host.cpu_features)
            && !vm.avoid.contains(&host.id)
            && vm.pin.as_ref().is_none_or(|pin| pin.hosts.contains(&host.id))
    }

    /// VMs that end when these hosts do. One that is held by two hosts goes on at one that may
    /// run it; where none may, it is given up with the first.
    fn strike(&mut self, failed: &BTreeSet<Uuid>) -> Vec<usize> {
        let before = self.hosts.clone();
        self.hosts.retain(|(host, ..)| !failed.contains(&host.id));
        let mut lost = Vec::new();
        for (at, (vm, on)) in self.vms.iter_mut().enumerate() {
            if on.is_disjoint(failed) {
                continue;
            }
            let refuge = |id: &Uuid| {
                before.iter().any(|(host, ..)| host.id == *id && Self::may_run(vm, host))
            };
            let had: BTreeSet<Uuid> = on.iter().copied().filter(refuge).collect();
            let gone = if had.is_empty() { true } else { had.is_subset(failed) };
            if gone {
                on.clear();
                lost.push(at);
            } else {
                on.retain(|id| !failed.contains(id));
            }
        }
        lost.retain(|at| self.vms[*at].0.protection == Protection::Restart);
        lost
    }

    fn takes(&self, vm: &Vm, index: usize) -> bool {
        let (host, memory, vcpus) = &self.hosts[index];
        let apart = self.vms.iter().all(|(other, on)| {
            other.id == vm.id || other.apart.is_disjoint(&vm.apart) || !on.contains(&host.id)
        });
        apart
            && Self::may_run(vm, host)
            && *memory >= vm.memory
            && vcpus.is_none_or(|vcpus| vcpus >= u64::from(vm.vcpus))
    }

    /// Whether `lost` can be placed so that `failures` more are survived.
    fn recovers(&self, lost: &[usize], failures: usize) -> bool {
        let Some((&first, rest)) = lost.split_first() else { return self.survives(failures) };
        let vm = &self.vms[first].0;
        (0..self.hosts.len()).filter(|&index| self.takes(vm, index)).any(|index| {
            let mut next = self.clone();
            let (host, memory, vcpus) = &mut next.hosts[index];
            *memory -= vm.memory;
            if let Some(vcpus) = vcpus {
                *vcpus -= u64::from(vm.vcpus);
            }
            let on = host.id;
            next.vms[first].1.insert(on);
            next.recovers(rest, failures)
        })
    }

    fn survives(&self, failures: usize) -> bool {
        let hosts: Vec<Uuid> = self.hosts.iter().map(|(host, ..)| host.id).collect();
        (1u32..1 << hosts.len()).filter(|mask| mask.count_ones() as usize <= failures).all(|mask| {
            let failed = (0..hosts.len()).filter(|at| mask & (1 << at) != 0).map(|at| hosts[at]);
            let failed: BTreeSet<Uuid> = failed.collect();
            let mut next = self.clone();
            let lost = next.strike(&failed);
            next.recovers(&lost, failures - failed.len())
        })
    }
}

/// The truth: whether what waits has a place, and how many failures are survived.
fn truth(pool: &Pool) -> (bool, u32) {
    let world = World::new(pool);
    let waits = |(_, (vm, on)): &(usize, &(Vm, BTreeSet<Uuid>))| {
        on.is_empty() && vm.protection == Protection::Restart
    };
    let waiting: Vec<usize> =
        world.vms.iter().enumerate().filter(waits).map(|(at, _)| at).collect();
    let survived = (0..world.hosts.len().max(1))
        .take_while(|&failures| world.recovers(&waiting, failures))
        .last();
    (survived.is_some(), u32::try_from(survived.unwrap_or(0)).unwrap())
}

fn compare(seeds: std::ops::Range<u64>, shape: &Shape) -> u32 {
    let mut exact = 0;
    for seed in seeds {
        let pool = random(seed, shape);
        let found: Tolerance = tolerance(&pool, Budget::THOROUGH);
        let (holds, failures) = truth(&pool);
        assert!(found.failures <= failures, "seed {seed}: {found} but the truth is {failures}");
        assert!(found.at_most >= failures, "seed {seed}: {found} but the truth is {failures}");
        assert!(!found.holds_now || holds, "seed {seed}: {found}");
        if found.is_exact() {
            assert_eq!((found.failures, found.holds_now), (failures, holds), "seed {seed}");
            exact += 1;
        }
    }
    exact
}

#[test]
fn tolerance_is_the_truth_in_small_pools() {
    let shape = Shape { hosts: (1, 4), vms: (0, 6), memory: (4, 24), size_max: 7, rules: false };
    assert_eq!(compare(0..600, &shape), 600, "small pools are decided exactly");
}

#[test]
fn tolerance_is_the_truth_with_rules_reachability_and_processors() {
    let shape = Shape { hosts: (2, 4), vms: (1, 5), memory: (6, 24), size_max: 7, rules: true };
    assert_eq!(compare(1000..2000, &shape), 1000, "small pools are decided exactly");
}
