//! The class `host_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// What the pool measures about a host.
    HostMetrics = "host_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    memory_total: i64, DynamicRo PoolOperator;
    memory_free: i64 = 0, DynamicRo PoolOperator, removed;
    live: bool, DynamicRo PoolOperator;
    last_updated: DateTime, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
