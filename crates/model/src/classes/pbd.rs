//! The class `PBD`.

use std::collections::BTreeMap;

use crate::{Host, Ref, Sr};

class! {
    /// How one host attaches one storage repository.
    Pbd = "PBD", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The host.
    host: Ref<Host>, StaticRo PoolOperator;
    /// The storage repository.
    sr "SR": Ref<Sr>, StaticRo PoolOperator;
    /// How to reach it, such as `server` and `serverpath`.
    device_config: BTreeMap<String, String>, StaticRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
