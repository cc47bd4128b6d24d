//! The class `Bond`.

use std::collections::BTreeMap;

use crate::{BondMode, Pif, Ref};

class! {
    /// Several PIFs of a host used as one.
    Bond = "Bond", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    master: Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    slaves: Vec<Ref<Pif>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    primary_slave: Ref<Pif> = Ref::NULL, DynamicRo PoolOperator;
    mode: BondMode = BondMode::BalanceSlb, DynamicRo PoolOperator;
    properties: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    links_up: i64 = 0, DynamicRo PoolOperator;
    auto_update_mac: bool = true, DynamicRo PoolOperator;
}
