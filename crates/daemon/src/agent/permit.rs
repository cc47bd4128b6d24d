//! What the agent asks the guard's link before it acts.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use haven_cluster::Invariant;
use haven_cluster::control::{GuardCommand, GuardRefusal};
pub use haven_failover::ArmedView;
use haven_failover::rekey::Holds;

use crate::ha::Resting;
use crate::orders::{PreflightReply, PreflightRequest};

/// A future of one of the ports below.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The guard's word, as of this instant. Implemented by the HA link; [`NeverArmed`] otherwise.
pub trait PermitGate: Send + Sync + Debug {
    /// `None`: high availability is off on this host, and the guard knows that. A guard that
    /// does not answer while `host.json` says armed is `Some`, without a permit.
    fn armed(&self) -> Option<ArmedView>;
}

/// The local guard as the agent uses it. Implemented by the HA link.
pub trait GuardPort: Send + Sync + Debug {
    /// Hands a command to the guard and waits for its answer.
    fn command(&self, command: GuardCommand) -> PortFuture<'_, Result<(), GuardRefusal>>;
    /// Says how many VMs this host runs, for the weights of partition decisions. Never waits.
    fn load(&self, running: u32, protected: u32) {
        let _unused = (running, protected);
    }
    /// Keeps the link from arming the guard by itself while what it returns lives.
    fn rest(&self) -> Option<Resting> {
        None
    }
    /// The guard stands back for another machine that has this host's name.
    fn is_twin(&self) -> bool {
        false
    }
    /// What the guard, or what its daemon saw of it, says is broken.
    fn broken(&self) -> Vec<Invariant> {
        Vec::new()
    }
    /// What it complains of that the guards of others need not see.
    fn own_alarms(&self) -> Vec<String> {
        Vec::new()
    }
    /// Its version and the names of its keys; `None`: it does not answer.
    fn holds(&self) -> Option<Holds> {
        None
    }
    /// Checks this host before arming.
    fn preflight(&self, request: PreflightRequest) -> PortFuture<'_, PreflightReply>;
}

/// A host without high availability and without a guard.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverArmed;

impl PermitGate for NeverArmed {
    fn armed(&self) -> Option<ArmedView> {
        None
    }
}

impl GuardPort for NeverArmed {
    fn command(&self, _command: GuardCommand) -> PortFuture<'_, Result<(), GuardRefusal>> {
        Box::pin(async {
            Err(GuardRefusal {
                code: "HA_HOST_CANNOT_ACCESS_STATEFILE".to_owned(),
                text: "no guard runs on this host".to_owned(),
            })
        })
    }

    fn preflight(&self, _request: PreflightRequest) -> PortFuture<'_, PreflightReply> {
        Box::pin(async { PreflightReply::default() })
    }
}
