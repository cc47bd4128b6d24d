//! The class `event`.

use crate::{DateTime, EventOperation};

class! {
    /// A change of a row, as the event messages report it.
    Event = "event", Published;

    id: i64, StaticRo Nobody;
    timestamp: DateTime, StaticRo Nobody, deprecated;
    class: String, StaticRo Nobody;
    operation: EventOperation, StaticRo Nobody;
    r#ref "ref": String, StaticRo Nobody;
    obj_uuid: String, StaticRo Nobody, deprecated;
}
