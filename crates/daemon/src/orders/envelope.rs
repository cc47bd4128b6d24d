//! An order on its way, and its answer.

use haven_cluster::ids::{EpochNumber, Life};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Order, OrderError, OrderReply};

/// Under which authority an order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The coordinator's epoch; 0 while high availability is off.
    pub epoch: EpochNumber,
    /// The coordinator. While high availability is off the incarnation counts starts of its
    /// `havend`, so that orders of an earlier process can be told from the present ones.
    pub coordinator: Life,
}

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
