//! The class `Driver_variant`.

use crate::{HostDriver, Ref};

class! {
    /// A variant of a host driver.
    DriverVariant = "Driver_variant", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    /// Its name.
    name: String, DynamicRo PoolAdmin, prototyped;
    /// Its driver.
    driver: Ref<HostDriver>, DynamicRo PoolAdmin, prototyped;
    /// Its version.
    version: String, DynamicRo PoolAdmin, prototyped;
    /// Whether the host has hardware for it.
    hardware_present: bool, DynamicRo PoolAdmin, prototyped;
    /// How much it is preferred.
    priority: f64, DynamicRo PoolAdmin, prototyped;
    /// Whether it is tested.
    status: String, DynamicRo PoolAdmin, prototyped;
}
