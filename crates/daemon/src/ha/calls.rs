//! API messages of high availability that are no operation of a task.

use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Value, codes};

use haven_cluster::control::GuardCommand;
use haven_cluster::ids::HostId;

use super::takeover::Ha;
use crate::agent::permit::PermitGate;
use crate::dispatch::Call;

/// `pool.designate_new_master(host)`. VMs are not touched; the database moves with the role.
///
/// # Errors
/// That host cannot take the role.
pub async fn designate_new_master(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    match call.state.ha.get().filter(|ha| ha.link.armed().is_some()) {
        Some(ha) => hand_over(ha, crate::ops::host::id(host)).await?,
        None => crate::handover::hand_over(&call.state, host).await?,
    }
    Ok(Value::void())
}

/// Hands the coordinator's role to another member.
///
/// # Errors
/// High availability is off, or that host cannot take the role.
pub(crate) async fn hand_over(ha: &Ha, to: HostId) -> Result<(), ApiError> {
    if ha.link.armed().is_none() {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    }
    let asked = ha.link.request(GuardCommand::HandOver { to }).await;
    asked.map_err(|refusal| ApiError::from_wire(&refusal.code, vec![refusal.text]))
}
