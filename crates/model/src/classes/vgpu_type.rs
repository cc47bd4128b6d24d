//! The class `VGPU_type`.

use crate::{GpuGroup, Pgpu, Ref, Vgpu, VgpuTypeImplementation};

class! {
    /// A kind of virtual graphics processor.
    VgpuType = "VGPU_type", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its maker.
    vendor_name: String = "", StaticRo PoolOperator;
    /// Its name.
    model_name: String = "", StaticRo PoolOperator;
    /// Its memory in bytes.
    framebuffer_size: i64 = 0, StaticRo PoolOperator;
    /// Most screens.
    max_heads: i64 = 0, StaticRo PoolOperator;
    /// Widest screen.
    max_resolution_x: i64 = 0, StaticRo PoolOperator;
    /// Highest screen.
    max_resolution_y: i64 = 0, StaticRo PoolOperator;
    /// Physical processors that can offer it.
    supported_on_pgpus "supported_on_PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    /// Physical processors that do offer it.
    enabled_on_pgpus "enabled_on_PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    /// Virtual processors of this kind.
    vgpus "VGPUs": Vec<Ref<Vgpu>>, DynamicRo PoolOperator;
    /// Groups that can offer it.
    supported_on_gpu_groups "supported_on_GPU_groups": Vec<Ref<GpuGroup>>, DynamicRo PoolOperator;
    /// Groups that do offer it.
    enabled_on_gpu_groups "enabled_on_GPU_groups": Vec<Ref<GpuGroup>>, DynamicRo PoolOperator;
    /// How it is done.
    implementation: VgpuTypeImplementation = VgpuTypeImplementation::Passthrough, StaticRo PoolOperator;
    /// Its identity.
    identifier: String = "", StaticRo PoolOperator;
    /// Whether it is experimental.
    experimental: bool = false, StaticRo PoolOperator;
    /// Kinds that may be in the same VM.
    compatible_types_in_vm: Vec<Ref<VgpuType>> = [], DynamicRo PoolOperator;
}
