//! The class `VGPU`.

use std::collections::BTreeMap;

use crate::{GpuGroup, Pci, Pgpu, Ref, VgpuType, Vm};

class! {
    /// A VM's graphics processor.
    Vgpu = "VGPU", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    vm "VM": Ref<Vm>, DynamicRo PoolOperator;
    gpu_group "GPU_group": Ref<GpuGroup>, DynamicRo PoolOperator;
    device: String = "0", DynamicRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool = false, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    r#type "type": Ref<VgpuType> = Ref::NULL, DynamicRo PoolOperator;
    resident_on: Ref<Pgpu> = Ref::NULL, DynamicRo PoolOperator;
    scheduled_to_be_resident_on: Ref<Pgpu> = Ref::NULL, DynamicRo PoolOperator;
    compatibility_metadata: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    extra_args: String = "", Rw PoolOperator;
    pci "PCI": Ref<Pci> = Ref::NULL, DynamicRo PoolOperator;
}
