//! Slots: all VMs count as one size, the largest reservation among them.
//!
//! Slot memory is the largest of all running VMs' memory with overhead, at least
//! `das.vmMemoryMinMB`, at most `das.slotMemInMB`. Slot processor time is the largest reservation;
//! Haven's VMs reserve none, so it is `das.vmCpuMinMHz`, at most `das.slotCpuInMHz`. A host has as
//! many slots as fit into its memory and into its processor time, each rounded down, whichever is
//! less. A VM larger than a slot takes several. The failures tolerated are those of the hosts with
//! the most slots, one after the other, while enough slots are left.

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::options::Options;
use crate::view::{Host, Pool, Vm};
use crate::words::{Say, amount, said_in_english, sentence, thousands};

/// The slot arithmetic of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// Memory of a slot in bytes.
    pub memory: u64,
    /// Processor time of a slot in MHz.
    pub cpu_mhz: u64,
    /// Slots of each host that can take VMs.
    pub of_host: Vec<(Uuid, u64)>,
    /// Slots that the running VMs take.
    pub used: u64,
    /// Hosts that may fail.
    pub failures: u32,
}

fn counts(host: &Host) -> bool {
    host.live && host.enabled && !host.quarantined
}

fn running(pool: &Pool) -> impl Iterator<Item = &Vm> {
    pool.vms.iter().filter(|vm| !vm.waits())
}

/// The slots of a pool.
#[must_use]
pub fn slots(pool: &Pool, options: &Options) -> Slots {
    let largest = running(pool).map(|vm| vm.memory).max().unwrap_or(0).max(options.vm_memory_min);
    let memory = options.slot_memory_max.map_or(largest, |max| largest.min(max)).max(1);
    let wanted = options.vm_cpu_mhz_min;
    let cpu_mhz = options.slot_cpu_mhz_max.map_or(wanted, |max| wanted.min(max)).max(1);
    let of_host: Vec<(Uuid, u64)> = pool
        .hosts
        .iter()
        .filter(|host| counts(host))
        .map(|host| {
            let mhz = u64::from(host.cpus).saturating_mul(u64::from(host.cpu_mhz));
            (host.id, (host.memory_total / memory).min(mhz / cpu_mhz))
        })
        .collect();
    let takes = |vm: &Vm| {
        let need = vm.memory.max(options.vm_memory_min);
        need.div_ceil(memory).max(options.vm_cpu_mhz_min.div_ceil(cpu_mhz)).max(1)
    };
    let used = running(pool).map(takes).sum();
    let mut ordered: Vec<u64> = of_host.iter().map(|(_, slots)| *slots).collect();
    ordered.sort_unstable_by(|a, b| b.cmp(a));
    let mut left: u64 = ordered.iter().sum();
    let mut failures = 0;
    for slots in ordered {
        left -= slots;
        if left < used {
            break;
        }
        failures += 1;
    }
    let hosts = u32::try_from(of_host.len()).unwrap_or(u32::MAX);
    Slots { memory, cpu_mhz, of_host, used, failures: failures.min(hosts.saturating_sub(1)) }
}

/// One VM makes all slots much larger than the others need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distortion {
    /// Name of the VM.
    pub vm: String,
    /// Bytes of a slot.
    pub slot: u64,
    /// Bytes that the next VM needs.
    pub next: u64,
}

impl Slots {
    /// The VM that makes all slots much larger than the others need, if there is one.
    #[must_use]
    pub fn distortion(&self, pool: &Pool) -> Option<Distortion> {
        let mut vms: Vec<&Vm> = running(pool).collect();
        vms.sort_by_key(|vm| (std::cmp::Reverse(vm.memory), vm.id));
        let (first, second) = (vms.first()?, vms.get(1)?);
        let distorts =
            first.memory >= second.memory.saturating_mul(2) && self.memory > second.memory;
        let (vm, slot, next) = (first.name.clone(), self.memory, second.memory);
        distorts.then_some(Distortion { vm, slot, next })
    }
}

impl Say for Distortion {
    fn say(&self, language: Language) -> String {
        let parts = [
            ("vm", self.vm.as_str().into()),
            ("memory", amount(self.slot, language).into()),
            ("next", amount(self.next, language).into()),
        ];
        sentence(language, "policy-slots-distorted", &parts)
    }
}

impl Say for Slots {
    fn say(&self, language: Language) -> String {
        let all: u64 = self.of_host.iter().map(|(_, slots)| slots).sum();
        let parts = [
            ("memory", amount(self.memory, language).into()),
            ("mhz", thousands(self.cpu_mhz, language).into()),
            ("used", thousands(self.used, language).into()),
            ("all", thousands(all, language).into()),
            ("failures", self.failures.into()),
        ];
        sentence(language, "policy-slots", &parts)
    }
}

said_in_english!(Distortion, Slots);
