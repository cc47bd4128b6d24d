//! What to start where after hosts died.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pack::{occupy, pack};
use crate::place::{Verdict, Why, explain, place};
use crate::view::{Host, Protection, Vm};

/// One start of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The VM.
    pub vm: Uuid,
    /// Where.
    pub host: Uuid,
    /// How it is protected.
    pub protection: Protection,
    /// Seconds to wait after it before the next group.
    pub start_delay_s: u64,
    /// Why there, host by host.
    pub verdicts: Vec<Verdict>,
}

/// VMs that may start together; the next group waits for this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Their `VM.order`.
    pub order: i64,
    /// The starts, the guaranteed before the best-effort ones.
    pub starts: Vec<Start>,
    /// Seconds to wait before the next group: the longest of its members.
    pub delay_s: u64,
}

/// A VM for which there is no room, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The VM.
    pub vm: Uuid,
    /// How it is protected.
    pub protection: Protection,
    /// Host by host.
    pub why: Why,
}

/// What to start where, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Guaranteed VMs in order groups, then best-effort VMs in order groups.
    pub groups: Vec<Group>,
    /// VMs without a place; guaranteed ones first.
    pub unplaced: Vec<Unplaced>,
}

impl Plan {
    /// Whether every guaranteed VM has a place.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.unplaced.iter().all(|missing| missing.protection != Protection::Restart)
    }

    /// The host planned for a VM.
    #[must_use]
    pub fn host_of(&self, vm: Uuid) -> Option<Uuid> {
        let mut starts = self.groups.iter().flat_map(|group| &group.starts);
        starts.find(|start| start.vm == vm).map(|start| start.host)
    }
}

/// Plans the restart of `dead` VMs on `hosts`. VMs without protection are left out. All
/// guaranteed VMs are placed if that is possible at all (within the search's limit); if not, those
/// with the lower order, then the smaller ones first. Best-effort VMs get what is left.
#[must_use]
pub fn restart_plan(dead: &[Vm], hosts: &[Host]) -> Plan {
    let mut room = hosts.to_vec();
    room.sort_by_key(|host| host.id);
    let mut plan = Plan::default();

    let guaranteed = by_priority(dead, Protection::Restart);
    match pack(&guaranteed, &room) {
        Some(found) => {
            let starts = guaranteed.iter().zip(found).filter_map(|(vm, index)| {
                let host = room.get(index)?.id;
                let verdicts = explain(vm, &room, Some(host));
                occupy(room.get_mut(index)?, vm);
                Some((vm.order, start(vm, host, verdicts)))
            });
            let starts: Vec<_> = starts.collect();
            group(&mut plan, starts);
        }
        None => greedy(&mut plan, &guaranteed, &mut room),
    }
    greedy(&mut plan, &by_priority(dead, Protection::BestEffort), &mut room);
    plan
}

fn by_priority(dead: &[Vm], protection: Protection) -> Vec<&Vm> {
    let mut vms: Vec<&Vm> = dead.iter().filter(|vm| vm.protection == protection).collect();
    vms.sort_by_key(|vm| (vm.order, vm.memory, vm.id));
    vms
}

fn start(vm: &Vm, host: Uuid, verdicts: Vec<Verdict>) -> Start {
    Start { vm: vm.id, host, protection: vm.protection, start_delay_s: vm.start_delay_s, verdicts }
}

fn greedy(plan: &mut Plan, vms: &[&Vm], room: &mut [Host]) {
    let mut starts = Vec::new();
    for vm in vms {
        match place(vm, room) {
            Ok(placement) => {
                if let Some(host) = room.iter_mut().find(|host| host.id == placement.host) {
                    occupy(host, vm);
                }
                starts.push((vm.order, start(vm, placement.host, placement.verdicts)));
            }
            Err(why) => {
                plan.unplaced.push(Unplaced { vm: vm.id, protection: vm.protection, why });
            }
        }
    }
    group(plan, starts);
}

fn group(plan: &mut Plan, starts: Vec<(i64, Start)>) {
    let mut groups: BTreeMap<i64, Vec<Start>> = BTreeMap::new();
    for (order, start) in starts {
        groups.entry(order).or_default().push(start);
    }
    plan.groups.extend(groups.into_iter().map(|(order, starts)| {
        let delay_s = starts.iter().map(|start| start.start_delay_s).max().unwrap_or(0);
        Group { order, starts, delay_s }
    }));
}
