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
    version: String = "", StaticRo PoolOperator;
    installation_size: i64 = 0, StaticRo PoolOperator;
    key: String = "", StaticRo PoolOperator;
    after_apply_guidance: Vec<UpdateAfterApplyGuidance> = [], StaticRo PoolOperator;
    vdi: Ref<Vdi>, StaticRo PoolOperator;
    hosts: Vec<Ref<Host>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    enforce_homogeneity: bool = false, StaticRo PoolOperator;
}
