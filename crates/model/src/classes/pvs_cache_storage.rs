//! The class `PVS_cache_storage`.

use crate::{Host, PvsSite, Ref, Sr, Vdi};

class! {
    /// Storage for the provisioning cache of one host.
    PvsCacheStorage = "PVS_cache_storage", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its host.
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    /// Storage it is on.
    sr "SR": Ref<Sr> = Ref::NULL, StaticRo PoolOperator;
    /// Its site.
    site: Ref<PvsSite> = Ref::NULL, StaticRo PoolOperator;
    /// Size in bytes.
    size: i64 = 21_474_836_480_i64, StaticRo PoolOperator;
    /// Disk it is in.
    vdi "VDI": Ref<Vdi> = Ref::NULL, DynamicRo PoolOperator;
}
