//! What every login goes through, at the coordinator and at a member.

use std::net::IpAddr;
use std::time::Duration;

use haven_model::{ApiError, codes};

use crate::session::PasswordError;
use crate::state::AppState;

/// Pause before a wrong password is answered.
const WRONG_PASSWORD_PAUSE: Duration = Duration::from_secs(5);

/// Looks at a login of `user`: who guesses is refused unseen, who comes with many waits for the turn, and
/// a wrong password is counted, noted, and answered after a pause. `verify` does not begin before it may.
///
/// # Errors
/// `SESSION_AUTHENTICATION_FAILED`, with the reason; `TOO_BUSY` when too many wait.
pub(super) async fn looked_at<T>(
    state: &AppState,
    address: IpAddr,
    user: &str,
    verify: impl Future<Output = Result<T, PasswordError>>,
) -> Result<T, ApiError> {
    let refused = |why: &dyn std::fmt::Display| {
        ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&user, &why])
    };
    let guesses = || state.throttle.check(address, user).map_err(|error| refused(&error));
    guesses()?;
    let seat = state.desk.turn(address, user).await.map_err(|error| {
        tracing::info!(user, %address, %error, "a login was not looked at");
        ApiError::new(codes::TOO_BUSY, Vec::new())
    })?;
    // Others of this address had their turn meanwhile.
    guesses()?;
    let error = match verify.await {
        Ok(found) => {
            state.throttle.right(address, user);
            return Ok(found);
        }
        Err(error) => error,
    };
    if error == PasswordError::Wrong {
        state.throttle.wrong(address, user);
        tracing::info!(user, %address, "a login failed");
    }
    // Others go on meanwhile.
    drop(seat);
    if error == PasswordError::Wrong {
        tokio::time::sleep(WRONG_PASSWORD_PAUSE).await;
    }
    Err(refused(&error))
}
