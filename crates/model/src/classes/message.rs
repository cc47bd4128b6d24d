//! The class `message`.

use crate::{DateTime, MessageClass};

class! {
    /// An alert: something the operator should know, with its time and subject.
    Message = "message", Published, events;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// What it says, as one of the names of alerts.
    name: String, DynamicRo PoolOperator;
    /// How urgent it is: 1 is the most, 5 is information.
    priority: i64, DynamicRo PoolOperator;
    /// Kind of object it is about.
    cls: MessageClass, DynamicRo PoolOperator;
    /// Uuid of that object.
    obj_uuid: String, DynamicRo PoolOperator;
    /// When it happened.
    timestamp: DateTime, DynamicRo PoolOperator;
    /// Details.
    body: String, DynamicRo PoolOperator;
}
