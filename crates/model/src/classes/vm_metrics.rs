//! The class `VM_metrics`.

use std::collections::BTreeMap;

use crate::{DateTime, DomainType};

class! {
    /// What the pool measures about a VM from outside.
    VmMetrics = "VM_metrics", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Memory it has, in bytes.
    memory_actual: i64, DynamicRo VmAdmin;
    /// Processors it has.
    vcpus_number "VCPUs_number": i64, DynamicRo VmAdmin;
    /// Load of each processor, from 0 to 1.
    vcpus_utilisation "VCPUs_utilisation": BTreeMap<i64, f64> = [], DynamicRo VmAdmin, removed;
    /// Physical processor each of its processors runs on.
    vcpus_cpu "VCPUs_CPU": BTreeMap<i64, i64>, DynamicRo VmAdmin;
    /// How its processors are scheduled.
    vcpus_params "VCPUs_params": BTreeMap<String, String>, DynamicRo VmAdmin;
    /// State of each processor.
    vcpus_flags "VCPUs_flags": BTreeMap<i64, Vec<String>>, DynamicRo VmAdmin;
    /// State in the hypervisor's words.
    state: Vec<String>, DynamicRo VmAdmin;
    /// When it started.
    start_time: DateTime, DynamicRo VmAdmin;
    /// When it was made.
    install_time: DateTime, DynamicRo VmAdmin;
    /// When these numbers were taken.
    last_updated: DateTime, DynamicRo VmAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw VmAdmin;
    /// Whether it uses hardware virtualisation.
    hvm: bool = false, DynamicRo VmAdmin;
    /// Whether it runs virtual machines itself.
    nested_virt: bool = false, DynamicRo VmAdmin;
    /// Whether it cannot move.
    nomigrate: bool = false, DynamicRo VmAdmin;
    /// How it is virtualised now.
    current_domain_type: DomainType = DomainType::Unspecified, DynamicRo VmAdmin;
    /// Whether its memory is near its processors.
    numa_optimised: bool = false, StaticRo VmAdmin, prototyped;
    /// How many memory nodes it spans.
    numa_nodes: i64 = 0, StaticRo VmAdmin, prototyped;
    /// Memory on each node, in bytes.
    numa_node_memory: BTreeMap<i64, i64> = [], DynamicRo VmAdmin, prototyped;
}
