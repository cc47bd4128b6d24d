//! The class `Host_driver`.

use crate::{DriverVariant, Host, Ref};

class! {
    /// A driver of a host that comes in variants.
    HostDriver = "Host_driver", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    host: Ref<Host> = Ref::NULL, StaticRo PoolAdmin, prototyped;
    name: String, DynamicRo PoolAdmin, prototyped;
    friendly_name: String, DynamicRo PoolAdmin, prototyped;
    variants: Vec<Ref<DriverVariant>>, DynamicRo PoolAdmin, prototyped;
    active_variant: Ref<DriverVariant>, DynamicRo PoolAdmin, prototyped;
    selected_variant: Ref<DriverVariant>, DynamicRo PoolAdmin, prototyped;
    r#type "type": String, DynamicRo PoolAdmin, prototyped;
    description: String, DynamicRo PoolAdmin, prototyped;
    info: String, DynamicRo PoolAdmin, prototyped;
}
