//! The class `SR`.

use std::collections::BTreeMap;

use crate::{Blob, DrTask, Pbd, Ref, StorageOperations, Vdi};

class! {
    /// A storage repository: a place that holds disk images.
    Sr = "SR", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo PoolOperator;
    /// Description for people.
    name_description: String = "", StaticRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<StorageOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, StorageOperations> = [], DynamicRo PoolOperator;
    vdis "VDIs": Vec<Ref<Vdi>>, DynamicRo PoolOperator;
    pbds "PBDs": Vec<Ref<Pbd>>, DynamicRo PoolOperator;
    virtual_allocation: i64, DynamicRo PoolOperator;
    physical_utilisation: i64, DynamicRo PoolOperator;
    physical_size: i64, StaticRo PoolOperator;
    r#type "type": String, StaticRo PoolOperator;
    content_type: String, StaticRo PoolOperator;
    shared: bool, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    sm_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    local_cache_enabled: bool = false, DynamicRo PoolOperator;
    introduced_by: Ref<DrTask> = Ref::NULL, DynamicRo PoolOperator;
    clustered: bool = false, DynamicRo PoolOperator;
    is_tools_sr: bool = false, DynamicRo PoolOperator;
}
