//! The reset of a guest that hangs.

use std::sync::Arc;
use std::time::Duration;

use haven_failover::watch::{WatchRecord, Why};
use haven_model::{ApiError, Ref, Value, Vm, VmOperations, VmPowerState, alerts, codes};
use haven_pooldb::{Image, Tx};
use haven_tasks::TaskId;
use serde_json::json;
use tokio::time::timeout;

use super::look::Target;
use super::{screens, settings, tell};
use crate::ops::{errors, host, news, placement, sr};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Storage that does not say within this how much room it has stalls. What answers later may just have come back,
/// and the guest with it.
const STORAGE_MAX: Duration = Duration::from_secs(3);
/// Longest wait for a picture of the screen.
const SCREEN_MAX: Duration = Duration::from_secs(10);

/// Resets a guest, unless anything has changed. What it has spent is durable before.
///
/// # Errors
/// It was not reset: its storage stalls, somebody works on it, it is elsewhere, or its host refuses.
pub(super) async fn reset(
    state: &Arc<AppState>,
    target: Target,
    record: WatchRecord,
    why: Why,
) -> Result<(), ApiError> {
    storage_answers(state, &target).await?;
    let vm = target.vm;
    let plan = Plan::new(VmOperations::HardReboot.as_str()).exclusive(vm).step("reset", 1);
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let body = move |mut op: crate::tasks::Op| async move {
        op.step().await?;
        let picture = picture(&state, &target).await;
        let (number, count) = (target.number, record.spent_ms.len());
        // Until it was reset it is the boot in which it was heard: what fails here is tried again.
        let spent = WatchRecord { heard: target.record.heard, ..record.clone() };
        let spend = move |tx: &mut Tx<'_>| {
            still_runs(tx, vm, number)?;
            settings::keep(tx, vm, &spent)
        };
        state.pool.write(spend).await?;
        let order = Order::RebootVm { vm: target.id, clean: false };
        let sent = state.orders.send(host::id(target.on), order).await;
        sent.map_err(|error| errors::order(target.on, error))?;
        let here = state.this_host();
        let kept = picture.is_some_and(|picture| screens::keep(&state, target.id, &picture));
        state
            .pool
            .write(move |tx| {
                let by = news::host_name(tx, here);
                let screen = if kept { by } else { json!(null) };
                settings::keep(tx, vm, &record)?;
                tell::reset(tx, &target, why, (count, screen))?;
                let forced = json!({ "case": "forced" });
                news::of_vm(tx, alerts::VM_REBOOTED, vm, ("rebooted forcibly", forced))
            })
            .await?;
        Ok(Value::void())
    };
    runner.run(TaskId(fresh()), plan, body).await.map(drop)
}

/// It runs where it did under this placement.
fn still_runs(db: &Image, vm: Ref<Vm>, number: u64) -> Result<(), ApiError> {
    let row = db.require(vm)?;
    match row.power_state == VmPowerState::Running && placement::is_still(db, vm, number) {
        true => Ok(()),
        false => {
            Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"running", &row.power_state]))
        }
    }
}

/// A guest whose storage stalls stands still for that; a reset would not help it.
async fn storage_answers(state: &AppState, target: &Target) -> Result<(), ApiError> {
    for sr in &target.storage {
        let asked = timeout(STORAGE_MAX, sr::space(state, target.on, sr.clone())).await;
        let silent = |_| ApiError::not_allowed(format!("its storage {} is silent", sr.uuid));
        asked.map_err(silent)??;
    }
    Ok(())
}

/// What it shows, for whoever looks into it later. A reset does not fail for want of a picture.
async fn picture(state: &AppState, target: &Target) -> Option<String> {
    let order = Order::Screenshot { vm: target.id };
    match timeout(SCREEN_MAX, state.orders.send(host::id(target.on), order)).await {
        Ok(Ok(OrderReply::Picture(picture))) => Some(picture),
        _ => None,
    }
}
