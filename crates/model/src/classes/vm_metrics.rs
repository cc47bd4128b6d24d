//! The class `VM_metrics`.

use std::collections::BTreeMap;

use crate::{DateTime, DomainType};

class! {
    /// What the pool measures about a VM from outside.
    VmMetrics = "VM_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    memory_actual: i64, DynamicRo VmAdmin;
    vcpus_number "VCPUs_number": i64, DynamicRo VmAdmin;
    vcpus_utilisation "VCPUs_utilisation": BTreeMap<i64, f64> = [], DynamicRo VmAdmin, removed;
    vcpus_cpu "VCPUs_CPU": BTreeMap<i64, i64>, DynamicRo VmAdmin;
    vcpus_params "VCPUs_params": BTreeMap<String, String>, DynamicRo VmAdmin;
    vcpus_flags "VCPUs_flags": BTreeMap<i64, Vec<String>>, DynamicRo VmAdmin;
    state: Vec<String>, DynamicRo VmAdmin;
    start_time: DateTime, DynamicRo VmAdmin;
    install_time: DateTime, DynamicRo VmAdmin;
    last_updated: DateTime, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin;
    hvm: bool = false, DynamicRo VmAdmin;
    nested_virt: bool = false, DynamicRo VmAdmin;
    nomigrate: bool = false, DynamicRo VmAdmin;
    current_domain_type: DomainType = DomainType::Unspecified, DynamicRo VmAdmin;
    numa_optimised: bool = false, StaticRo VmAdmin, prototyped;
    numa_nodes: i64 = 0, StaticRo VmAdmin, prototyped;
    numa_node_memory: BTreeMap<i64, i64> = [], DynamicRo VmAdmin, prototyped;
}
