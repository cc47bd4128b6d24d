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
    /// Version of the patch.
    version: String = "", StaticRo PoolOperator;
    /// Size in bytes.
    size: i64 = 0, DynamicRo PoolOperator;
    /// Whether it is applied on all hosts.
    pool_applied: bool = false, DynamicRo PoolOperator;
    /// Hosts it is applied on.
    host_patches: Vec<Ref<HostPatch>>, DynamicRo PoolOperator;
    /// What to do after applying it.
    after_apply_guidance: Vec<AfterApplyGuidance> = [], DynamicRo PoolOperator;
    /// The update that stands for it.
    pool_update: Ref<PoolUpdate> = Ref::NULL, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
