//! Why a host cannot take a VM.

use std::collections::BTreeSet;

use haven_model::Language;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::view::{CPU_MODEL_PREFIX, Host, Pool, Vm};
use crate::words::{Part, Say, amount, row, said_in_english, sentence, thousands};

/// Why a host cannot take a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It does not answer or is not a member.
    NotLive,
    /// `host.enabled` is false.
    Disabled,
    /// It is under suspicion.
    Quarantined,
    /// It is kept for failovers.
    Dedicated,
    /// A start of this VM failed there lately.
    FailedThere,
    /// The VM is bound to other hosts.
    Pinned(String),
    /// A disk of the VM lies on an SR that is not attached there.
    StorageUnreachable {
        /// The SR.
        sr: Uuid,
        /// Its name.
        name: String,
    },
    /// A network of the VM is not present there.
    NetworkUnreachable {
        /// The network.
        network: Uuid,
        /// Its name.
        name: String,
    },
    /// Its processors lack what the guest needs.
    CpuFeatures(Vec<String>),
    /// A VM runs there from which this one must be kept apart.
    Apart {
        /// Name of the rule's group.
        group: String,
        /// Name of the other VM.
        with: String,
    },
    /// Too little memory.
    NoMemory {
        /// Bytes that the VM needs.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Too few virtual processors, with the pool's ratio.
    NoVcpus {
        /// Virtual processors that the VM needs.
        need: u64,
        /// What is left.
        free: u64,
    },
}

impl std::error::Error for Reason {}

impl Say for Reason {
    fn say(&self, language: Language) -> String {
        let say = |key: &str, parts: &[(&str, Part)]| sentence(language, key, parts);
        let named = |key: &str, part: &str, name: &str| say(key, &[(part, name.into())]);
        match self {
            Self::NotLive => say("refuses-not-live", &[]),
            Self::Disabled => say("refuses-disabled", &[]),
            Self::Quarantined => say("refuses-quarantined", &[]),
            Self::Dedicated => say("refuses-dedicated", &[]),
            Self::FailedThere => say("refuses-failed-there", &[]),
            Self::Pinned(by) => named("refuses-pinned", "by", by),
            Self::StorageUnreachable { name, .. } => named("refuses-storage", "sr", name),
            Self::NetworkUnreachable { name, .. } => named("refuses-network", "network", name),
            Self::CpuFeatures(names) => {
                let name = |name: &String| match name.strip_prefix(CPU_MODEL_PREFIX) {
                    Some(model) => say("cpu-model", &[("model", model.into())]),
                    None => name.clone(),
                };
                named("refuses-features", "features", &row(names.iter().map(name), language))
            }
            Self::Apart { group, with } => {
                let parts = [("group", group.as_str().into()), ("with", with.as_str().into())];
                say("refuses-apart", &parts)
            }
            Self::NoMemory { need, free } => {
                let (need, free) = (amount(*need, language), amount(*free, language));
                say("refuses-memory", &[("need", need.into()), ("free", free.into())])
            }
            Self::NoVcpus { need, free } => {
                let (need, free) = (thousands(*need, language), thousands(*free, language));
                say("refuses-vcpus", &[("need", need.into()), ("free", free.into())])
            }
        }
    }
}

said_in_english!(Reason);

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
    // After a failure it starts anew.
    let goes_on = vm.runs_with.iter().filter(|_| purpose == Purpose::Ordinary);
    let wanted: BTreeSet<&String> = vm.cpu_features.iter().chain(goes_on).collect();
    let missing: Vec<String> =
        wanted.into_iter().filter(|name| !host.cpu_features.contains(*name)).cloned().collect();
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
        // The same one, in whatever order they are told.
        if let Some(other) = pool.vms.iter().filter(here).min_by_key(|other| other.id) {
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
