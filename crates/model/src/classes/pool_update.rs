//! The class `pool_update`.

use std::collections::BTreeMap;

use crate::{Host, Ref, UpdateAfterApplyGuidance, Vdi};

class! {
    /// An update of the new kind.
    PoolUpdate = "pool_update", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo PoolOperator;
    /// Description for people.
    name_description: String = "", StaticRo PoolOperator;
    /// Version of the update.
    version: String = "", StaticRo PoolOperator;
    /// Space it needs, in bytes.
    installation_size: i64 = 0, StaticRo PoolOperator;
    /// Key it is signed with.
    key: String = "", StaticRo PoolOperator;
    /// What to do after applying it.
    after_apply_guidance: Vec<UpdateAfterApplyGuidance> = [], StaticRo PoolOperator;
    /// Disk that holds it.
    vdi: Ref<Vdi>, StaticRo PoolOperator;
    /// Hosts it is applied on.
    hosts: Vec<Ref<Host>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Whether all hosts must have it.
    enforce_homogeneity: bool = false, StaticRo PoolOperator;
}
