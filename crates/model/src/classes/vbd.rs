//! The class `VBD`.

use std::collections::BTreeMap;

use crate::{Ref, VbdMetrics, VbdMode, VbdOperations, VbdType, Vdi, Vm};

class! {
    /// A VM's disk or CD drive: connects a VM to a VDI.
    Vbd = "VBD", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// What may be done with it right now.
    allowed_operations: Vec<VbdOperations> = [], DynamicRo VmAdmin;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VbdOperations> = [], DynamicRo VmAdmin;
    /// Its VM.
    vm "VM": Ref<Vm>, StaticRo VmAdmin;
    /// Disk in it; null for an empty drive.
    vdi "VDI": Ref<Vdi>, StaticRo VmAdmin;
    /// Name the guest sees, such as `xvda`.
    device: String = "", StaticRo VmAdmin;
    /// Its position: `0`, `1` and so on.
    userdevice: String, Rw VmAdmin;
    /// Whether the VM boots from it.
    bootable: bool, Rw VmAdmin;
    /// Whether the VM may write.
    mode: VbdMode, StaticRo VmAdmin;
    /// Disk or CD drive.
    r#type "type": VbdType, Rw VmAdmin;
    /// Whether it may be detached while the VM runs.
    unpluggable: bool = true, Rw VmAdmin;
    /// Whether the storage driver locked it.
    storage_lock: bool, DynamicRo VmAdmin;
    /// Whether the drive is empty.
    empty: bool, StaticRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw VmAdmin;
    /// Whether it is attached right now.
    currently_attached: bool = false, StaticRo VmAdmin;
    /// Error of the last operation.
    status_code: i64, DynamicRo VmAdmin;
    /// Text of that error.
    status_detail: String, DynamicRo VmAdmin;
    /// Facts while it is attached.
    runtime_properties: BTreeMap<String, String>, DynamicRo VmAdmin;
    /// How its traffic is limited: `ionice` or empty.
    qos_algorithm_type: String, Rw VmAdmin;
    /// Details of that.
    qos_algorithm_params: BTreeMap<String, String>, Rw VmAdmin;
    /// Ways its traffic could be limited.
    qos_supported_algorithms: Vec<String>, DynamicRo VmAdmin;
    /// Its traffic.
    metrics: Ref<VbdMetrics> = Ref::NULL, DynamicRo VmAdmin, removed;
}
