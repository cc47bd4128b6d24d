//! The class `PUSB`.

use std::collections::BTreeMap;

use crate::{Host, Ref, UsbGroup};

class! {
    /// A physical USB device.
    Pusb = "PUSB", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    usb_group "USB_group": Ref<UsbGroup> = Ref::NULL, StaticRo PoolAdmin;
    host: Ref<Host> = Ref::NULL, StaticRo PoolAdmin;
    path: String = "", StaticRo PoolAdmin;
    vendor_id: String = "", StaticRo PoolAdmin;
    vendor_desc: String = "", StaticRo PoolAdmin;
    product_id: String = "", StaticRo PoolAdmin;
    product_desc: String = "", StaticRo PoolAdmin;
    serial: String = "", StaticRo PoolAdmin;
    version: String = "", StaticRo PoolAdmin;
    description: String = "", StaticRo PoolAdmin;
    passthrough_enabled: bool = false, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
    speed: f64 = -1.0, StaticRo PoolAdmin;
}
