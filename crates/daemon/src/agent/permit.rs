//! What the agent asks the guard's link before it acts.

use std::fmt::Debug;

use haven_cluster::ids::{EpochNumber, Life};

/// The guard's word, as of this instant. Implemented by the HA link; [`NeverArmed`] otherwise.
pub trait PermitGate: Send + Sync + Debug {
    /// `None`: high availability is off on this host, and the guard knows that. A guard that
    /// does not answer while `host.json` says armed is `Some`, without a permit.
    fn armed(&self) -> Option<ArmedView>;
}

/// The guard's view of an armed host. The permit was checked against `CLOCK_BOOTTIME` when this
/// was made: use it at once, do not keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArmedView {
    /// This host and life, once known.
    pub me: Option<Life>,
    /// The newest epoch that the guard knows, with its coordinator.
    pub epoch: Option<(EpochNumber, Life)>,
    /// A permit is valid now.
    pub permit: bool,
    /// This host is the coordinator and may act, permit included.
    pub may_act: bool,
}

/// A host without high availability.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverArmed;

impl PermitGate for NeverArmed {
    fn armed(&self) -> Option<ArmedView> {
        None
    }
}
