//! The class `VGPU_type`.

use crate::{GpuGroup, Pgpu, Ref, Vgpu, VgpuTypeImplementation};

class! {
    /// A kind of virtual graphics processor.
    VgpuType = "VGPU_type", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    vendor_name: String = "", StaticRo PoolOperator;
    model_name: String = "", StaticRo PoolOperator;
    framebuffer_size: i64 = 0, StaticRo PoolOperator;
    max_heads: i64 = 0, StaticRo PoolOperator;
    max_resolution_x: i64 = 0, StaticRo PoolOperator;
    max_resolution_y: i64 = 0, StaticRo PoolOperator;
    supported_on_pgpus "supported_on_PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    enabled_on_pgpus "enabled_on_PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    vgpus "VGPUs": Vec<Ref<Vgpu>>, DynamicRo PoolOperator;
    supported_on_gpu_groups "supported_on_GPU_groups": Vec<Ref<GpuGroup>>, DynamicRo PoolOperator;
    enabled_on_gpu_groups "enabled_on_GPU_groups": Vec<Ref<GpuGroup>>, DynamicRo PoolOperator;
    implementation: VgpuTypeImplementation = VgpuTypeImplementation::Passthrough, StaticRo PoolOperator;
    identifier: String = "", StaticRo PoolOperator;
    experimental: bool = false, StaticRo PoolOperator;
    compatible_types_in_vm: Vec<Ref<VgpuType>> = [], DynamicRo PoolOperator;
}
