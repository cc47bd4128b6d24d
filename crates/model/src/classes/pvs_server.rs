//! The class `PVS_server`.

use crate::{PvsSite, Ref};

class! {
    /// A provisioning server.
    PvsServer = "PVS_server", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its addresses.
    addresses: Vec<String> = [], StaticRo PoolOperator;
    /// First port.
    first_port: i64 = 0, StaticRo PoolOperator;
    /// Last port.
    last_port: i64 = 0, StaticRo PoolOperator;
    /// Its site.
    site: Ref<PvsSite> = Ref::NULL, StaticRo PoolOperator;
}
