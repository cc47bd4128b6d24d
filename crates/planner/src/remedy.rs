//! How much of what is missing, and what would help, of a [`Breach`].

use haven_model::Language;
use serde::{Deserialize, Serialize};

use crate::breach::{Breach, Named, Shortage, name_vm};
use crate::game::Stuck;
use crate::model::Model;
use crate::view::{Protection, Vm};
use crate::words::{Part, amount, list, sentence};

/// What there can be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Memory.
    Memory,
    /// Virtual processors, with the pool's ratio.
    Vcpus,
    /// Hosts that may take a VM at all.
    Hosts,
}

/// What the numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Virtual processors.
    Vcpus,
    /// Hosts.
    Hosts,
}

/// How much of what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Of what.
    pub resource: Resource,
    /// In which unit the numbers are.
    pub unit: Unit,
    /// What is needed.
    pub needed: u64,
    /// What there is.
    pub free: u64,
    /// The difference.
    pub short: u64,
}

/// What would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "remedy")]
pub enum Remedy {
    /// Stop these VMs, which are not guaranteed, or move them away.
    MakeRoom {
        /// The fewest on one host that would make the room.
        vms: Vec<Relief>,
    },
    /// Give hosts more of it, or add a host; at least so much.
    Add {
        /// Of what.
        resource: Resource,
        /// In which unit.
        unit: Unit,
        /// How much; 0: it is not known whether any is missing.
        at_least: u64,
    },
    /// Lower the restart priority of the VM.
    LowerPriority {
        /// The VM.
        vm: Named,
    },
    /// Let more hosts be able to run the VM: storage, networks, processors, rules.
    GiveHosts {
        /// The VM.
        vm: Named,
    },
    /// Take the VM out of the group that keeps it apart from others.
    LeaveGroup {
        /// The VM.
        vm: Named,
        /// Name of the group.
        group: String,
    },
}

/// A VM that could make room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// The VM.
    pub vm: Named,
    /// Where it runs.
    pub host: Named,
    /// Bytes that it takes there.
    pub memory: u64,
}

/// How much is missing; `None`: it is not known whether anything is.
pub(crate) fn missing(shortage: &Shortage) -> Option<Missing> {
    let of = |resource, unit, needed: u64, free: u64| {
        let short = needed.saturating_sub(free);
        Some(Missing { resource, unit, needed, free, short })
    };
    match shortage {
        Shortage::Memory { need, free } | Shortage::Block { need, free, .. } => {
            of(Resource::Memory, Unit::Bytes, *need, *free)
        }
        Shortage::Vcpus { need, free } => of(Resource::Vcpus, Unit::Vcpus, *need, *free),
        Shortage::Apart { members, hosts, .. } => {
            of(Resource::Hosts, Unit::Hosts, *members, *hosts)
        }
        Shortage::Hosts { .. } => of(Resource::Hosts, Unit::Hosts, 1, 0),
        Shortage::Undecided => None,
    }
}

/// What would help, the nearest first.
pub(crate) fn remedies(shortage: &Shortage, vm: &Named, relief: Vec<Relief>) -> Vec<Remedy> {
    let vm = || vm.clone();
    let add = match missing(shortage) {
        Some(Missing { resource, unit, short, .. }) => {
            Remedy::Add { resource, unit, at_least: short }
        }
        None => Remedy::Add { resource: Resource::Memory, unit: Unit::Bytes, at_least: 0 },
    };
    let lower = Remedy::LowerPriority { vm: vm() };
    match shortage {
        Shortage::Apart { group, .. } => {
            vec![add, Remedy::LeaveGroup { vm: vm(), group: group.clone() }]
        }
        Shortage::Undecided => vec![add],
        Shortage::Hosts { .. } => vec![Remedy::GiveHosts { vm: vm() }, lower],
        _ if relief.is_empty() => vec![add, lower],
        _ => vec![Remedy::MakeRoom { vms: relief }, lower],
    }
}

/// What to do, in words.
pub(crate) fn said(breach: &Breach, language: Language) -> String {
    let vm = || Part::from(breach.vm.name.as_str());
    let say = |key: &str| sentence(language, key, &[("vm", vm())]);
    match breach.remedies.as_slice() {
        [Remedy::MakeRoom { vms }, ..] => {
            let one = |one: &Relief| {
                let memory = Part::from(amount(one.memory, language));
                let (vm, host) = (one.vm.name.as_str(), one.host.name.as_str());
                let parts = [("vm", vm.into()), ("memory", memory), ("host", host.into())];
                sentence(language, "relief", &parts)
            };
            let vms = list(&vms.iter().map(one).collect::<Vec<_>>(), language);
            sentence(language, "remedy-relief", &[("vms", vms.into()), ("vm", vm())])
        }
        [Remedy::GiveHosts { .. }, ..] => say("remedy-hosts"),
        [_, Remedy::LeaveGroup { group, .. }] => {
            sentence(language, "remedy-apart", &[("vm", vm()), ("group", group.as_str().into())])
        }
        [_, Remedy::LowerPriority { .. }] => say("remedy-add"),
        _ => say("remedy-undecided"),
    }
}

/// The fewest VMs without guarantee on one host whose end would leave enough.
pub(crate) fn relief(
    model: &Model<'_>,
    stuck: &Stuck,
    item: usize,
    missing: Missing,
) -> Vec<Relief> {
    let gives = |vm: &Vm| match missing.unit {
        Unit::Bytes => vm.memory,
        Unit::Vcpus => u64::from(vm.vcpus),
        Unit::Hosts => 0,
    };
    let able = model.able(item).and(stuck.state.alive);
    let options = able.iter().filter_map(|at| {
        let host = model.host(at)?;
        let mut guests: Vec<&Vm> = model
            .pool
            .vms
            .iter()
            .filter(|vm| vm.resident == Some(host.id) && vm.protection != Protection::Restart)
            .collect();
        guests.sort_by_key(|vm| (std::cmp::Reverse(gives(vm)), vm.id));
        let (mut freed, mut chosen) = (0u64, Vec::new());
        for vm in guests {
            if freed >= missing.short {
                break;
            }
            freed = freed.saturating_add(gives(vm));
            let host = Named { id: host.id, name: host.name.clone() };
            chosen.push(Relief { vm: name_vm(vm), host, memory: vm.memory });
        }
        (freed >= missing.short && !chosen.is_empty()).then_some(chosen)
    });
    options.min_by_key(Vec::len).unwrap_or_default()
}
