//! The policies of vSphere: their formulas, and what they really give.

use std::collections::BTreeSet;

use haven_planner::policy::{OPTIONS, OptionError, Options, Policy, report, reserve, slots};
use haven_planner::{Budget, Host, Pool};

use crate::pools::{host, id, pool, vm};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Three hosts of 9 GHz and 9, 9 and 6 GiB; five VMs, as in VMware's own example of the formulas.
fn example() -> Pool {
    let sized = |number, gib, cpus, mhz| Host { cpus, cpu_mhz: mhz, ..host(number, gib * GIB) };
    let hosts = vec![sized(1, 9, 3, 3000), sized(2, 6, 3, 3000), sized(3, 6, 2, 3000)];
    let vms = [(1, 2 * GIB, 1), (2, 2 * GIB, 1), (3, GIB, 2), (4, GIB, 2), (5, GIB, 3)];
    pool(hosts, vms.map(|(number, memory, on)| (vm(number, memory), on)).to_vec())
}

fn options(pairs: &[(&'static str, &'static str)]) -> Options {
    Options::read(pairs.iter().copied()).unwrap()
}

#[test]
fn slots_have_the_exact_formula() {
    let found = slots(&example(), &options(&[("das.vmCpuMinMHz", "2000")]));
    // A slot is 2,048 MiB and 2 GHz: 4 by 9 GiB and 4 by 9 GHz; 3 by 6 GiB; 3 by 6 GHz.
    assert_eq!((found.memory, found.cpu_mhz, found.used), (2 * GIB, 2000, 5));
    let each: Vec<u64> = found.of_host.iter().map(|(_, slots)| *slots).collect();
    assert_eq!(each, [4, 3, 3]);
    assert_eq!(found.failures, 1, "without the largest 6 are left for 5, without two 3");
}

#[test]
fn a_bounded_slot_makes_large_vms_take_several() {
    let bounded = [("das.slotMemInMB", "1024"), ("das.slotCpuInMHz", "500")];
    let found = slots(&example(), &options(&bounded));
    assert_eq!((found.memory, found.cpu_mhz), (GIB, 32));
    assert_eq!(found.used, 7);
    let least = slots(&example(), &options(&[("das.vmMemoryMinMB", "3072")]));
    assert_eq!(least.memory, 3 * GIB);
}

#[test]
fn a_big_vm_distorts_slots_and_is_named() {
    let mut pool = example();
    let big = vm(9, 5 * GIB);
    let big_id = big.id;
    pool.vms.push(big);
    pool.occupy(big_id, id(3));
    let found = report(&pool, &Policy::Slots, &Options::default(), 1, Budget::THOROUGH);
    assert!(!found.satisfied, "{found}");
    let warning = found.warning.as_ref().unwrap().to_string();
    assert!(warning.contains("vm9 alone makes a slot 5,120 MiB large"), "{warning}");
    assert_eq!(found.really.failures, 1, "played through, one failure is survived: {found}");
}

#[test]
fn percentages_and_what_they_really_give() {
    let free = reserve(&example(), &Options::default());
    assert_eq!((free.memory_percent, free.memory_total), (66, 21 * GIB));
    assert_eq!(free.cpu_percent, 99);
    let policy = |memory| Policy::Percentage { cpu: 25, memory };
    let good = report(&example(), &policy(66), &Options::default(), 1, Budget::THOROUGH);
    assert!(good.satisfied && good.really.failures == 1, "{good}");
    let bad = report(&example(), &policy(67), &Options::default(), 1, Budget::THOROUGH);
    assert!(!bad.satisfied);
    // A third is free, and yet the one large VM has nowhere to go.
    let hosts = vec![host(1, 6 * GIB), host(2, 6 * GIB), host(3, 6 * GIB)];
    let vms = vec![(vm(1, 5 * GIB), 1), (vm(2, 3 * GIB), 2), (vm(3, 3 * GIB), 3)];
    let split = report(&pool(hosts, vms), &policy(33), &Options::default(), 1, Budget::THOROUGH);
    assert!(split.satisfied && split.really.failures == 0, "{split}");
}

#[test]
fn dedicated_hosts_stay_free_for_failovers() {
    let policy = |hosts: &[u64]| Policy::FailoverHosts {
        hosts: hosts.iter().map(|number| id(*number)).collect::<BTreeSet<_>>(),
    };
    let hosts = vec![host(1, 8), host(2, 8), host(3, 8)];
    let pool = pool(hosts, vec![(vm(1, 5), 1), (vm(2, 5), 2)]);
    let free = report(&pool, &policy(&[3]), &Options::default(), 1, Budget::THOROUGH);
    assert!(free.satisfied && free.really.failures == 1, "{free}");
    let used = report(&pool, &policy(&[2]), &Options::default(), 1, Budget::THOROUGH);
    assert!(!used.satisfied && used.arithmetic.to_string().contains("VMs run on host2"), "{used}");
    let prepared = haven_planner::policy::prepared(&pool, &policy(&[3]), &Options::default());
    let found = haven_planner::place(&prepared, &vm(7, 1), 0, Budget::QUICK).unwrap();
    assert_ne!(found.host, id(3));
}

#[test]
fn rules_that_keep_vms_apart_can_be_ignored_on_restart() {
    let mut pool = pool(vec![host(1, 8), host(2, 8)], vec![(vm(1, 1), 1), (vm(2, 1), 2)]);
    pool.vms.iter_mut().for_each(|vm| {
        vm.apart.insert(id(700));
    });
    let tolerated = |value| {
        let options = options(&[("das.respectVmVmAntiAffinityRules", value)]);
        report(&pool, &Policy::Failures, &options, 1, Budget::THOROUGH).really.failures
    };
    assert_eq!((tolerated("true"), tolerated("false")), (0, 1));
}

#[test]
fn c65_options_are_refused_with_the_nearest_right_key() {
    let error = |key, value| Options::read([(key, value)]).unwrap_err().to_string();
    assert_eq!(
        error("das.slotmeminmb", "512"),
        "Bad HA advanced option key: das.slotmeminmb. Did you mean das.slotMemInMB?"
    );
    assert_eq!(
        error("slotCpuInMHz", "512"),
        "Bad HA advanced option key: slotCpuInMHz. Did you mean das.slotCpuInMHz?"
    );
    assert_eq!(
        error("das.vmMemMinMB", "1"),
        "Bad HA advanced option key: das.vmMemMinMB. Did you mean das.vmMemoryMinMB?"
    );
    let unknown = error("VMFailoverEnabled", "true");
    assert!(unknown.starts_with("Bad HA advanced option key: VMFailoverEnabled. There are das."));
    for option in OPTIONS {
        assert!(unknown.contains(option.key));
        let bad = Options::read([(option.key, "-1")]).unwrap_err();
        assert!(matches!(bad, OptionError::BadValue { .. }), "{bad}");
    }
    let read = options(&[("das.slotMemInMB", "512")]);
    assert_eq!(read.slot_memory_max, Some(512 * MIB));
}
