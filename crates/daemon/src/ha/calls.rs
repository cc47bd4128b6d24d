//! The API messages of high availability.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Sr, Value, codes};

use super::arm;
use super::takeover::Ha;
use crate::dispatch::Call;

fn ha(call: &Call) -> Result<Ha, ApiError> {
    let ha = call.state.ha.get().cloned();
    ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&call.state.this_host()]))
}

/// `pool.enable_ha(heartbeat_srs, configuration)`.
///
/// # Errors
/// What is in the way; then high availability is off everywhere.
pub async fn enable_ha(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = ha(&call)?;
    let srs: Vec<Ref<Sr>> = call.arg(0)?;
    let config: BTreeMap<String, String> = call.arg_or(1, BTreeMap::new())?;
    // Not a task of the task machine, whose journal would be written while the database moves;
    // but one that goes on when the client hangs up.
    let work = tokio::spawn(async move { arm::enable(&ha, srs, config).await });
    work.await.map_err(ApiError::internal)??;
    Ok(Value::void())
}

/// `pool.disable_ha()`.
///
/// # Errors
/// It is off, or cannot be turned off now.
pub async fn disable_ha(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = ha(&call)?;
    let work = tokio::spawn(async move { arm::disable(&ha).await });
    work.await.map_err(ApiError::internal)??;
    Ok(Value::void())
}

/// `pool.designate_new_master(host)`: while high availability is on. VMs are not touched; the
/// database moves with the role.
///
/// # Errors
/// High availability is off, or that host cannot take the role.
pub async fn designate_new_master(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = ha(&call)?;
    let host: Ref<Host> = call.arg(0)?;
    arm::hand_over(&ha, crate::ops::host::id(host)).await?;
    Ok(Value::void())
}
