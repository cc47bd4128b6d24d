//! The class `Driver_variant`.

use crate::{HostDriver, Ref};

class! {
    /// A variant of a host driver.
    DriverVariant = "Driver_variant", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    name: String, DynamicRo PoolAdmin, prototyped;
    driver: Ref<HostDriver>, DynamicRo PoolAdmin, prototyped;
    version: String, DynamicRo PoolAdmin, prototyped;
    hardware_present: bool, DynamicRo PoolAdmin, prototyped;
    priority: f64, DynamicRo PoolAdmin, prototyped;
    status: String, DynamicRo PoolAdmin, prototyped;
}
