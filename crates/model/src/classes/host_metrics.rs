//! The class `host_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// What the pool measures about a host.
    HostMetrics = "host_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Memory it has, in bytes.
    memory_total: i64, DynamicRo PoolOperator;
    /// Memory that is free, in bytes.
    memory_free: i64 = 0, DynamicRo PoolOperator, removed;
    /// Whether the pool believes it alive.
    live: bool, DynamicRo PoolOperator;
    /// When these numbers were taken.
    last_updated: DateTime, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
