//! What every login goes through, at the coordinator and at a member.

use std::net::IpAddr;

use haven_model::{ApiError, codes};

use crate::session::PasswordError;
use crate::state::AppState;

/// Looks at a login of `user`: only so many of one address at a time, and a wrong password is
/// counted and noted. `verify` does not begin before it may.
///
/// # Errors
/// `SESSION_AUTHENTICATION_FAILED`, with the reason.
pub(super) async fn looked_at<T>(
    state: &AppState,
    address: IpAddr,
    user: &str,
    verify: impl Future<Output = Result<T, PasswordError>>,
) -> Result<T, ApiError> {
    let refused = |why: &dyn std::fmt::Display| {
        ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&user, &why])
    };
    let pending = state.throttle.enter(address).map_err(|error| refused(&error))?;
    verify.await.map_err(|error| {
        if error == PasswordError::Wrong {
            pending.wrong();
            tracing::info!(user, %address, "a login failed");
        }
        refused(&error)
    })
}
