//! The class `PVS_cache_storage`.

use crate::{Host, PvsSite, Ref, Sr, Vdi};

class! {
    /// Storage for the provisioning cache of one host.
    PvsCacheStorage = "PVS_cache_storage", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    sr "SR": Ref<Sr> = Ref::NULL, StaticRo PoolOperator;
    site: Ref<PvsSite> = Ref::NULL, StaticRo PoolOperator;
    size: i64 = 21_474_836_480_i64, StaticRo PoolOperator;
    vdi "VDI": Ref<Vdi> = Ref::NULL, DynamicRo PoolOperator;
}
