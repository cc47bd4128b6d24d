//! The class `PUSB`.

use std::collections::BTreeMap;

use crate::{Host, Ref, UsbGroup};

class! {
    /// A physical USB device.
    Pusb = "PUSB", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its group.
    usb_group "USB_group": Ref<UsbGroup> = Ref::NULL, StaticRo PoolAdmin;
    /// Its host.
    host: Ref<Host> = Ref::NULL, StaticRo PoolAdmin;
    /// Where it is plugged in.
    path: String = "", StaticRo PoolAdmin;
    /// Identity of its maker.
    vendor_id: String = "", StaticRo PoolAdmin;
    /// Its maker.
    vendor_desc: String = "", StaticRo PoolAdmin;
    /// Identity of its model.
    product_id: String = "", StaticRo PoolAdmin;
    /// Its model.
    product_desc: String = "", StaticRo PoolAdmin;
    /// Its serial number.
    serial: String = "", StaticRo PoolAdmin;
    /// Version of USB.
    version: String = "", StaticRo PoolAdmin;
    /// What it is.
    description: String = "", StaticRo PoolAdmin;
    /// Whether VMs may have it.
    passthrough_enabled: bool = false, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
    /// Its speed in Mbit/s.
    speed: f64 = -1.0, StaticRo PoolAdmin;
}
