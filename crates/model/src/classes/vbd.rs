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
    vm "VM": Ref<Vm>, StaticRo VmAdmin;
    vdi "VDI": Ref<Vdi>, StaticRo VmAdmin;
    device: String = "", StaticRo VmAdmin;
    userdevice: String, Rw VmAdmin;
    bootable: bool, Rw VmAdmin;
    mode: VbdMode, StaticRo VmAdmin;
    r#type "type": VbdType, Rw VmAdmin;
    unpluggable: bool = true, Rw VmAdmin;
    storage_lock: bool, DynamicRo VmAdmin;
    empty: bool, StaticRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw VmAdmin;
    /// Whether it is attached right now.
    currently_attached: bool = false, StaticRo VmAdmin;
    status_code: i64, DynamicRo VmAdmin;
    status_detail: String, DynamicRo VmAdmin;
    runtime_properties: BTreeMap<String, String>, DynamicRo VmAdmin;
    qos_algorithm_type: String, Rw VmAdmin;
    qos_algorithm_params: BTreeMap<String, String>, Rw VmAdmin;
    qos_supported_algorithms: Vec<String>, DynamicRo VmAdmin;
    metrics: Ref<VbdMetrics> = Ref::NULL, DynamicRo VmAdmin, removed;
}
