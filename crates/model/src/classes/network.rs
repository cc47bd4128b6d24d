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
    vifs "VIFs": Vec<Ref<Vif>>, DynamicRo VmAdmin;
    pifs "PIFs": Vec<Ref<Pif>>, DynamicRo VmAdmin;
    mtu "MTU": i64 = 1500, Rw VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    bridge: String = "", StaticRo VmAdmin;
    managed: bool = true, StaticRo VmAdmin;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    default_locking_mode: NetworkDefaultLockingMode = NetworkDefaultLockingMode::Unlocked, DynamicRo VmAdmin;
    assigned_ips: BTreeMap<Ref<Vif>, String> = [], DynamicRo VmAdmin;
    purpose: Vec<NetworkPurpose> = [], DynamicRo VmAdmin;
}
