//! The class `Bond`.

use std::collections::BTreeMap;

use crate::{BondMode, Pif, Ref};

class! {
    /// Several PIFs of a host used as one.
    Bond = "Bond", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Interface that stands for the bond.
    master: Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Interfaces it is made of.
    slaves: Vec<Ref<Pif>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Interface whose settings it took over.
    primary_slave: Ref<Pif> = Ref::NULL, DynamicRo PoolOperator;
    /// How it spreads traffic.
    mode: BondMode = BondMode::BalanceSlb, DynamicRo PoolOperator;
    /// Further settings.
    properties: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// How many of its links are up.
    links_up: i64 = 0, DynamicRo PoolOperator;
    /// Whether it takes the MAC address of its first interface.
    auto_update_mac: bool = true, DynamicRo PoolOperator;
}
