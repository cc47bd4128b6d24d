//! The planner's view of the pool, from the database.

mod kept;

use std::collections::BTreeSet;
use std::sync::Arc;

use haven_drivers::hypervisor::CpuModel;
use haven_model::{
    Host, HostMetrics, Network, Pbd, Pif, PlacementPolicy, Ref, Vbd, VbdType, Vdi, Vif, Vm,
    VmGroup, VmPowerState,
};
use haven_planner as planner;
use haven_pooldb::Image;
use uuid::Uuid;

pub use kept::current;

use super::spec;

/// An identity for the planner.
#[must_use]
pub fn id<C>(reference: Ref<C>) -> Uuid {
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

/// Key of `VM.other_config`: uuids of the only hosts that may run the VM, separated by commas.
pub const HOSTS_KEY: &str = "haven_hosts";
/// Key of `VM.platform`: processor features that the guest needs, separated by commas.
pub const CPU_FLAGS_KEY: &str = "cpu_flags";

/// One VM as the planner sees it; its place is where its placement says.
#[must_use]
pub fn vm(db: &Image, reference: Ref<Vm>, row: &Vm) -> planner::Vm {
    let vcpus = u32::try_from(row.vcpus_max).unwrap_or(1);
    let guest = u64::try_from(row.memory_static_max).unwrap_or(0);
    let resident = row.resident_on.non_null().map(id);
    let holders = db.get(super::placement::of(reference)).map(|row| row.holders.as_slice());
    let holders = holders.unwrap_or_default().iter().map(|holder| id(holder.host));
    planner::Vm {
        id: id(reference),
        name: row.name_label.clone(),
        memory: planner::memory_need(guest, vcpus),
        vcpus,
        cpu_features: row.platform.get(CPU_FLAGS_KEY).map(|text| words(text)).unwrap_or_default(),
        runs_with: runs_with(row),
        srs: disks(db, row)
            .iter()
            .filter(|(_, _, vbd)| vbd.r#type == VbdType::Disk || !vbd.empty)
            .map(|(_, vdi, _)| id(vdi.sr))
            .collect(),
        networks: networks(db, row),
        affinity: row.affinity.non_null().map(id),
        pin: pin(db, row),
        apart: groups(db, row).map(|(group, _)| id(group)).collect(),
        avoid: BTreeSet::new(),
        resident,
        also_on: holders.filter(|host| Some(*host) != resident).collect(),
        protection: protection(row),
        order: row.order,
        start_delay_s: u64::try_from(row.start_delay).unwrap_or(0),
    }
}

/// What its guest sees of a processor, while it runs or its memory is kept.
fn runs_with(row: &Vm) -> BTreeSet<String> {
    match (row.power_state, spec::booted(row)) {
        (VmPowerState::Halted, _) | (_, None) => BTreeSet::new(),
        (_, Some(CpuModel::Named(model))) => models(&model).collect(),
        (_, Some(CpuModel::Host)) => {
            row.last_boot_cpu_flags.get("features").map(|text| words(text)).unwrap_or_default()
        }
    }
}

/// Models as they stand among features. What every host can emulate says nothing.
fn models(text: &str) -> impl Iterator<Item = String> {
    let named = words(text).into_iter().filter(|model| model != spec::COMMON_CPU_MODEL);
    named.map(|model| format!("{}{model}", planner::CPU_MODEL_PREFIX))
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split([',', ' ']).map(str::trim);
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The groups of a VM whose members must not share a host.
fn groups<'a>(
    db: &'a Image,
    row: &'a Vm,
) -> impl Iterator<Item = (Ref<VmGroup>, &'a VmGroup)> + 'a {
    let groups = row.groups.iter().filter_map(|group| Some((*group, db.get(*group)?)));
    groups.filter(|(_, group)| group.placement == PlacementPolicy::AntiAffinity)
}

/// The hosts to which a rule of the administrator or a device binds a VM.
fn pin(db: &Image, row: &Vm) -> Option<planner::Pin> {
    let mut found: Option<planner::Pin> = None;
    let mut bind = |hosts: BTreeSet<Uuid>, by: &str| {
        found = Some(match found.take() {
            None => planner::Pin { hosts, by: by.to_owned() },
            Some(before) => planner::Pin {
                hosts: before.hosts.intersection(&hosts).copied().collect(),
                by: format!("{} and {by}", before.by),
            },
        });
    };
    if let Some(text) = row.other_config.get(HOSTS_KEY) {
        bind(words(text).iter().filter_map(|word| word.parse().ok()).collect(), "its host rule");
    }
    for pci in row.attached_pcis.iter().filter_map(|pci| db.get(*pci)) {
        bind(BTreeSet::from([id(pci.host)]), "a PCI device");
    }
    for vgpu in row.vgpus.iter().filter_map(|vgpu| db.get(*vgpu)) {
        let pgpus = db.get(vgpu.gpu_group).map(|group| group.pgpus.clone()).unwrap_or_default();
        let hosts = pgpus.iter().filter_map(|pgpu| Some(id(db.get(*pgpu)?.host)));
        bind(hosts.collect(), "a graphics processor");
    }
    for vusb in row.vusbs.iter().filter_map(|vusb| db.get(*vusb)) {
        let pusbs = db.get(vusb.usb_group).map(|group| group.pusbs.clone()).unwrap_or_default();
        let hosts = pusbs.iter().filter_map(|pusb| Some(id(db.get(*pusb)?.host)));
        bind(hosts.collect(), "a USB device");
    }
    found
}

/// The pool with all VMs that are placed somewhere, or should run; with what its policy of high
/// availability changes about it. A copy of [`current`].
#[must_use]
pub fn pool(db: &Image) -> planner::Pool {
    Arc::unwrap_or_clone(current(db))
}

/// Whether a VM is placed somewhere, or should run.
fn counts(db: &Image, reference: Ref<Vm>, row: &Vm) -> bool {
    let machine = !row.is_a_template && !row.is_control_domain && !row.is_a_snapshot;
    let placed =
        || !row.resident_on.is_null() || !super::placement::holders(db, reference).is_empty();
    let waits = row.ha_always_run && row.power_state == VmPowerState::Halted;
    machine && (waits || placed())
}

/// Memory, virtual processors and number of the VMs of a host.
type Taken = (u64, u32, u32);

/// Whether a host lives, and the bytes that its VMs may use.
fn size(db: &Image, row: &Host) -> (bool, u64) {
    let metrics = db.get::<HostMetrics>(row.metrics);
    let total = metrics.and_then(|m| u64::try_from(m.memory_total).ok()).unwrap_or(0);
    let overhead = u64::try_from(row.memory_overhead).unwrap_or(0);
    (metrics.is_some_and(|m| m.live), total.saturating_sub(overhead))
}

fn host(
    db: &Image,
    reference: Ref<Host>,
    row: &Host,
    (used, vcpus_used, vms): Taken,
) -> planner::Host {
    let (live, total) = size(db, row);
    let cpu = |key: &str| row.cpu_info.get(key).map(String::as_str).unwrap_or_default();
    let whole = |text: &str| text.split('.').next().and_then(|whole| whole.parse().ok());
    planner::Host {
        id: id(reference),
        name: row.name_label.clone(),
        enabled: row.enabled,
        live,
        quarantined: super::quarantine::holds(row),
        dedicated: false,
        memory_total: total,
        memory_free: total.saturating_sub(used),
        cpus: whole(cpu("cpu_count")).unwrap_or(0),
        vcpus_used,
        cpu_mhz: whole(cpu("speed")).unwrap_or(0),
        cpu_features: words(cpu("flags"))
            .into_iter()
            .chain(models(cpu(spec::GUEST_MODELS_KEY)))
            .collect(),
        srs: row
            .pbds
            .iter()
            .filter_map(|pbd| db.get::<Pbd>(*pbd))
            .filter(|pbd| pbd.currently_attached && !super::storage_marks::is_lost(pbd))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_pooldb::{Database, MemStore};

    use super::*;

    /// Row 73: what a guest was started with is compared with what each host can give, as long as
    /// it runs or its memory is kept.
    #[test]
    fn a_guest_that_runs_is_bound_to_the_processors_that_it_began_with() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let vm: Ref<Vm> = Ref::from_u128(7);
        let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        db.transact(|tx| {
            for (host, models) in [(1, "qemu64 Icelake-Server"), (2, "qemu64")] {
                let cpu_info = text(&[("flags", "sse4_2"), (spec::GUEST_MODELS_KEY, models)]);
                tx.insert_with(Ref::from_u128(host), Host { cpu_info, ..Host::default() })?;
            }
            let cpu_info = text(&[(spec::CPU_MODEL_KEY, "Icelake-Server")]);
            tx.insert(haven_model::Pool { cpu_info, ..haven_model::Pool::default() })?;
            let last_boot_cpu_flags = spec::boot_flags(tx, Ref::from_u128(1))?;
            tx.insert_with(vm, Vm { last_boot_cpu_flags, ..Vm::default() })
        })
        .unwrap();
        let mut needs = |state: VmPowerState| {
            db.transact(move |tx| tx.update(vm, |row: &mut Vm| row.power_state = state)).unwrap();
            super::vm(&db, vm, db.require(vm).unwrap()).runs_with
        };
        let model = BTreeSet::from(["model:Icelake-Server".to_owned()]);
        assert_eq!(needs(VmPowerState::Running), model);
        assert_eq!(needs(VmPowerState::Suspended), model);
        assert_eq!(needs(VmPowerState::Halted), BTreeSet::new());
        let can = |host: u128| pool(&db).host(Uuid::from_u128(host)).unwrap().clone();
        assert!(can(1).cpu_features.contains("model:Icelake-Server"));
        assert_eq!(can(2).cpu_features, BTreeSet::from(["sse4_2".to_owned()]));
        // The pool's model may change meanwhile: what is resumed sees what it saw.
        let model = |db: &Image| {
            let mount = std::path::Path::new("/mnt");
            let row = db.require(vm).unwrap().clone();
            assert_eq!(spec::booted(&row), Some(CpuModel::Named("Icelake-Server".to_owned())));
            spec::domain(db, vm, mount, 1).map(|domain| domain.cpu_model)
        };
        db.transact(|tx| {
            let (pool, _) = super::super::rows::pool(tx)?;
            tx.update(pool, |row: &mut haven_model::Pool| {
                row.cpu_info.insert(spec::CPU_MODEL_KEY.to_owned(), "qemu64".to_owned());
            })
        })
        .unwrap();
        assert_eq!(model(&db), Ok(CpuModel::Named("qemu64".to_owned())), "it starts anew");
        db.transact(|tx| tx.update(vm, |row: &mut Vm| row.power_state = VmPowerState::Suspended))
            .unwrap();
        assert_eq!(model(&db), Ok(CpuModel::Named("Icelake-Server".to_owned())));
    }
}
