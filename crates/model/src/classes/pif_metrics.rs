//! The class `PIF_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// Facts about a PIF: link, speed, maker.
    PifMetrics = "PIF_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    io_read_kbs: f64 = 0.0, DynamicRo PoolOperator, removed;
    io_write_kbs: f64 = 0.0, DynamicRo PoolOperator, removed;
    carrier: bool, DynamicRo PoolOperator;
    vendor_id: String, DynamicRo PoolOperator;
    vendor_name: String, DynamicRo PoolOperator;
    device_id: String, DynamicRo PoolOperator;
    device_name: String, DynamicRo PoolOperator;
    speed: i64, DynamicRo PoolOperator;
    duplex: bool, DynamicRo PoolOperator;
    pci_bus_path: String, DynamicRo PoolOperator;
    last_updated: DateTime, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
