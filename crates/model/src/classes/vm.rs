//! The class `VM`.

use std::collections::BTreeMap;

use crate::{
    Blob, Console, Crashdump, DateTime, DomainType, Host, OnCrashBehaviour, OnNormalExit,
    OnSoftrebootBehavior, Pci, Ref, Sr, UpdateGuidances, Vbd, Vdi, Vgpu, Vif, VmAppliance, VmGroup,
    VmGuestMetrics, VmMetrics, VmOperations, VmPowerState, VmSecurebootCertificatesState, Vmpp,
    Vmss, Vtpm, Vusb,
};

class! {
    /// A virtual machine, a template of one, or a snapshot of one.
    Vm = "VM", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// What may be done with it right now.
    allowed_operations: Vec<VmOperations> = [], DynamicRo VmAdmin;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, VmOperations> = [], DynamicRo VmAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw VmAdmin;
    /// Description for people.
    name_description: String = "", Rw VmAdmin;
    power_state: VmPowerState = VmPowerState::Halted, StaticRo VmOperator;
    user_version: i64, Rw VmAdmin;
    is_a_template: bool, Rw VmAdmin, custom_setter;
    is_default_template: bool = false, DynamicRo PoolAdmin;
    suspend_vdi "suspend_VDI": Ref<Vdi> = Ref::NULL, StaticRo VmAdmin;
    resident_on: Ref<Host>, DynamicRo VmPowerAdmin;
    scheduled_to_be_resident_on: Ref<Host> = Ref::NULL, DynamicRo VmPowerAdmin;
    affinity: Ref<Host>, Rw VmPowerAdmin;
    memory_overhead: i64 = 0, DynamicRo VmPowerAdmin;
    memory_target: i64 = 0, StaticRo VmPowerAdmin, deprecated;
    memory_static_max: i64, StaticRo VmPowerAdmin;
    memory_dynamic_max: i64, StaticRo VmPowerAdmin;
    memory_dynamic_min: i64, StaticRo VmPowerAdmin;
    memory_static_min: i64, StaticRo VmPowerAdmin;
    vcpus_params "VCPUs_params": BTreeMap<String, String>, Rw VmAdmin;
    vcpus_max "VCPUs_max": i64, StaticRo VmAdmin;
    vcpus_at_startup "VCPUs_at_startup": i64, StaticRo VmAdmin;
    actions_after_softreboot: OnSoftrebootBehavior = OnSoftrebootBehavior::SoftReboot, Rw VmAdmin, prototyped;
    actions_after_shutdown: OnNormalExit, Rw VmAdmin;
    actions_after_reboot: OnNormalExit, Rw VmAdmin;
    actions_after_crash: OnCrashBehaviour, StaticRo VmAdmin;
    consoles: Vec<Ref<Console>>, DynamicRo PoolAdmin;
    vifs "VIFs": Vec<Ref<Vif>>, DynamicRo VmAdmin;
    vbds "VBDs": Vec<Ref<Vbd>>, DynamicRo VmAdmin;
    vusbs "VUSBs": Vec<Ref<Vusb>>, DynamicRo VmAdmin;
    crash_dumps: Vec<Ref<Crashdump>>, DynamicRo PoolAdmin;
    vtpms "VTPMs": Vec<Ref<Vtpm>>, DynamicRo VmAdmin;
    pv_bootloader "PV_bootloader": String, Rw VmAdmin;
    pv_kernel "PV_kernel": String, Rw VmAdmin;
    pv_ramdisk "PV_ramdisk": String, Rw VmAdmin;
    pv_args "PV_args": String, Rw VmAdmin;
    pv_bootloader_args "PV_bootloader_args": String, Rw VmAdmin;
    pv_legacy_args "PV_legacy_args": String, Rw VmAdmin;
    hvm_boot_policy "HVM_boot_policy": String, StaticRo VmAdmin, deprecated;
    hvm_boot_params "HVM_boot_params": BTreeMap<String, String>, Rw VmAdmin;
    hvm_shadow_multiplier "HVM_shadow_multiplier": f64 = 1.0, StaticRo VmPowerAdmin;
    platform: BTreeMap<String, String>, StaticRo VmAdmin;
    pci_bus "PCI_bus": String, Rw VmAdmin, deprecated;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, StaticRo VmAdmin;
    domid: i64, DynamicRo VmAdmin;
    domarch: String, DynamicRo VmAdmin;
    last_boot_cpu_flags "last_boot_CPU_flags": BTreeMap<String, String> = [], StaticRo VmAdmin;
    is_control_domain: bool, DynamicRo VmAdmin;
    metrics: Ref<VmMetrics>, DynamicRo VmAdmin;
    guest_metrics: Ref<VmGuestMetrics>, DynamicRo VmAdmin;
    last_booted_record: String = "", StaticRo VmAdmin;
    recommendations: String, Rw VmAdmin;
    xenstore_data: BTreeMap<String, String> = [], Rw VmAdmin, custom_setter;
    ha_always_run: bool = false, StaticRo PoolOperator, deprecated;
    ha_restart_priority: String = "", StaticRo PoolOperator;
    is_a_snapshot: bool = false, DynamicRo VmPowerAdmin;
    snapshot_of: Ref<Vm> = Ref::NULL, DynamicRo VmPowerAdmin;
    snapshots: Vec<Ref<Vm>>, DynamicRo VmPowerAdmin;
    snapshot_time: DateTime = DateTime::EPOCH, DynamicRo VmPowerAdmin;
    transportable_snapshot_id: String = "", DynamicRo VmPowerAdmin;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    blocked_operations: BTreeMap<VmOperations, String> = [], StaticRo VmAdmin;
    snapshot_info: BTreeMap<String, String> = [], DynamicRo VmPowerAdmin;
    snapshot_metadata: String = "", DynamicRo VmPowerAdmin;
    parent: Ref<Vm> = Ref::NULL, DynamicRo VmPowerAdmin;
    children: Vec<Ref<Vm>>, DynamicRo VmPowerAdmin;
    bios_strings: BTreeMap<String, String> = [], DynamicRo VmAdmin;
    protection_policy: Ref<Vmpp> = Ref::NULL, StaticRo VmPowerAdmin, deprecated;
    is_snapshot_from_vmpp: bool = false, StaticRo PoolOperator, removed;
    snapshot_schedule: Ref<Vmss> = Ref::NULL, StaticRo VmPowerAdmin;
    is_vmss_snapshot: bool = false, StaticRo PoolOperator;
    appliance: Ref<VmAppliance> = Ref::NULL, StaticRo PoolOperator;
    start_delay: i64 = 0, StaticRo PoolOperator;
    shutdown_delay: i64 = 0, StaticRo PoolOperator;
    order: i64 = 0, StaticRo PoolOperator;
    vgpus "VGPUs": Vec<Ref<Vgpu>>, DynamicRo VmAdmin;
    attached_pcis "attached_PCIs": Vec<Ref<Pci>>, DynamicRo VmAdmin;
    suspend_sr "suspend_SR": Ref<Sr> = Ref::NULL, Rw VmAdmin;
    version: i64 = 0, StaticRo VmAdmin;
    generation_id: String = "0:0", StaticRo VmAdmin;
    hardware_platform_version: i64 = 0, Rw VmAdmin;
    has_vendor_device: bool = true, StaticRo VmAdmin;
    requires_reboot: bool = false, DynamicRo VmAdmin;
    reference_label: String = "", StaticRo VmAdmin;
    domain_type: DomainType = DomainType::Unspecified, StaticRo VmAdmin;
    nvram "NVRAM": BTreeMap<String, String> = [], StaticRo VmAdmin;
    pending_guidances: Vec<UpdateGuidances> = [], DynamicRo VmAdmin;
    pending_guidances_recommended: Vec<UpdateGuidances> = [], DynamicRo VmAdmin, prototyped;
    pending_guidances_full: Vec<UpdateGuidances> = [], DynamicRo VmAdmin, prototyped;
    groups: Vec<Ref<VmGroup>>, DynamicRo VmAdmin, prototyped;
    secureboot_certificates_state: VmSecurebootCertificatesState = VmSecurebootCertificatesState::Ok, DynamicRo VmAdmin, prototyped;
}
