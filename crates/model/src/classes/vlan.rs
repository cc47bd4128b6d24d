//! The class `VLAN`.

use std::collections::BTreeMap;

use crate::{Pif, Ref};

class! {
    /// A VLAN interface on top of another PIF.
    Vlan = "VLAN", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Interface below, which carries the tag.
    tagged_pif "tagged_PIF": Ref<Pif> = Ref::NULL, StaticRo PoolOperator;
    /// Interface above, without the tag.
    untagged_pif "untagged_PIF": Ref<Pif> = Ref::NULL, DynamicRo PoolOperator;
    /// The tag.
    tag: i64 = -1, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
