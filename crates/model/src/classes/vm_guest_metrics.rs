//! The class `VM_guest_metrics`.

use std::collections::BTreeMap;

use crate::{DateTime, TristateType};

class! {
    /// What the guest says of itself.
    VmGuestMetrics = "VM_guest_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    os_version: BTreeMap<String, String>, DynamicRo VmAdmin;
    netbios_name: BTreeMap<String, String> = [], DynamicRo VmAdmin, prototyped;
    pv_drivers_version "PV_drivers_version": BTreeMap<String, String>, DynamicRo VmAdmin;
    pv_drivers_up_to_date "PV_drivers_up_to_date": bool, DynamicRo VmAdmin, deprecated;
    memory: BTreeMap<String, String> = [], DynamicRo VmAdmin, removed;
    disks: BTreeMap<String, String> = [], DynamicRo VmAdmin, removed;
    networks: BTreeMap<String, String>, DynamicRo VmAdmin;
    other: BTreeMap<String, String>, DynamicRo VmAdmin;
    last_updated: DateTime, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin;
    live: bool = false, DynamicRo VmAdmin;
    can_use_hotplug_vbd: TristateType = TristateType::Unspecified, DynamicRo VmAdmin;
    can_use_hotplug_vif: TristateType = TristateType::Unspecified, DynamicRo VmAdmin;
    pv_drivers_detected "PV_drivers_detected": bool = false, DynamicRo VmAdmin;
    services: BTreeMap<String, String> = [], DynamicRo VmAdmin, prototyped;
}
