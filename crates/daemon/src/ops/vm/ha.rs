//! How a VM is protected.

use std::sync::Arc;

use haven_model::{ApiError, Ref, Value, Vm, VmPowerState, codes};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};

use crate::dispatch::Call;
use crate::guest_watch::settings;
use crate::ops::{admission, other_config};

/// Values of `VM.ha_restart_priority`.
const PRIORITIES: &[&str] = &["restart", "best-effort", ""];

/// Whether a priority exists.
///
/// # Errors
/// `INVALID_VALUE`.
pub fn check_priority(priority: &str) -> Result<(), ApiError> {
    if PRIORITIES.contains(&priority) {
        return Ok(());
    }
    Err(ApiError::with(codes::INVALID_VALUE, &[&"ha_restart_priority", &priority]))
}

/// Whether a VM may be guaranteed a restart.
///
/// # Errors
/// It is not agile.
pub fn check_protectable(db: &Image, vm: Ref<Vm>) -> Result<(), ApiError> {
    super::query::agile(db, vm)
}

/// What protecting a VM does to the promise.
fn admit(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<(), ApiError> {
    check_protectable(tx, vm)?;
    let name = tx.require(vm)?.name_label.clone();
    let id = uuid::Uuid::from_u128(vm.id().0);
    let change = planner::Change::Protect { vm: id, protection: planner::Protection::Restart };
    let doing = admission::doing(planner::Operation::Protect, vm, &name);
    admission::check(tx, doing, &[change], false)
}

/// `VM.set_ha_restart_priority(vm, value)`.
pub async fn set_ha_restart_priority(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, priority): (Ref<Vm>, String) = (call.arg(0)?, call.arg(1)?);
    check_priority(&priority)?;
    call.write(move |tx| {
        let row = tx.require(vm)?;
        if row.is_a_template || row.is_control_domain {
            return Err(ApiError::with(codes::VM_IS_TEMPLATE, &[&vm]));
        }
        let runs = !matches!(row.power_state, VmPowerState::Halted | VmPowerState::Suspended);
        if priority == "restart" {
            admit(tx, vm)?;
        }
        tx.update(vm, |row: &mut Vm| {
            // Haven starts again what should run: what runs now, and is protected in any way.
            row.ha_always_run = runs && !priority.is_empty();
            row.ha_restart_priority = priority;
        })
    })
    .await?;
    crate::ops::pool_ha::refresh_plan(&call.state).await?;
    Ok(Value::void())
}

/// `VM.set_other_config`, `VM.add_to_other_config`: settings of the watch over its guest are checked.
pub async fn configure(call: Arc<Call>) -> Result<Value, ApiError> {
    other_config::put::<Vm>(&call, settings::check).await
}

/// `VM.set_ha_always_run(vm, value)`.
pub async fn set_ha_always_run(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vm, value): (Ref<Vm>, bool) = (call.arg(0)?, call.arg(1)?);
    call.write(move |tx| {
        if value {
            admit(tx, vm)?;
        }
        tx.update(vm, |row: &mut Vm| row.ha_always_run = value)
    })
    .await?;
    Ok(Value::void())
}

/// `VM.set_order(vm, value)`.
pub async fn set_order(call: Arc<Call>) -> Result<Value, ApiError> {
    set_number(&call, "order", |row, value| row.order = value).await
}

/// `VM.set_start_delay(vm, value)`.
pub async fn set_start_delay(call: Arc<Call>) -> Result<Value, ApiError> {
    set_number(&call, "start_delay", |row, value| row.start_delay = value).await
}

/// `VM.set_shutdown_delay(vm, value)`.
pub async fn set_shutdown_delay(call: Arc<Call>) -> Result<Value, ApiError> {
    set_number(&call, "shutdown_delay", |row, value| row.shutdown_delay = value).await
}

async fn set_number(
    call: &Call,
    name: &str,
    set: impl FnOnce(&mut Vm, i64) + Send + 'static,
) -> Result<Value, ApiError> {
    let (vm, value): (Ref<Vm>, i64) = (call.arg(0)?, call.arg(1)?);
    if value < 0 {
        return Err(ApiError::with(codes::INVALID_VALUE, &[&name, &value]));
    }
    call.write(move |tx| tx.update(vm, |row: &mut Vm| set(row, value))).await?;
    Ok(Value::void())
}
