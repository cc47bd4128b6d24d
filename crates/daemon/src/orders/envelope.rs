//! An order on its way, and its answer.

pub use haven_failover::Term;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Order, OrderError, OrderReply};

/// An order on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderEnvelope {
    /// Pool of the sender.
    pub pool: Uuid,
    /// The sender's authority.
    pub term: Term,
    /// Counts the orders of this term to this host.
    pub seq: u64,
    /// Names the order: a repetition with the same id gets the recorded answer.
    pub id: Uuid,
    /// What to do.
    pub order: Order,
}

/// Answer to an envelope, as it stands in the body of the HTTP answer.
pub type OrderResult = Result<OrderReply, OrderError>;
