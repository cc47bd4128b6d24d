//! The class `PGPU`.

use std::collections::BTreeMap;

use crate::{GpuGroup, Host, Pci, PciDom0Access, Ref, Vgpu, VgpuType};

class! {
    /// A physical graphics processor.
    Pgpu = "PGPU", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The device it is.
    pci "PCI": Ref<Pci> = Ref::NULL, StaticRo PoolOperator;
    /// Its group.
    gpu_group "GPU_group": Ref<GpuGroup> = Ref::NULL, StaticRo PoolOperator;
    /// Its host.
    host: Ref<Host> = Ref::NULL, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Kinds of virtual processor it can offer.
    supported_vgpu_types "supported_VGPU_types": Vec<Ref<VgpuType>>, DynamicRo PoolOperator;
    /// Kinds it does offer.
    enabled_vgpu_types "enabled_VGPU_types": Vec<Ref<VgpuType>>, DynamicRo PoolOperator;
    /// Virtual processors on it now.
    resident_vgpus "resident_VGPUs": Vec<Ref<Vgpu>>, DynamicRo PoolOperator;
    /// How many of each kind it can offer.
    supported_vgpu_max_capacities "supported_VGPU_max_capacities": BTreeMap<Ref<VgpuType>, i64> = [], DynamicRo PoolOperator;
    /// Whether the host itself may use it.
    dom0_access: PciDom0Access = PciDom0Access::Enabled, DynamicRo PoolOperator, deprecated;
    /// Whether it drives the host's screen.
    is_system_display_device: bool = false, DynamicRo PoolOperator;
    /// What it takes to move VMs between processors.
    compatibility_metadata: BTreeMap<String, String> = [], DynamicRo PoolOperator;
}
