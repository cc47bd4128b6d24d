//! What a new simulated pool contains.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_drivers::hypervisor::{DomainSpec, Hypervisor};
use haven_model::{
    ApiError, Host, HostMetrics, Network, Pbd, Pool, Ref, Sr, Vbd, VbdMode, VbdType, Vdi, VdiType,
    Vif, Vm, VmGuestMetrics, VmPowerState,
};
use haven_pooldb::Tx;
use uuid::Uuid;

use super::{SimPeer, Simulation};
use crate::ops::vm::{create, state as vm_state};
use crate::ops::{allowed, host, host_rows, pbd, placement, rows, vif};
use crate::state::{AppState, Lives, fresh, now};

const GIB: i64 = 1 << 30;
const MIB: i64 = 1 << 20;
/// Memory of a VM.
const VM_MEMORY_BYTES: i64 = 256 * MIB;
/// One VM in this many is halted.
const HALTED_EVERY: usize = 10;
/// What the names of VMs begin with.
const KINDS: [&str; 5] = ["web", "db", "mail", "build", "desk"];

/// Writes hosts, storage and VMs; a transaction for each host keeps all of them short.
pub(super) async fn fill(
    state: &Arc<AppState>,
    peers: &[SimPeer],
    vms: usize,
) -> Result<(), ApiError> {
    for peer in peers {
        let peer = peer.clone();
        state.pool.write(move |tx| add_host(tx, &peer)).await?;
    }
    let this = state.this_host();
    let hosts: Vec<Ref<Host>> = std::iter::once(this)
        .chain(peers.iter().map(|peer| Ref::from_uuid(peer.host().0)))
        .collect();
    let on = hosts.clone();
    let sr = state.pool.write(move |tx| add_storage(tx, &on)).await?;
    let lives = state.lives();
    for (index, on) in hosts.iter().copied().enumerate() {
        let numbers: Vec<usize> = (0..vms).filter(|n| n % hosts.len() == index).collect();
        let lives = lives.clone();
        state
            .pool
            .write(move |tx| numbers.into_iter().try_for_each(|n| add_vm(tx, n, on, sr, &lives)))
            .await?;
    }
    Ok(())
}

fn add_host(tx: &mut Tx<'_>, peer: &SimPeer) -> Result<(), ApiError> {
    let reference = Ref::<Host>::from_uuid(peer.host().0);
    if tx.contains(reference) {
        return Ok(());
    }
    host_rows::insert(tx, &peer.member(), peer.facts())?;
    let metrics = tx.require(reference)?.metrics;
    tx.update(metrics, |row: &mut HostMetrics| row.live = true)
}

fn add_storage(tx: &mut Tx<'_>, hosts: &[Ref<Host>]) -> Result<Ref<Sr>, ApiError> {
    let row = Sr {
        uuid: fresh().to_string(),
        name_label: "shared".to_owned(),
        name_description: "Simulated NFS".to_owned(),
        r#type: "nfs".to_owned(),
        content_type: "user".to_owned(),
        shared: true,
        physical_size: 64 << 40,
        ..Sr::default()
    };
    // The reference of a repository and its uuid are the same bits, as the operations make it.
    let sr = Ref::<Sr>::from_uuid(rows::uuid(&row.uuid)?);
    tx.insert_with(sr, Sr { allowed_operations: allowed::sr_allowed(&row), ..row })?;
    for host in hosts {
        let device_config = BTreeMap::from([
            ("server".to_owned(), "nas".to_owned()),
            ("serverpath".to_owned(), "/vms".to_owned()),
        ]);
        let pbd = pbd::insert(tx, *host, sr, device_config)?;
        tx.update(pbd, |row: &mut Pbd| row.currently_attached = true)?;
    }
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        row.default_sr = sr;
        row.suspend_image_sr = sr;
    })?;
    Ok(sr)
}

fn add_vm(
    tx: &mut Tx<'_>,
    number: usize,
    on: Ref<Host>,
    sr: Ref<Sr>,
    lives: &Lives,
) -> Result<(), ApiError> {
    let kind = KINDS.get(number % KINDS.len()).copied().unwrap_or("vm");
    let vm = create::insert(
        tx,
        Vm {
            name_label: format!("{kind}-{number:04}"),
            name_description: format!("Simulated VM number {number}"),
            memory_static_max: VM_MEMORY_BYTES,
            memory_static_min: VM_MEMORY_BYTES / 2,
            vcpus_max: 2,
            hvm_boot_policy: "BIOS order".to_owned(),
            hvm_boot_params: BTreeMap::from([("order".to_owned(), "cdn".to_owned())]),
            platform: BTreeMap::from([("acpi".to_owned(), "1".to_owned())]),
            tags: vec![kind.to_owned()],
            ..Vm::default()
        },
    )?;
    add_devices(tx, vm, sr, number)?;
    if number % HALTED_EVERY == HALTED_EVERY - 1 {
        return Ok(());
    }
    placement::set(tx, vm, vec![lives.holder(on)])?;
    vm_state::started(tx, vm, on, false)?;
    let metrics = tx.insert(VmGuestMetrics { live: true, ..guest_metrics(number) })?;
    tx.update(vm, |row: &mut Vm| row.guest_metrics = metrics)
}

fn guest_metrics(number: usize) -> VmGuestMetrics {
    let text = |pairs: &[(&str, String)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let (high, low) = (number / 256, number % 256);
    VmGuestMetrics {
        uuid: fresh().to_string(),
        os_version: text(&[
            ("name", "Debian GNU/Linux 12".to_owned()),
            ("distro", "debian".into()),
        ]),
        networks: text(&[("0/ip", format!("10.20.{high}.{low}"))]),
        pv_drivers_detected: true,
        pv_drivers_up_to_date: true,
        last_updated: now(),
        ..VmGuestMetrics::default()
    }
}

fn add_devices(tx: &mut Tx<'_>, vm: Ref<Vm>, sr: Ref<Sr>, number: usize) -> Result<(), ApiError> {
    let uuid = fresh();
    let row = Vdi {
        uuid: uuid.to_string(),
        name_label: format!("disk of VM {number}"),
        sr,
        virtual_size: 20 * GIB,
        physical_utilisation: 3 * GIB,
        r#type: VdiType::System,
        managed: true,
        location: uuid.to_string(),
        ..Vdi::default()
    };
    let vdi = Ref::<Vdi>::from_uuid(uuid);
    tx.insert_with(vdi, Vdi { allowed_operations: allowed::vdi_allowed(&row, false), ..row })?;
    let row = Vbd {
        vm,
        vdi,
        device: "vda".to_owned(),
        userdevice: "0".to_owned(),
        bootable: true,
        mode: VbdMode::Rw,
        r#type: VbdType::Disk,
        unpluggable: true,
        ..Vbd::default()
    };
    tx.insert(Vbd { allowed_operations: allowed::vbd_allowed(&row, false), ..row })?;
    let network = tx.iter::<Network>().next().map(|(network, _)| network);
    if let Some(network) = network {
        vif::insert(tx, Vif { vm, network, device: "0".to_owned(), ..Vif::default() })?;
    }
    Ok(())
}

/// Starts the guests that should run, without anybody's orders.
pub(super) async fn run_guests(
    state: &Arc<AppState>,
    simulation: &Simulation,
) -> Result<(), ApiError> {
    let running: Vec<(Uuid, String, Uuid)> = state
        .pool
        .read(|db| {
            db.iter::<Vm>()
                .filter(|(_, row)| row.power_state != VmPowerState::Halted && !row.is_a_template)
                .filter_map(|(_, row)| {
                    let on = host::id(row.resident_on.non_null()?).0;
                    Some((rows::uuid(&row.uuid).ok()?, row.name_label.clone(), on))
                })
                .collect()
        })
        .await?;
    let memory_bytes = VM_MEMORY_BYTES.unsigned_abs();
    for (uuid, name, on) in running {
        let Some(number) = simulation.world.named(on) else { continue };
        let spec = DomainSpec { uuid, name, memory_bytes, vcpus: 2, ..DomainSpec::default() };
        if let Err(error) = simulation.world.hypervisor(number).start(&spec, false) {
            tracing::warn!(vm = %uuid, %error, "a simulated guest did not start");
        }
    }
    Ok(())
}
