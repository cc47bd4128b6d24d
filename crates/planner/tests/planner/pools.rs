//! Pools made by hand, by chance, and small numbers for both.

use std::collections::BTreeSet;

use haven_planner::{Host, Pin, Pool, Protection, Vm};
use uuid::Uuid;

pub(crate) fn id(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

pub(crate) const SR: u64 = 900;
pub(crate) const NETWORK: u64 = 800;

pub(crate) fn host(number: u64, free: u64) -> Host {
    Host {
        id: id(number),
        name: format!("host{number}"),
        enabled: true,
        live: true,
        memory_total: free,
        memory_free: free,
        cpus: 8,
        cpu_mhz: 2000,
        srs: BTreeSet::from([id(SR)]),
        networks: BTreeSet::from([id(NETWORK)]),
        ..Host::default()
    }
}

pub(crate) fn vm(number: u64, memory: u64) -> Vm {
    Vm {
        id: id(1000 + number),
        name: format!("vm{number}"),
        memory,
        vcpus: 1,
        srs: BTreeSet::from([id(SR)]),
        networks: BTreeSet::from([id(NETWORK)]),
        protection: Protection::Restart,
        ..Vm::default()
    }
}

/// A pool in which each VM runs on the host of that number (0: nowhere), if there is room.
pub(crate) fn pool(hosts: Vec<Host>, vms: Vec<(Vm, u64)>) -> Pool {
    let mut pool = Pool { hosts, ..Pool::default() };
    for (vm, on) in vms {
        let vm_id = vm.id;
        pool.vms.push(vm);
        if on != 0 {
            pool.occupy(vm_id, id(on));
        }
    }
    pool
}

/// Numbers by chance, the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// What a random pool is made of.
pub(crate) struct Shape {
    pub(crate) hosts: (u64, u64),
    pub(crate) vms: (u64, u64),
    pub(crate) memory: (u64, u64),
    pub(crate) size_max: u64,
    /// Rules, reachability, processors, hosts in maintenance, VMs on their way.
    pub(crate) rules: bool,
}

fn between(dice: &mut Dice, (low, high): (u64, u64)) -> u64 {
    low + dice.below(high - low + 1)
}

/// A random pool. VMs that found no room are left out, some wait.
pub(crate) fn random(seed: u64, shape: &Shape) -> Pool {
    let dice = &mut Dice(seed);
    let count = between(dice, shape.hosts);
    let mut hosts: Vec<Host> =
        (1..=count).map(|number| host(number, between(dice, shape.memory))).collect();
    if shape.rules {
        hosts.iter_mut().for_each(|host| spoil(dice, host));
    }
    let mut pool = Pool { hosts, ..Pool::default() };
    pool.vcpus_per_100_cpus = (shape.rules && dice.one_in(3)).then_some(200);
    let vms = between(dice, shape.vms);
    for number in 1..=vms {
        let mut new = vm(number, 1 + dice.below(shape.size_max));
        new.order = i64::try_from(dice.below(3)).unwrap();
        new.protection = match dice.below(6) {
            0 => Protection::None,
            1 => Protection::BestEffort,
            _ => Protection::Restart,
        };
        if shape.rules {
            bind(dice, &mut new, count);
        }
        settle(dice, &mut pool, new, count, shape.rules);
    }
    pool
}

fn spoil(dice: &mut Dice, host: &mut Host) {
    host.enabled = !dice.one_in(12);
    host.live = !dice.one_in(20);
    host.quarantined = dice.one_in(25);
    host.cpus = u32::try_from(1 + dice.below(4)).unwrap();
    if dice.one_in(6) {
        host.srs.clear();
    }
    if dice.one_in(6) {
        host.networks.clear();
    }
    if dice.one_in(4) {
        host.cpu_features.insert("avx512f".to_owned());
    }
}

fn bind(dice: &mut Dice, vm: &mut Vm, hosts: u64) {
    vm.vcpus = u32::try_from(1 + dice.below(3)).unwrap();
    if dice.one_in(3) {
        vm.srs.clear();
    }
    if dice.one_in(3) {
        vm.networks.clear();
    }
    if dice.one_in(12) {
        vm.cpu_features.insert("avx512f".to_owned());
    }
    if dice.one_in(4) {
        vm.apart.insert(id(700 + dice.below(2)));
    }
    if dice.one_in(8) {
        let hosts = (1..=hosts).filter(|_| !dice.one_in(3)).map(id).collect();
        vm.pin = Some(Pin { hosts, by: "a rule".to_owned() });
    }
}

fn settle(dice: &mut Dice, pool: &mut Pool, vm: Vm, hosts: u64, doubles: bool) {
    let vm_id = vm.id;
    let room = |pool: &Pool, on: u64, vm: &Vm| {
        let host = pool.host(id(on)).unwrap();
        let vcpus = pool.vcpus_free(host).is_none_or(|free| free >= u64::from(vm.vcpus));
        host.memory_free >= vm.memory && vcpus
    };
    let on = 1 + dice.below(hosts);
    if dice.one_in(15) || !room(pool, on, &vm) {
        if dice.one_in(3) {
            pool.vms.push(vm);
        }
        return;
    }
    let second = 1 + dice.below(hosts);
    pool.vms.push(vm.clone());
    pool.occupy(vm_id, id(on));
    if doubles && dice.one_in(10) && room(pool, second, &vm) {
        pool.occupy(vm_id, id(second));
    }
}
