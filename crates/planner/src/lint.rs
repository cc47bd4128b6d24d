//! Checks a plan before it is carried out, without trusting who made it: start by start, move by
//! move, against the pool as it will be at that moment.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::reason::{Purpose, Reason, verdict};
use crate::restart::Plan;
use crate::view::{Pool, Protection};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It names a VM or host that the pool does not have.
    Unknown(Uuid),
    /// It starts a VM that runs, or may run, somewhere.
    RunsAlready {
        /// Name of the VM.
        vm: String,
    },
    /// It starts or moves a VM twice.
    Twice {
        /// Name of the VM.
        vm: String,
    },
    /// The host cannot take the VM at that moment.
    Refused {
        /// Name of the VM.
        vm: String,
        /// Name of the host.
        host: String,
        /// Why not.
        why: Reason,
    },
    /// A group comes before one that should start earlier.
    OutOfOrder {
        /// `VM.order` of the group.
        order: i64,
        /// `VM.order` of the one before it.
        after: i64,
    },
    /// A VM is in a group of another order or protection.
    WrongGroup {
        /// Name of the VM.
        vm: String,
    },
    /// A VM stays on a host that is to be emptied.
    LeftBehind {
        /// Name of the VM.
        vm: String,
    },
    /// On the way fewer failures are tolerated than agreed.
    Weakens {
        /// Name of the VM whose move does it.
        vm: String,
        /// What is tolerated while it is under way.
        tolerates: u32,
        /// What was agreed.
        agreed: u32,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "the pool has no {id}"),
            Self::RunsAlready { vm } => write!(f, "{vm} runs already"),
            Self::Twice { vm } => write!(f, "{vm} is in the plan twice"),
            Self::Refused { vm, host, why } => write!(f, "{vm} cannot go to {host}: it {why}"),
            Self::OutOfOrder { order, after } => {
                write!(f, "the group of order {order} comes after that of order {after}")
            }
            Self::WrongGroup { vm } => write!(f, "{vm} is in a group that is not its own"),
            Self::LeftBehind { vm } => write!(f, "{vm} stays behind"),
            Self::Weakens { vm, tolerates, agreed } => write!(
                f,
                "while {vm} moves, {tolerates} host failures are tolerated instead of {agreed}"
            ),
        }
    }
}

/// What is wrong with a restart plan.
#[must_use]
pub fn restart(pool: &Pool, plan: &Plan) -> Vec<Finding> {
    let mut pool = pool.clone();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    let mut last: Option<(Protection, i64)> = None;
    for group in &plan.groups {
        let Some(first) = group.starts.first() else { continue };
        let key = (first.protection, group.order);
        if let Some((protection, after)) = last
            && (key.0 < protection || (key.0 == protection && key.1 <= after))
        {
            found.push(Finding::OutOfOrder { order: group.order, after });
        }
        last = Some(key);
        for start in &group.starts {
            let vm = pool.vm(start.vm).cloned();
            let (Some(vm), Some(host)) = (vm, pool.host(start.host)) else {
                found.push(Finding::Unknown(start.vm));
                continue;
            };
            let name = vm.name.clone();
            if (vm.protection, vm.order) != key {
                found.push(Finding::WrongGroup { vm: name.clone() });
            }
            if !seen.insert(vm.id) {
                found.push(Finding::Twice { vm: name });
                continue;
            }
            if !vm.waits() {
                found.push(Finding::RunsAlready { vm: name });
                continue;
            }
            if let Err(why) = verdict(&pool, &vm, host, Purpose::Failover) {
                found.push(Finding::Refused { vm: name, host: host.name.clone(), why });
            }
            pool.occupy(start.vm, start.host);
        }
    }
    found
}

/// VMs that are still on a host which should be empty.
pub(crate) fn left_behind(pool: &Pool, host: Uuid) -> Vec<Finding> {
    let here = pool.vms.iter().filter(|vm| vm.resident == Some(host) && vm.also_on.is_empty());
    here.map(|vm| Finding::LeftBehind { vm: vm.name.clone() }).collect()
}

impl Finding {
    /// Whether it is about the VM of that name.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        match self {
            Self::RunsAlready { vm }
            | Self::Twice { vm }
            | Self::Refused { vm, .. }
            | Self::WrongGroup { vm }
            | Self::LeftBehind { vm }
            | Self::Weakens { vm, .. } => vm == name,
            Self::Unknown(_) | Self::OutOfOrder { .. } => false,
        }
    }
}
