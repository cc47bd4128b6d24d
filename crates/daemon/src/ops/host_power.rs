//! Small messages about hosts.

use std::sync::Arc;

use haven_api::Registry;
use haven_model::{ApiError, Field, Host, Ref, Value};

use super::host;
use crate::dispatch::Call;

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
    let (here, armed) = (call.state.identity.host(), call.state.authority.armed().is_some());
    for on in silent {
        // It may still follow another coordinator.
        if !armed && crate::handover::recover(&call.state, host::id(on), here).await.is_err() {
            continue;
        }
        if crate::reconcile::ask(&call.state, on).await.is_ok() {
            back.push(on.to_value());
        }
    }
    Ok(Value::Set(back))
}
