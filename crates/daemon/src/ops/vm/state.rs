//! The rows of a VM as its power state changes, and how a start is taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_drivers::hypervisor::DomainState;
use haven_model::{
    ApiError, Console, ConsoleProtocol, Host, Ref, Vbd, Vdi, Vif, Vm, VmMetrics, VmPowerState,
    codes,
};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use crate::ops::rows::uuid;
use crate::ops::{allowed, errors, host, placement, vdi};
use crate::orders::{Order, OrderError, OrderReply};
use crate::state::{AppState, fresh, now};

/// Actions that take back steps of operations.
pub use haven_tasks::Action as Undo;

/// The host of a VM that runs, and the VM's uuid.
///
/// # Errors
/// It runs nowhere.
pub fn residence(db: &Image, vm: Ref<Vm>) -> Result<(Ref<Host>, Uuid), ApiError> {
    let row = db.require(vm)?;
    let host = row.resident_on.non_null().ok_or_else(|| {
        let actual = row.power_state.as_str().to_lowercase();
        ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"running", &actual])
    })?;
    Ok((host, uuid(&row.uuid)?))
}

/// Another VM that uses a disk now.
#[must_use]
pub fn user_of(db: &Image, vdi: Ref<Vdi>, except: Ref<Vm>) -> Option<Ref<Vm>> {
    let row = db.get(vdi)?;
    let vbds = row.vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd));
    vbds.filter(|vbd| vbd.vm != except && uses(db, vbd)).map(|vbd| vbd.vm).next()
}

/// Whether a device may be in use. A snapshot never runs, whatever its memory was.
fn uses(db: &Image, vbd: &Vbd) -> bool {
    let Some(row) = db.get(vbd.vm).filter(|row| !row.is_a_snapshot) else { return false };
    let runs = row.power_state != VmPowerState::Halted;
    // It runs without this device: nobody plugged it in.
    let aside = runs && !vbd.currently_attached && row.current_operations.is_empty();
    (runs || !placement::holders(db, vbd.vm).is_empty()) && !aside
}

/// Writes that a VM runs (or is paused) on a host.
///
/// # Errors
/// The VM is gone.
pub fn started(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    host: Ref<Host>,
    paused: bool,
) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let (vbds, vifs, metrics) = (row.vbds.clone(), row.vifs.clone(), row.metrics);
    let (memory, vcpus) = (row.memory_static_max, row.vcpus_at_startup);
    let domid = row.domid.max(0) + 1;
    // Its memory knows the devices that it had, and no others.
    let attached = vbds.iter().filter_map(|vbd| tx.get(*vbd)).any(|vbd| vbd.currently_attached);
    let resumed = row.power_state == VmPowerState::Suspended && attached;
    let metrics = match tx.get(metrics) {
        Some(_) => metrics,
        None => tx.insert(VmMetrics { hvm: true, ..VmMetrics::default() })?,
    };
    tx.update(metrics, |row: &mut VmMetrics| {
        row.memory_actual = memory;
        row.vcpus_number = vcpus;
        row.start_time = now();
        row.last_updated = now();
        row.state = vec![(if paused { "paused" } else { "running" }).to_owned()];
    })?;
    tx.update(vm, |row: &mut Vm| {
        row.metrics = metrics;
        row.domid = domid;
        row.memory_target = memory;
        row.resident_on = host;
        row.scheduled_to_be_resident_on = Ref::NULL;
        row.suspend_vdi = Ref::NULL;
        if !row.ha_restart_priority.is_empty() {
            row.ha_always_run = true;
        }
    })?;
    set_power_state(tx, vm, if paused { VmPowerState::Paused } else { VmPowerState::Running })?;
    if !resumed {
        attach(tx, &vbds, &vifs, true)?;
    }
    consoles(tx, vm, host)
}

fn attach(tx: &mut Tx<'_>, vbds: &[Ref<Vbd>], vifs: &[Ref<Vif>], on: bool) -> Result<(), ApiError> {
    for vbd in vbds {
        tx.update(*vbd, |row: &mut Vbd| {
            row.currently_attached = on;
            row.allowed_operations = allowed::vbd_allowed(row, on);
        })?;
        let disk = tx.require(*vbd)?.vdi;
        vdi::refresh_allowed(tx, disk)?;
    }
    for vif in vifs {
        tx.update(*vif, |row: &mut Vif| {
            row.currently_attached = on;
            row.allowed_operations = allowed::vif_allowed(row, on);
        })?;
    }
    Ok(())
}

/// Makes the consoles of a VM point to its host.
///
/// # Errors
/// A row is gone.
pub fn consoles(tx: &mut Tx<'_>, vm: Ref<Vm>, host: Ref<Host>) -> Result<(), ApiError> {
    let address = tx.require(host)?.address.clone();
    for console in tx.require(vm)?.consoles.clone() {
        tx.remove(console)?;
    }
    for protocol in [ConsoleProtocol::Rfb, ConsoleProtocol::Vt100] {
        let uuid = fresh().to_string();
        let location = format!("https://{address}/console?uuid={uuid}");
        tx.insert(Console { uuid, protocol, location, vm, other_config: BTreeMap::new() })?;
    }
    Ok(())
}

/// Sets the power state and what follows from it.
///
/// # Errors
/// The VM is gone.
pub fn set_power_state(tx: &mut Tx<'_>, vm: Ref<Vm>, state: VmPowerState) -> Result<(), ApiError> {
    tx.update(vm, |row: &mut Vm| {
        row.power_state = state;
        row.allowed_operations = allowed::vm_allowed(row);
    })
}

/// Writes that a VM runs nowhere.
///
/// # Errors
/// The VM is gone.
pub fn halted(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<(), ApiError> {
    gone(tx, vm, VmPowerState::Halted)
}

/// Writes that a VM runs nowhere: halted, or suspended.
///
/// # Errors
/// The VM is gone.
pub fn gone(tx: &mut Tx<'_>, vm: Ref<Vm>, state: VmPowerState) -> Result<(), ApiError> {
    let row = tx.require(vm)?;
    let (vbds, vifs, metrics) = (row.vbds.clone(), row.vifs.clone(), row.metrics);
    let consoles = row.consoles.clone();
    placement::set(tx, vm, Vec::new())?;
    tx.update(vm, |row: &mut Vm| {
        row.resident_on = Ref::NULL;
        row.scheduled_to_be_resident_on = Ref::NULL;
        row.domid = -1;
        row.memory_target = 0;
        if state == VmPowerState::Suspended {
            row.ha_always_run = false;
        } else {
            row.suspend_vdi = Ref::NULL;
        }
    })?;
    set_power_state(tx, vm, state)?;
    if state != VmPowerState::Suspended {
        attach(tx, &vbds, &vifs, false)?;
    }
    for console in consoles {
        tx.remove(console)?;
    }
    if tx.get(metrics).is_some() {
        tx.update(metrics, |row: &mut VmMetrics| {
            row.memory_actual = 0;
            row.state = vec![state.as_str().to_lowercase()];
            row.last_updated = now();
        })?;
    }
    Ok(())
}

/// Somebody wants the VM down: it is not started again by itself (scenario 89). Answers whether
/// it would have been.
///
/// # Errors
/// The VM is gone.
pub fn respect_stop(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<bool, ApiError> {
    let intent = tx.require(vm)?.ha_always_run;
    tx.update(vm, |row: &mut Vm| row.ha_always_run = false)?;
    Ok(intent)
}

/// The stop failed: what [`respect_stop`] took is given back.
///
/// # Errors
/// The VM is gone.
pub fn restore_intent(tx: &mut Tx<'_>, vm: Ref<Vm>, intent: bool) -> Result<(), ApiError> {
    tx.update(vm, |row: &mut Vm| row.ha_always_run = intent)
}

/// The error of an order that stops or changes a running VM.
#[must_use]
pub fn stop_error(vm: Ref<Vm>, host: Ref<Host>, error: OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError;
    match error {
        OrderError::Hypervisor(HypervisorError::Deadline { .. }) => {
            ApiError::with(codes::VM_SHUTDOWN_TIMEOUT, &[&vm, &"the guest did not react"])
        }
        OrderError::Hypervisor(HypervisorError::Failed { text, .. }) => {
            ApiError::with(codes::VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT, &[&vm, &text])
        }
        other => order_error(vm, host, other),
    }
}

/// The error of an order about a VM.
#[must_use]
pub fn order_error(vm: Ref<Vm>, host: Ref<Host>, error: OrderError) -> ApiError {
    match error {
        OrderError::Failed { code, text } if code == codes::VM_WRITES_UNDER_WAY => {
            ApiError::with(codes::VM_WRITES_UNDER_WAY, &[&vm, &host, &text])
        }
        other => errors::order(host, other),
    }
}

/// Frees the place of a VM that is halted, though a start before, whose end nobody saw, may still
/// make it run there. Without this the next start could be a second one.
///
/// # Errors
/// A holder does not answer: it may run there, so the VM is started nowhere else.
pub async fn vacate(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<(), ApiError> {
    match state.pool.read(|db| placement::holders(db, vm).is_empty()).await? {
        true => Ok(()),
        false => abandon(state, vm, true).await,
    }
}

async fn may_run(state: &Arc<AppState>, holder: Ref<Host>, close: Order) -> Result<bool, ApiError> {
    let reply = state.orders.send(host::id(holder), close).await;
    Ok(reply.map_err(|error| errors::order(holder, error))? != OrderReply::Running(false))
}

/// Makes sure that a VM whose start did not come to its end runs nowhere, then frees its place.
/// With `stop` it is also stopped where it runs.
///
/// # Errors
/// A holder does not answer: it may run there, so its place stays taken.
pub async fn abandon(state: &Arc<AppState>, vm: Ref<Vm>, stop: bool) -> Result<(), ApiError> {
    let read = |db: &Image| -> Result<_, ApiError> {
        let row = db.require(vm)?;
        Ok((
            uuid(&row.uuid)?,
            row.power_state,
            placement::holders(db, vm),
            placement::number(db, vm),
        ))
    };
    let Ok((id, power, holders, number)) = state.pool.read(read).await? else {
        return Ok(());
    };
    if stop && power != VmPowerState::Halted && power != VmPowerState::Suspended {
        // The start did come to its end.
        return Ok(());
    }
    let mut executed = false;
    for holder in &holders {
        let held = state.pool.read(|db| placement::held_by(db, vm, *holder)).await?;
        let life = state.lives().asks(held);
        let close = Order::ClosePlacement { vm: id, placement: number, life };
        if !may_run(state, *holder, close.clone()).await? {
            continue;
        }
        if !stop {
            return Err(ApiError::not_allowed(format!("the VM runs on {holder}")));
        }
        executed |= power == VmPowerState::Suspended && executes(state, *holder, id).await?;
        let mode = haven_drivers::hypervisor::StopMode::Hard;
        let sent = state.orders.send(host::id(*holder), Order::StopVm { vm: id, mode }).await;
        sent.map_err(|error| order_error(vm, *holder, error))?;
        // A start whose disks are slow is no domain yet, and nothing that could be stopped.
        if may_run(state, *holder, close).await? {
            return Err(ApiError::not_allowed(format!("a start still acts on {holder}")));
        }
    }
    // A guest that executed has written to its disks: its saved memory does not fit them any more.
    let keeps = power == VmPowerState::Suspended && !executed;
    let after = if keeps { power } else { VmPowerState::Halted };
    let image = state
        .pool
        .write(move |tx| {
            if !placement::is_still(tx, vm, number) {
                // Somebody else found out, and went on from there.
                return Ok(Ref::NULL);
            }
            let image = tx.require(vm)?.suspend_vdi;
            gone(tx, vm, after)?;
            Ok(if keeps { Ref::NULL } else { image })
        })
        .await?;
    if !image.is_null() {
        super::suspend::drop_image(state, image).await;
    }
    Ok(())
}

/// Whether a guest executes on a host, and does not only wait there.
async fn executes(state: &Arc<AppState>, on: Ref<Host>, vm: Uuid) -> Result<bool, ApiError> {
    let reply = state.orders.send(host::id(on), Order::Inventory).await;
    let OrderReply::Inventory(seen) = reply.map_err(|error| errors::order(on, error))? else {
        return Err(ApiError::internal("an unexpected answer to an inventory"));
    };
    let domain = seen.domains.iter().find(|domain| domain.uuid == vm);
    Ok(domain.is_some_and(|d| !matches!(d.state, DomainState::Paused | DomainState::Incoming)))
}
