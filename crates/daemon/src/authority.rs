//! Who is coordinator, and under which term this host may give orders.
//!
//! Owns no state: high availability off, `host.json` decides; armed, the guard does.

use std::sync::Arc;

use haven_cluster::ids::{EpochNumber, HostId, Incarnation, Life};

use crate::agent::permit::{ArmedView, PermitGate};
use crate::identity::IdentityStore;
use crate::orders::{OrderError, Term};

/// Answers questions about authority as of now.
#[derive(Clone, Debug)]
pub struct Authority {
    identity: Arc<IdentityStore>,
    permits: Arc<dyn PermitGate>,
}

impl Authority {
    /// From the host's identity and the guard's word.
    #[must_use]
    pub fn new(identity: Arc<IdentityStore>, permits: Arc<dyn PermitGate>) -> Self {
        Self { identity, permits }
    }

    /// The guard's view; `None`: high availability is off.
    #[must_use]
    pub fn armed(&self) -> Option<ArmedView> {
        self.permits.armed()
    }

    /// The coordinator that this host knows of.
    #[must_use]
    pub fn coordinator(&self) -> Option<HostId> {
        let named = self.identity.get().pool.as_ref().map(|pool| pool.coordinator);
        match self.permits.armed() {
            Some(view) => view.epoch.map(|(_, life)| life.host).or(named),
            None => named,
        }
    }

    /// This host is the coordinator and may act now.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.term().is_ok()
    }

    /// The term under which this host may give orders now.
    pub fn term(&self) -> Result<Term, OrderError> {
        match self.permits.armed() {
            Some(ArmedView {
                me: Some(me), epoch: Some((epoch, coordinator)), may_act, ..
            }) if may_act && me == coordinator => Ok(Term { epoch, coordinator }),
            Some(_) => Err(OrderError::NotCoordinator),
            None => self.unarmed_term(),
        }
    }

    /// The term of the coordinator that `host.json` names, without any epoch.
    pub fn unarmed_term(&self) -> Result<Term, OrderError> {
        let identity = self.identity.get();
        if !identity.is_named_coordinator() {
            return Err(OrderError::NotCoordinator);
        }
        let incarnation = Incarnation(identity.starts);
        let coordinator = Life { host: identity.host, incarnation };
        Ok(Term { epoch: EpochNumber(0), coordinator })
    }
}
