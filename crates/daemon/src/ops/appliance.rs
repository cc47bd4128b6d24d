//! Appliances: VMs that start and stop together, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{
    ApiError, Field, Ref, Value, Vm, VmAppliance, VmApplianceOperation, VmPowerState, codes,
};
use haven_pooldb::Image;
use haven_tasks::TaskId;

use super::vm::power::{self, Start, Stop};
use crate::dispatch::Call;
use crate::state::{AppState, fresh};
use crate::tasks::{BoxFuture, Plan};

/// Longest pause between two groups that is kept.
const DELAY_S_MAX: i64 = 3600;

/// `VM_appliance.create(record)`.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: VmAppliance = call.arg(0)?;
    let row = VmAppliance {
        uuid: fresh().to_string(),
        name_label: asked.name_label,
        name_description: asked.name_description,
        allowed_operations: vec![
            VmApplianceOperation::Start,
            VmApplianceOperation::CleanShutdown,
            VmApplianceOperation::HardShutdown,
            VmApplianceOperation::Shutdown,
        ],
        ..VmAppliance::default()
    };
    let appliance = call.write(move |tx| tx.insert(row)).await?;
    Ok(appliance.to_value())
}

/// `VM_appliance.destroy(appliance)`: its VMs stay.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let appliance: Ref<VmAppliance> = call.arg(0)?;
    call.write(move |tx| {
        for vm in tx.require(appliance)?.vms.clone() {
            tx.update(vm, |row: &mut Vm| row.appliance = Ref::NULL)?;
        }
        tx.remove(appliance)
    })
    .await?;
    Ok(Value::void())
}

/// VMs that are started or stopped at the same time, and the pause after them.
struct Group {
    vms: Vec<Ref<Vm>>,
    pause: Duration,
}

/// The VMs of an appliance whose state wants it, by `VM.order`.
fn groups(
    db: &Image,
    appliance: Ref<VmAppliance>,
    wants: impl Fn(VmPowerState) -> bool,
    pause_s: impl Fn(&Vm) -> i64,
) -> Result<Vec<Group>, ApiError> {
    let mut by_order: BTreeMap<i64, Group> = BTreeMap::new();
    for vm in &db.require(appliance)?.vms {
        let Some(row) = db.get(*vm).filter(|row| wants(row.power_state)) else { continue };
        let nothing = || Group { vms: Vec::new(), pause: Duration::ZERO };
        let group = by_order.entry(row.order).or_insert_with(nothing);
        group.vms.push(*vm);
        let pause = u64::try_from(pause_s(row).clamp(0, DELAY_S_MAX)).unwrap_or(0);
        group.pause = group.pause.max(Duration::from_secs(pause));
    }
    Ok(by_order.into_values().collect())
}

/// What is done with one VM.
type Act = fn(Arc<AppState>, Ref<Vm>, bool) -> BoxFuture<Result<Value, ApiError>>;

/// Group after group; what fails does not hold up the others, but is told.
async fn each(
    call: &Call,
    operation: VmApplianceOperation,
    groups: Vec<Group>,
    (act, paused): (Act, bool),
) -> Result<Value, ApiError> {
    let appliance: Ref<VmAppliance> = call.arg(0)?;
    let mut plan = Plan::new(operation.as_str()).exclusive(appliance);
    for _ in &groups {
        plan = plan.step(operation.as_str(), 1);
    }
    let state = call.state.clone();
    call.run(plan.cancellable(), move |mut op| async move {
        let mut failed = Vec::new();
        let last = groups.len().saturating_sub(1);
        for (at, group) in groups.into_iter().enumerate() {
            op.step().await?;
            let mut running = tokio::task::JoinSet::new();
            for vm in group.vms {
                let state = state.clone();
                running.spawn(async move { (vm, act(state, vm, paused).await) });
            }
            while let Some(ended) = running.join_next().await {
                let (vm, result) = ended.map_err(ApiError::internal)?;
                if let Err(error) = result {
                    tracing::warn!(%vm, %error, "a VM of an appliance did not follow");
                    failed.push(vm.to_string());
                }
            }
            if at < last {
                tokio::time::sleep(group.pause).await;
            }
        }
        if failed.is_empty() {
            return Ok(Value::void());
        }
        let params = [operation.as_str().to_owned()].into_iter().chain(failed).collect();
        Err(ApiError::new(codes::OPERATION_PARTIALLY_FAILED, params))
    })
    .await
}

/// `VM_appliance.start(appliance, paused)`.
pub async fn start(call: Arc<Call>) -> Result<Value, ApiError> {
    let (appliance, paused): (Ref<VmAppliance>, bool) = (call.arg(0)?, call.arg(1)?);
    let halted = |state| state == VmPowerState::Halted;
    let groups = call.read(|db| groups(db, appliance, halted, |row| row.start_delay)).await?;
    let act: Act = |state, vm, paused| {
        Box::pin(async move {
            let how = Start { paused, ..Start::default() };
            power::start_vm(&state, TaskId(fresh()), vm, how).await
        })
    };
    each(&call, VmApplianceOperation::Start, groups, (act, paused)).await
}

async fn stop(call: &Call, operation: VmApplianceOperation, act: Act) -> Result<Value, ApiError> {
    let appliance: Ref<VmAppliance> = call.arg(0)?;
    let runs = |state| matches!(state, VmPowerState::Running | VmPowerState::Paused);
    let mut groups = call.read(|db| groups(db, appliance, runs, |row| row.shutdown_delay)).await?;
    groups.reverse();
    each(call, operation, groups, (act, false)).await
}

/// `VM_appliance.clean_shutdown(appliance)`: last what starts first.
pub async fn clean_shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    let act: Act = |state, vm, _| {
        Box::pin(async move { power::stop_vm(&state, TaskId(fresh()), vm, Stop::Clean).await })
    };
    stop(&call, VmApplianceOperation::CleanShutdown, act).await
}

/// `VM_appliance.hard_shutdown(appliance)`.
pub async fn hard_shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    let act: Act = |state, vm, _| {
        Box::pin(async move { power::stop_vm(&state, TaskId(fresh()), vm, Stop::Hard).await })
    };
    stop(&call, VmApplianceOperation::HardShutdown, act).await
}

/// `VM_appliance.shutdown(appliance)`.
pub async fn shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    let act: Act = |state, vm, _| {
        Box::pin(async move { power::stop_vm(&state, TaskId(fresh()), vm, Stop::Either).await })
    };
    stop(&call, VmApplianceOperation::Shutdown, act).await
}
