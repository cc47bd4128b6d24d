//! Devices of running VMs: plugging in and out, changing media and networks.
//!
//! A device counts as attached from the moment that the hypervisor may have it: when it is not
//! known whether an order took effect, it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_drivers::hypervisor::{DiskBus, DomainChange, HypervisorError};
use haven_model::{
    ApiError, Host, Network, Ref, Value, Vbd, VbdMode, VbdType, Vdi, Vif, Vm, VmPowerState, codes,
};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::vm::state as vm_state;
use super::vm::{migrate, nics};
use super::{allowed, errors, host, spec, vbd, vdi};
use crate::dispatch::Call;
use crate::orders::{Order, OrderError};
use crate::state::AppState;
use crate::tasks::Plan;

/// A running VM.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) vm: Ref<Vm>,
    pub(super) on: Ref<Host>,
    pub(super) id: Uuid,
}

/// The VM, if it executes.
///
/// # Errors
/// `VM_BAD_POWER_STATE`.
pub(super) fn running(db: &Image, vm: Ref<Vm>) -> Result<Running, ApiError> {
    let row = db.require(vm)?;
    if !matches!(row.power_state, VmPowerState::Running | VmPowerState::Paused) {
        let actual = row.power_state.as_str().to_lowercase();
        return Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"running", &actual]));
    }
    let (on, id) = vm_state::residence(db, vm)?;
    Ok(Running { vm, on, id })
}

/// The VM as it is now that it is this operation's turn. After a migration whose end nobody saw it
/// is found out where it runs: a host that it left knows nothing of its devices.
///
/// # Errors
/// It does not run any more, or a host that may run it does not answer.
pub(super) async fn now(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<Running, ApiError> {
    migrate::settle(state, vm).await?;
    state.pool.read(|db| running(db, vm)).await?
}

/// Changes a running VM.
pub(super) async fn change(
    state: &Arc<AppState>,
    at: Running,
    change: DomainChange,
) -> Result<(), OrderError> {
    let order = Order::ChangeVm { vm: at.id, change: Box::new(change) };
    state.orders.send(host::id(at.on), order).await.map(|_| ())
}

/// It is not known what the order did.
fn unsure(error: &OrderError) -> bool {
    matches!(
        error,
        OrderError::OutcomeUnknown { .. }
            | OrderError::Hypervisor(
                HypervisorError::Deadline { .. } | HypervisorError::Disconnected(_)
            )
    )
}

/// The hypervisor knows no such device: it is unplugged.
fn absent(error: &OrderError) -> bool {
    match error {
        OrderError::Hypervisor(HypervisorError::Failed { text, .. }) => {
            ["not found", "no device", "no target device", "no matching"]
                .iter()
                .any(|words| text.contains(words))
        }
        OrderError::Hypervisor(HypervisorError::NotRunning(_)) => true,
        _ => false,
    }
}

/// A change that the guest or the hypervisor refused.
fn refused(on: Ref<Host>, class: &str, device: &str, error: OrderError) -> ApiError {
    match error {
        OrderError::Hypervisor(HypervisorError::Failed { text, .. }) => {
            ApiError::with(codes::DEVICE_DETACH_REJECTED, &[&class, &device, &text])
        }
        other => errors::order(on, other),
    }
}

/// `VBD.plug(vbd)`.
pub async fn plug_disk(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    let mount = call.state.config.paths.sr_mount();
    let judge = move |db: &Image| {
        let row = db.require(vbd)?;
        if row.currently_attached {
            return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vbd]));
        }
        let at = running(db, row.vm)?;
        if row.r#type == VbdType::Cd {
            return Err(ApiError::not_allowed(
                "a CD drive is added when its VM starts; discs can be changed at any time",
            ));
        }
        usable(db, row, at)?;
        pluggable(db, row)?;
        Ok((at, spec::disk(db, row, &mount)?, row.vdi))
    };
    let (at, _, vdi) = call.read(&judge).await?;
    let state = call.state.clone();
    let plan = Plan::new("plug").exclusive(at.vm).exclusive(vbd).shared(vdi).step("plug", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        now(&state, at.vm).await?;
        // Another VM may have got it meanwhile, or the disk gone on in another volume. From here
        // on it is this one's, before any host hears of it: of two at once one comes second.
        let reserve = move |tx: &mut Tx<'_>| {
            let found = judge(tx)?;
            mark_disk(tx, vbd, true)?;
            Ok(found)
        };
        let (at, disk, _) = state.pool.write(reserve).await?;
        let sent = change(&state, at, DomainChange::AttachDisk(disk)).await;
        if sent.as_ref().is_err_and(|error| !unsure(error)) {
            state.pool.write(move |tx| mark_disk(tx, vbd, false)).await?;
        }
        sent.map_err(|error| errors::order(at.on, error))?;
        Ok(Value::void())
    })
    .await
}

/// `VBD.assert_attachable(vbd)`: whether its VM could have it now.
pub async fn assert_attachable(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vbd)?;
        if row.empty {
            return Ok(Value::void());
        }
        match running(db, row.vm) {
            Ok(at) => usable(db, row, at)?,
            Err(_) => vdi::unused(db, row.vdi, "attach")?,
        }
        Ok(Value::void())
    })
    .await
}

/// The disk can be used by a VM on its host.
fn usable(db: &Image, row: &Vbd, at: Running) -> Result<(), ApiError> {
    let disk = db.require::<Vdi>(row.vdi)?;
    if row.mode == VbdMode::Rw && !disk.sharable {
        if let Some(other) = vm_state::user_of(db, row.vdi, at.vm) {
            let why = format!("attached to VM {other}");
            return Err(ApiError::with(codes::VDI_IN_USE, &[&row.vdi, &why]));
        }
        if disk.is_a_snapshot || !super::chain::children(db, disk).is_empty() {
            let why = "a snapshot can only be attached read-only";
            return Err(ApiError::with(codes::VDI_IN_USE, &[&row.vdi, &why]));
        }
    }
    let (on, _) = spec::sr_host(db, disk.sr, at.on)?;
    if on != at.on {
        return Err(ApiError::with(codes::VM_REQUIRES_SR, &[&at.vm, &disk.sr]));
    }
    Ok(())
}

/// Its bus takes a disk while the guest runs.
fn pluggable(db: &Image, row: &Vbd) -> Result<(), ApiError> {
    let scsi = |other: &Vbd| other.currently_attached && vbd::bus(other) == Ok(DiskBus::Scsi);
    let mut others = db.require(row.vm)?.vbds.iter().filter_map(|other| db.get(*other));
    match vbd::bus(row)? {
        DiskBus::Sata => Err(ApiError::not_allowed(
            "a SATA disk comes only while its VM is off; shut it down, or choose virtio",
        )),
        DiskBus::Scsi if !others.any(scsi) => Err(ApiError::not_allowed(
            "the VM was started without a SCSI disk and has no controller for one; shut it down \
             and start it with this disk, or choose virtio",
        )),
        DiskBus::Scsi | DiskBus::Virtio => Ok(()),
    }
}

fn mark_disk(tx: &mut Tx<'_>, vbd: Ref<Vbd>, on: bool) -> Result<(), ApiError> {
    tx.update(vbd, |row: &mut Vbd| {
        row.currently_attached = on;
        row.allowed_operations = allowed::vbd_allowed(row, true);
    })?;
    let disk = tx.require(vbd)?.vdi;
    if on {
        let vm = tx.require(vbd)?.vm;
        super::chain::touched(tx, vm)?;
    }
    vdi::refresh_allowed(tx, disk)
}

/// `VBD.unplug(vbd)`, `VBD.unplug_force(vbd)`.
pub async fn unplug_disk(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    let (at, target) = call
        .read(|db| {
            let row = db.require(vbd)?;
            if !row.currently_attached {
                return Err(ApiError::with(codes::DEVICE_ALREADY_DETACHED, &[&vbd]));
            }
            if row.r#type == VbdType::Cd {
                return Err(ApiError::not_allowed(
                    "a CD drive is removed when its VM is off; eject the disc instead",
                ));
            }
            let target = spec::target(&row.userdevice, false)
                .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&row.userdevice]))?;
            Ok((running(db, row.vm)?, target))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("unplug").exclusive(at.vm).exclusive(vbd).step("unplug", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let at = now(&state, at.vm).await?;
        match change(&state, at, DomainChange::DetachDisk { target }).await {
            Err(error) if !absent(&error) => {
                return Err(refused(at.on, "VBD", &vbd.to_string(), error));
            }
            _ => {}
        }
        state.pool.write(move |tx| mark_disk(tx, vbd, false)).await?;
        Ok(Value::void())
    })
    .await
}

/// `VBD.insert(vbd, vdi)` and `VBD.eject(vbd)`.
pub async fn change_medium(call: Arc<Call>) -> Result<Value, ApiError> {
    let vbd: Ref<Vbd> = call.arg(0)?;
    let disk: Ref<Vdi> = if call.method == "VBD.insert" { call.arg(1)? } else { Ref::NULL };
    let mount = call.state.config.paths.sr_mount();
    let (vm, verdict, drive) = call
        .read(|db| {
            let row = db.require(vbd)?;
            if row.r#type != VbdType::Cd {
                return Err(ApiError::with(codes::VBD_NOT_REMOVABLE_MEDIA, &[&vbd]));
            }
            if disk.is_null() && row.empty {
                return Err(ApiError::with(codes::VBD_IS_EMPTY, &[&vbd]));
            }
            if !disk.is_null() && !row.empty {
                return Err(ApiError::with(codes::VBD_NOT_EMPTY, &[&vbd]));
            }
            vbd::changeable(db, row.vm)?;
            if !disk.is_null() {
                super::own_volumes::usable(db, disk)?;
            }
            let now = Vbd { vdi: disk, empty: disk.is_null(), ..row.clone() };
            // A disc that one host alone reaches ties the machine to it as a disk does.
            let verdict = match disk.non_null() {
                Some(disk) => super::admission::check_disk(db, row.vm, db.require(disk)?.sr)?,
                None => super::admission::Verdict::default(),
            };
            if !row.currently_attached {
                return Ok((row.vm, verdict, None));
            }
            let at = running(db, row.vm)?;
            if !disk.is_null() {
                usable(db, &now, at)?;
            }
            Ok((row.vm, verdict, Some((at, spec::disk(db, &now, &mount)?))))
        })
        .await?;
    let state = call.state.clone();
    let name = if disk.is_null() { "eject" } else { "insert" };
    let plan = Plan::new(name).exclusive(vm).exclusive(vbd).step(name, 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        if let Some((at, drive)) = drive {
            let at = now(&state, at.vm).await?;
            let sent = change(&state, at, DomainChange::Media(drive)).await;
            sent.map_err(|error| refused(at.on, "VBD", &vbd.to_string(), error))?;
        }
        state
            .pool
            .write(move |tx| {
                super::admission::settle(tx, verdict, true)?;
                tx.update(vbd, |row: &mut Vbd| {
                    row.vdi = disk;
                    row.empty = disk.is_null();
                    row.allowed_operations = allowed::vbd_allowed(row, row.currently_attached);
                })
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `VIF.plug(vif)`.
pub async fn plug_nic(call: Arc<Call>) -> Result<Value, ApiError> {
    let vif: Ref<Vif> = call.arg(0)?;
    let (at, nic, bridge) = call
        .read(|db| {
            let row = db.require(vif)?;
            if row.currently_attached {
                return Err(ApiError::with(codes::DEVICE_ALREADY_ATTACHED, &[&vif]));
            }
            let at = running(db, row.vm)?;
            let network = reachable(db, row.network, at)?;
            Ok((at, spec::nic(db, row)?, nics::ensure(db, network, at.on)))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("plug").exclusive(at.vm).exclusive(vif).step("plug", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let made = state.orders.send(host::id(at.on), bridge).await;
        made.map_err(|error| errors::order(at.on, error))?;
        let sent = change(&state, at, DomainChange::AttachNic(nic)).await;
        if sent.is_ok() || sent.as_ref().is_err_and(unsure) {
            state.pool.write(move |tx| mark_nic(tx, vif, true)).await?;
        }
        sent.map_err(|error| errors::order(at.on, error))?;
        Ok(Value::void())
    })
    .await
}

/// The network is present on the VM's host.
fn reachable(db: &Image, network: Ref<Network>, at: Running) -> Result<&Network, ApiError> {
    let row = db.require(network)?;
    let mut pifs = row.pifs.iter().filter_map(|pif| db.get(*pif));
    let here = row.pifs.is_empty()
        || pifs.any(|pif: &haven_model::Pif| pif.host == at.on && pif.currently_attached);
    if here {
        return Ok(row);
    }
    Err(ApiError::with(codes::VM_REQUIRES_NETWORK, &[&at.vm, &network]))
}

fn mark_nic(tx: &mut Tx<'_>, vif: Ref<Vif>, on: bool) -> Result<(), ApiError> {
    tx.update(vif, |row: &mut Vif| {
        row.currently_attached = on;
        row.allowed_operations = allowed::vif_allowed(row, true);
    })
}

/// `VIF.unplug(vif)`, `VIF.unplug_force(vif)`.
pub async fn unplug_nic(call: Arc<Call>) -> Result<Value, ApiError> {
    let vif: Ref<Vif> = call.arg(0)?;
    let (at, mac) = call
        .read(|db| {
            let row = db.require(vif)?;
            if !row.currently_attached {
                return Err(ApiError::with(codes::DEVICE_ALREADY_DETACHED, &[&vif]));
            }
            Ok((running(db, row.vm)?, row.mac.clone()))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("unplug").exclusive(at.vm).exclusive(vif).step("unplug", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let at = now(&state, at.vm).await?;
        match change(&state, at, DomainChange::DetachNic { mac }).await {
            Err(error) if !absent(&error) => {
                return Err(refused(at.on, "VIF", &vif.to_string(), error));
            }
            _ => {}
        }
        state.pool.write(move |tx| mark_nic(tx, vif, false)).await?;
        Ok(Value::void())
    })
    .await
}

/// `VIF.move(vif, network)`: also while its VM runs.
pub async fn move_nic(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vif, network): (Ref<Vif>, Ref<Network>) = (call.arg(0)?, call.arg(1)?);
    let (vm, verdict, live) = call
        .read(|db| {
            let row = db.require(vif)?;
            db.require(network)?;
            vbd::changeable(db, row.vm)?;
            let verdict = super::admission::check_nic(db, row.vm, network)?;
            if !row.currently_attached {
                return Ok((row.vm, verdict, None));
            }
            let at = running(db, row.vm)?;
            let found = reachable(db, network, at)?;
            let nic = spec::nic(db, &Vif { network, ..row.clone() })?;
            Ok((row.vm, verdict, Some((at, nic, nics::ensure(db, found, at.on)))))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("move").exclusive(vm).exclusive(vif).step("move", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        if let Some((at, nic, bridge)) = live {
            let made = state.orders.send(host::id(at.on), bridge).await;
            made.map_err(|error| errors::order(at.on, error))?;
            let sent = change(&state, at, DomainChange::MoveNic(nic)).await;
            sent.map_err(|error| errors::order(at.on, error))?;
        }
        state
            .pool
            .write(move |tx| {
                super::admission::settle(tx, verdict, true)?;
                tx.update(vif, |row: &mut Vif| row.network = network)
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `VIF.set_qos_algorithm_type`, `VIF.set_qos_algorithm_params`, `VIF.add_to_qos_algorithm_params`,
/// `VIF.remove_from_qos_algorithm_params`: a running guest is limited at once.
pub async fn limit_nic(call: Arc<Call>) -> Result<Value, ApiError> {
    let vif: Ref<Vif> = call.arg(0)?;
    let edit = limit_edit(&call)?;
    let wanted = edit.clone();
    let (vm, live) = call
        .read(|db| {
            let mut row = db.require(vif)?.clone();
            wanted(&mut row);
            super::vif::limit(&row)?;
            let live =
                row.currently_attached && db.require(row.vm)?.resident_on.non_null().is_some();
            let live =
                live.then(|| Ok::<_, ApiError>((running(db, row.vm)?, spec::nic(db, &row)?)));
            Ok((row.vm, live.transpose()?))
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new("limit").exclusive(vm).exclusive(vif).step("limit", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        if let Some((at, nic)) = live {
            // The same interface with another limit.
            let sent = change(&state, at, DomainChange::MoveNic(nic)).await;
            sent.map_err(|error| refused(at.on, "VIF", &vif.to_string(), error))?;
        }
        state.pool.write(move |tx| tx.update(vif, |row: &mut Vif| edit(row))).await?;
        Ok(Value::void())
    })
    .await
}

/// What a message does to the row of a VIF.
type VifEdit = Arc<dyn Fn(&mut Vif) + Send + Sync>;

/// What such a message does to the row.
fn limit_edit(call: &Call) -> Result<VifEdit, ApiError> {
    let name = call.method.strip_prefix("VIF.").unwrap_or_default();
    Ok(match name {
        "set_qos_algorithm_type" => {
            let kind: String = call.arg(1)?;
            Arc::new(move |row| row.qos_algorithm_type.clone_from(&kind))
        }
        "set_qos_algorithm_params" => {
            let params: BTreeMap<String, String> = call.arg(1)?;
            Arc::new(move |row| row.qos_algorithm_params.clone_from(&params))
        }
        "remove_from_qos_algorithm_params" => {
            let key: String = call.arg(1)?;
            Arc::new(move |row| {
                row.qos_algorithm_params.remove(&key);
            })
        }
        _ => {
            let (key, value): (String, String) = (call.arg(1)?, call.arg(2)?);
            Arc::new(move |row| {
                row.qos_algorithm_params.insert(key.clone(), value.clone());
            })
        }
    })
}
