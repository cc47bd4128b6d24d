//! The class `network`.

use std::collections::BTreeMap;

use crate::{Blob, NetworkDefaultLockingMode, NetworkOperations, NetworkPurpose, Pif, Ref, Vif};

class! {
    /// A virtual network: what VIFs and PIFs plug into.
    Network = "network", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<NetworkOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, NetworkOperations> = [], DynamicRo PoolOperator;
    /// Network cards of VMs on it.
    vifs "VIFs": Vec<Ref<Vif>>, DynamicRo VmAdmin;
    /// Interfaces of hosts on it.
    pifs "PIFs": Vec<Ref<Pif>>, DynamicRo VmAdmin;
    /// Largest packet, in bytes.
    mtu "MTU": i64 = 1500, Rw VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    /// Name of its bridge on every host.
    bridge: String = "", StaticRo VmAdmin;
    /// Whether the pool makes and removes the bridge.
    managed: bool = true, StaticRo VmAdmin;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// What network cards may do that do not say themselves.
    default_locking_mode: NetworkDefaultLockingMode = NetworkDefaultLockingMode::Unlocked, DynamicRo VmAdmin;
    /// Addresses given to network cards.
    assigned_ips: BTreeMap<Ref<Vif>, String> = [], DynamicRo VmAdmin;
    /// What the network is for.
    purpose: Vec<NetworkPurpose> = [], DynamicRo VmAdmin;
}
