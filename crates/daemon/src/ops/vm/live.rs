//! Memory and CPUs of VMs while they run, and signals to guests.

use std::sync::Arc;

use haven_drivers::hypervisor::DomainChange;
use haven_model::{ApiError, Field, Ref, Value, Vm, VmMetrics, VmOperations, codes};
use haven_pooldb::Image;

use super::{booted, state as vm_state};
use crate::dispatch::Call;
use crate::ops::hotplug::{self, Running};
use crate::ops::{allowed, errors, host};
use crate::orders::Order;
use crate::state::now;
use crate::tasks::Plan;

/// How often, and how many times, it is looked how much memory a guest has.
const TARGET_LOOK: std::time::Duration = std::time::Duration::from_secs(1);
const TARGET_LOOKS_MAX: u32 = 256;
/// So near to its target is there.
const TARGET_SLACK_BYTES: u64 = 8 << 20;

fn target(db: &Image, vm: Ref<Vm>, operation: VmOperations) -> Result<Running, ApiError> {
    allowed::vm_operation(vm, db.require(vm)?, operation)?;
    hotplug::running(db, vm)
}

/// `VM.set_VCPUs_number_live(vm, nvcpu)`.
pub async fn set_vcpus_number_live(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, count): (Ref<Vm>, i64) = (call.arg(0)?, call.arg(1)?);
    let operation = VmOperations::ChangingVCPUsLive;
    call.read(|db| {
        target(db, vm, operation)?;
        let most = db.require(vm)?.vcpus_max;
        if !(1..=most).contains(&count) {
            let why = format!("{count}: between 1 and VCPUs_max, {most}");
            return Err(ApiError::with(codes::INVALID_VALUE, &[&"nvcpu", &why]));
        }
        Ok(())
    })
    .await?;
    let cpus = u32::try_from(count).map_err(ApiError::internal)?;
    let state = call.state.clone();
    call.run(Plan::new(operation.as_str()).exclusive(vm).step("set", 1), move |mut op| async move {
        op.step().await?;
        let at = hotplug::now(&state, vm).await?;
        let sent = hotplug::change(&state, at, DomainChange::Vcpus(cpus)).await;
        sent.map_err(|error| refused(at, error))?;
        state
            .pool
            .write(move |tx| {
                tx.update(vm, |row: &mut Vm| {
                    row.vcpus_at_startup = count;
                    row.last_booted_record = booted::with_vcpus(row);
                })?;
                let metrics = tx.require(vm)?.metrics;
                tx.update(metrics, |row: &mut VmMetrics| {
                    row.vcpus_number = count;
                    row.last_updated = now();
                })
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// The guest or the hypervisor cannot: in its words.
fn refused(at: Running, error: crate::orders::OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError::Failed;
    match error {
        crate::orders::OrderError::Hypervisor(Failed { text, .. }) => ApiError::not_allowed(text),
        other => errors::order(at.on, other),
    }
}

/// Sets the limits of the memory of a VM that runs; its balloon follows.
///
/// # Errors
/// The VM does not run, the range makes no sense, or the hypervisor refuses.
pub async fn set_dynamic_range(
    call: &Call,
    vm: Ref<Vm>,
    range: impl FnOnce(&Vm) -> (i64, i64),
) -> Result<Value, ApiError> {
    let operation = VmOperations::ChangingDynamicRange;
    let (least, most) = call
        .read(|db| {
            target(db, vm, operation)?;
            let row = db.require(vm)?;
            let (least, most) = range(row);
            let ordered =
                row.memory_static_min <= least && least <= most && most <= row.memory_static_max;
            if !ordered {
                return Err(ApiError::new(codes::MEMORY_CONSTRAINT_VIOLATION_ORDER, Vec::new()));
            }
            Ok((least, most))
        })
        .await?;
    let bytes = u64::try_from(most).map_err(ApiError::internal)?;
    let state = call.state.clone();
    call.run(Plan::new(operation.as_str()).exclusive(vm).step("set", 1), move |mut op| async move {
        op.step().await?;
        let at = hotplug::now(&state, vm).await?;
        let sent = hotplug::change(&state, at, DomainChange::Memory { bytes }).await;
        sent.map_err(|error| refused(at, error))?;
        let write = move |row: &mut Vm| {
            row.memory_dynamic_min = least;
            row.memory_dynamic_max = most;
            row.memory_target = most;
        };
        state.pool.write(move |tx| tx.update(vm, write)).await?;
        Ok(Value::void())
    })
    .await
}

/// `VM.set_memory_target_live(vm, target)`.
pub async fn set_memory_target_live(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, target): (Ref<Vm>, i64) = (call.arg(0)?, call.arg(1)?);
    set_dynamic_range(&call, vm, |_| (target, target)).await
}

/// `VM.send_trigger(vm, trigger)`: `nmi`, `reset`.
pub async fn send_trigger(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, trigger): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    let at = call.read(|db| target(db, vm, VmOperations::SendTrigger)).await?;
    let order = match trigger.as_str() {
        "nmi" => Order::ChangeVm { vm: at.id, change: Box::new(DomainChange::Nmi) },
        "reset" => Order::RebootVm { vm: at.id, clean: false },
        _ => {
            let why = format!("{trigger}: nmi and reset are known");
            return Err(ApiError::with(codes::INVALID_VALUE, &[&"trigger", &why]));
        }
    };
    let state = call.state.clone();
    let plan = Plan::new(VmOperations::SendTrigger.as_str()).exclusive(vm).step("send", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        let at = hotplug::now(&state, vm).await?;
        let sent = state.orders.send(host::id(at.on), order).await;
        sent.map_err(|error| vm_state::stop_error(vm, at.on, error))?;
        Ok(Value::void())
    })
    .await
}

/// `VM.wait_memory_target_live(vm)`: until its balloon is where it should be, or for some minutes.
pub async fn wait_memory_target(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    for _ in 0..TARGET_LOOKS_MAX {
        let there = call
            .read(|db| {
                target(db, vm, VmOperations::ChangingDynamicRange)?;
                let row = db.require(vm)?;
                let now = db.get(row.metrics).map_or(0, |row: &VmMetrics| row.memory_actual);
                let wanted = if row.memory_target > 0 { row.memory_target } else { now };
                Ok(now.abs_diff(wanted) <= TARGET_SLACK_BYTES)
            })
            .await?;
        if there {
            return Ok(Value::void());
        }
        tokio::time::sleep(TARGET_LOOK).await;
    }
    Err(ApiError::with(codes::VM_MEMORY_TARGET_WAIT_TIMEOUT, &[&vm]))
}

/// `VM.get_cooperative(vm)`: balloons are not judged.
pub async fn get_cooperative(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| db.require(vm).map(|_| Value::Bool(true))).await
}

/// `VM.maximise_memory(vm, total, approximate)`: the largest memory that fits, with its overhead.
pub async fn maximise_memory(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, total): (Ref<Vm>, i64) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| {
        let vcpus = u32::try_from(db.require(vm)?.vcpus_max).unwrap_or(1);
        let total = u64::try_from(total).unwrap_or(0);
        let (mut low, mut high) = (0, total);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let fits = haven_planner::memory_need(middle, vcpus) <= total;
            (low, high) = if fits { (middle, high) } else { (low, middle - 1) };
        }
        Ok(Value::Int(i64::try_from(low).unwrap_or(i64::MAX)))
    })
    .await
}

/// `VM.get_boot_record(vm)`: what it would boot with now.
pub async fn get_boot_record(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| Ok(db.require(vm)?.to_value())).await
}

/// `VM.query_services(vm)`: VMs offer none to the pool.
pub async fn query_services(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| db.require(vm).map(|_| Value::Map(std::collections::BTreeMap::new()))).await
}

/// `VM.call_plugin(vm, plugin, fn, args)`, `VM.call_host_plugin(…)`: there are none.
pub async fn call_plugin(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, plugin): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    call.read(|db| db.require(vm).map(|_| ())).await?;
    Err(ApiError::with(codes::XENAPI_MISSING_PLUGIN, &[&plugin]))
}

/// `VM.retrieve_wlb_recommendations` and its likes: no balancing server is set up.
pub async fn no_wlb(_call: Arc<Call>) -> Result<Value, ApiError> {
    Err(ApiError::new(codes::WLB_NOT_INITIALIZED, Vec::new()))
}

/// `VM.set_blocked_operations`, `VM.add_to_…`, `VM.remove_from_…`: what is blocked is not allowed.
pub async fn blocked_operations(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    type Blocked = std::collections::BTreeMap<VmOperations, String>;
    let message = call.method.clone();
    let all: Blocked =
        if message == "VM.set_blocked_operations" { call.arg(1)? } else { Blocked::new() };
    let key: Option<VmOperations> =
        if message == "VM.set_blocked_operations" { None } else { Some(call.arg(1)?) };
    let why: Option<String> =
        if message == "VM.add_to_blocked_operations" { Some(call.arg(2)?) } else { None };
    call.write(move |tx| {
        let taken = key.is_some_and(|key| {
            tx.get(vm).is_some_and(|row| row.blocked_operations.contains_key(&key))
        });
        if let (Some(key), true, true) = (key, why.is_some(), taken) {
            let parameters: [&dyn std::fmt::Display; 4] = [&"VM", &"blocked_operations", &vm, &key];
            return Err(ApiError::with(codes::MAP_DUPLICATE_KEY, &parameters));
        }
        tx.update(vm, |row: &mut Vm| {
            match (key, why) {
                (None, _) => row.blocked_operations = all,
                (Some(key), Some(why)) => {
                    row.blocked_operations.insert(key, why);
                }
                (Some(key), None) => {
                    row.blocked_operations.remove(&key);
                }
            }
            row.allowed_operations = allowed::vm_allowed(row);
        })
    })
    .await?;
    Ok(Value::void())
}
