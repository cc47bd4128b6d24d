//! May this order act now?
//!
//! Owns: what this host has heard (judged by `haven-failover`), and the list of what is
//! acting. An order is judged when it arrives and again, together with its entry into that list,
//! at the moment of acting: what lies between (queues, slow storage) gives it no right. The term and
//! the closed placements outlive a restart of the daemon ([`kept`]).

mod kept;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_cluster::ids::HostId;
use haven_failover::{Duty, Orders, Sender};
use uuid::Uuid;

use kept::Kept;

use crate::authority::Authority;
use crate::identity::{HostIdentity, IdentityStore};
use crate::orders::{ActingOrder, Order, OrderEnvelope, Refusal, Term};

/// Judges orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    identity: Arc<IdentityStore>,
    authority: Authority,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    heard: Orders,
    acting: BTreeMap<Uuid, ActingOrder>,
    kept: Kept,
    /// Somebody makes this host leave, and does not know yet whether it will.
    departs: bool,
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

/// This host is about to leave the membership in order. Dropped before [`Departure::left`], it stays, and
/// its gate is as it was.
#[derive(Debug)]
pub struct Departure {
    gate: Gate,
    before: bool,
}

impl Departure {
    /// The guard has said farewell: nothing begins to execute here from now on.
    pub fn left(mut self) {
        self.before = true;
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.departs = false;
        state.heard.set_leaving(self.before);
    }
}

impl Gate {
    /// A gate that has seen and closed what an earlier daemon of this boot did, as kept in `file`.
    #[must_use]
    pub fn new(identity: Arc<IdentityStore>, authority: Authority, file: &Path) -> Self {
        let (kept, heard) = Kept::open(file, super::facts::boot_id());
        let state = State { heard, kept, ..State::default() };
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
        state.heard.close(vm, placement)?;
        state.keep()?;
        Ok(state.acting.values().any(|acting| acting.vm == Some(vm) && acting.id != by))
    }

    /// Gives `vm` away under this placement, which closes that here.
    pub fn give_away(&self, vm: Uuid, placement: u64) -> Result<(), Refusal> {
        let mut state = self.state();
        state.heard.give_away(vm, placement)?;
        state.keep()
    }

    /// Whether `vm` may not be run under this placement any more, though the order to do so acts.
    #[must_use]
    pub fn is_closed(&self, vm: Uuid, placement: u64) -> bool {
        self.state().heard.is_closed(vm, placement)
    }

    /// While this host leaves the membership in order no guest begins to execute: its permit may be
    /// over though this daemon has not heard so yet. A guest whose process is there already is seen
    /// by the guard, which then refuses to leave.
    ///
    /// # Errors
    /// `Busy`: somebody makes it leave already. Whoever failed meanwhile would open the gate for both.
    pub fn depart(&self) -> Result<Departure, Refusal> {
        let mut state = self.state();
        if state.departs {
            return Err(Refusal::Busy("the host is leaving already".to_owned()));
        }
        let before = state.heard.is_leaving();
        state.departs = true;
        state.heard.set_leaving(true);
        Ok(Departure { gate: self.clone(), before })
    }

    /// This host takes part again: its guard was armed.
    pub fn takes_part(&self) {
        self.state().heard.set_leaving(false);
    }

    /// Whether a guest may come to execute here now, by what was ordered under this term.
    #[must_use]
    pub fn may_run(&self, given: Term) -> bool {
        self.state().heard.may_run(self.authority.armed(), given)
    }

    /// While this host leaves its pool no order begins that runs a guest. Answers whether one that
    /// is about a guest acts already.
    pub fn set_ejecting(&self, ejecting: bool) -> bool {
        let mut state = self.state();
        state.heard.set_ejecting(ejecting);
        state.acting.values().any(|acting| acting.vm.is_some())
    }

    /// Whether this host leaves, or left, the membership in order.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.state().heard.is_leaving()
    }

    /// Begins a new history of terms: the pool is armed, disarmed or left.
    pub fn forget_terms(&self) {
        let mut state = self.state();
        state.heard.forget_terms();
        if let Err(error) = state.keep() {
            tracing::warn!(%error, "the terms of the pool that was left are kept");
        }
    }

    fn judge(
        &self,
        state: &mut State,
        envelope: &OrderEnvelope,
        host: HostId,
    ) -> Result<(), Refusal> {
        let armed = self.authority.armed();
        let sender = sender(&self.identity.get(), envelope.pool, host)?;
        if state.heard.hear(&sender, armed, envelope.term)? {
            state.keep()?;
        }
        state.heard.allows(&duty(&envelope.order), armed, envelope.term)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes down what must not be forgotten, before anybody is answered.
    fn keep(&mut self) -> Result<(), Refusal> {
        let kept = self.kept.write(&self.heard);
        kept.map_err(|error| Refusal::Busy(format!("what it was told cannot be kept: {error}")))
    }
}

/// What of an order matters here.
fn duty(order: &Order) -> Duty {
    Duty { vm: order.vm(), placement: order.placement(), runs_guest: order.runs_guest() }
}

/// The sender as this host knows its pool.
fn sender(identity: &HostIdentity, pool: Uuid, host: HostId) -> Result<Sender, Refusal> {
    let pool = identity.pool.as_ref().filter(|own| own.pool == pool).ok_or(Refusal::WrongPool)?;
    Ok(Sender { host, member: pool.member(host).is_some(), named: pool.coordinator == host })
}

#[cfg(test)]
mod tests;
