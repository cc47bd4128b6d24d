//! Why a host cannot take a VM.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::view::{Host, Pool, Vm};
use crate::words::mib;

/// Why a host cannot take a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It does not answer or is not a member.
    #[error("does not answer")]
    NotLive,
    /// `host.enabled` is false.
    #[error("is disabled (maintenance)")]
    Disabled,
    /// It is under suspicion.
    #[error("is quarantined")]
    Quarantined,
    /// It is kept for failovers.
    #[error("is kept free for failovers")]
    Dedicated,
    /// A start of this VM failed there lately.
    #[error("a start there failed lately")]
    FailedThere,
    /// The VM is bound to other hosts.
    #[error("is not among the hosts that the VM is bound to by {0}")]
    Pinned(String),
    /// A disk of the VM lies on an SR that is not attached there.
    #[error("SR {name} is not attached there")]
    StorageUnreachable {
        /// The SR.
        sr: Uuid,
        /// Its name.
        name: String,
    },
    /// A network of the VM is not present there.
    #[error("network {name} is not present there")]
    NetworkUnreachable {
        /// The network.
        network: Uuid,
        /// Its name.
        name: String,
    },
    /// Its processors lack what the guest needs.
    #[error("its processors lack {}", .0.join(", "))]
    CpuFeatures(Vec<String>),
    /// A VM runs there from which this one must be kept apart.
    #[error("rule {group} keeps it apart from {with}, which runs there")]
    Apart {
        /// Name of the rule's group.
        group: String,
        /// Name of the other VM.
        with: String,
    },
    /// Too little memory.
    #[error("has {} of memory free of the {} needed", mib(*.free), mib(*.need))]
    NoMemory {
        /// Bytes that the VM needs.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Too few virtual processors, with the pool's ratio.
    #[error("has {free} virtual processors left of the {need} needed")]
    NoVcpus {
        /// Virtual processors that the VM needs.
        need: u64,
        /// What is left.
        free: u64,
    },
}

/// What a VM is placed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A start, resume or move that somebody asked for: dedicated failover hosts stay free.
    Ordinary,
    /// A restart after a failure.
    Failover,
}

/// Whether `host` could ever take `vm` as things are, its room and other VMs aside.
///
/// # Errors
/// The first reason why not.
pub(crate) fn eligible(pool: &Pool, vm: &Vm, host: &Host, purpose: Purpose) -> Result<(), Reason> {
    if !host.live {
        return Err(Reason::NotLive);
    }
    if !host.enabled {
        return Err(Reason::Disabled);
    }
    if host.quarantined {
        return Err(Reason::Quarantined);
    }
    if host.dedicated && purpose == Purpose::Ordinary {
        return Err(Reason::Dedicated);
    }
    if let Some(pin) = vm.pin.as_ref().filter(|pin| !pin.hosts.contains(&host.id)) {
        return Err(Reason::Pinned(pin.by.clone()));
    }
    if let Some(sr) = vm.srs.difference(&host.srs).next() {
        return Err(Reason::StorageUnreachable { sr: *sr, name: pool.name_of(*sr) });
    }
    if let Some(network) = vm.networks.difference(&host.networks).next() {
        let name = pool.name_of(*network);
        return Err(Reason::NetworkUnreachable { network: *network, name });
    }
    let missing: Vec<String> = vm.cpu_features.difference(&host.cpu_features).cloned().collect();
    if !missing.is_empty() {
        return Err(Reason::CpuFeatures(missing));
    }
    if vm.avoid.contains(&host.id) {
        return Err(Reason::FailedThere);
    }
    Ok(())
}

/// Whether `host` can take `vm` now.
///
/// # Errors
/// The first reason why not; what does not pass by waiting comes before memory.
pub fn verdict(pool: &Pool, vm: &Vm, host: &Host, purpose: Purpose) -> Result<(), Reason> {
    eligible(pool, vm, host, purpose)?;
    if !vm.apart.is_empty() {
        let here = |other: &&Vm| {
            other.id != vm.id
                && !other.apart.is_disjoint(&vm.apart)
                && other.holders().any(|holder| holder == host.id)
        };
        if let Some(other) = pool.vms.iter().find(here) {
            let group = other.apart.intersection(&vm.apart).next();
            let group = group.map(|group| pool.name_of(*group));
            let group = group.unwrap_or_default();
            return Err(Reason::Apart { group, with: other.name.clone() });
        }
    }
    if host.memory_free < vm.memory {
        return Err(Reason::NoMemory { need: vm.memory, free: host.memory_free });
    }
    let need = u64::from(vm.vcpus);
    match pool.vcpus_free(host) {
        Some(free) if free < need => Err(Reason::NoVcpus { need, free }),
        _ => Ok(()),
    }
}
