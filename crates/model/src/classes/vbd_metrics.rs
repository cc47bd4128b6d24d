//! The class `VBD_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// Traffic of a VBD.
    VbdMetrics = "VBD_metrics", Removed, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// KiB read each second.
    io_read_kbs: f64 = 0.0, DynamicRo VmAdmin, removed;
    /// KiB written each second.
    io_write_kbs: f64 = 0.0, DynamicRo VmAdmin, removed;
    /// When these numbers were taken.
    last_updated: DateTime = DateTime::EPOCH, DynamicRo VmAdmin, removed;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin, removed;
}
