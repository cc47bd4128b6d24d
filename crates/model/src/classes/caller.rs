//! The class `Caller`.

use crate::{DateTime, RateLimit, Ref};

class! {
    /// A kind of client, told apart for rate limits.
    Caller = "Caller", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolAdmin, prototyped;
    /// Description for people.
    name_description: String = "", Rw PoolAdmin, prototyped;
    /// How it calls itself.
    user_agent: String = "", StaticRo PoolAdmin, prototyped;
    /// Where it calls from.
    client_ip: String = "", StaticRo PoolAdmin, prototyped;
    /// When it last called.
    last_access: DateTime = DateTime::EPOCH, DynamicRo PoolAdmin, prototyped;
    /// Groups it belongs to.
    groups: Vec<String> = [], DynamicRo PoolAdmin, prototyped;
    /// Limit it is under.
    rate_limit: Ref<RateLimit> = Ref::NULL, DynamicRo PoolAdmin, prototyped;
    /// Whether it was noted by itself.
    auto_registered: bool = false, DynamicRo PoolAdmin, prototyped;
}
