//! The class `Feature`.

use crate::{Host, Ref};

class! {
    /// An experimental feature of a host.
    Feature = "Feature", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo LocalRootOnly;
    /// Description for people.
    name_description: String = "", StaticRo LocalRootOnly;
    /// Whether it is on.
    enabled: bool = false, DynamicRo LocalRootOnly;
    /// Whether it is experimental.
    experimental: bool = false, StaticRo LocalRootOnly;
    /// Its version.
    version: String = "1.0", StaticRo LocalRootOnly;
    /// Its host.
    host: Ref<Host>, DynamicRo LocalRootOnly;
}
