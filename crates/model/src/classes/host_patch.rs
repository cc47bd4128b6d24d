//! The class `host_patch`.

use std::collections::BTreeMap;

use crate::{DateTime, Host, PoolPatch, Ref};

class! {
    /// A patch applied to a host.
    HostPatch = "host_patch", Deprecated, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo PoolOperator;
    /// Description for people.
    name_description: String = "", StaticRo PoolOperator;
    /// Version of the patch.
    version: String, StaticRo PoolOperator;
    /// The host.
    host: Ref<Host>, StaticRo PoolOperator;
    /// Whether it is applied.
    applied: bool, DynamicRo PoolOperator;
    /// When it was applied.
    timestamp_applied: DateTime, DynamicRo PoolOperator;
    /// Size in bytes.
    size: i64, DynamicRo PoolOperator;
    /// The patch.
    pool_patch: Ref<PoolPatch> = Ref::NULL, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
