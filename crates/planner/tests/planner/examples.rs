//! Scenarios 61 to 77, and what each call promises, by example.

use std::collections::BTreeSet;

use haven_planner::{
    Budget, CPU_MODEL_PREFIX, Change, ChangeError, Effect, Host, Outcome, Pin, Pool, Protection,
    Ready, Reason, Rules, Shortage, Vm, admit, evacuate, lint, lint_evacuation, memory_need, place,
    restart_plan, survives, tolerance, tolerance_with,
};
use uuid::Uuid;

use crate::pools::{host, id, pool, vm};

const GIB: u64 = 1 << 30;

fn all_waiting(pool: &Pool) -> BTreeSet<Uuid> {
    pool.vms.iter().filter(|vm| vm.waits()).map(|vm| vm.id).collect()
}

fn after(pool: &Pool, changes: &[Change]) -> Pool {
    changes.iter().try_fold(pool.clone(), |pool, change| pool.with(change)).unwrap()
}

fn failures(pool: &Pool) -> u32 {
    let found = tolerance(pool, Budget::THOROUGH);
    assert!(found.is_exact(), "{found}");
    found.failures
}

#[test]
fn overhead_is_counted() {
    assert!(memory_need(GIB, 2) > GIB + (64 << 20));
}

#[test]
fn placement_keeps_the_tolerance_before_it_honours_affinity() {
    // On host2 it would take the only room that vm1 could go to.
    let pool = pool(vec![host(1, 10), host(2, 12), host(3, 8)], vec![(vm(1, 9), 1)]);
    let new = Vm { affinity: Some(id(2)), ..vm(2, 4) };
    let found = place(&pool, &new, 1, Budget::QUICK).unwrap();
    assert_eq!((found.host, found.tolerates), (id(3), 1));
    let found = place(&pool, &new, 0, Budget::QUICK).unwrap();
    assert_eq!(found.host, id(2), "nothing is promised: the preferred host");
}

#[test]
fn refusal_names_each_hosts_reason() {
    let mut hosts: Vec<Host> = (1..=9).map(|number| host(number, 100)).collect();
    hosts[0].live = false;
    hosts[1].enabled = false;
    hosts[2].srs.clear();
    hosts[3].memory_free = 1;
    hosts[4].networks.clear();
    hosts[5].quarantined = true;
    hosts[6].dedicated = true;
    hosts[8].cpu_features.insert("avx2".to_owned());
    let mut new = vm(1, 5);
    new.cpu_features.insert("avx2".to_owned());
    new.avoid.insert(id(9));
    hosts.iter_mut().take(7).for_each(|host| {
        host.cpu_features.insert("avx2".to_owned());
    });
    let why = place(&pool(hosts, vec![]), &new, 0, Budget::QUICK).unwrap_err();
    let reasons: Vec<_> = why.verdicts.iter().map(|line| line.outcome.clone()).collect();
    let expected = [
        Reason::NotLive,
        Reason::Disabled,
        Reason::StorageUnreachable { sr: id(900), name: id(900).to_string() },
        Reason::NoMemory { need: 5, free: 1 },
        Reason::NetworkUnreachable { network: id(800), name: id(800).to_string() },
        Reason::Quarantined,
        Reason::Dedicated,
        Reason::CpuFeatures(vec!["avx2".to_owned()]),
        Reason::FailedThere,
    ];
    assert_eq!(reasons, expected.map(Outcome::Refused));
    assert!(why.to_string().contains("host2: is disabled (maintenance)"));
}

#[test]
fn plan_keeps_order_groups_gates_and_takes_hosts_in_turn() {
    let vms = [
        Vm { order: 1, start_delay_s: 5, ..vm(1, 4) },
        Vm { order: 0, start_delay_s: 2, ..vm(2, 4) },
        Vm { order: 0, start_delay_s: 9, ..vm(3, 4) },
        Vm { order: 0, ..vm(6, 4) },
        Vm { order: 0, ..vm(7, 4) },
        Vm { protection: Protection::BestEffort, ..vm(4, 4) },
        Vm { protection: Protection::None, ..vm(5, 1) },
    ];
    let pool = pool(vec![host(1, 16), host(2, 16)], vms.map(|vm| (vm, 0)).to_vec());
    let rules = Rules { ready: Ready::AgentAnswers, timeout_s: 30, ..Rules::default() };
    let plan = restart_plan(&pool, &all_waiting(&pool), &rules);
    assert!(plan.complete());
    let shape: Vec<_> = plan
        .groups
        .iter()
        .map(|group| (group.order, group.starts.len(), group.gate.delay_s, group.gate.timeout_s))
        .collect();
    assert_eq!(shape, [(0, 4, 9, 30), (1, 1, 5, 30), (0, 1, 0, 30)]);
    let turns: Vec<Uuid> = plan.groups[0].starts.iter().map(|start| start.host).collect();
    assert_eq!(turns, [id(1), id(2), id(1), id(2)]);
    assert_eq!(lint::restart(&pool, &plan), []);
}

#[test]
fn scenario_82_scarce_room_goes_to_guaranteed_vms_by_order() {
    let vms = vec![
        (Vm { order: 2, ..vm(1, 6) }, 0),
        (Vm { order: 1, ..vm(2, 6) }, 0),
        (Vm { protection: Protection::BestEffort, order: 0, ..vm(3, 3) }, 0),
    ];
    let pool = pool(vec![host(1, 10)], vms);
    let plan = restart_plan(&pool, &all_waiting(&pool), &Rules::default());
    assert_eq!(plan.host_of(id(1002)), Some(id(1)));
    assert_eq!(plan.host_of(id(1001)), None);
    assert_eq!(plan.host_of(id(1003)), Some(id(1)), "best effort gets what is left");
    assert!(!plan.complete());
    assert_eq!((plan.unplaced[0].vm, plan.unplaced[0].held_back), (id(1001), false));
}

#[test]
fn best_effort_does_not_take_what_a_further_failure_needs() {
    let hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    let best = Vm { protection: Protection::BestEffort, ..vm(9, 6) };
    let vms = vec![(vm(1, 6), 1), (vm(2, 6), 2), (best, 0)];
    let pool = pool(hosts, vms);
    let plan = restart_plan(&pool, &all_waiting(&pool), &Rules { keep: 1, ..Rules::default() });
    assert_eq!(plan.starts().count(), 0);
    assert!(plan.unplaced[0].held_back && plan.complete());
    let plan = restart_plan(&pool, &all_waiting(&pool), &Rules::default());
    assert_eq!(plan.host_of(id(1009)), Some(id(3)), "nothing is promised: it starts");
}

#[test]
fn scenario_80_a_failed_start_is_planned_elsewhere() {
    let failed = Vm { avoid: BTreeSet::from([id(1)]), ..vm(1, 5) };
    let pool = pool(vec![host(1, 50), host(2, 6)], vec![(failed, 0)]);
    let plan = restart_plan(&pool, &all_waiting(&pool), &Rules::default());
    assert_eq!(plan.host_of(id(1001)), Some(id(2)));
}

#[test]
fn scenario_61_a_start_that_breaks_the_promise_is_refused_in_words() {
    let hosts = vec![host(1, 8 * GIB), host(2, 8 * GIB)];
    let before = pool(hosts, vec![(vm(1, 4 * GIB), 1)]);
    let start = |memory| Change::Add { vm: Box::new(vm(2, memory)), host: Some(id(2)) };
    let good = admit(&before, &after(&before, &[start(4 * GIB)]), 1, Budget::QUICK);
    assert_eq!(good.effect, Effect::Keeps);
    let bad = admit(&before, &after(&before, &[start(5 * GIB + GIB / 2)]), 1, Budget::QUICK);
    assert_eq!(bad.effect, Effect::Breaks);
    assert_eq!(
        bad.to_string(),
        "insufficient resources to satisfy HA failover: 1,536 MiB short after host1 fails: vm1 \
         needs 4,096 MiB, the largest free block is 2,560 MiB, on host2; add memory or a host, or \
         lower the restart priority of vm1"
    );
    assert_eq!(bad.breach().unwrap().short_bytes(), Some(1536 << 20));
}

#[test]
fn relief_names_the_vms_to_move_or_stop() {
    let hosts = vec![host(1, 8 * GIB), host(2, 8 * GIB)];
    let best = |number| Vm { protection: Protection::BestEffort, ..vm(number, 2 * GIB) };
    let pool = pool(hosts, vec![(vm(1, 6 * GIB), 1), (best(2), 2), (best(3), 2)]);
    let text = tolerance(&pool, Budget::THOROUGH).to_string();
    assert!(text.contains("move or stop vm2 (2,048 MiB on host2), or lower"), "{text}");
}

#[test]
fn scenario_63_and_64_maintenance_and_growth_are_checked_like_a_start() {
    let hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    let before = pool(hosts, vec![(vm(1, 6), 1), (vm(2, 6), 2)]);
    assert_eq!(failures(&before), 1);
    let change = [Change::Disable { host: id(3) }];
    assert_eq!(admit(&before, &after(&before, &change), 1, Budget::QUICK).effect, Effect::Breaks);
    let change = [Change::Resize { vm: id(1001), memory: 10, vcpus: 1 }];
    assert_eq!(admit(&before, &after(&before, &change), 1, Budget::QUICK).effect, Effect::Keeps);
    let change = Change::Resize { vm: id(1001), memory: 11, vcpus: 1 };
    assert!(matches!(before.with(&change), Err(ChangeError::Refused { .. })));
}

#[test]
fn scenario_65_more_failures_than_possible_have_an_exact_limit() {
    let hosts = (1..=4).map(|number| host(number, 10)).collect();
    let pool = pool(hosts, (1..=4).map(|number| (vm(number, 3), number)).collect());
    // Of 40, 12 are used; with two hosts left 6 must fit beside 14 free, with one 9 into 7.
    assert_eq!(failures(&pool), 2);
    assert_eq!(survives(&pool, 2, Budget::THOROUGH), Some(true));
    assert_eq!(survives(&pool, 3, Budget::THOROUGH), Some(false));
}

#[test]
fn scenario_66_the_sum_fits_but_the_largest_vm_does_not() {
    let hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    let pool = pool(hosts, vec![(vm(1, 8), 1), (vm(2, 5), 2), (vm(3, 5), 3)]);
    let found = tolerance(&pool, Budget::THOROUGH);
    assert_eq!(found.failures, 0);
    let breach = found.breach.unwrap();
    assert_eq!((breach.vm.name.as_str(), breach.short_bytes()), ("vm1", Some(3)));
    assert!(matches!(breach.shortage, Shortage::Block { need: 8, free: 5, .. }));
}

#[test]
fn scenario_70_two_to_be_kept_apart_on_two_hosts() {
    let apart = |number| Vm { apart: BTreeSet::from([id(700)]), ..vm(number, 1) };
    let mut two = pool(vec![host(1, 10), host(2, 10)], vec![(apart(1), 1), (apart(2), 2)]);
    two.names.insert(id(700), "dbs".to_owned());
    let found = tolerance(&two, Budget::THOROUGH);
    assert_eq!(found.failures, 0);
    let text = found.to_string();
    assert!(text.contains("rule dbs keeps its VMs apart"), "{text}");
    let mut three = two.clone();
    three.hosts.push(host(3, 10));
    assert_eq!(failures(&three), 1);
}

#[test]
fn scenario_71_storage_and_networks_decide_where_vms_go() {
    let mut hosts = vec![host(1, 10), host(2, 100), host(3, 100), host(4, 6)];
    hosts[1].srs.clear();
    hosts[2].networks.clear();
    let pool = pool(hosts, vec![(vm(1, 5), 1)]);
    assert_eq!(failures(&pool), 1);
    let lost = after(&pool, &[Change::Fail { hosts: vec![id(1)] }]);
    let plan = restart_plan(&lost, &all_waiting(&lost), &Rules::default());
    assert_eq!(plan.host_of(id(1001)), Some(id(4)));
    let found = tolerance(
        &after(&pool, &[Change::Detach { host: id(4), sr: Some(id(900)), network: None }]),
        Budget::QUICK,
    );
    let text = found.breach.unwrap().to_string();
    assert!(
        text.starts_with("no host for vm1 after host1 fails: host2 does not reach SR"),
        "{text}"
    );
}

#[test]
fn scenario_72_a_device_binds_a_vm_and_is_named() {
    let bound = Vm {
        pin: Some(Pin { hosts: BTreeSet::from([id(1)]), by: "a graphics processor".to_owned() }),
        ..vm(1, 5)
    };
    let pool = pool(vec![host(1, 10), host(2, 10)], vec![(bound, 1)]);
    let found = tolerance(&pool, Budget::THOROUGH);
    assert_eq!(found.failures, 0);
    let text = found.to_string();
    assert!(text.contains("bound to by a graphics processor"), "{text}");
}

#[test]
fn scenario_73_only_hosts_with_the_processors_count() {
    let mut hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    hosts[0].cpu_features.insert("avx512f".to_owned());
    hosts[1].cpu_features.insert("avx512f".to_owned());
    let mut needy = vm(1, 5);
    needy.cpu_features.insert("avx512f".to_owned());
    let pool = pool(hosts, vec![(needy, 1)]);
    assert_eq!(failures(&pool), 1);
    let text = tolerance(&pool, Budget::THOROUGH).to_string();
    assert!(text.contains("host3 lacks avx512f in its processors"), "{text}");
}

/// Row 73: a guest that runs goes on only where its processors are the same; started anew it is
/// free of them.
#[test]
fn what_a_guest_was_started_with_binds_its_moves_and_not_its_restart() {
    let model = |name: &str| BTreeSet::from([format!("{CPU_MODEL_PREFIX}{name}")]);
    let mut hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    hosts[0].cpu_features = model("Icelake-Server");
    hosts[2].cpu_features = model("Icelake-Server");
    let runs = Vm { runs_with: model("Icelake-Server"), ..vm(1, 5) };
    let pool = pool(hosts, vec![(runs, 1)]);
    let error = pool.with(&Change::Move { vm: id(1001), host: id(2) }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "vm1 cannot run on host2: it lacks the model Icelake-Server in its processors"
    );
    let plan = evacuate(&pool, id(1), 1, Budget::QUICK).unwrap();
    assert_eq!(plan.moves.iter().map(|step| step.to).collect::<Vec<_>>(), [id(3)]);
    assert_eq!(failures(&pool), 2, "anew it starts anywhere");
}

#[test]
fn scenario_76_further_erosion_of_an_overcommitted_pool_is_told() {
    let hosts = vec![host(1, 10 * GIB), host(2, 10 * GIB)];
    let before = pool(hosts, vec![(vm(1, 6 * GIB), 1), (vm(2, 6 * GIB), 2)]);
    let step = |memory| {
        let other = Vm { protection: Protection::None, ..vm(3, memory) };
        let change = Change::Add { vm: Box::new(other), host: Some(id(2)) };
        admit(&before, &after(&before, &[change]), 1, Budget::QUICK)
    };
    let worse = step(2 * GIB);
    assert_eq!(worse.effect, Effect::Erodes);
    assert_eq!(worse.further_bytes(), 2 << 30);
    let elsewhere = after(&before, &[Change::Remove { vm: id(1002) }]);
    assert_eq!(admit(&before, &elsewhere, 1, Budget::QUICK).effect, Effect::Keeps);
}

#[test]
fn scenario_77_a_host_that_returns_brings_the_plan_back() {
    let hosts = vec![host(1, 10), host(2, 10), host(3, 10)];
    let full = pool(hosts, vec![(vm(1, 6), 1), (vm(2, 6), 2)]);
    let mut lost = after(&full, &[Change::Fail { hosts: vec![id(1)] }]);
    let plan = restart_plan(&lost, &all_waiting(&lost), &Rules { keep: 1, ..Rules::default() });
    plan.starts().for_each(|start| lost.occupy(start.vm, start.host));
    assert_eq!(failures(&lost), 0);
    lost.hosts[0].live = true;
    assert_eq!(failures(&lost), 1);
}

#[test]
fn migrations_under_way_hold_room_on_both_sides() {
    let mut pool = pool(vec![host(1, 10), host(2, 10)], vec![(vm(1, 6), 1)]);
    pool.occupy(id(1001), id(2));
    assert_eq!((pool.hosts[0].memory_free, pool.hosts[1].memory_free), (4, 4));
    assert_eq!(failures(&pool), 1, "it goes on in the room that is held for it");
    pool.hosts[1].enabled = false;
    assert_eq!(failures(&pool), 0, "host2 may not start it when host1 fails");
}

#[test]
fn the_order_of_failures_matters() {
    // At once {1, 2} fits, and so does each pair; one after the other the first restart can be
    // placed so that the second failure hits it again.
    let hosts = vec![host(1, 10), host(2, 10), host(3, 10), host(4, 10)];
    let vms = (1..=4).map(|number| (vm(number, 5), number)).collect();
    let pool = pool(hosts, vms);
    assert_eq!(survives(&pool, 1, Budget::THOROUGH), Some(true));
    assert_eq!(survives(&pool, 2, Budget::THOROUGH), Some(true));
    assert_eq!(survives(&pool, 3, Budget::THOROUGH), Some(false));
}

#[test]
fn processors_count_when_a_ratio_is_set() {
    let vms = (1..=4).map(|number| (Vm { vcpus: 8, ..vm(number, 1) }, 1 + number % 2)).collect();
    let mut pool = pool(vec![host(1, 100), host(2, 100)], vms);
    assert_eq!(failures(&pool), 1, "processors are not counted");
    pool.vcpus_per_100_cpus = Some(400);
    assert_eq!(failures(&pool), 1, "four for each of eight");
    pool.vcpus_per_100_cpus = Some(300);
    let found = tolerance(&pool, Budget::THOROUGH);
    assert_eq!(found.failures, 0);
    assert!(found.to_string().contains("virtual processors short"), "{found}");
}

#[test]
fn evacuation_finds_the_ways_that_one_by_one_misses() {
    // Largest first on the roomiest host would put 6 on host3 (9) and leave 8 without a place.
    let hosts = vec![host(1, 20), host(2, 6), host(3, 9)];
    let vms = vec![(vm(1, 8), 1), (vm(2, 6), 1)];
    let pool = pool(hosts, vms);
    let plan = evacuate(&pool, id(1), 1, Budget::QUICK).unwrap();
    let moves: Vec<(Uuid, Uuid)> = plan.moves.iter().map(|step| (step.vm, step.to)).collect();
    assert_eq!(moves, [(id(1001), id(3)), (id(1002), id(2))]);
    assert_eq!(lint_evacuation(&pool, &plan, plan.tolerates_on_the_way, Budget::QUICK), []);
}

#[test]
fn evacuation_keeps_the_promise_and_lint_sees_when_it_does_not() {
    let hosts = (1..=4).map(|number| host(number, 12)).collect();
    let vms = vec![(vm(1, 4), 1), (vm(2, 4), 1), (vm(3, 4), 2), (vm(4, 4), 3)];
    let pool = pool(hosts, vms);
    let plan = evacuate(&pool, id(1), 1, Budget::QUICK).unwrap();
    assert_eq!((plan.tolerates_on_the_way, plan.tolerates_after), (1, 1));
    assert_eq!(lint_evacuation(&pool, &plan, 1, Budget::QUICK), []);
    let mut wrong = plan;
    wrong.moves[0].to = id(1);
    wrong.moves.pop();
    let found = lint_evacuation(&pool, &wrong, 1, Budget::QUICK);
    assert!(found.len() >= 2, "{found:?}");
    let mut tight = pool;
    tight.hosts.truncate(2);
    tight.vms.truncate(3);
    tight.hosts[1].memory_free = 3;
    let stuck = evacuate(&tight, id(1), 1, Budget::QUICK).unwrap_err();
    assert_eq!(stuck.len(), 2, "{stuck:?}");
}

#[test]
fn large_pools_get_a_bound_that_is_marked_as_one() {
    let hosts: Vec<Host> = (1..=64).map(|number| host(number, 70)).collect();
    let sizes = [7, 11, 9];
    let vms = (0..128u64).map(|n| (vm(n, sizes[usize::try_from(n % 3).unwrap()]), n % 64 + 1));
    let found = tolerance(&pool(hosts, vms.collect()), Budget::QUICK);
    assert!(found.failures >= 38, "{found}");
    assert!(found.at_most < 50 && !found.is_exact(), "{found}");
    assert!(found.to_string().contains("it was not decided"), "{found}");
}

#[test]
fn one_start_is_judged_without_the_whole_pool() {
    let hosts: Vec<Host> = (1..=8).map(|number| host(number, 100)).collect();
    let vms = (0..40u64).map(|n| (vm(n, 10), n % 8 + 1)).collect();
    let pool = pool(hosts, vms);
    assert_eq!(tolerance_with(&pool, &vm(99, 10), id(3), 2, Budget::QUICK), 2);
    assert_eq!(tolerance_with(&pool, &vm(99, 50), id(3), 4, Budget::QUICK), 3);
}
