//! The class `pool_patch`.

use std::collections::BTreeMap;

use crate::{AfterApplyGuidance, HostPatch, PoolUpdate, Ref};

class! {
    /// A patch of the old kind.
    PoolPatch = "pool_patch", Deprecated, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo PoolOperator;
    /// Description for people.
    name_description: String = "", StaticRo PoolOperator;
    version: String = "", StaticRo PoolOperator;
    size: i64 = 0, DynamicRo PoolOperator;
    pool_applied: bool = false, DynamicRo PoolOperator;
    host_patches: Vec<Ref<HostPatch>>, DynamicRo PoolOperator;
    after_apply_guidance: Vec<AfterApplyGuidance> = [], DynamicRo PoolOperator;
    pool_update: Ref<PoolUpdate> = Ref::NULL, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
