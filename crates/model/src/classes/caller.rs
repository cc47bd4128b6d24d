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
    user_agent: String = "", StaticRo PoolAdmin, prototyped;
    client_ip: String = "", StaticRo PoolAdmin, prototyped;
    last_access: DateTime = DateTime::EPOCH, DynamicRo PoolAdmin, prototyped;
    groups: Vec<String> = [], DynamicRo PoolAdmin, prototyped;
    rate_limit: Ref<RateLimit> = Ref::NULL, DynamicRo PoolAdmin, prototyped;
    auto_registered: bool = false, DynamicRo PoolAdmin, prototyped;
}
