//! What the coordinator asks of a host, and what the host answers.
//!
//! Owns: the serde types of `POST /order` and `POST /report` between members of a pool. An order
//! carries all that the host needs: hosts know no database. Never decides anything.

mod envelope;
mod error;
mod facts;
mod order;
mod reply;
mod report;

pub use envelope::{OrderEnvelope, OrderResult, Term};
pub use error::{OrderError, Refusal};
pub use facts::{HostFacts, NicFacts, NumaFree};
pub use order::{Order, PoolUpdate, PowerRequest, PreflightRequest, Via};
pub use reply::{
    ActingOrder, GuestPulse, Inventory, OrderReply, PreflightFinding, PreflightReply,
    PreflightSubject, Pulses,
};
pub use report::{Report, StorageSight};
