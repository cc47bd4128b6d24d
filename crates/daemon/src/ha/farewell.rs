//! A host leaves the pool, or is given up, while high availability is on.
//!
//! Owns: that its guard leaves in order, and that nothing of the host is forgotten before the others
//! go on without it. Never decides an epoch: the guards put out whoever left in order by themselves.

use std::time::Duration;

use haven_cluster::control::{GuardCommand, GuardState, PeerView};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Ref, codes};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::link::LinkState;
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
    /// The host or the guards do not answer, no such epoch is decided, or an earlier one still counts on
    /// it. The host is a member of the pool as before, and its guard is armed again in a moment.
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
    /// No epoch without it is decided, or an earlier one still counts on it: somebody may wait for
    /// nobody but this host.
    pub async fn lost(&self, gone: Ref<Host>) -> Result<MutexGuard<'_, ()>, ApiError> {
        let changing = self.change(codes::HA_ENABLE_IN_PROGRESS).await?;
        self.gone_on_without(host::id(gone)).await?;
        Ok(changing)
    }

    async fn gone_on_without(&self, id: HostId) -> Result<(), ApiError> {
        // A coordinator that was put out in this moment does not know it yet: the others may count
        // on the host, or wait for nobody but it.
        let state = self.until(|state| goes_without(state, id)).await;
        if !state.as_ref().is_some_and(|state| goes_without(state, id)) {
            let text = "the guards did not decide to go on without the host";
            return Err(ApiError::not_allowed(text));
        }
        // And what only this guard knows of its end, by a power device or a person's word, must be of no
        // use any more: the next coordinator could not learn it, and who would act then?
        if !state.is_some_and(|state| owes(&state, id)) {
            return Ok(());
        }
        let asked = self.link.request(GuardCommand::Settle { host: id }).await;
        if let Err(refusal) = asked {
            return Err(ApiError::not_allowed(format!(
                "the guard does not forget the epochs that count on the host: {}",
                refusal.text
            )));
        }
        let settled = |state: &GuardState| goes_without(state, id) && !owes(state, id);
        match self.until(settled).await {
            Some(state) if settled(&state) => Ok(()),
            state => Err(ApiError::not_allowed(owing(state.as_deref(), id))),
        }
    }

    /// The state of this host's guard as soon as it is so, or after a while, or when it does not act
    /// any more.
    async fn until(&self, done: impl Fn(&GuardState) -> bool) -> LinkState {
        let mut states = self.link.watch();
        let settled = states.wait_for(|state| {
            let Some(state) = state else { return true };
            !state.may_act || done(state)
        });
        let state = timeout(DECIDED_WAIT, settled).await;
        state.ok().and_then(Result::ok).and_then(|state| state.clone())
    }
}

/// The newest epoch has no life of the host.
fn goes_without(state: &GuardState, id: HostId) -> bool {
    state.epoch.as_ref().is_some_and(|epoch| epoch.members.iter().all(|one| one.host != id))
}

/// See [`PeerView::owed`](haven_cluster::control::PeerView::owed).
fn owes(state: &GuardState, id: HostId) -> bool {
    state.peers.iter().any(|peer| peer.host == id && peer.owed)
}

/// Why a host cannot be forgotten yet, and what to do.
fn owing(state: Option<&GuardState>, id: HostId) -> String {
    let peers = state.iter().flat_map(|state| &state.peers);
    let living = |peer: &&PeerView| peer.owed && peer.dead_in_ms != Some(0);
    let others: Vec<String> = peers.filter(living).map(|peer| peer.host.0.to_string()).collect();
    let cause = format!(
        "how a life of the host {} ended is written on no statefile, and an epoch that counts on it \
         is not closed yet",
        id.0
    );
    match others.as_slice() {
        [] => format!("{cause}; nothing was changed, try again in two minutes"),
        _ => format!(
            "{cause}: not known to be dead are {}; nothing was changed; start them again, or switch \
             them off and say so with host.declare_dead, and try again in two minutes",
            others.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use haven_cluster::ids::{EpochNumber, Incarnation};
    use uuid::Uuid;

    use super::*;

    fn peer(host: u128, owed: bool, dead: bool) -> PeerView {
        PeerView {
            host: HostId(Uuid::from_u128(host)),
            incarnation: Incarnation(1),
            heard_ms: Vec::new(),
            disk_ms: None,
            confirmed: EpochNumber(1),
            member: false,
            dead_in_ms: Some(if dead { 0 } else { 1 }),
            quarantined: false,
            owed,
        }
    }

    #[test]
    fn who_cannot_be_forgotten_yet_is_told_for_whom_that_waits() {
        let peers = vec![peer(1, true, true), peer(2, true, false), peer(3, false, false)];
        let state = GuardState { peers, ..GuardState::idle() };
        let id = HostId(Uuid::from_u128(1));
        let name = |host: u128| Uuid::from_u128(host).to_string();
        let told = owing(Some(&state), id);
        assert!(told.contains(&name(2)) && !told.contains(&name(3)), "{told}");
        assert!(told.contains("host.declare_dead") && told.contains("try again"), "{told}");
        let state = GuardState { peers: vec![peer(1, true, true)], ..GuardState::idle() };
        let told = owing(Some(&state), id);
        assert!(told.contains("try again") && !told.contains("declare_dead"), "{told}");
    }
}
