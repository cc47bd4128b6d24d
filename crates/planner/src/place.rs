//! One VM, one host.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::view::{Host, Vm};

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
    /// A disk of the VM lies on an SR that is not attached there.
    #[error("SR {0} is not attached there")]
    StorageUnreachable(Uuid),
    /// A network of the VM is not present there.
    #[error("network {0} is not present there")]
    NetworkUnreachable(Uuid),
    /// Too little memory.
    #[error("has {free} bytes of memory free of the {need} needed")]
    NoMemory {
        /// Bytes that the VM needs.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
}

/// What was found about one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It could take the VM and was chosen.
    Chosen,
    /// It could take the VM; another was better.
    Possible,
    /// It cannot.
    Refused(Reason),
}

/// One host's line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// What was found.
    pub outcome: Outcome,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Chosen => write!(f, "{}: chosen", self.name),
            Outcome::Possible => write!(f, "{}: possible", self.name),
            Outcome::Refused(reason) => write!(f, "{}: {reason}", self.name),
        }
    }
}

/// A host for a VM, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The host.
    pub host: Uuid,
    /// One line a host, in order of host id.
    pub verdicts: Vec<Verdict>,
}

/// No host can take the VM: why, host by host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The VM.
    pub vm: Uuid,
    /// One line a host, in order of host id.
    pub verdicts: Vec<Verdict>,
}

impl std::error::Error for Why {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return f.write_str("the pool has no host");
        }
        for (at, line) in self.verdicts.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Whether `host` can take `vm` now.
///
/// # Errors
/// The first reason why not; storage and network before memory, as they do not pass by waiting.
pub fn verdict(vm: &Vm, host: &Host) -> Result<(), Reason> {
    if !host.live {
        return Err(Reason::NotLive);
    }
    if !host.enabled {
        return Err(Reason::Disabled);
    }
    if let Some(sr) = vm.srs.difference(&host.srs).next() {
        return Err(Reason::StorageUnreachable(*sr));
    }
    if let Some(network) = vm.networks.difference(&host.networks).next() {
        return Err(Reason::NetworkUnreachable(*network));
    }
    if host.memory_free < vm.memory {
        return Err(Reason::NoMemory { need: vm.memory, free: host.memory_free });
    }
    Ok(())
}

/// Chooses a host: the preferred one if it can, else the one with the most memory left over and
/// then the fewest VMs (spread), then the lowest id.
///
/// # Errors
/// When no host can, with each host's reason.
pub fn place(vm: &Vm, hosts: &[Host]) -> Result<Placement, Why> {
    let chosen = hosts.iter().filter(|host| verdict(vm, host).is_ok()).min_by_key(|host| {
        let preferred = vm.affinity == Some(host.id);
        (!preferred, Reverse(host.memory_free), host.vms, host.id)
    });
    let chosen = chosen.map(|host| host.id);
    let verdicts = explain(vm, hosts, chosen);
    match chosen {
        Some(host) => Ok(Placement { host, verdicts }),
        None => Err(Why { vm: vm.id, verdicts }),
    }
}

/// One line a host, in order of host id.
pub(crate) fn explain(vm: &Vm, hosts: &[Host], chosen: Option<Uuid>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = hosts
        .iter()
        .map(|host| {
            let outcome = match verdict(vm, host) {
                Ok(()) if chosen == Some(host.id) => Outcome::Chosen,
                Ok(()) => Outcome::Possible,
                Err(reason) => Outcome::Refused(reason),
            };
            Verdict { host: host.id, name: host.name.clone(), outcome }
        })
        .collect();
    verdicts.sort_by_key(|line| line.host);
    verdicts
}
