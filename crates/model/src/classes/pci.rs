//! The class `PCI`.

use std::collections::BTreeMap;

use crate::{Host, Ref, Vm};

class! {
    /// A PCI device.
    Pci = "PCI", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    class_id: String = "", StaticRo PoolOperator;
    class_name: String = "", StaticRo PoolOperator;
    vendor_id: String = "", StaticRo PoolOperator;
    vendor_name: String = "", StaticRo PoolOperator;
    device_id: String = "", StaticRo PoolOperator;
    device_name: String = "", StaticRo PoolOperator;
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    pci_id: String = "", StaticRo PoolOperator;
    dependencies: Vec<Ref<Pci>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    subsystem_vendor_id: String = "", StaticRo PoolOperator;
    subsystem_vendor_name: String = "", StaticRo PoolOperator;
    subsystem_device_id: String = "", StaticRo PoolOperator;
    subsystem_device_name: String = "", StaticRo PoolOperator;
    driver_name: String = "", StaticRo PoolOperator;
    /// VMs that hold the device.
    attached_vms "attached_VMs": Vec<Ref<Vm>>, DynamicRo Nobody, internal;
    /// The physical function this virtual one belongs to.
    physical_function: Ref<Pci>, DynamicRo Nobody, internal;
    /// Virtual functions of this physical one.
    virtual_functions: Vec<Ref<Pci>>, DynamicRo Nobody, internal;
}
