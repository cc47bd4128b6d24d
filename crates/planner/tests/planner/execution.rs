//! What is promised is kept: hosts fail in the model of a pool, plans are carried out as the
//! planner makes them, and every guaranteed VM runs again (scenario 68).

use std::collections::BTreeSet;

use haven_planner::{Budget, Pool, Protection, Rules, Vm, restart_plan, tolerance, verdict};
use haven_planner::{Purpose, lint};
use uuid::Uuid;

use crate::pools::{Dice, Shape, random};

/// The same for promises and plans: what is found for one is found again for the other.
const BUDGET: Budget = Budget(60_000);

/// Hosts fail; what they alone ran waits from then on.
fn strike(pool: &mut Pool, failed: &BTreeSet<Uuid>) {
    for id in failed {
        pool.hosts.iter_mut().find(|host| host.id == *id).unwrap().live = false;
    }
    let able = |vm: &Vm, id: Uuid, pool: &Pool| {
        let host = pool.host(id).unwrap();
        let bare = Vm { memory: 0, vcpus: 0, apart: BTreeSet::new(), ..vm.clone() };
        verdict(pool, &bare, host, Purpose::Failover).is_ok()
    };
    let before = {
        let mut before = pool.clone();
        for host in &mut before.hosts {
            host.live |= failed.contains(&host.id);
        }
        before
    };
    let lost: Vec<(Uuid, Vec<Uuid>)> = before
        .vms
        .iter()
        .filter(|vm| vm.holders().any(|on| failed.contains(&on)))
        .map(|vm| {
            let refuge: Vec<Uuid> = vm.holders().filter(|on| able(vm, *on, &before)).collect();
            let gone = refuge.iter().all(|on| failed.contains(on));
            let leaves: Vec<Uuid> = vm.holders().filter(|on| gone || failed.contains(on)).collect();
            (vm.id, leaves)
        })
        .collect();
    for (vm, leaves) in lost {
        for on in leaves {
            // What another host held for it stays held until somebody asks there.
            if failed.contains(&on) {
                pool.vacate(vm, on);
            } else {
                let row = pool.vms.iter_mut().find(|row| row.id == vm).unwrap();
                row.also_on.remove(&on);
                if row.resident == Some(on) {
                    row.resident = None;
                }
            }
        }
    }
}

fn waiting(pool: &Pool) -> BTreeSet<Uuid> {
    pool.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect()
}

/// Carries a plan out; every start must be possible at its turn.
fn carry_out(pool: &mut Pool, keep: u32, seed: u64) {
    let plan =
        restart_plan(pool, &waiting(pool), &Rules { keep, budget: BUDGET, ..Rules::default() });
    assert!(plan.complete(), "seed {seed}: {:?}", plan.unplaced);
    assert_eq!(lint::restart(pool, &plan), Vec::new(), "seed {seed}");
    for start in plan.starts() {
        let vm = pool.vm(start.vm).unwrap();
        let host = pool.host(start.host).unwrap();
        assert_eq!(verdict(pool, vm, host, Purpose::Failover), Ok(()), "seed {seed}");
        pool.occupy(start.vm, start.host);
    }
}

/// Fails up to as many hosts as is promised, in blows and an order by chance.
fn play(mut pool: Pool, seed: u64) -> u32 {
    let promised = tolerance(&pool, BUDGET);
    if !promised.holds_now {
        return 0;
    }
    let dice = &mut Dice(seed ^ 0xdead);
    carry_out(&mut pool, promised.failures, seed);
    let mut left = promised.failures;
    while left > 0 {
        let live: Vec<Uuid> =
            pool.hosts.iter().filter(|host| host.live).map(|host| host.id).collect();
        let size = 1 + dice.below(u64::from(left));
        let mut failed = BTreeSet::new();
        while (failed.len() as u64) < size {
            failed.insert(live[usize::try_from(dice.below(live.len() as u64)).unwrap()]);
        }
        strike(&mut pool, &failed);
        carry_out(&mut pool, promised.failures, seed);
        left -= u32::try_from(size).unwrap();
    }
    let all = pool.vms.iter().filter(|vm| vm.protection == Protection::Restart);
    assert!(all.clone().all(|vm| !vm.waits()), "seed {seed}");
    promised.failures
}

#[test]
fn every_promise_is_kept_in_ten_thousand_random_pools() {
    let shapes = [
        Shape { hosts: (2, 8), vms: (0, 40), memory: (20, 60), size_max: 16, rules: false },
        Shape { hosts: (3, 8), vms: (4, 30), memory: (30, 80), size_max: 12, rules: true },
        Shape { hosts: (5, 8), vms: (20, 60), memory: (60, 90), size_max: 9, rules: false },
    ];
    let mut survived = 0;
    for seed in 0..10_200 {
        let shape = &shapes[usize::try_from(seed % 3).unwrap()];
        survived += play(random(seed, shape), seed);
    }
    assert!(survived > 5_000, "too few failures were survived to say anything: {survived}");
}

/// Same pool, same answer: neither the order of its hosts nor that of its VMs matters.
#[test]
fn a_pool_told_in_another_order_has_the_same_answers() {
    let shape = Shape { hosts: (3, 8), vms: (4, 30), memory: (30, 80), size_max: 12, rules: true };
    for seed in 0..300 {
        let pool = random(seed, &shape);
        let mut other = pool.clone();
        other.hosts.reverse();
        other.vms.reverse();
        assert_eq!(tolerance(&pool, BUDGET), tolerance(&other, BUDGET), "seed {seed}");
        for host in pool.hosts.iter().map(|host| host.id) {
            let plan = |pool: &Pool| {
                let mut pool = pool.clone();
                strike(&mut pool, &BTreeSet::from([host]));
                restart_plan(&pool, &waiting(&pool), &Rules { keep: 1, ..Rules::default() })
            };
            assert_eq!(plan(&pool), plan(&other), "seed {seed}");
        }
    }
}
