//! Going back to a snapshot.
//!
//! The VM's disks keep their identity: each goes on in a new, empty volume above the frozen one.
//! All rows change in one transaction; what the VM wrote since is deleted only after that.

use std::sync::Arc;

use haven_model::{
    ApiError, Host, Ref, Value, Vbd, VbdType, Vdi, Vif, Vm, VmOperations, VmPowerState, alerts,
    codes,
};
use haven_pooldb::{Image, Tx};
use serde_json::json;
use uuid::Uuid;

use super::migrate;
use super::state::{self as vm_state, Undo};
use super::suspend;
use crate::dispatch::Call;
use crate::ops::{allowed, chain, host, news, vdi, view};
use crate::orders::Order;
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

/// One disk of the snapshot.
#[derive(Clone, Debug)]
struct Disk {
    /// The frozen one.
    from: Ref<Vdi>,
    /// The VM's, if it still has it; else a new one.
    to: Ref<Vdi>,
    /// It is a new one.
    new: bool,
    /// Volume in which it goes on.
    top: Uuid,
}

/// `VM.revert(snapshot)`.
pub async fn revert(call: Arc<Call>) -> Result<Value, ApiError> {
    let snapshot: Ref<Vm> = call.arg(0)?;
    let (vm, disks) = call.read(|db| prepare(db, snapshot)).await?;
    let mut plan = Plan::new(VmOperations::Revert.as_str()).exclusive(vm).exclusive(snapshot);
    for disk in &disks {
        plan = plan.exclusive(disk.to).shared(disk.from).step("make room", 1);
    }
    let state = call.state.clone();
    call.run(plan.step("stop", 4).step("go back", 2), move |mut op| async move {
        for disk in &disks {
            let sr = state.pool.read(|db| db.require(disk.from).map(|row| row.sr)).await??;
            op.step_undo(&Undo::DropVolume { sr, volume: disk.top }).await?;
            chain::overlay(&state, disk.from, disk.top).await?;
        }
        let old = go_back(&state, &mut op, vm, snapshot, disks).await?;
        op.commit().await;
        for disk in old {
            if let Err(error) = chain::delete(&state, disk).await {
                tracing::warn!(%error, vdi = %disk, "what was given up could not be deleted");
            }
        }
        Ok(Value::void())
    })
    .await
}

fn prepare(db: &Image, snapshot: Ref<Vm>) -> Result<(Ref<Vm>, Vec<Disk>), ApiError> {
    let row = db.require(snapshot)?;
    allowed::vm_operation(snapshot, row, VmOperations::Revert)?;
    let vm = row.snapshot_of;
    let Some(vm_row) = db.get(vm) else {
        return Err(ApiError::with(codes::VM_REVERT_FAILED, &[&vm, &snapshot]));
    };
    if let Some(why) = vm_row.blocked_operations.get(&VmOperations::Revert) {
        return Err(ApiError::with(codes::OPERATION_BLOCKED, &[&vm, why]));
    }
    let own: Vec<Ref<Vdi>> = view::disks(db, vm_row).into_iter().map(|(disk, _, _)| disk).collect();
    let mut disks: Vec<Disk> = Vec::new();
    for (from, frozen, vbd) in view::disks(db, row) {
        if vbd.r#type != VbdType::Disk {
            continue;
        }
        chain::freezable(db, from)?;
        let of = frozen.snapshot_of;
        let kept = own.contains(&of) && !disks.iter().any(|disk| disk.to == of);
        let top = fresh();
        let to = if kept { of } else { Ref::from_uuid(top) };
        if kept && let Some(other) = vm_state::user_of(db, of, vm) {
            let why = format!("attached to VM {other}");
            return Err(ApiError::with(codes::VDI_IN_USE, &[&of, &why]));
        }
        disks.push(Disk { from, to, new: !kept, top });
    }
    Ok((vm, disks))
}

/// Stops the VM if it runs, then changes all rows; answers disks that hold what is given up.
async fn go_back(
    state: &Arc<AppState>,
    op: &mut Op,
    vm: Ref<Vm>,
    snapshot: Ref<Vm>,
    disks: Vec<Disk>,
) -> Result<Vec<Ref<Vdi>>, ApiError> {
    op.step().await?;
    migrate::settle(state, vm).await?;
    vm_state::vacate(state, vm).await?;
    let runs = state.pool.read(|db| vm_state::residence(db, vm)).await?;
    if let Ok((on, id)) = runs {
        stop(state, vm, on, id).await?;
    }
    op.step().await?;
    let image = state.pool.read(|db| db.require(vm).map(|row| row.suspend_vdi)).await??;
    let old = state
        .pool
        .write(move |tx| {
            let old = restore(tx, vm, snapshot, &disks)?;
            let name = tx.require(snapshot)?.name_label.clone();
            let (what, data) = (format!("reverted to '{name}'"), json!({ "snapshot": name }));
            news::of_vm(tx, alerts::VM_SNAPSHOT_REVERTED, vm, (&what, data))?;
            Ok(old)
        })
        .await?;
    if !image.is_null() {
        suspend::drop_image(state, image).await;
    }
    Ok(old)
}

async fn stop(state: &Arc<AppState>, vm: Ref<Vm>, on: Ref<Host>, id: Uuid) -> Result<(), ApiError> {
    let intent = state.pool.write(move |tx| vm_state::respect_stop(tx, vm)).await?;
    let mode = haven_drivers::hypervisor::StopMode::Hard;
    let sent = state.orders.send(host::id(on), Order::StopVm { vm: id, mode }).await;
    if let Err(error) = sent {
        state.pool.write(move |tx| vm_state::restore_intent(tx, vm, intent)).await?;
        return Err(vm_state::stop_error(vm, on, error));
    }
    state.pool.write(move |tx| vm_state::halted(tx, vm)).await
}

fn restore(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    snapshot: Ref<Vm>,
    disks: &[Disk],
) -> Result<Vec<Ref<Vdi>>, ApiError> {
    let then = tx.require(snapshot)?.clone();
    let mut old = Vec::new();
    for disk in disks {
        old.extend(return_disk(tx, disk)?);
    }
    // The memory of a checkpoint has all of them.
    let currently_attached = !then.suspend_vdi.is_null();
    let now = tx.require(vm)?.clone();
    for vbd in now.vbds.clone() {
        tx.remove(vbd)?;
    }
    for vif in now.vifs.clone() {
        tx.remove(vif)?;
    }
    for vif in then.vifs.clone() {
        let uuid = fresh().to_string();
        let old = tx.require::<Vif>(vif)?.clone();
        tx.insert(Vif { uuid, vm, currently_attached, ..old })?;
    }
    for vbd in then.vbds.clone() {
        let old = tx.require::<Vbd>(vbd)?.clone();
        let found = disks.iter().find(|disk| disk.from == old.vdi);
        let vdi = found.map_or(old.vdi, |disk| disk.to);
        let uuid = fresh().to_string();
        let row = Vbd { uuid, vm, vdi, currently_attached, ..old };
        tx.insert(Vbd { allowed_operations: allowed::vbd_allowed(&row, false), ..row })?;
    }
    write_back(tx, vm, now, then, snapshot)?;
    for disk in disks {
        vdi::refresh_allowed(tx, disk.to)?;
    }
    Ok(old)
}

/// The VM's settings are the snapshot's again; who it is and how it is protected stays.
fn write_back(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    now: Vm,
    then: Vm,
    snapshot: Ref<Vm>,
) -> Result<(), ApiError> {
    let power_state =
        if then.suspend_vdi.is_null() { VmPowerState::Halted } else { VmPowerState::Suspended };
    tx.update(vm, |row: &mut Vm| {
        *row = Vm {
            uuid: now.uuid,
            name_label: now.name_label,
            is_a_template: false,
            is_a_snapshot: false,
            snapshot_of: Ref::NULL,
            snapshot_time: now.snapshot_time,
            snapshot_info: now.snapshot_info,
            parent: snapshot,
            power_state,
            current_operations: now.current_operations,
            metrics: now.metrics,
            guest_metrics: now.guest_metrics,
            appliance: now.appliance,
            groups: now.groups,
            affinity: now.affinity,
            ha_restart_priority: now.ha_restart_priority,
            ha_always_run: false,
            order: now.order,
            start_delay: now.start_delay,
            shutdown_delay: now.shutdown_delay,
            blocked_operations: now.blocked_operations,
            tags: now.tags,
            domid: now.domid,
            ..then
        };
        row.allowed_operations = allowed::vm_allowed(row);
    })
}

/// The disk goes on above the frozen volume. Answers the row that owns what it leaves behind.
fn return_disk(tx: &mut Tx<'_>, disk: &Disk) -> Result<Option<Ref<Vdi>>, ApiError> {
    let frozen = tx.require(disk.from)?.clone();
    let (location, below) = (chain::file(disk.top), frozen.location.clone());
    if disk.new {
        let row = Vdi {
            name_label: frozen.name_label.clone(),
            name_description: frozen.name_description.clone(),
            r#type: frozen.r#type,
            other_config: frozen.other_config.clone(),
            tags: frozen.tags.clone(),
            ..vdi::new_row(disk.to, frozen.sr, frozen.virtual_size)
        };
        if let Some(found) = chain::at(tx, frozen.sr, &location) {
            tx.remove(found)?;
        }
        tx.insert_with(disk.to, row)?;
        chain::claim(tx, disk.to, &location, Some(&below))?;
        return Ok(None);
    }
    let given_up = Ref::<Vdi>::from_uuid(fresh());
    let old = tx.require(disk.to)?.clone();
    let row = Vdi {
        name_label: chain::BASE_NAME.to_owned(),
        location: old.location.clone(),
        managed: false,
        allowed_operations: Vec::new(),
        sm_config: old.sm_config.clone(),
        ..vdi::new_row(given_up, old.sr, old.virtual_size)
    };
    chain::claim(tx, disk.to, &location, Some(&below))?;
    tx.update(disk.to, |row: &mut Vdi| row.virtual_size = frozen.virtual_size)?;
    tx.insert_with(given_up, row)?;
    Ok(Some(given_up))
}
