//! The class `GPU_group`.

use std::collections::BTreeMap;

use crate::{AllocationAlgorithm, Pgpu, Ref, Vgpu, VgpuType};

class! {
    /// Interchangeable graphics processors.
    GpuGroup = "GPU_group", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    /// Its physical processors.
    pgpus "PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    /// Virtual processors that use it.
    vgpus "VGPUs": Vec<Ref<Vgpu>>, DynamicRo PoolOperator;
    /// Kinds of its physical processors.
    gpu_types "GPU_types": Vec<String> = [], DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Whether VMs are spread or packed.
    allocation_algorithm: AllocationAlgorithm = AllocationAlgorithm::DepthFirst, Rw PoolOperator;
    /// Kinds of virtual processor it can offer.
    supported_vgpu_types "supported_VGPU_types": Vec<Ref<VgpuType>>, DynamicRo PoolOperator;
    /// Kinds it does offer.
    enabled_vgpu_types "enabled_VGPU_types": Vec<Ref<VgpuType>>, DynamicRo PoolOperator;
}
