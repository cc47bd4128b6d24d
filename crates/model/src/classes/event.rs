//! The class `event`.

use crate::{DateTime, EventOperation};

class! {
    /// A change of a row, as the event messages report it.
    Event = "event", Published;

    /// Number of the event.
    id: i64, StaticRo Nobody;
    /// Not used.
    timestamp: DateTime, StaticRo Nobody, deprecated;
    /// Class of the row, in lower case.
    class: String, StaticRo Nobody;
    /// What happened to the row.
    operation: EventOperation, StaticRo Nobody;
    /// The row.
    r#ref "ref": String, StaticRo Nobody;
    /// Not used.
    obj_uuid: String, StaticRo Nobody, deprecated;
}
