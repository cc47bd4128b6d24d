//! The class `VUSB`.

use std::collections::BTreeMap;

use crate::{Ref, UsbGroup, Vm, VusbOperations};

class! {
    /// A VM's USB device.
    Vusb = "VUSB", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// What may be done with it right now.
    allowed_operations: Vec<VusbOperations> = [], DynamicRo PoolAdmin;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VusbOperations> = [], DynamicRo PoolAdmin;
    /// Its VM.
    vm "VM": Ref<Vm>, DynamicRo PoolAdmin;
    /// Group it takes a device from.
    usb_group "USB_group": Ref<UsbGroup>, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
    /// Whether it is attached right now.
    currently_attached: bool = false, DynamicRo PoolAdmin;
}
