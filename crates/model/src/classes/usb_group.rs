//! The class `USB_group`.

use std::collections::BTreeMap;

use crate::{Pusb, Ref, Vusb};

class! {
    /// Interchangeable USB devices.
    UsbGroup = "USB_group", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolAdmin;
    /// Description for people.
    name_description: String = "", Rw PoolAdmin;
    /// Its physical devices.
    pusbs "PUSBs": Vec<Ref<Pusb>>, DynamicRo PoolAdmin;
    /// Devices of VMs that use it.
    vusbs "VUSBs": Vec<Ref<Vusb>>, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
}
