//! Finds room for many VMs at once: best-fit decreasing, then a bounded exact search.

use std::cmp::Reverse;

use crate::place::verdict;
use crate::view::{Host, Vm};

/// Nodes that the exact search may visit before it gives up; it is only asked when best-fit
/// decreasing failed, and a "no" by exhaustion is the safe answer.
const SEARCH_NODES_MAX: u32 = 20_000;

/// Takes the VM's memory from a host.
pub(crate) fn occupy(host: &mut Host, vm: &Vm) {
    host.memory_free = host.memory_free.saturating_sub(vm.memory);
    host.vms = host.vms.saturating_add(1);
}

/// Gives the VM's memory back.
fn vacate(host: &mut Host, vm: &Vm) {
    host.memory_free = host.memory_free.saturating_add(vm.memory);
    host.vms = host.vms.saturating_sub(1);
}

/// An index into `hosts` for each VM, or `None` when no packing was found. Sound: an answer is
/// always a real packing. Complete as long as the search stays below its limit.
pub(crate) fn pack(vms: &[&Vm], hosts: &[Host]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..vms.len()).collect();
    // The hardest first: fewest hosts that reach its storage, then the largest.
    order.sort_by_key(|&at| {
        vms.get(at).map(|vm| {
            let reachable = hosts.iter().filter(|host| verdict(vm, host).is_ok()).count();
            (reachable, Reverse(vm.memory), vm.order, vm.id)
        })
    });
    if let Some(found) = best_fit(vms, hosts, &order) {
        return Some(found);
    }
    let mut search = Search { vms, order: &order, nodes: 0, found: vec![usize::MAX; vms.len()] };
    let mut room = hosts.to_vec();
    search.descend(0, &mut room).then_some(search.found)
}

fn best_fit(vms: &[&Vm], hosts: &[Host], order: &[usize]) -> Option<Vec<usize>> {
    let mut room = hosts.to_vec();
    let mut found = vec![usize::MAX; vms.len()];
    for &at in order {
        let vm = vms.get(at)?;
        let (index, _) = room
            .iter()
            .enumerate()
            .filter(|(_, host)| verdict(vm, host).is_ok())
            .min_by_key(|(_, host)| (host.memory_free, host.vms, host.id))?;
        occupy(room.get_mut(index)?, vm);
        *found.get_mut(at)? = index;
    }
    Some(found)
}

struct Search<'a> {
    vms: &'a [&'a Vm],
    order: &'a [usize],
    nodes: u32,
    found: Vec<usize>,
}

impl Search<'_> {
    fn descend(&mut self, depth: usize, room: &mut [Host]) -> bool {
        let Some(&at) = self.order.get(depth) else { return true };
        let Some(&vm) = self.vms.get(at) else { return false };
        for index in 0..room.len() {
            self.nodes = self.nodes.saturating_add(1);
            if self.nodes > SEARCH_NODES_MAX {
                return false;
            }
            let Some(host) = room.get_mut(index) else { return false };
            if verdict(vm, host).is_err() {
                continue;
            }
            occupy(host, vm);
            if let Some(slot) = self.found.get_mut(at) {
                *slot = index;
            }
            if self.descend(depth + 1, room) {
                return true;
            }
            if let Some(host) = room.get_mut(index) {
                vacate(host, vm);
            }
        }
        false
    }
}
