//! The class `VM_appliance`.

use std::collections::BTreeMap;

use crate::{Ref, Vm, VmApplianceOperation};

class! {
    /// A group of VMs that start and stop together, in order.
    VmAppliance = "VM_appliance", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<VmApplianceOperation> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VmApplianceOperation> = [], DynamicRo PoolOperator;
    /// Its VMs.
    vms "VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator;
}
