//! The class `PVS_server`.

use crate::{PvsSite, Ref};

class! {
    /// A provisioning server.
    PvsServer = "PVS_server", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    addresses: Vec<String> = [], StaticRo PoolOperator;
    first_port: i64 = 0, StaticRo PoolOperator;
    last_port: i64 = 0, StaticRo PoolOperator;
    site: Ref<PvsSite> = Ref::NULL, StaticRo PoolOperator;
}
