//! The class `Rate_limit`.

use crate::{Caller, Ref};

class! {
    /// A limit on how fast some clients may call.
    RateLimit = "Rate_limit", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolAdmin, prototyped;
    /// Description for people.
    name_description: String = "", Rw PoolAdmin, prototyped;
    /// Callers under it.
    callers: Vec<Ref<Caller>>, DynamicRo PoolAdmin, prototyped;
    /// Calls at once.
    burst_size: f64 = 0.0, StaticRo PoolAdmin, prototyped;
    /// Calls each second.
    fill_rate: f64 = 0.0, StaticRo PoolAdmin, prototyped;
}
