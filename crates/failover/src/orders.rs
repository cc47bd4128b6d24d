//! May this order act on this host now?
//!
//! An order is judged when it arrives and again at the moment of acting: what lies between (queues,
//! slow storage, a migration that lasts) gives it no right.

use std::collections::BTreeMap;

use haven_cluster::ids::{EpochNumber, HostId, Life};
use haven_cluster::mutation::{Mutation, removed};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::permit::ArmedView;

/// Closed placements that are remembered. Forgetting one would be unsafe, so more are refused.
const CLOSED_MAX: usize = 20_000;

/// Under which authority an order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The coordinator's epoch; 0 while high availability is off.
    pub epoch: EpochNumber,
    /// The coordinator. While high availability is off the incarnation counts starts of its
    /// `havend`, so that orders of an earlier process can be told from the present ones.
    pub coordinator: Life,
}

/// Why a host refuses an order. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refusal", content = "detail")]
pub enum Refusal {
    /// The host is in another pool, or in none.
    #[error("the host belongs to another pool or to none")]
    WrongPool,
    /// The sender is not the coordinator that this host knows.
    #[error("the sender is not the coordinator")]
    NotCoordinator,
    /// A newer coordinator has spoken, or a newer epoch is decided.
    #[error("the order was given in epoch {given}, the newest known is {newest}", given = given.0, newest = newest.0)]
    OlderEpoch {
        /// Epoch of the order.
        given: EpochNumber,
        /// The newest that this host knows.
        newest: EpochNumber,
    },
    /// The host's guard holds no valid permit: it may not run VMs now.
    #[error("the host holds no valid permit to run VMs")]
    NoPermit,
    /// This placement of the VM was given up.
    #[error("placement {given} of the VM is void; placements up to {closed} were closed")]
    PlacementClosed {
        /// Placement of the order.
        given: u64,
        /// The highest void one.
        closed: u64,
    },
    /// The question is about another life of the host: this one can say nothing for it.
    #[error("life {asked} of the host is asked, this is {present} (0: without a permit)")]
    OtherLife {
        /// The life that held what the question is about.
        asked: u64,
        /// The present one, or 0 without a permit.
        present: u64,
    },
    /// Too many orders of this kind wait or hang.
    #[error("the host is busy: {0}")]
    Busy(String),
    /// The order cannot be understood (another version), or makes no sense here.
    #[error("the order is not valid here: {0}")]
    Invalid(String),
}

/// Who gave an order, as this host knows its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Proven by its certificate.
    pub host: HostId,
    /// It is a member of this host's pool.
    pub member: bool,
    /// It is the coordinator by what this host was told while high availability is off.
    pub named: bool,
}

/// What of an order matters for whether it may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duty {
    /// Which VM it is about.
    pub vm: Option<Uuid>,
    /// The placement under which it runs the VM.
    pub placement: Option<u64>,
    /// It makes a guest execute.
    pub runs_guest: bool,
}

/// Placements of a VM that are closed on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Up to this one.
    pub placement: u64,
    /// The epoch in which that was said; orders of older ones are refused anyway.
    pub epoch: EpochNumber,
}

/// What a host has heard of orders, and must not forget while it is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    newest: Option<Term>,
    closed: BTreeMap<Uuid, Closed>,
    leaving: bool,
    ejecting: bool,
}

impl Orders {
    /// As an earlier daemon of this boot has left it. Of placements only those of the newest epoch
    /// count: nothing acts in a daemon that has just begun. Without epochs none: there the
    /// coordinator stays the same host, and its orders end with its process.
    #[must_use]
    pub fn resumed(newest: Option<Term>, mut closed: BTreeMap<Uuid, Closed>) -> Self {
        let epoch = newest.map(|term| term.epoch).unwrap_or_default();
        closed.retain(|_, closed| closed.epoch >= epoch && epoch > EpochNumber(0));
        Self { newest, closed, ..Self::default() }
    }

    /// The newest term that was heard.
    #[must_use]
    pub fn newest(&self) -> Option<Term> {
        self.newest
    }

    /// Placements that are closed here, by VM.
    #[must_use]
    pub fn closed(&self) -> &BTreeMap<Uuid, Closed> {
        &self.closed
    }

    /// Hears an order of `sender`, given under `given`; a newer term closes the older ones. `armed`:
    /// the guard's word, none while high availability is off. Answers whether the term is news,
    /// which is to be durable before anybody is answered.
    ///
    /// # Errors
    /// The sender may not order, or its term is outlived.
    pub fn hear(
        &mut self,
        sender: &Sender,
        armed: Option<ArmedView>,
        given: Term,
    ) -> Result<bool, Refusal> {
        if !sender.member || given.coordinator.host != sender.host {
            return Err(Refusal::NotCoordinator);
        }
        match armed {
            Some(view) => self.may_order_armed(view, given)?,
            None => self.may_order_unarmed(sender, given)?,
        }
        Ok(self.newest.replace(given) != Some(given))
    }

    fn may_order_armed(&self, view: ArmedView, given: Term) -> Result<(), Refusal> {
        let heard = self.newest.map(|term| term.epoch).unwrap_or_default();
        let (known, coordinator) = view.epoch.unzip();
        let newest = heard.max(known.unwrap_or_default());
        if given.epoch < newest && !removed(Mutation::OrdersUnjudged) {
            return Err(Refusal::OlderEpoch { given: given.epoch, newest });
        }
        // Epoch 0 has no lives yet: there only the host counts.
        let same = coordinator.is_some_and(|coordinator| {
            coordinator.host == given.coordinator.host
                && (coordinator == given.coordinator || given.epoch == EpochNumber(0))
        });
        match known == Some(given.epoch) && !same {
            true => Err(Refusal::NotCoordinator),
            false => Ok(()),
        }
    }

    fn may_order_unarmed(&self, sender: &Sender, given: Term) -> Result<(), Refusal> {
        if !sender.named {
            return Err(Refusal::NotCoordinator);
        }
        let outlived = self.newest.filter(|newest| {
            newest.epoch == given.epoch
                && newest.coordinator.host == sender.host
                && newest.coordinator.incarnation > given.coordinator.incarnation
        });
        match outlived {
            Some(newest) => Err(Refusal::OlderEpoch { given: given.epoch, newest: newest.epoch }),
            None => Ok(()),
        }
    }

    /// Whether an order that was heard may do what it is for.
    ///
    /// # Errors
    /// Its placement is closed, or this host may run no guest now.
    pub fn allows(
        &self,
        duty: &Duty,
        armed: Option<ArmedView>,
        given: Term,
    ) -> Result<(), Refusal> {
        let closed = duty.vm.and_then(|vm| self.closed.get(&vm)).map(|closed| closed.placement);
        if let (Some(given), Some(closed)) = (duty.placement, closed)
            && given <= closed
            && !removed(Mutation::OrdersUnjudged)
        {
            return Err(Refusal::PlacementClosed { given, closed });
        }
        if duty.runs_guest && self.ejecting {
            return Err(Refusal::Busy("the host leaves its pool".to_owned()));
        }
        match duty.runs_guest && !self.may_run(armed, given) {
            true => Err(Refusal::NoPermit),
            false => Ok(()),
        }
    }

    /// Whether a guest may come to execute here now, by what was ordered under this term: by an order, or
    /// because it arrives.
    #[must_use]
    pub fn may_run(&self, armed: Option<ArmedView>, given: Term) -> bool {
        let leaving = self.leaving && !removed(Mutation::LeavingStarts);
        match armed {
            Some(view) => view.permit && !leaving,
            // Given in an epoch, here where none is known: this host has left the membership, or
            // is not in it yet. Nobody guards what it would run.
            None => given.epoch == EpochNumber(0),
        }
    }

    /// From now on refuses to run `vm` under placements up to `placement`; to be durable before
    /// anybody is answered.
    ///
    /// # Errors
    /// `Busy`: too many are closed already.
    pub fn close(&mut self, vm: Uuid, placement: u64) -> Result<(), Refusal> {
        if self.closed.len() >= CLOSED_MAX && !self.closed.contains_key(&vm) {
            return Err(Refusal::Busy("too many closed placements".to_owned()));
        }
        let epoch = self.newest.map(|term| term.epoch).unwrap_or_default();
        let closed = self.closed.get(&vm).map_or(0, |closed| closed.placement);
        self.closed.insert(vm, Closed { placement: placement.max(closed), epoch });
        Ok(())
    }

    /// Gives `vm` to another host under this placement; nothing that was ordered up to then runs it here
    /// any more. To be durable before that begins.
    ///
    /// # Errors
    /// `PlacementClosed`: the order is of an earlier migration, which may have been given up; the VM
    /// may be back since. `Busy`: too many are closed already.
    pub fn give_away(&mut self, vm: Uuid, placement: u64) -> Result<(), Refusal> {
        let closed = self.closed.get(&vm).map(|closed| closed.placement);
        let outlived = closed.filter(|closed| placement <= *closed);
        match outlived.filter(|_| !removed(Mutation::OldSendActs)) {
            Some(closed) => Err(Refusal::PlacementClosed { given: placement, closed }),
            None => self.close(vm, placement),
        }
    }

    /// Whether `vm` may not be run under this placement any more, though the order to do so acts.
    #[must_use]
    pub fn is_closed(&self, vm: Uuid, placement: u64) -> bool {
        self.closed.get(&vm).is_some_and(|closed| placement <= closed.placement)
    }

    /// While this host leaves the membership in order no guest begins to execute: its permit may be
    /// over though its daemon has not heard so yet. A guest whose process is there already is seen
    /// by the guard, which then refuses to leave.
    pub fn set_leaving(&mut self, leaving: bool) {
        self.leaving = leaving;
    }

    /// Whether this host leaves, or left, the membership in order.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// While this host leaves its pool no order begins that runs a guest.
    pub fn set_ejecting(&mut self, ejecting: bool) {
        self.ejecting = ejecting;
    }

    /// Begins a new history of terms: the pool is armed, disarmed or left. What is closed stays so.
    pub fn forget_terms(&mut self) {
        self.newest = None;
        self.leaving = false;
        self.ejecting = false;
    }
}

#[cfg(test)]
mod tests;
