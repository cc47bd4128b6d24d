//! The class `PCI`.

use std::collections::BTreeMap;

use crate::{Host, Ref, Vm};

class! {
    /// A PCI device.
    Pci = "PCI", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Identity of its class.
    class_id: String = "", StaticRo PoolOperator;
    /// Its class.
    class_name: String = "", StaticRo PoolOperator;
    /// Identity of its maker.
    vendor_id: String = "", StaticRo PoolOperator;
    /// Its maker.
    vendor_name: String = "", StaticRo PoolOperator;
    /// Identity of its model.
    device_id: String = "", StaticRo PoolOperator;
    /// Its model.
    device_name: String = "", StaticRo PoolOperator;
    /// Its host.
    host: Ref<Host> = Ref::NULL, StaticRo PoolOperator;
    /// Where in the machine it is.
    pci_id: String = "", StaticRo PoolOperator;
    /// Devices that go with it.
    dependencies: Vec<Ref<Pci>>, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Identity of the card's maker.
    subsystem_vendor_id: String = "", StaticRo PoolOperator;
    /// The card's maker.
    subsystem_vendor_name: String = "", StaticRo PoolOperator;
    /// Identity of the card.
    subsystem_device_id: String = "", StaticRo PoolOperator;
    /// The card.
    subsystem_device_name: String = "", StaticRo PoolOperator;
    /// Driver in use.
    driver_name: String = "", StaticRo PoolOperator;
    /// VMs that hold the device.
    attached_vms "attached_VMs": Vec<Ref<Vm>>, DynamicRo Nobody, internal;
    /// The physical function this virtual one belongs to.
    physical_function: Ref<Pci>, DynamicRo Nobody, internal;
    /// Virtual functions of this physical one.
    virtual_functions: Vec<Ref<Pci>>, DynamicRo Nobody, internal;
}
