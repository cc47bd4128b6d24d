//! Restarting and switching off hosts, and small messages about hosts.

use std::sync::Arc;

use haven_api::Registry;
use haven_model::{ApiError, Field, Host, HostMetrics, Pif, Ref, Value, codes};
use haven_pooldb::Image;

use super::{errors, host, rows};
use crate::dispatch::Call;
use crate::orders::{Order, OrderError};
use crate::tasks::Plan;

/// `host.reboot(host)`.
pub async fn reboot(call: Arc<Call>) -> Result<Value, ApiError> {
    go_down(&call, true).await
}

/// `host.shutdown(host)`.
pub async fn shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    go_down(&call, false).await
}

/// Nothing runs there, nothing will be started there, and nobody will take it for dead.
fn idle(db: &Image, on: Ref<Host>) -> Result<(), ApiError> {
    let row = db.require(on)?;
    if row.enabled {
        return Err(ApiError::new(codes::HOST_NOT_DISABLED, Vec::new()));
    }
    let runs = |vm: &&Ref<haven_model::Vm>| db.get(**vm).is_some_and(|vm| !vm.is_control_domain);
    if let Some(vm) = row.resident_vms.iter().find(runs) {
        return Err(ApiError::with(codes::HOST_IN_USE, &[&on, &"VM", vm]));
    }
    if rows::pool(db)?.1.ha_enabled {
        return Err(ApiError::new(codes::HA_IS_ENABLED, Vec::new()));
    }
    Ok(())
}

async fn go_down(call: &Call, restart: bool) -> Result<Value, ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    call.read(|db| idle(db, on)).await?;
    let state = call.state.clone();
    let name = if restart { "reboot" } else { "shutdown" };
    call.run(Plan::new(name).exclusive(on).step(name, 1), move |mut op| async move {
        op.step().await?;
        state.pool.read(|db| idle(db, on)).await??;
        match state.orders.send(host::id(on), Order::GoDown { restart }).await {
            // It went down before its answer was out.
            Ok(_) | Err(OrderError::OutcomeUnknown { .. }) => {}
            Err(error) => return Err(errors::order(on, error)),
        }
        state
            .pool
            .write(move |tx| {
                let metrics = tx.require(on)?.metrics;
                tx.update(metrics, |row: &mut HostMetrics| row.live = false)
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `host.management_reconfigure(pif)`: Haven never moves the address of a host.
pub async fn management_reconfigure(call: Arc<Call>) -> Result<Value, ApiError> {
    let pif: Ref<Pif> = call.arg(0)?;
    call.read(|db| {
        if rows::pool(db)?.1.ha_enabled {
            return Err(ApiError::new(codes::HA_IS_ENABLED, Vec::new()));
        }
        if db.require(pif)?.management {
            return Ok(Value::void());
        }
        Err(ApiError::not_allowed(
            "the address of a host is the host's own: change it in its network configuration",
        ))
    })
    .await
}

/// `host.list_methods()`.
pub async fn list_methods(_call: Arc<Call>) -> Result<Value, ApiError> {
    let names = Registry::standard().names();
    Ok(Value::Set(names.into_iter().map(Value::String).collect()))
}

/// `host.get_uncooperative_resident_VMs(host)`: balloons are not judged.
pub async fn none_uncooperative(call: Arc<Call>) -> Result<Value, ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    call.read(|db| db.require(on).map(|_| Value::Set(Vec::new()))).await
}

/// `pool.recover_slaves()`: asks the hosts that do not report; answers those that are back.
pub async fn recover_slaves(call: Arc<Call>) -> Result<Value, ApiError> {
    call.state.check_may_act()?;
    let silent: Vec<Ref<Host>> = call
        .read(|db| {
            let all = db.iter::<Host>().map(|(on, _)| on);
            Ok(all.filter(|on| !host::is_live(db, *on)).collect())
        })
        .await?;
    let mut back = Vec::new();
    for on in silent {
        if crate::reconcile::ask(&call.state, on).await.is_ok() {
            back.push(on.to_value());
        }
    }
    Ok(Value::Set(back))
}
