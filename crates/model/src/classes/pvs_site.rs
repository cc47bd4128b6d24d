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
    /// Identity at the provisioning server.
    pvs_uuid "PVS_uuid": String = "", StaticRo PoolOperator;
    /// Cache storage of hosts.
    cache_storage: Vec<Ref<PvsCacheStorage>> = [], DynamicRo PoolOperator;
    /// Its servers.
    servers: Vec<Ref<PvsServer>>, DynamicRo PoolOperator;
    /// Its proxies.
    proxies: Vec<Ref<PvsProxy>>, DynamicRo PoolOperator;
}
