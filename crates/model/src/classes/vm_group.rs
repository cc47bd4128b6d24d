//! The class `VM_group`.

use crate::{PlacementPolicy, Ref, Vm};

class! {
    /// VMs placed with regard to each other.
    VmGroup = "VM_group", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw VmAdmin;
    /// Description for people.
    name_description: String = "", Rw VmAdmin;
    /// How its VMs are placed.
    placement: PlacementPolicy = PlacementPolicy::Normal, StaticRo VmAdmin, prototyped;
    /// Its VMs.
    vms "VMs": Vec<Ref<Vm>>, DynamicRo VmAdmin, prototyped;
}
