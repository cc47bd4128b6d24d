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
    /// Its disk images.
    vdis "VDIs": Vec<Ref<Vdi>>, DynamicRo PoolOperator;
    /// Hosts' connections to it.
    pbds "PBDs": Vec<Ref<Pbd>>, DynamicRo PoolOperator;
    /// Sum of the sizes of its disk images, in bytes.
    virtual_allocation: i64, DynamicRo PoolOperator;
    /// Space in use, in bytes.
    physical_utilisation: i64, DynamicRo PoolOperator;
    /// Space there is, in bytes.
    physical_size: i64, StaticRo PoolOperator;
    /// Kind of storage, such as `nfs` or `lvmoiscsi`.
    r#type "type": String, StaticRo PoolOperator;
    /// What it holds: `user`, `iso` and so on.
    content_type: String, StaticRo PoolOperator;
    /// Whether every host can reach it.
    shared: bool, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// What the storage driver keeps here.
    sm_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    /// Whether it is used as cache.
    local_cache_enabled: bool = false, DynamicRo PoolOperator;
    /// Disaster recovery that made it known.
    introduced_by: Ref<DrTask> = Ref::NULL, DynamicRo PoolOperator;
    /// Whether it needs a cluster below.
    clustered: bool = false, DynamicRo PoolOperator;
    /// Whether it holds the guest tools.
    is_tools_sr: bool = false, DynamicRo PoolOperator;
}
