//! Pools for measurements: memory only, so that both approaches see the same.

use std::collections::BTreeSet;

use haven_planner::{Host, Pool, Protection, Vm};
use uuid::Uuid;

const GIB: u64 = 1 << 30;
/// How full a pool usually is that shall survive failures, in percent.
pub(crate) const USUAL: u64 = 80;

/// Numbers by chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

fn host(number: u64, memory: u64) -> Host {
    Host {
        id: Uuid::from_u128(u128::from(number)),
        name: format!("host{number}"),
        enabled: true,
        live: true,
        memory_total: memory,
        memory_free: memory,
        srs: BTreeSet::from([Uuid::from_u128(1 << 64)]),
        networks: BTreeSet::from([Uuid::from_u128(2 << 64)]),
        ..Host::default()
    }
}

fn vm(number: u64, memory: u64) -> Vm {
    Vm {
        id: Uuid::from_u128(u128::from(number) | 3 << 64),
        name: format!("vm{number}"),
        memory,
        vcpus: 2,
        srs: BTreeSet::from([Uuid::from_u128(1 << 64)]),
        networks: BTreeSet::from([Uuid::from_u128(2 << 64)]),
        protection: Protection::Restart,
        ..Vm::default()
    }
}

/// Sizes as they occur: many small, few large ones, with the hypervisor's overhead.
fn usual_size(dice: &mut Dice) -> u64 {
    let gib = match dice.below(100) {
        0..=29 => 2,
        30..=59 => 4,
        60..=79 => 8,
        80..=92 => 16,
        93..=98 => 32,
        _ => 64,
    };
    haven_planner::memory_need(gib * GIB, 2)
}

/// A pool of protected VMs, spread over the hosts, that uses so much percent of their memory.
pub(crate) fn filled(hosts: u64, vms: u64, percent: u64, seed: u64) -> Pool {
    let dice = &mut Dice(seed);
    let sizes: Vec<u64> = (0..vms).map(|_| usual_size(dice)).collect();
    let total: u64 = sizes.iter().sum();
    let each = total / hosts * 100 / percent;
    let mut pool = Pool::default();
    // Two generations of hosts.
    for number in 0..hosts {
        let memory = if number % 4 == 0 { each / 10 * 12 } else { each / 150 * 140 };
        pool.hosts.push(host(number + 1, memory));
    }
    for (number, memory) in (1..).zip(sizes) {
        // Each on one of the emptier of a few hosts by chance, as operators do.
        let tried = (0..4).map(|_| usize::try_from(dice.below(hosts)).unwrap());
        let best = tried.max_by_key(|at| pool.hosts[*at].memory_free).unwrap();
        let row = &mut pool.hosts[best];
        if row.memory_free < memory {
            continue;
        }
        row.memory_free -= memory;
        row.vms += 1;
        pool.vms.push(Vm { resident: Some(row.id), ..vm(number, memory) });
    }
    pool
}

/// A random pool of 3 to 15 hosts of various sizes and fillings.
pub(crate) fn random(seed: u64) -> Pool {
    let dice = &mut Dice(seed.wrapping_mul(7919) + 1);
    let hosts = 3 + dice.below(13);
    let fill = 30 + dice.below(65);
    let mut pool = Pool::default();
    for number in 1..=hosts {
        pool.hosts.push(host(number, (64 + 16 * dice.below(9)) * GIB));
    }
    let mut number = 0;
    for row in &mut pool.hosts {
        let keep = row.memory_total / 100 * (100 - fill);
        for _ in 0..200 {
            number += 1;
            let memory = usual_size(dice);
            if row.memory_free < keep + memory {
                break;
            }
            row.memory_free -= memory;
            row.vms += 1;
            pool.vms.push(Vm { resident: Some(row.id), ..vm(number, memory) });
        }
    }
    pool
}

/// The same pool with processors that count: VMs of two, four or eight, as large as they are, and
/// so many percent of what the ratio allows in use on all hosts together.
pub(crate) fn with_processors(mut pool: Pool, percent: u64) -> Pool {
    for vm in &mut pool.vms {
        vm.vcpus = match vm.memory >> 30 {
            0..=7 => 2,
            8..=31 => 4,
            _ => 8,
        };
    }
    let used: u64 = pool.vms.iter().map(|vm| u64::from(vm.vcpus)).sum();
    let hosts = u64::try_from(pool.hosts.len()).unwrap();
    // Four virtual ones for each.
    let cpus = u32::try_from((used * 100 / percent / hosts).div_ceil(4)).unwrap();
    pool.vcpus_per_100_cpus = Some(400);
    for host in &mut pool.hosts {
        let here = pool.vms.iter().filter(|vm| vm.resident == Some(host.id));
        host.vcpus_used = here.map(|vm| vm.vcpus).sum();
        host.cpus = cpus;
    }
    pool
}
