//! A person's word that a host is off, while high availability is on.
//!
//! Owns: that the word reaches the guard of the coordinator, and that nothing follows from it before
//! the guard counts the life as dead. Never weighs it: the guard does, which knows when the host was
//! seen last and when it was put out.

use std::time::Duration;

use haven_cluster::control::{DeathProof, GuardCommand, PeerView};
use haven_cluster::ids::Life;
use haven_model::{ApiError, Host, Ref, codes};
use tokio::time::timeout;
use uuid::Uuid;

use super::takeover::Ha;

/// Longest wait for the guard to count a life as dead after it took the word: writes that the host
/// left on their way land first.
const DEAD_WAIT: Duration = Duration::from_secs(60);

/// A guard that finds it too early for the word.
const TOO_EARLY: &str = "HA_TOO_EARLY";

impl Ha {
    /// Has the guard take a person's word that a host is off, and waits until it counts as dead.
    ///
    /// # Errors
    /// It is a member, it may still run VMs, or the guard does not answer.
    pub async fn vouch(&self, gone: Ref<Host>) -> Result<(), ApiError> {
        if self.state.is_member(gone) {
            return Err(ApiError::with(codes::HOST_IS_LIVE, &[&gone]));
        }
        let state = self.link.state().ok_or_else(|| self.state.not_coordinator())?;
        let id = Uuid::from_u128(gone.id().0);
        let Some(peer) = state.peers.iter().find(|peer| peer.host.0 == id) else { return Ok(()) };
        let life = Life { host: peer.host, incarnation: peer.incarnation };
        // One that never lived under these guards holds no permit of theirs.
        if is_dead(peer, life) || life.incarnation.0 == 0 {
            return Ok(());
        }
        let command = GuardCommand::ProvenDead { life, proof: DeathProof::Administrator };
        self.link.request(command).await.map_err(|refusal| match refusal.code.as_str() {
            TOO_EARLY => ApiError::not_allowed(refusal.text),
            code => ApiError::from_wire(code, vec![refusal.text]),
        })?;
        tracing::warn!(host = %gone, "somebody vouches that this host is off");
        let mut states = self.link.watch();
        let dead = states.wait_for(|state| {
            let peers = state.iter().flat_map(|state| &state.peers);
            peers.into_iter().any(|peer| is_dead(peer, life))
        });
        match timeout(DEAD_WAIT, dead).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(ApiError::not_allowed("the guard does not count the host as dead yet")),
        }
    }
}

/// The guard counts this life as dead.
fn is_dead(peer: &PeerView, life: Life) -> bool {
    let same = peer.host == life.host && peer.incarnation == life.incarnation;
    let later = peer.host == life.host && peer.incarnation > life.incarnation;
    later || (same && peer.dead_in_ms == Some(0))
}
