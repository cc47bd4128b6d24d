//! Making and destroying VMs.

use std::sync::Arc;

use haven_model::{
    ApiError, Field, Ref, Value, Vdi, Vm, VmMetrics, VmOperations, VmPowerState, codes,
};
use haven_pooldb::{Image, Tx};

use crate::dispatch::Call;
use crate::ops::{allowed, placement};
use crate::state::{AppState, fresh, now};
use crate::tasks::Plan;

/// Smallest memory of a VM.
const MEMORY_BYTES_MIN: i64 = 16 << 20;
/// Most virtual CPUs of a VM.
const VCPUS_MAX: i64 = 512;

/// `VM.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let row: Vm = call.arg(0)?;
    let vm = call.write(move |tx| insert(tx, row)).await?;
    Ok(vm.to_value())
}

/// Adds a VM as clients describe it; what only the pool may say is reset.
///
/// # Errors
/// A value makes no sense.
pub fn insert(tx: &mut Tx<'_>, row: Vm) -> Result<Ref<Vm>, ApiError> {
    let vm = Ref::<Vm>::from_uuid(fresh());
    insert_as(tx, vm, row)?;
    Ok(vm)
}

/// As [`insert`], under a reference that is known already.
///
/// # Errors
/// As [`insert`].
pub fn insert_as(tx: &mut Tx<'_>, vm: Ref<Vm>, mut row: Vm) -> Result<(), ApiError> {
    let fixed = Vm::default();
    row.uuid = uuid::Uuid::from_u128(vm.id().0).to_string();
    row.power_state = VmPowerState::Halted;
    row.current_operations = fixed.current_operations;
    row.resident_on = Ref::NULL;
    row.scheduled_to_be_resident_on = Ref::NULL;
    row.suspend_vdi = Ref::NULL;
    row.metrics = Ref::NULL;
    row.guest_metrics = Ref::NULL;
    row.is_control_domain = false;
    row.is_default_template = false;
    row.ha_always_run = false;
    row.domid = -1;
    normalise(&mut row)?;
    super::firmware::check_for(tx, &row.bios_strings)?;
    row.allowed_operations = allowed::vm_allowed(&row);
    row.metrics = tx.insert(VmMetrics { install_time: now(), ..VmMetrics::default() })?;
    tx.insert_with(vm, row)
}

/// Fills in what was left out and refuses what cannot be.
fn normalise(row: &mut Vm) -> Result<(), ApiError> {
    row.vcpus_max = row.vcpus_max.max(1);
    if row.vcpus_at_startup <= 0 {
        row.vcpus_at_startup = row.vcpus_max;
    }
    if row.vcpus_max > VCPUS_MAX || row.vcpus_at_startup > row.vcpus_max {
        let text = format!("{} of {}", row.vcpus_at_startup, row.vcpus_max);
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"VCPUs_at_startup", &text]));
    }
    row.memory_static_max = row.memory_static_max.max(row.memory_dynamic_max);
    if row.memory_static_max < MEMORY_BYTES_MIN {
        return Err(ApiError::with(
            codes::MEMORY_CONSTRAINT_VIOLATION,
            &[&format!("memory_static_max must be at least {MEMORY_BYTES_MIN}")],
        ));
    }
    if row.memory_dynamic_max <= 0 {
        row.memory_dynamic_max = row.memory_static_max;
    }
    if row.memory_dynamic_min <= 0 {
        row.memory_dynamic_min = row.memory_dynamic_max;
    }
    if row.memory_dynamic_min > row.memory_dynamic_max {
        return Err(ApiError::new(codes::MEMORY_CONSTRAINT_VIOLATION_ORDER, Vec::new()));
    }
    super::ha::check_priority(&row.ha_restart_priority)
}

/// `VM.destroy(vm)`: the VM and its devices; the disks stay, as in XenAPI.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let image = call
        .read(|db| {
            destroyable(db, vm)?;
            Ok(db.require(vm)?.suspend_vdi)
        })
        .await?;
    let state = call.state.clone();
    let plan = Plan::new(VmOperations::Destroy.as_str()).exclusive(vm).step("remove", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        state
            .pool
            .write(move |tx| {
                destroyable(tx, vm)?;
                remove(tx, vm)
            })
            .await?;
        op.commit().await;
        if !image.is_null() {
            super::suspend::drop_image(&state, image).await;
        }
        Ok(Value::void())
    })
    .await
}

fn destroyable(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    let row = db.require(vm)?;
    if row.is_default_template || row.is_control_domain {
        return Err(ApiError::not_allowed("this VM belongs to the pool itself"));
    }
    allowed::vm_operation(vm, row, VmOperations::Destroy)?;
    if !placement::holders(db, vm).is_empty() {
        return Err(ApiError::not_allowed("a host may still run this VM"));
    }
    Ok(())
}

/// Removes the rows of a VM and its devices.
///
/// # Errors
/// A row is gone.
pub fn remove(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let row = tx.require(vm)?.clone();
    for vbd in row.vbds {
        tx.remove(vbd)?;
    }
    for vif in row.vifs {
        tx.remove(vif)?;
    }
    for console in row.consoles {
        tx.remove(console)?;
    }
    if tx.get(row.metrics).is_some() {
        tx.remove(row.metrics)?;
    }
    if tx.get(row.guest_metrics).is_some() {
        tx.remove(row.guest_metrics)?;
    }
    if tx.get(placement::of(vm)).is_some() {
        tx.remove(placement::of(vm))?;
    }
    tx.remove(vm)
}

/// Undo of a clone: the rows of the new VM and the volumes that it alone uses.
///
/// # Errors
/// A volume could not be deleted.
pub async fn drop_vm(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let disks: Vec<Ref<Vdi>> = state
        .pool
        .read(|db| {
            let Some(row) = db.get(vm) else { return Vec::new() };
            let disks = crate::ops::view::disks(db, row).into_iter();
            disks.filter(|(_, vdi, _)| vdi.vbds.len() == 1).map(|(vdi, _, _)| vdi).collect()
        })
        .await?;
    for disk in disks {
        crate::ops::chain::delete(state, disk).await?;
    }
    state.pool.write(move |tx| if tx.get(vm).is_some() { remove(tx, vm) } else { Ok(()) }).await
}

/// `VM.set_is_a_template(vm, value)`.
pub async fn set_is_a_template(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, value): (Ref<Vm>, bool) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        let row = tx.require(vm)?;
        if row.is_a_snapshot && !value {
            return Err(ApiError::not_allowed(
                "a snapshot cannot run: clone it, and make a VM of the clone",
            ));
        }
        if value && !row.is_a_template {
            allowed::vm_operation(vm, row, VmOperations::MakeIntoTemplate)?;
            if !placement::holders(tx, vm).is_empty() {
                return Err(ApiError::not_allowed("a host may still run this VM"));
            }
        }
        tx.update(vm, |row: &mut Vm| {
            row.is_a_template = value;
            if value {
                row.ha_restart_priority.clear();
                row.ha_always_run = false;
            } else {
                row.is_default_template = false;
            }
            row.allowed_operations = allowed::vm_allowed(row);
        })
    })
    .await?;
    Ok(Value::void())
}
