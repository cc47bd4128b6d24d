//! Emergency calls: about this host alone, answered by any host at any time.
//!
//! They do what `haven pool promote`, `haven pool follow` and `haven ha emergency-disarm` do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use haven_api::Call as ApiCall;
use haven_model::{ApiError, Value, codes};
use tokio::time::timeout;

use crate::ha::disarm;
use crate::promote;
use crate::state::AppState;

/// Longest wait for the coordinator's word that it is there.
const COORDINATOR_MAX: Duration = Duration::from_secs(5);
/// What is answered here. The other emergency calls of XenAPI are between its own servers, or not
/// built.
const NAMES: [&str; 11] = [
    "pool.is_slave",
    "pool.emergency_transition_to_master",
    "pool.emergency_reset_master",
    "host.is_in_emergency_mode",
    "host.emergency_ha_disable",
    "host.emergency_reset_server_certificate",
    "host.emergency_disable_tls_verification",
    "host.emergency_reenable_tls_verification",
    "host.emergency_clear_mandatory_guidance",
    "host.local_management_reconfigure",
    "host.management_disable",
];

/// Whether this module answers a message.
#[must_use]
pub fn answers(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Answers it.
///
/// # Errors
/// Why it cannot be done.
pub async fn answer(state: &Arc<AppState>, call: &ApiCall<'_>) -> Result<Value, ApiError> {
    match call.method.name.as_str() {
        "pool.is_slave" => Ok(Value::Bool(!state.pool.is_open())),
        "host.is_in_emergency_mode" => Ok(Value::Bool(!reaches_coordinator(state).await)),
        "pool.emergency_transition_to_master" => promote::promote(state).await.map(nothing),
        "pool.emergency_reset_master" => {
            let address: String = call.args.get(0)?;
            promote::follow(state, member_at(state, &address)?).await.map(nothing)
        }
        "host.emergency_ha_disable" => {
            let ha = state.ha.get().cloned();
            let ha =
                ha.ok_or_else(|| ApiError::with(codes::HA_NOT_INSTALLED, &[&state.this_host()]))?;
            // It goes on when its client hangs up.
            let work = tokio::spawn(async move { disarm::emergency(&ha).await });
            work.await.map_err(ApiError::internal)?.map(nothing)
        }
        "host.emergency_reset_server_certificate" => {
            super::certificate::reset_here(state).await.map(nothing)
        }
        // Verification is never off, and no update ever asks for anything.
        "host.emergency_reenable_tls_verification" | "host.emergency_clear_mandatory_guidance" => {
            Ok(Value::void())
        }
        "host.emergency_disable_tls_verification" => {
            Err(ApiError::not_allowed("hosts of a pool always verify each other's certificates"))
        }
        _ => Err(ApiError::not_allowed(
            "the address of a host is the host's own: change it in its network configuration",
        )),
    }
}

fn nothing<T>(_done: T) -> Value {
    Value::void()
}

/// Whether this host is the coordinator, or has one that answers; a host without a pool misses
/// none.
async fn reaches_coordinator(state: &Arc<AppState>) -> bool {
    if state.identity.pool().is_none() || state.pool.is_open() {
        return true;
    }
    let Some(coordinator) = state.authority.coordinator() else { return false };
    let asked = timeout(COORDINATOR_MAX, promote::coordinator_of(state, coordinator)).await;
    asked.ok().flatten() == Some(coordinator)
}

/// The member with this address, name or uuid.
fn member_at(state: &AppState, text: &str) -> Result<uuid::Uuid, ApiError> {
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let address: Option<IpAddr> = text.parse().ok();
    let found = members.into_iter().find(|member| {
        address == Some(member.address) || member.name == text || member.host.0.to_string() == text
    });
    found
        .map(|member| member.host.0)
        .ok_or_else(|| ApiError::with(codes::NOT_POOL_MEMBER, &[&text]))
}
