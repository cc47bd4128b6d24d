//! The class `message`.

use crate::{DateTime, MessageClass};

class! {
    /// An alert: something the operator should know, with its time and subject.
    Message = "message", Published, events;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    name: String, DynamicRo PoolOperator;
    priority: i64, DynamicRo PoolOperator;
    cls: MessageClass, DynamicRo PoolOperator;
    obj_uuid: String, DynamicRo PoolOperator;
    timestamp: DateTime, DynamicRo PoolOperator;
    body: String, DynamicRo PoolOperator;
}
