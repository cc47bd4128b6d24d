//! May this order act now?
//!
//! Owns: the newest term seen, the placements that were closed here, and the list of what is
//! acting. An order is judged when it arrives and again, together with its entry into that list,
//! at the moment of acting: what lies between (queues, slow storage) gives it no right. The term and
//! the closed placements outlive a restart of the daemon ([`kept`]).

mod kept;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_cluster::ids::{EpochNumber, HostId};
use uuid::Uuid;

use kept::{Closed, Kept};

use super::permit::ArmedView;
use crate::authority::Authority;
use crate::identity::{HostIdentity, IdentityStore};
use crate::orders::{ActingOrder, OrderEnvelope, Refusal, Term};

/// Closed placements that are remembered. Forgetting one would be unsafe, so more are refused.
const CLOSED_MAX: usize = 20_000;

/// Judges orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    identity: Arc<IdentityStore>,
    authority: Authority,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Term>,
    closed: HashMap<Uuid, Closed>,
    acting: BTreeMap<Uuid, ActingOrder>,
    /// The guard was asked to exclude this host, or did so.
    leaving: bool,
    /// This host is leaving its pool.
    ejecting: bool,
    kept: Kept,
}

/// An order that acts; dropping it says that it does no longer.
#[derive(Debug)]
pub struct Acting {
    gate: Gate,
    id: Uuid,
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.gate.state().acting.remove(&self.id);
    }
}

impl Gate {
    /// A gate that has seen and closed what an earlier daemon of this boot did, as kept in `file`.
    #[must_use]
    pub fn new(identity: Arc<IdentityStore>, authority: Authority, file: &Path) -> Self {
        let (kept, content) = Kept::open(file, super::facts::boot_id());
        let closed = content.closed;
        let state = State { newest: content.newest, closed, kept, ..State::default() };
        Self { identity, authority, state: Arc::new(Mutex::new(state)) }
    }

    /// Judges an order on arrival. A newer term than any before closes the older ones.
    pub fn arrive(&self, envelope: &OrderEnvelope, sender: HostId) -> Result<(), Refusal> {
        self.judge(&mut self.state(), envelope, sender)
    }

    /// Judges it at the moment of acting, and enters it into the list of what acts.
    pub fn begin(&self, envelope: &OrderEnvelope, sender: HostId) -> Result<Acting, Refusal> {
        let mut state = self.state();
        self.judge(&mut state, envelope, sender)?;
        let acting = ActingOrder {
            id: envelope.id,
            vm: envelope.order.vm(),
            kind: envelope.order.kind().to_owned(),
        };
        state.acting.insert(envelope.id, acting);
        Ok(Acting { gate: self.clone(), id: envelope.id })
    }

    /// What acts now, `except` one.
    #[must_use]
    pub fn acting(&self, except: Uuid) -> Vec<ActingOrder> {
        let state = self.state();
        state.acting.values().filter(|acting| acting.id != except).cloned().collect()
    }

    /// From now on refuses to run `vm` under placements up to `placement`. Answers whether an
    /// order that runs it acts already.
    pub fn close_placement(&self, vm: Uuid, placement: u64, by: Uuid) -> Result<bool, Refusal> {
        let mut state = self.state();
        if state.closed.len() >= CLOSED_MAX && !state.closed.contains_key(&vm) {
            return Err(Refusal::Busy("too many closed placements".to_owned()));
        }
        let epoch = state.newest.map(|term| term.epoch).unwrap_or_default();
        let closed = state.closed.get(&vm).map_or(0, |closed| closed.placement);
        state.closed.insert(vm, Closed { placement: placement.max(closed), epoch });
        state.keep()?;
        Ok(state.acting.values().any(|acting| acting.vm == Some(vm) && acting.id != by))
    }

    /// Whether `vm` may not be run under this placement any more, though the order to do so acts.
    #[must_use]
    pub fn is_closed(&self, vm: Uuid, placement: u64) -> bool {
        self.state().closed.get(&vm).is_some_and(|closed| placement <= closed.placement)
    }

    /// While this host leaves the membership in order no guest begins to execute: its permit may be
    /// over though this daemon has not heard so yet. A guest whose process is there already is seen
    /// by the guard, which then refuses to leave.
    pub fn set_leaving(&self, leaving: bool) {
        self.state().leaving = leaving;
    }

    /// While this host leaves its pool no order begins that runs a guest. Answers whether one that
    /// is about a guest acts already.
    pub fn set_ejecting(&self, ejecting: bool) -> bool {
        let mut state = self.state();
        state.ejecting = ejecting;
        state.acting.values().any(|acting| acting.vm.is_some())
    }

    /// Whether this host leaves, or left, the membership in order.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.state().leaving
    }

    /// Begins a new history of terms: the pool is armed, disarmed or left.
    pub fn forget_terms(&self) {
        let mut state = self.state();
        state.newest = None;
        state.leaving = false;
        state.ejecting = false;
        if let Err(error) = state.keep() {
            tracing::warn!(%error, "the terms of the pool that was left are kept");
        }
    }

    fn judge(
        &self,
        state: &mut State,
        envelope: &OrderEnvelope,
        sender: HostId,
    ) -> Result<(), Refusal> {
        let armed = self.authority.armed();
        may_order(&self.identity.get(), armed, state.newest, envelope, sender)?;
        if state.newest.replace(envelope.term) != Some(envelope.term) {
            state.keep()?;
        }
        if let (Some(vm), Some(given)) = (envelope.order.vm(), envelope.order.placement())
            && let Some(closed) = state.closed.get(&vm).filter(|closed| given <= closed.placement)
        {
            return Err(Refusal::PlacementClosed { given, closed: closed.placement });
        }
        if envelope.order.runs_guest() && state.ejecting {
            return Err(Refusal::Busy("the host leaves its pool".to_owned()));
        }
        let barred = match armed {
            Some(view) => !view.permit || state.leaving,
            // Given in an epoch, here where none is known: this host has left the membership, or
            // is not in it yet. Nobody guards what it would run.
            None => envelope.term.epoch > EpochNumber(0),
        };
        if envelope.order.runs_guest() && barred {
            return Err(Refusal::NoPermit);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes down what must not be forgotten, before anybody is answered.
    fn keep(&mut self) -> Result<(), Refusal> {
        let kept = self.kept.write(self.newest, &self.closed);
        kept.map_err(|error| Refusal::Busy(format!("what it was told cannot be kept: {error}")))
    }
}

/// Is the sender one who may give orders here, and is its term not outlived?
fn may_order(
    identity: &HostIdentity,
    armed: Option<ArmedView>,
    newest: Option<Term>,
    envelope: &OrderEnvelope,
    sender: HostId,
) -> Result<(), Refusal> {
    let pool = identity.pool.as_ref().filter(|pool| pool.pool == envelope.pool);
    let pool = pool.ok_or(Refusal::WrongPool)?;
    let given = envelope.term;
    if pool.member(sender).is_none() || given.coordinator.host != sender {
        return Err(Refusal::NotCoordinator);
    }
    let newest_epoch = newest.map(|term| term.epoch).unwrap_or_default();
    match armed {
        Some(view) => {
            let (known, coordinator) = view.epoch.unzip();
            let newest = newest_epoch.max(known.unwrap_or_default());
            if given.epoch < newest {
                return Err(Refusal::OlderEpoch { given: given.epoch, newest });
            }
            // Epoch 0 has no lives yet: there only the host counts.
            let same = coordinator.is_some_and(|coordinator| {
                coordinator.host == given.coordinator.host
                    && (coordinator == given.coordinator || given.epoch == EpochNumber(0))
            });
            if known == Some(given.epoch) && !same {
                return Err(Refusal::NotCoordinator);
            }
        }
        None => {
            if pool.coordinator != sender {
                return Err(Refusal::NotCoordinator);
            }
            let outlived = newest.is_some_and(|newest| {
                newest.epoch == given.epoch
                    && newest.coordinator.host == sender
                    && newest.coordinator.incarnation > given.coordinator.incarnation
            });
            if outlived {
                return Err(Refusal::OlderEpoch { given: given.epoch, newest: newest_epoch });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
