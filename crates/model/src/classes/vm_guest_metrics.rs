//! The class `VM_guest_metrics`.

use std::collections::BTreeMap;

use crate::{DateTime, TristateType};

class! {
    /// What the guest says of itself.
    VmGuestMetrics = "VM_guest_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Operating system: `name`, `distro`, `major`, `minor`, `uname`.
    os_version: BTreeMap<String, String>, DynamicRo VmAdmin;
    /// Windows name of the machine.
    netbios_name: BTreeMap<String, String> = [], DynamicRo VmAdmin, prototyped;
    /// Version of the guest agent and drivers.
    pv_drivers_version "PV_drivers_version": BTreeMap<String, String>, DynamicRo VmAdmin;
    /// Whether drivers are there.
    pv_drivers_up_to_date "PV_drivers_up_to_date": bool, DynamicRo VmAdmin, deprecated;
    /// Not used.
    memory: BTreeMap<String, String> = [], DynamicRo VmAdmin, removed;
    /// Not used.
    disks: BTreeMap<String, String> = [], DynamicRo VmAdmin, removed;
    /// Addresses: `0/ip`, `0/ipv4/0`, `0/ipv6/0` and so on.
    networks: BTreeMap<String, String>, DynamicRo VmAdmin;
    /// Anything else the guest says.
    other: BTreeMap<String, String>, DynamicRo VmAdmin;
    /// When the guest last said something.
    last_updated: DateTime, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin;
    /// Whether the guest agent answers.
    live: bool = false, DynamicRo VmAdmin;
    /// Whether disks can come and go while it runs.
    can_use_hotplug_vbd: TristateType = TristateType::Unspecified, DynamicRo VmAdmin;
    /// Whether network cards can come and go while it runs.
    can_use_hotplug_vif: TristateType = TristateType::Unspecified, DynamicRo VmAdmin;
    /// Whether drivers were ever seen.
    pv_drivers_detected "PV_drivers_detected": bool = false, DynamicRo VmAdmin;
    /// Services in the guest.
    services: BTreeMap<String, String> = [], DynamicRo VmAdmin, prototyped;
}
