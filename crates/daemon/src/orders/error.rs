//! Why an order was not carried out.

use haven_drivers::hypervisor::HypervisorError;
use haven_drivers::power::PowerError;
use haven_drivers::storage::StorageError;
pub use haven_failover::Refusal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why an order has no good answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "error", content = "detail")]
pub enum OrderError {
    /// No member of the pool has this identity.
    #[error("host {0} is not a member of the pool")]
    UnknownHost(Uuid),
    /// This `havend` may not give orders now.
    #[error("this host is not the coordinator, or may not act now")]
    NotCoordinator,
    /// The host could not be reached: the order has certainly not been carried out.
    #[error("host {host} cannot be reached: {text}")]
    Unreachable {
        /// Which host.
        host: Uuid,
        /// Why.
        text: String,
    },
    /// The order was sent but no answer came: it may have been carried out.
    #[error("host {host} did not answer an order, whose outcome is unknown: {text}")]
    OutcomeUnknown {
        /// Which host.
        host: Uuid,
        /// Why.
        text: String,
    },
    /// The host refused; nothing was done.
    #[error("refused by the host: {0}")]
    Refused(Refusal),
    /// The hypervisor failed.
    #[error("{0}")]
    Hypervisor(HypervisorError),
    /// The storage failed.
    #[error("{0}")]
    Storage(StorageError),
    /// Anything else, as a catalogue error.
    #[error("{code}: {text}")]
    Failed {
        /// Catalogue code.
        code: String,
        /// One sentence for a person.
        text: String,
    },
}

impl From<HypervisorError> for OrderError {
    fn from(error: HypervisorError) -> Self {
        Self::Hypervisor(error)
    }
}

impl From<StorageError> for OrderError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Refusal> for OrderError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PowerError> for OrderError {
    fn from(error: PowerError) -> Self {
        Self::failed("FENCE_FAILED", error.to_string())
    }
}

impl OrderError {
    /// A catalogue error with a sentence.
    pub fn failed(code: &str, text: impl Into<String>) -> Self {
        Self::Failed { code: code.to_owned(), text: text.into() }
    }

    /// True when the order may have had an effect although it failed: a VM that it would have
    /// started must be treated as perhaps running there.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::UnknownHost(_)
            | Self::NotCoordinator
            | Self::Unreachable { .. }
            | Self::Refused(_) => false,
            Self::Hypervisor(error) => matches!(
                error,
                HypervisorError::Deadline { .. }
                    | HypervisorError::Disconnected(_)
                    | HypervisorError::AlreadyRunning(_)
            ),
            Self::OutcomeUnknown { .. } | Self::Storage(_) | Self::Failed { .. } => true,
        }
    }
}
