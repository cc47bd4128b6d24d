//! The class `VIF_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// Traffic of a VIF.
    VifMetrics = "VIF_metrics", Removed, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// KiB received each second.
    io_read_kbs: f64 = 0.0, DynamicRo VmAdmin, removed;
    /// KiB sent each second.
    io_write_kbs: f64 = 0.0, DynamicRo VmAdmin, removed;
    /// When these numbers were taken.
    last_updated: DateTime, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin;
}
