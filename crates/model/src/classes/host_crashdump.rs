//! The class `host_crashdump`.

use std::collections::BTreeMap;

use crate::{DateTime, Host, Ref};

class! {
    /// A crash dump of a host.
    HostCrashdump = "host_crashdump", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The host.
    host: Ref<Host>, StaticRo PoolOperator;
    /// When it crashed.
    timestamp: DateTime, DynamicRo PoolOperator;
    /// Size in bytes.
    size: i64, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
