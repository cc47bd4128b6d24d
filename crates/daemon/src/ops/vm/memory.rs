//! Memory and CPUs of VMs.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Ref, Value, Vm, VmOperations, VmPowerState, codes};

use super::{booted, live};
use crate::dispatch::Call;
use crate::ops::{admission, allowed};

/// What a setter changes.
type Change = Box<dyn FnOnce(&mut Vm) + Send>;

async fn change(call: &Call, operation: VmOperations, edit: Change) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(vm)?;
        if !row.is_a_template || row.power_state != VmPowerState::Halted {
            allowed::vm_operation(vm, row, operation)?;
        }
        let mut changed = row.clone();
        edit(&mut changed);
        check(&changed)?;
        if changed.vcpus_max != row.vcpus_max {
            booted::cores_per_socket(&changed)?;
        }
        // Only what waits for a start counts while it is halted; the start itself is checked too.
        let guest = u64::try_from(changed.memory_static_max).unwrap_or(0);
        let vcpus = u32::try_from(changed.vcpus_max).unwrap_or(1);
        let resize = haven_planner::Change::Resize {
            vm: uuid::Uuid::from_u128(vm.id().0),
            memory: haven_planner::memory_need(guest, vcpus),
            vcpus,
        };
        let operation = haven_planner::Operation::Resize;
        let doing = admission::doing(operation, vm, &changed.name_label);
        admission::check(tx, doing, &[resize], false)?;
        tx.update(vm, |row: &mut Vm| *row = changed)
    })
    .await?;
    Ok(Value::void())
}

fn check(row: &Vm) -> Result<(), ApiError> {
    let ordered = 0 <= row.memory_static_min
        && row.memory_static_min <= row.memory_dynamic_min
        && row.memory_dynamic_min <= row.memory_dynamic_max
        && row.memory_dynamic_max <= row.memory_static_max;
    if !ordered {
        return Err(ApiError::new(codes::MEMORY_CONSTRAINT_VIOLATION_ORDER, Vec::new()));
    }
    if row.vcpus_at_startup < 1 || row.vcpus_at_startup > row.vcpus_max {
        let text = format!("{} of {}", row.vcpus_at_startup, row.vcpus_max);
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"VCPUs_at_startup", &text]));
    }
    Ok(())
}

/// `VM.set_memory_limits(vm, static_min, static_max, dynamic_min, dynamic_max)`.
pub async fn set_memory_limits(call: Arc<Call>) -> Result<Value, ApiError> {
    let (static_min, static_max) = (call.arg(1)?, call.arg(2)?);
    let (dynamic_min, dynamic_max) = (call.arg(3)?, call.arg(4)?);
    let edit = move |row: &mut Vm| {
        row.memory_static_min = static_min;
        row.memory_static_max = static_max;
        row.memory_dynamic_min = dynamic_min;
        row.memory_dynamic_max = dynamic_max;
    };
    change(&call, VmOperations::ChangingMemoryLimits, Box::new(edit)).await
}

/// `VM.set_memory(vm, value)`: all limits at once.
pub async fn set_memory(call: Arc<Call>) -> Result<Value, ApiError> {
    let value: i64 = call.arg(1)?;
    let edit = move |row: &mut Vm| {
        row.memory_static_min = row.memory_static_min.min(value);
        row.memory_static_max = value;
        row.memory_dynamic_min = value;
        row.memory_dynamic_max = value;
    };
    change(&call, VmOperations::ChangingMemoryLimits, Box::new(edit)).await
}

/// `VM.set_memory_static_max(vm, value)`.
pub async fn set_memory_static_max(call: Arc<Call>) -> Result<Value, ApiError> {
    let value = call.arg(1)?;
    let edit = move |row: &mut Vm| row.memory_static_max = value;
    change(&call, VmOperations::ChangingStaticRange, Box::new(edit)).await
}

/// `VM.set_memory_static_min(vm, value)`.
pub async fn set_memory_static_min(call: Arc<Call>) -> Result<Value, ApiError> {
    let value = call.arg(1)?;
    let edit = move |row: &mut Vm| row.memory_static_min = value;
    change(&call, VmOperations::ChangingStaticRange, Box::new(edit)).await
}

/// `VM.set_memory_static_range(vm, min, max)`.
pub async fn set_memory_static_range(call: Arc<Call>) -> Result<Value, ApiError> {
    let (min, max) = (call.arg(1)?, call.arg(2)?);
    let edit = move |row: &mut Vm| {
        row.memory_static_min = min;
        row.memory_static_max = max;
    };
    change(&call, VmOperations::ChangingStaticRange, Box::new(edit)).await
}

async fn runs(call: &Call) -> Result<bool, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| Ok(db.require(vm)?.power_state == VmPowerState::Running)).await
}

/// `VM.set_memory_dynamic_range(vm, min, max)`: of a running VM too.
pub async fn set_memory_dynamic_range(call: Arc<Call>) -> Result<Value, ApiError> {
    let (min, max) = (call.arg(1)?, call.arg(2)?);
    if runs(&call).await? {
        return live::set_dynamic_range(&call, call.arg(0)?, |_| (min, max)).await;
    }
    let edit = move |row: &mut Vm| {
        row.memory_dynamic_min = min;
        row.memory_dynamic_max = max;
    };
    change(&call, VmOperations::ChangingDynamicRange, Box::new(edit)).await
}

/// `VM.set_memory_dynamic_max(vm, value)`.
pub async fn set_memory_dynamic_max(call: Arc<Call>) -> Result<Value, ApiError> {
    let value: i64 = call.arg(1)?;
    if runs(&call).await? {
        let range = |row: &Vm| (row.memory_dynamic_min.min(value), value);
        return live::set_dynamic_range(&call, call.arg(0)?, range).await;
    }
    let edit = move |row: &mut Vm| row.memory_dynamic_max = value;
    change(&call, VmOperations::ChangingDynamicRange, Box::new(edit)).await
}

/// `VM.set_memory_dynamic_min(vm, value)`.
pub async fn set_memory_dynamic_min(call: Arc<Call>) -> Result<Value, ApiError> {
    let value: i64 = call.arg(1)?;
    if runs(&call).await? {
        let range = |row: &Vm| (value, row.memory_dynamic_max);
        return live::set_dynamic_range(&call, call.arg(0)?, range).await;
    }
    let edit = move |row: &mut Vm| row.memory_dynamic_min = value;
    change(&call, VmOperations::ChangingDynamicRange, Box::new(edit)).await
}

/// `VM.set_VCPUs_max(vm, value)`.
pub async fn set_vcpus_max(call: Arc<Call>) -> Result<Value, ApiError> {
    let value = call.arg(1)?;
    let edit = move |row: &mut Vm| row.vcpus_max = value;
    change(&call, VmOperations::ChangingVCPUs, Box::new(edit)).await
}

/// `VM.set_VCPUs_at_startup(vm, value)`.
pub async fn set_vcpus_at_startup(call: Arc<Call>) -> Result<Value, ApiError> {
    let value = call.arg(1)?;
    let edit = move |row: &mut Vm| row.vcpus_at_startup = value;
    change(&call, VmOperations::ChangingVCPUs, Box::new(edit)).await
}

/// `VM.set_platform(vm, value)`, `VM.add_to_platform(vm, key, value)`: what a domain takes of it makes
/// sense; it does so at the next start.
pub async fn set_platform(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let whole: Option<BTreeMap<String, String>> =
        (call.method == "VM.set_platform").then(|| call.arg(1)).transpose()?;
    let pair: Option<(String, String)> = match whole {
        Some(_) => None,
        None => Some((call.arg(1)?, call.arg(2)?)),
    };
    call.write(move |tx| {
        let mut changed = tx.require(vm)?.clone();
        if let Some(whole) = whole {
            changed.platform = whole;
        }
        if let Some((key, value)) = pair {
            if changed.platform.contains_key(&key) {
                let parameters: [&dyn std::fmt::Display; 4] =
                    [&"VM", &"platform", &changed.uuid, &key];
                return Err(ApiError::with(codes::MAP_DUPLICATE_KEY, &parameters));
            }
            changed.platform.insert(key, value);
        }
        booted::cores_per_socket(&changed)?;
        tx.update(vm, |row: &mut Vm| row.platform = changed.platform)
    })
    .await?;
    Ok(Value::void())
}

/// `VM.compute_memory_overhead(vm)`.
pub async fn compute_memory_overhead(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| {
        let row = db.require(vm)?;
        let guest = u64::try_from(row.memory_static_max).unwrap_or(0);
        let vcpus = u32::try_from(row.vcpus_max).unwrap_or(1);
        let overhead = haven_planner::memory_need(guest, vcpus).saturating_sub(guest);
        Ok(Value::Int(i64::try_from(overhead).unwrap_or(i64::MAX)))
    })
    .await
}
