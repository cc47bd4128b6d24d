//! The class `PIF_metrics`.

use std::collections::BTreeMap;

use crate::DateTime;

class! {
    /// Facts about a PIF: link, speed, maker.
    PifMetrics = "PIF_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// KiB received each second.
    io_read_kbs: f64 = 0.0, DynamicRo PoolOperator, removed;
    /// KiB sent each second.
    io_write_kbs: f64 = 0.0, DynamicRo PoolOperator, removed;
    /// Whether the link is up.
    carrier: bool, DynamicRo PoolOperator;
    /// Identity of its maker.
    vendor_id: String, DynamicRo PoolOperator;
    /// Its maker.
    vendor_name: String, DynamicRo PoolOperator;
    /// Identity of its model.
    device_id: String, DynamicRo PoolOperator;
    /// Its model.
    device_name: String, DynamicRo PoolOperator;
    /// Speed of the link in Mbit/s.
    speed: i64, DynamicRo PoolOperator;
    /// Whether it sends and receives at once.
    duplex: bool, DynamicRo PoolOperator;
    /// Where in the machine it is.
    pci_bus_path: String, DynamicRo PoolOperator;
    /// When these numbers were taken.
    last_updated: DateTime, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
