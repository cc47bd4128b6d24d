//! API messages of high availability that are no operation of a task.

use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Value, codes};

use super::arm;
use crate::dispatch::Call;

/// `pool.designate_new_master(host)`: while high availability is on. VMs are not touched; the
/// database moves with the role.
///
/// # Errors
/// High availability is off, or that host cannot take the role.
pub async fn designate_new_master(call: Arc<Call>) -> Result<Value, ApiError> {
    let ha = call.state.ha.get();
    let ha =
        ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&call.state.this_host()]))?;
    let host: Ref<Host> = call.arg(0)?;
    arm::hand_over(ha, crate::ops::host::id(host)).await?;
    Ok(Value::void())
}
