//! The class `VDI`.

use std::collections::BTreeMap;

use crate::{Crashdump, DateTime, OnBoot, Pool, Ref, Sr, Vbd, VdiOperations, VdiType};

class! {
    /// A disk image in a storage repository.
    Vdi = "VDI", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo VmAdmin;
    /// Description for people.
    name_description: String = "", StaticRo VmAdmin;
    /// What may be done with it right now.
    allowed_operations: Vec<VdiOperations> = [], DynamicRo VmAdmin;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VdiOperations> = [], DynamicRo VmAdmin;
    sr "SR": Ref<Sr>, StaticRo VmAdmin;
    vbds "VBDs": Vec<Ref<Vbd>>, DynamicRo VmAdmin;
    crash_dumps: Vec<Ref<Crashdump>>, DynamicRo VmAdmin;
    virtual_size: i64, StaticRo VmAdmin;
    physical_utilisation: i64, DynamicRo VmAdmin;
    r#type "type": VdiType, StaticRo VmAdmin;
    sharable: bool, StaticRo VmAdmin;
    read_only: bool, StaticRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw VmAdmin;
    storage_lock: bool, DynamicRo VmAdmin;
    location: String = "", DynamicRo VmAdmin;
    managed: bool, DynamicRo VmAdmin;
    missing: bool, DynamicRo VmAdmin;
    parent: Ref<Vdi>, DynamicRo VmAdmin, deprecated;
    xenstore_data: BTreeMap<String, String> = [], Rw VmAdmin;
    sm_config: BTreeMap<String, String> = [], Rw VmAdmin;
    is_a_snapshot: bool = false, DynamicRo VmAdmin;
    snapshot_of: Ref<Vdi> = Ref::NULL, DynamicRo VmAdmin;
    snapshots: Vec<Ref<Vdi>>, DynamicRo VmAdmin;
    snapshot_time: DateTime = DateTime::EPOCH, DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    allow_caching: bool = false, DynamicRo VmAdmin;
    on_boot: OnBoot = OnBoot::Persist, DynamicRo VmAdmin;
    metadata_of_pool: Ref<Pool> = Ref::NULL, DynamicRo VmAdmin;
    metadata_latest: bool = false, DynamicRo VmAdmin;
    is_tools_iso: bool = false, DynamicRo VmAdmin;
    cbt_enabled: bool = false, DynamicRo VmAdmin;
}
