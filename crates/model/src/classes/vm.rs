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
    /// Whether it runs.
    power_state: VmPowerState = VmPowerState::Halted, StaticRo VmOperator;
    /// A number of the user.
    user_version: i64, Rw VmAdmin;
    /// Whether it is a template, which does not run but is cloned.
    is_a_template: bool, Rw VmAdmin, custom_setter;
    /// Whether it is a template that came with the pool.
    is_default_template: bool = false, DynamicRo PoolAdmin;
    /// Its memory, while it is suspended.
    suspend_vdi "suspend_VDI": Ref<Vdi> = Ref::NULL, StaticRo VmAdmin;
    /// Host it runs on.
    resident_on: Ref<Host>, DynamicRo VmPowerAdmin;
    /// Host it is about to run on; its memory is reserved there.
    scheduled_to_be_resident_on: Ref<Host> = Ref::NULL, DynamicRo VmPowerAdmin;
    /// Host it prefers.
    affinity: Ref<Host>, Rw VmPowerAdmin;
    /// Memory that virtualising it costs the host, in bytes.
    memory_overhead: i64 = 0, DynamicRo VmPowerAdmin;
    /// Memory it should have now, in bytes.
    memory_target: i64 = 0, StaticRo VmPowerAdmin, deprecated;
    /// Most memory it can ever have, in bytes; changed only while it is off.
    memory_static_max: i64, StaticRo VmPowerAdmin;
    /// Most memory it gets while it runs, in bytes.
    memory_dynamic_max: i64, StaticRo VmPowerAdmin;
    /// Least memory it is squeezed to, in bytes.
    memory_dynamic_min: i64, StaticRo VmPowerAdmin;
    /// Least memory it can work with, in bytes.
    memory_static_min: i64, StaticRo VmPowerAdmin;
    /// Scheduling of its processors: `weight`, `cap`, `mask`.
    vcpus_params "VCPUs_params": BTreeMap<String, String>, Rw VmAdmin;
    /// Most processors it can have; changed only while it is off.
    vcpus_max "VCPUs_max": i64, StaticRo VmAdmin;
    /// Processors it starts with.
    vcpus_at_startup "VCPUs_at_startup": i64, StaticRo VmAdmin;
    /// What to do when the guest asks for a soft reboot.
    actions_after_softreboot: OnSoftrebootBehavior = OnSoftrebootBehavior::SoftReboot, Rw VmAdmin, prototyped;
    /// What to do when the guest shuts itself down.
    actions_after_shutdown: OnNormalExit, Rw VmAdmin;
    /// What to do when the guest reboots itself.
    actions_after_reboot: OnNormalExit, Rw VmAdmin;
    /// What to do when the guest crashes.
    actions_after_crash: OnCrashBehaviour, StaticRo VmAdmin;
    /// Its screens and serial lines.
    consoles: Vec<Ref<Console>>, DynamicRo PoolAdmin;
    /// Its network cards.
    vifs "VIFs": Vec<Ref<Vif>>, DynamicRo VmAdmin;
    /// Its disks and CD drives.
    vbds "VBDs": Vec<Ref<Vbd>>, DynamicRo VmAdmin;
    /// Its USB devices.
    vusbs "VUSBs": Vec<Ref<Vusb>>, DynamicRo VmAdmin;
    /// Its crash dumps.
    crash_dumps: Vec<Ref<Crashdump>>, DynamicRo PoolAdmin;
    /// Its trusted platform modules.
    vtpms "VTPMs": Vec<Ref<Vtpm>>, DynamicRo VmAdmin;
    /// Program that finds a paravirtual guest's kernel.
    pv_bootloader "PV_bootloader": String, Rw VmAdmin;
    /// Kernel of a paravirtual guest.
    pv_kernel "PV_kernel": String, Rw VmAdmin;
    /// Initial disk of a paravirtual guest.
    pv_ramdisk "PV_ramdisk": String, Rw VmAdmin;
    /// Arguments for that kernel.
    pv_args "PV_args": String, Rw VmAdmin;
    /// Arguments for that program.
    pv_bootloader_args "PV_bootloader_args": String, Rw VmAdmin;
    /// Arguments for old kernels.
    pv_legacy_args "PV_legacy_args": String, Rw VmAdmin;
    /// `BIOS order` for guests with hardware virtualisation, else empty.
    hvm_boot_policy "HVM_boot_policy": String, StaticRo VmAdmin, deprecated;
    /// How it boots: `order` (`c` disk, `d` CD, `n` network), `firmware` (`bios`, `uefi`).
    hvm_boot_params "HVM_boot_params": BTreeMap<String, String>, Rw VmAdmin;
    /// How much memory for its page tables, times the usual.
    hvm_shadow_multiplier "HVM_shadow_multiplier": f64 = 1.0, StaticRo VmPowerAdmin;
    /// Settings of its virtual hardware.
    platform: BTreeMap<String, String>, StaticRo VmAdmin;
    /// Not used.
    pci_bus "PCI_bus": String, Rw VmAdmin, deprecated;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, StaticRo VmAdmin;
    /// Number of its domain on its host, or -1.
    domid: i64, DynamicRo VmAdmin;
    /// Architecture of its domain.
    domarch: String, DynamicRo VmAdmin;
    /// What its processors could do when it started.
    last_boot_cpu_flags "last_boot_CPU_flags": BTreeMap<String, String> = [], StaticRo VmAdmin;
    /// Whether it stands for a host itself.
    is_control_domain: bool, DynamicRo VmAdmin;
    /// What the pool measures about it.
    metrics: Ref<VmMetrics>, DynamicRo VmAdmin;
    /// What the guest says of itself.
    guest_metrics: Ref<VmGuestMetrics>, DynamicRo VmAdmin;
    /// Its record when it last started.
    last_booted_record: String = "", StaticRo VmAdmin;
    /// What is recommended for it, such as limits, as XML.
    recommendations: String, Rw VmAdmin;
    /// Data the guest can read.
    xenstore_data: BTreeMap<String, String> = [], Rw VmAdmin, custom_setter;
    /// Not used; see ha_restart_priority.
    ha_always_run: bool = false, StaticRo PoolOperator, deprecated;
    /// `restart`: guaranteed to restart when its host fails; `best-effort`: if there is room;
    /// empty: not protected.
    ha_restart_priority: String = "", StaticRo PoolOperator;
    /// Whether it is a snapshot.
    is_a_snapshot: bool = false, DynamicRo VmPowerAdmin;
    /// VM it is a snapshot of.
    snapshot_of: Ref<Vm> = Ref::NULL, DynamicRo VmPowerAdmin;
    /// Its snapshots.
    snapshots: Vec<Ref<Vm>>, DynamicRo VmPowerAdmin;
    /// When the snapshot was taken.
    snapshot_time: DateTime = DateTime::EPOCH, DynamicRo VmPowerAdmin;
    /// Identity of a snapshot made in the guest.
    transportable_snapshot_id: String = "", DynamicRo VmPowerAdmin;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo VmAdmin;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// Operations that are refused, with the error that says why.
    blocked_operations: BTreeMap<VmOperations, String> = [], StaticRo VmAdmin;
    /// Facts about the snapshot.
    snapshot_info: BTreeMap<String, String> = [], DynamicRo VmPowerAdmin;
    /// The VM's settings when the snapshot was taken.
    snapshot_metadata: String = "", DynamicRo VmPowerAdmin;
    /// Snapshot the VM goes back to or came from.
    parent: Ref<Vm> = Ref::NULL, DynamicRo VmPowerAdmin;
    /// VMs and snapshots that came from this one.
    children: Vec<Ref<Vm>>, DynamicRo VmPowerAdmin;
    /// What the guest's BIOS says of the machine.
    bios_strings: BTreeMap<String, String> = [], DynamicRo VmAdmin;
    /// Its backup policy.
    protection_policy: Ref<Vmpp> = Ref::NULL, StaticRo VmPowerAdmin, deprecated;
    /// Whether a backup policy took the snapshot.
    is_snapshot_from_vmpp: bool = false, StaticRo PoolOperator, removed;
    /// Its snapshot schedule.
    snapshot_schedule: Ref<Vmss> = Ref::NULL, StaticRo VmPowerAdmin;
    /// Whether a schedule took the snapshot.
    is_vmss_snapshot: bool = false, StaticRo PoolOperator;
    /// Group it starts and stops with.
    appliance: Ref<VmAppliance> = Ref::NULL, StaticRo PoolOperator;
    /// Seconds to wait after starting it before the next of its order.
    start_delay: i64 = 0, StaticRo PoolOperator;
    /// Seconds to wait after stopping it before the next of its order.
    shutdown_delay: i64 = 0, StaticRo PoolOperator;
    /// When it starts in a group or after a failure: 0 is first.
    order: i64 = 0, StaticRo PoolOperator;
    /// Its graphics processors.
    vgpus "VGPUs": Vec<Ref<Vgpu>>, DynamicRo VmAdmin;
    /// Devices of the host that are given to it.
    attached_pcis "attached_PCIs": Vec<Ref<Pci>>, DynamicRo VmAdmin;
    /// Where its memory goes when it is suspended.
    suspend_sr "suspend_SR": Ref<Sr> = Ref::NULL, Rw VmAdmin;
    /// How many times it was recovered.
    version: i64 = 0, StaticRo VmAdmin;
    /// Changes when it goes back in time, so that the guest notices.
    generation_id: String = "0:0", StaticRo VmAdmin;
    /// Version of virtual hardware it needs.
    hardware_platform_version: i64 = 0, Rw VmAdmin;
    /// Whether it shows the device that Windows Update has drivers for.
    has_vendor_device: bool = true, StaticRo VmAdmin;
    /// Whether a change waits for its restart.
    requires_reboot: bool = false, DynamicRo VmAdmin;
    /// Which template it came from, in all languages.
    reference_label: String = "", StaticRo VmAdmin;
    /// How it is virtualised.
    domain_type: DomainType = DomainType::Unspecified, StaticRo VmAdmin;
    /// Variables of its UEFI firmware.
    nvram "NVRAM": BTreeMap<String, String> = [], StaticRo VmAdmin;
    /// What updates ask to be done to it.
    pending_guidances: Vec<UpdateGuidances> = [], DynamicRo VmAdmin;
    /// What updates recommend to be done to it.
    pending_guidances_recommended: Vec<UpdateGuidances> = [], DynamicRo VmAdmin, prototyped;
    /// All that updates suggest to be done to it.
    pending_guidances_full: Vec<UpdateGuidances> = [], DynamicRo VmAdmin, prototyped;
    /// Placement groups it belongs to.
    groups: Vec<Ref<VmGroup>>, DynamicRo VmAdmin, prototyped;
    /// Whether its Secure Boot certificates are up to date.
    secureboot_certificates_state: VmSecurebootCertificatesState = VmSecurebootCertificatesState::Ok, DynamicRo VmAdmin, prototyped;
}
