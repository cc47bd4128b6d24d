//! The planner's view of the pool, from the database.

use std::collections::{BTreeMap, BTreeSet};

use haven_model::{
    Host, HostMetrics, Network, Pbd, Pif, Placement, Ref, Vbd, VbdType, Vdi, Vif, Vm,
};
use haven_planner as planner;
use haven_pooldb::Image;
use uuid::Uuid;

fn id<C>(reference: Ref<C>) -> Uuid {
    Uuid::from_u128(reference.id().0)
}

/// A reference from the planner's identity.
#[must_use]
pub fn reference<C>(id: Uuid) -> Ref<C> {
    Ref::from_uuid(id)
}

/// A VM's protection.
#[must_use]
pub fn protection(vm: &Vm) -> planner::Protection {
    match vm.ha_restart_priority.as_str() {
        "restart" => planner::Protection::Restart,
        "best-effort" => planner::Protection::BestEffort,
        _ => planner::Protection::None,
    }
}

/// Networks that a VM must find on its host: those with a port into the world. Internal ones are
/// made wherever they are needed.
fn networks(db: &Image, row: &Vm) -> BTreeSet<Uuid> {
    row.vifs
        .iter()
        .filter_map(|vif| db.get::<Vif>(*vif))
        .filter(|vif| db.get::<Network>(vif.network).is_some_and(|n| !n.pifs.is_empty()))
        .map(|vif| id(vif.network))
        .collect()
}

/// The disks of a VM with their repositories.
#[must_use]
pub fn disks<'a>(db: &'a Image, row: &Vm) -> Vec<(Ref<Vdi>, &'a Vdi, &'a Vbd)> {
    let vbds = row.vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd));
    vbds.filter_map(|vbd| Some((vbd.vdi, db.get(vbd.vdi)?, vbd))).collect()
}

/// One VM as the planner sees it; its place is where its placement says.
#[must_use]
pub fn vm(db: &Image, reference: Ref<Vm>, row: &Vm) -> planner::Vm {
    let vcpus = u32::try_from(row.vcpus_max).unwrap_or(1);
    let guest = u64::try_from(row.memory_static_max).unwrap_or(0);
    planner::Vm {
        id: id(reference),
        name: row.name_label.clone(),
        memory: planner::memory_need(guest, vcpus),
        srs: disks(db, row)
            .iter()
            .filter(|(_, _, vbd)| vbd.r#type == VbdType::Disk || !vbd.empty)
            .map(|(_, vdi, _)| id(vdi.sr))
            .collect(),
        networks: networks(db, row),
        affinity: row.affinity.non_null().map(id),
        resident: row.resident_on.non_null().map(id),
        protection: protection(row),
        order: row.order,
        start_delay_s: u64::try_from(row.start_delay).unwrap_or(0),
    }
}

/// All VMs that are placed somewhere, or should run.
#[must_use]
pub fn running_vms(db: &Image) -> Vec<planner::Vm> {
    let vms = db.iter::<Vm>();
    vms.filter(|(_, row)| !row.is_a_template && !row.is_control_domain)
        .filter(|(_, row)| !row.resident_on.is_null() || row.ha_always_run)
        .map(|(reference, row)| vm(db, reference, row))
        .collect()
}

/// All hosts, with what their VMs leave.
#[must_use]
pub fn hosts(db: &Image) -> Vec<planner::Host> {
    let mut taken: BTreeMap<Ref<Host>, (u64, u32)> = BTreeMap::new();
    for (_, placement) in db.iter::<Placement>() {
        let Some(row) = db.get(placement.vm) else { continue };
        let need = vm(db, placement.vm, row).memory;
        for holder in &placement.holders {
            let entry = taken.entry(holder.host).or_default();
            *entry = (entry.0.saturating_add(need), entry.1 + 1);
        }
    }
    db.iter::<Host>()
        .map(|(reference, row)| {
            let (used, vms) = taken.get(&reference).copied().unwrap_or_default();
            host(db, reference, row, (used, vms))
        })
        .collect()
}

fn host(db: &Image, reference: Ref<Host>, row: &Host, (used, vms): (u64, u32)) -> planner::Host {
    let metrics = db.get::<HostMetrics>(row.metrics);
    let total = metrics.and_then(|m| u64::try_from(m.memory_total).ok()).unwrap_or(0);
    let overhead = u64::try_from(row.memory_overhead).unwrap_or(0);
    planner::Host {
        id: id(reference),
        name: row.name_label.clone(),
        enabled: row.enabled,
        live: metrics.is_some_and(|m| m.live),
        memory_free: total.saturating_sub(overhead).saturating_sub(used),
        srs: row
            .pbds
            .iter()
            .filter_map(|pbd| db.get::<Pbd>(*pbd))
            .filter(|pbd| pbd.currently_attached)
            .map(|pbd| id(pbd.sr))
            .collect(),
        networks: row
            .pifs
            .iter()
            .filter_map(|pif| db.get::<Pif>(*pif))
            .filter(|pif| pif.currently_attached)
            .map(|pif| id(pif.network))
            .collect(),
        vms,
    }
}
