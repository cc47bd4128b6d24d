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
    /// Storage repository it is in.
    sr "SR": Ref<Sr>, StaticRo VmAdmin;
    /// Where it is attached.
    vbds "VBDs": Vec<Ref<Vbd>>, DynamicRo VmAdmin;
    /// Crash dumps in it.
    crash_dumps: Vec<Ref<Crashdump>>, DynamicRo VmAdmin;
    /// Size that the guest sees, in bytes.
    virtual_size: i64, StaticRo VmAdmin;
    /// Space it takes, in bytes.
    physical_utilisation: i64, DynamicRo VmAdmin;
    /// What it is for.
    r#type "type": VdiType, StaticRo VmAdmin;
    /// Whether several VMs may write to it at once.
    sharable: bool, StaticRo VmAdmin;
    /// Whether it can only be read.
    read_only: bool, StaticRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw VmAdmin;
    /// Whether the storage driver locked it.
    storage_lock: bool, DynamicRo VmAdmin;
    /// Where in the storage repository it is.
    location: String = "", DynamicRo VmAdmin;
    /// Whether the pool manages it.
    managed: bool, DynamicRo VmAdmin;
    /// Whether it is gone from its storage.
    missing: bool, DynamicRo VmAdmin;
    /// Not used.
    parent: Ref<Vdi>, DynamicRo VmAdmin, deprecated;
    /// Data the guest can read about it.
    xenstore_data: BTreeMap<String, String> = [], Rw VmAdmin;
    /// What the storage driver keeps here.
    sm_config: BTreeMap<String, String> = [], Rw VmAdmin;
    /// Whether it is a snapshot.
    is_a_snapshot: bool = false, DynamicRo VmAdmin;
    /// Disk it is a snapshot of.
    snapshot_of: Ref<Vdi> = Ref::NULL, DynamicRo VmAdmin;
    /// Its snapshots.
    snapshots: Vec<Ref<Vdi>>, DynamicRo VmAdmin;
    /// When the snapshot was taken.
    snapshot_time: DateTime = DateTime::EPOCH, DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// Whether reads may be cached on local storage.
    allow_caching: bool = false, DynamicRo VmAdmin;
    /// Whether it is reset when its VM starts.
    on_boot: OnBoot = OnBoot::Persist, DynamicRo VmAdmin;
    /// Pool whose database it holds.
    metadata_of_pool: Ref<Pool> = Ref::NULL, DynamicRo VmAdmin;
    /// Whether that is the latest database.
    metadata_latest: bool = false, DynamicRo VmAdmin;
    /// Whether it holds the guest tools.
    is_tools_iso: bool = false, DynamicRo VmAdmin;
    /// Whether changed blocks are tracked.
    cbt_enabled: bool = false, DynamicRo VmAdmin;
}
