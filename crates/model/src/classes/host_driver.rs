//! The class `Host_driver`.

use crate::{DriverVariant, Host, Ref};

class! {
    /// A driver of a host that comes in variants.
    HostDriver = "Host_driver", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    /// Its host.
    host: Ref<Host> = Ref::NULL, StaticRo PoolAdmin, prototyped;
    /// Its name.
    name: String, DynamicRo PoolAdmin, prototyped;
    /// Its name for people.
    friendly_name: String, DynamicRo PoolAdmin, prototyped;
    /// Its variants.
    variants: Vec<Ref<DriverVariant>>, DynamicRo PoolAdmin, prototyped;
    /// Variant in use.
    active_variant: Ref<DriverVariant>, DynamicRo PoolAdmin, prototyped;
    /// Variant to use after a restart.
    selected_variant: Ref<DriverVariant>, DynamicRo PoolAdmin, prototyped;
    /// Kind of driver.
    r#type "type": String, DynamicRo PoolAdmin, prototyped;
    /// What it drives.
    description: String, DynamicRo PoolAdmin, prototyped;
    /// Anything else.
    info: String, DynamicRo PoolAdmin, prototyped;
}
