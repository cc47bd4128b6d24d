//! Percentages: what share of all resources the running VMs leave.
//!
//! Of each resource: (what all hosts have - what the running VMs reserve) / what all hosts have.
//! A VM reserves its memory with overhead, at least `das.vmMemoryMinMB`, and `das.vmCpuMinMHz`.

use serde::{Deserialize, Serialize};

use super::options::Options;
use crate::view::Pool;

/// What is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Percent of the memory, rounded down.
    pub memory_percent: u32,
    /// Percent of the processor time, rounded down.
    pub cpu_percent: u32,
    /// Bytes that are not reserved.
    pub memory_free: u64,
    /// Bytes that all hosts have for VMs.
    pub memory_total: u64,
}

/// What the running VMs leave of the hosts that can take VMs.
#[must_use]
pub fn reserve(pool: &Pool, options: &Options) -> Capacity {
    let hosts = || pool.hosts.iter().filter(|host| host.live && host.enabled && !host.quarantined);
    let memory_total: u64 = hosts().map(|host| host.memory_total).sum();
    let mhz = |cpus: u32, mhz: u32| u64::from(cpus).saturating_mul(u64::from(mhz));
    let cpu_total: u64 = hosts().map(|host| mhz(host.cpus, host.cpu_mhz)).sum();
    let running = || pool.vms.iter().filter(|vm| !vm.waits());
    let memory: u64 = running().map(|vm| vm.memory.max(options.vm_memory_min)).sum();
    let cpu: u64 = running().map(|_| options.vm_cpu_mhz_min).sum();
    let percent = |used: u64, total: u64| {
        let free = u128::from(total.saturating_sub(used)) * 100;
        u32::try_from(free / u128::from(total.max(1))).unwrap_or(0)
    };
    Capacity {
        memory_percent: percent(memory, memory_total),
        cpu_percent: percent(cpu, cpu_total),
        memory_free: memory_total.saturating_sub(memory),
        memory_total,
    }
}
