//! The class `PVS_site`.

use crate::{PvsCacheStorage, PvsProxy, PvsServer, Ref};

class! {
    /// Provisioning servers that share their disks.
    PvsSite = "PVS_site", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    pvs_uuid "PVS_uuid": String = "", StaticRo PoolOperator;
    cache_storage: Vec<Ref<PvsCacheStorage>> = [], DynamicRo PoolOperator;
    servers: Vec<Ref<PvsServer>>, DynamicRo PoolOperator;
    proxies: Vec<Ref<PvsProxy>>, DynamicRo PoolOperator;
}
