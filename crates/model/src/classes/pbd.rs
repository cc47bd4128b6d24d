//! The class `PBD`.

use std::collections::BTreeMap;

use crate::{Host, Ref, Sr};

class! {
    /// How one host attaches one storage repository.
    Pbd = "PBD", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    host: Ref<Host>, StaticRo PoolOperator;
    sr "SR": Ref<Sr>, StaticRo PoolOperator;
    device_config: BTreeMap<String, String>, StaticRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
