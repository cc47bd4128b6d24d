//! A host leaves the pool, or is given up, while high availability is on.
//!
//! Owns: that its guard leaves in order, and that nothing of the host is forgotten before the others
//! go on without it. Never decides an epoch: the guards put out whoever left in order by themselves.

use std::time::Duration;

use haven_cluster::control::{EpochView, GuardCommand};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Ref, codes};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::takeover::Ha;
use crate::ops::{errors, host};
use crate::orders::Order;

/// Longest wait for an epoch without a host that left in order: the guards need a beat and a decision.
const DECIDED_WAIT: Duration = Duration::from_secs(30);

impl Ha {
    /// Has the guard of a host leave in order, and waits for an epoch without it. While the answer is
    /// held nobody arms the host again.
    ///
    /// # Errors
    /// The host or the guards do not answer, or no such epoch is decided. The host is a member of the
    /// pool as before, and its guard is armed again in a moment.
    pub async fn farewell(&self, gone: Ref<Host>) -> Result<MutexGuard<'_, ()>, ApiError> {
        let changing = self.change(codes::HA_ENABLE_IN_PROGRESS).await?;
        let id = host::id(gone);
        for command in [GuardCommand::Exclude, GuardCommand::EmergencyDisarm] {
            let order = Order::Guard(Box::new(command));
            let sent = self.state.orders.send(id, order).await;
            sent.map_err(|error| errors::order(gone, error))?;
        }
        self.gone_on_without(id).await?;
        Ok(changing)
    }

    /// Waits until the guards have gone on without a host that does not answer. While the answer is held
    /// nobody arms the host again.
    ///
    /// # Errors
    /// No epoch without it is decided: somebody may count on the host, or wait for nobody but it.
    pub async fn lost(&self, gone: Ref<Host>) -> Result<MutexGuard<'_, ()>, ApiError> {
        let changing = self.change(codes::HA_ENABLE_IN_PROGRESS).await?;
        self.gone_on_without(host::id(gone)).await?;
        Ok(changing)
    }

    async fn gone_on_without(&self, id: HostId) -> Result<(), ApiError> {
        // A coordinator that was put out in this moment does not know it yet: the others may count
        // on the host, or wait for nobody but it.
        let is_without = |epoch: &EpochView| epoch.members.iter().all(|one| one.host != id);
        let mut states = self.link.watch();
        let settled = states.wait_for(|state| {
            let Some(state) = state else { return true };
            !state.may_act || state.epoch.as_ref().is_some_and(is_without)
        });
        let state = timeout(DECIDED_WAIT, settled).await;
        let state = state.ok().and_then(Result::ok).and_then(|state| state.clone());
        match state.and_then(|state| state.epoch.clone()).filter(is_without) {
            Some(_) => Ok(()),
            None => {
                Err(ApiError::not_allowed("the guards did not decide to go on without the host"))
            }
        }
    }
}
