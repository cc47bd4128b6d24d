//! How many host failures the pool tolerates, and whether one more start keeps that promise.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pack::{occupy, pack};
use crate::view::{Host, Protection, Vm};

/// Sets of failed hosts that are tried one by one; beyond that the slot bound decides.
const FAILURE_SETS_MAX: u64 = 3_000;

/// How many host failures are survived, and what breaks first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Any so many hosts may fail at the same moment: all guaranteed VMs find a place.
    pub failures: u32,
    /// A set of hosts whose failure is not covered, if one more failure was examined.
    pub breaks_with: Vec<Uuid>,
}

/// Why a start is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{have} host failures would be tolerated with this VM running, {need} are required")]
pub struct AdmissionError {
    /// What remains.
    pub have: u32,
    /// What is required.
    pub need: u32,
}

/// The largest number of simultaneous host failures after which every guaranteed VM still has a
/// place. Sound: never more than the truth; exact for small pools. Guaranteed VMs that run
/// nowhere now are counted as waiting for a place.
#[must_use]
pub fn tolerance(hosts: &[Host], vms: &[Vm]) -> Tolerance {
    let mut hosts: Vec<Host> = hosts.iter().filter(|host| host.live).cloned().collect();
    hosts.sort_by_key(|host| host.id);
    let guaranteed: Vec<&Vm> =
        vms.iter().filter(|vm| vm.protection == Protection::Restart).collect();
    let mut failures = 0;
    let limit = u32::try_from(hosts.len()).unwrap_or(u32::MAX).saturating_sub(1);
    while failures < limit {
        let size = failures + 1;
        if let Err(breaks_with) = survives(&hosts, &guaranteed, size) {
            return Tolerance { failures, breaks_with };
        }
        failures = size;
    }
    Tolerance { failures, breaks_with: hosts.iter().map(|host| host.id).collect() }
}

/// Whether starting `vm` on `host` leaves at least `need` tolerated failures.
///
/// # Errors
/// When it does not.
pub fn admit(
    hosts: &[Host],
    vms: &[Vm],
    vm: &Vm,
    host: Uuid,
    need: u32,
) -> Result<Tolerance, AdmissionError> {
    let mut hosts = hosts.to_vec();
    if let Some(host) = hosts.iter_mut().find(|candidate| candidate.id == host) {
        occupy(host, vm);
    }
    let mut vms: Vec<Vm> = vms.iter().filter(|other| other.id != vm.id).cloned().collect();
    vms.push(Vm { resident: Some(host), ..vm.clone() });
    let left = tolerance(&hosts, &vms);
    if left.failures < need {
        return Err(AdmissionError { have: left.failures, need });
    }
    Ok(left)
}

/// `Err` carries a set of hosts whose failure is not (provably) covered.
fn survives(hosts: &[Host], guaranteed: &[&Vm], size: u32) -> Result<(), Vec<Uuid>> {
    let Ok(size) = usize::try_from(size) else { return Err(Vec::new()) };
    if subsets(hosts.len(), size) > FAILURE_SETS_MAX {
        return slots_suffice(hosts, guaranteed, size);
    }
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        let failed: Vec<Uuid> =
            chosen.iter().filter_map(|&at| hosts.get(at)).map(|host| host.id).collect();
        let left: Vec<Host> =
            hosts.iter().filter(|host| !failed.contains(&host.id)).cloned().collect();
        let dead: Vec<&Vm> = guaranteed
            .iter()
            .filter(|vm| vm.resident.is_none_or(|host| !left.iter().any(|h| h.id == host)))
            .copied()
            .collect();
        if pack(&dead, &left).is_none() {
            return Err(failed);
        }
        if !next_subset(&mut chosen, hosts.len()) {
            return Ok(());
        }
    }
}

/// n over k, saturating.
fn subsets(n: usize, k: usize) -> u64 {
    let (Ok(n), Ok(k)) = (u64::try_from(n), u64::try_from(k)) else { return u64::MAX };
    let mut count = 1u64;
    for step in 0..k.min(n) {
        count = count.saturating_mul(n - step) / (step + 1);
    }
    count
}

/// The next subset in lexical order.
fn next_subset(chosen: &mut [usize], n: usize) -> bool {
    let size = chosen.len();
    for at in (0..size).rev() {
        let Some(value) = chosen.get(at).copied() else { return false };
        if value + (size - at) < n {
            for (offset, slot) in chosen.iter_mut().skip(at).enumerate() {
                *slot = value + 1 + offset;
            }
            return true;
        }
    }
    false
}

/// For large pools: cut all free memory into slots of the largest VM. Sound for VMs that every
/// host reaches; with any other VM the answer is no.
fn slots_suffice(hosts: &[Host], guaranteed: &[&Vm], size: usize) -> Result<(), Vec<Uuid>> {
    let Some(largest) = guaranteed.iter().map(|vm| vm.memory.max(1)).max() else { return Ok(()) };
    let agile = guaranteed.iter().all(|vm| {
        hosts
            .iter()
            .all(|host| vm.srs.is_subset(&host.srs) && vm.networks.is_subset(&host.networks))
    });
    let slots = |host: &Host| if host.enabled { host.memory_free / largest } else { 0 };
    let count = |host: &Host| guaranteed.iter().filter(|vm| vm.resident == Some(host.id)).count();
    // A failed host takes its slots and its VMs out: the worst set is bounded by the sum of both.
    let mut cost: Vec<(u64, Uuid)> = hosts
        .iter()
        .map(|host| {
            (slots(host).saturating_add(u64::try_from(count(host)).unwrap_or(u64::MAX)), host.id)
        })
        .collect();
    cost.sort_by_key(|&(cost, id)| (Reverse(cost), id));
    let worst: Vec<(u64, Uuid)> = cost.into_iter().take(size).collect();
    let total: u64 = hosts.iter().map(slots).fold(0, u64::saturating_add);
    let homeless = guaranteed
        .iter()
        .filter(|vm| vm.resident.is_none_or(|home| !hosts.iter().any(|host| host.id == home)))
        .count();
    let taken = worst.iter().fold(u64::try_from(homeless).unwrap_or(u64::MAX), |sum, (cost, _)| {
        sum.saturating_add(*cost)
    });
    if agile && total >= taken {
        Ok(())
    } else {
        Err(worst.into_iter().map(|(_, id)| id).collect())
    }
}
