//! The class `VGPU`.

use std::collections::BTreeMap;

use crate::{GpuGroup, Pci, Pgpu, Ref, VgpuType, Vm};

class! {
    /// A VM's graphics processor.
    Vgpu = "VGPU", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its VM.
    vm "VM": Ref<Vm>, DynamicRo PoolOperator;
    /// Group it takes a processor from.
    gpu_group "GPU_group": Ref<GpuGroup>, DynamicRo PoolOperator;
    /// Its position.
    device: String = "0", DynamicRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool = false, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Its kind.
    r#type "type": Ref<VgpuType> = Ref::NULL, DynamicRo PoolOperator;
    /// Physical processor it is on.
    resident_on: Ref<Pgpu> = Ref::NULL, DynamicRo PoolOperator;
    /// Physical processor it is about to be on.
    scheduled_to_be_resident_on: Ref<Pgpu> = Ref::NULL, DynamicRo PoolOperator;
    /// What it takes to move it.
    compatibility_metadata: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Further arguments for its driver.
    extra_args: String = "", Rw PoolOperator;
    /// Device it is given.
    pci "PCI": Ref<Pci> = Ref::NULL, DynamicRo PoolOperator;
}
