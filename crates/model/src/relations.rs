//! Which fields refer to each other.
//!
//! The first end owns the relation: it is what programs write. The second end lists the rows whose
//! first end refers to this row; the database keeps it and nobody else writes it.

/// Two fields that say the same from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// Class of the owning field.
    pub class: &'static str,
    /// The owning field: a reference, or a set of references.
    pub field: &'static str,
    /// Class that is referred to.
    pub target: &'static str,
    /// The set of references back.
    pub back: &'static str,
}

impl Relation {
    const fn new(
        (class, field): (&'static str, &'static str),
        (target, back): (&'static str, &'static str),
    ) -> Self {
        Self { class, field, target, back }
    }
}

/// References of a class to roles that no field of `role` lists back.
pub const ONE_SIDED: &[(&str, &str)] = &[("subject", "roles"), ("role", "subroles")];

/// All relations.
pub const RELATIONS: &[Relation] = &[
    Relation::new(("VM", "snapshot_of"), ("VM", "snapshots")),
    Relation::new(("VDI", "snapshot_of"), ("VDI", "snapshots")),
    Relation::new(("VM", "parent"), ("VM", "children")),
    Relation::new(("task", "subtask_of"), ("task", "subtasks")),
    Relation::new(("task", "session"), ("session", "tasks")),
    Relation::new(("PIF", "bond_slave_of"), ("Bond", "slaves")),
    Relation::new(("Bond", "master"), ("PIF", "bond_master_of")),
    Relation::new(("VLAN", "tagged_PIF"), ("PIF", "VLAN_slave_of")),
    Relation::new(("tunnel", "access_PIF"), ("PIF", "tunnel_access_PIF_of")),
    Relation::new(("tunnel", "transport_PIF"), ("PIF", "tunnel_transport_PIF_of")),
    Relation::new(("PBD", "host"), ("host", "PBDs")),
    Relation::new(("PBD", "SR"), ("SR", "PBDs")),
    Relation::new(("VBD", "VDI"), ("VDI", "VBDs")),
    Relation::new(("crashdump", "VDI"), ("VDI", "crash_dumps")),
    Relation::new(("VBD", "VM"), ("VM", "VBDs")),
    Relation::new(("crashdump", "VM"), ("VM", "crash_dumps")),
    Relation::new(("VIF", "VM"), ("VM", "VIFs")),
    Relation::new(("VIF", "network"), ("network", "VIFs")),
    Relation::new(("Cluster_host", "cluster"), ("Cluster", "cluster_hosts")),
    Relation::new(("PIF", "host"), ("host", "PIFs")),
    Relation::new(("PIF", "network"), ("network", "PIFs")),
    Relation::new(("VDI", "SR"), ("SR", "VDIs")),
    Relation::new(("VTPM", "VM"), ("VM", "VTPMs")),
    Relation::new(("console", "VM"), ("VM", "consoles")),
    Relation::new(("VM", "resident_on"), ("host", "resident_VMs")),
    Relation::new(("host_cpu", "host"), ("host", "host_CPUs")),
    Relation::new(("host_crashdump", "host"), ("host", "crashdumps")),
    Relation::new(("host_patch", "host"), ("host", "patches")),
    Relation::new(("host_patch", "pool_patch"), ("pool_patch", "host_patches")),
    Relation::new(("host", "updates"), ("pool_update", "hosts")),
    Relation::new(("VM", "protection_policy"), ("VMPP", "VMs")),
    Relation::new(("VM", "snapshot_schedule"), ("VMSS", "VMs")),
    Relation::new(("VM", "appliance"), ("VM_appliance", "VMs")),
    Relation::new(("PGPU", "GPU_group"), ("GPU_group", "PGPUs")),
    Relation::new(("VGPU", "GPU_group"), ("GPU_group", "VGPUs")),
    Relation::new(("VGPU", "type"), ("VGPU_type", "VGPUs")),
    Relation::new(("VGPU", "VM"), ("VM", "VGPUs")),
    Relation::new(("VGPU", "resident_on"), ("PGPU", "resident_VGPUs")),
    Relation::new(("PGPU", "supported_VGPU_types"), ("VGPU_type", "supported_on_PGPUs")),
    Relation::new(("PGPU", "enabled_VGPU_types"), ("VGPU_type", "enabled_on_PGPUs")),
    Relation::new(("GPU_group", "supported_VGPU_types"), ("VGPU_type", "supported_on_GPU_groups")),
    Relation::new(("GPU_group", "enabled_VGPU_types"), ("VGPU_type", "enabled_on_GPU_groups")),
    Relation::new(("PCI", "host"), ("host", "PCIs")),
    Relation::new(("PGPU", "host"), ("host", "PGPUs")),
    Relation::new(("PCI", "attached_VMs"), ("VM", "attached_PCIs")),
    Relation::new(("PCI", "physical_function"), ("PCI", "virtual_functions")),
    Relation::new(("VDI", "metadata_of_pool"), ("pool", "metadata_VDIs")),
    Relation::new(("SR", "introduced_by"), ("DR_task", "introduced_SRs")),
    Relation::new(("PVS_server", "site"), ("PVS_site", "servers")),
    Relation::new(("PVS_proxy", "site"), ("PVS_site", "proxies")),
    Relation::new(("PVS_cache_storage", "site"), ("PVS_site", "cache_storage")),
    Relation::new(("PUSB", "host"), ("host", "PUSBs")),
    Relation::new(("PUSB", "USB_group"), ("USB_group", "PUSBs")),
    Relation::new(("VUSB", "USB_group"), ("USB_group", "VUSBs")),
    Relation::new(("VUSB", "VM"), ("VM", "VUSBs")),
    Relation::new(("Feature", "host"), ("host", "features")),
    Relation::new(("network_sriov", "physical_PIF"), ("PIF", "sriov_physical_PIF_of")),
    Relation::new(("network_sriov", "logical_PIF"), ("PIF", "sriov_logical_PIF_of")),
    Relation::new(("Certificate", "host"), ("host", "certificates")),
    Relation::new(("VM", "groups"), ("VM_group", "VMs")),
    Relation::new(("Driver_variant", "driver"), ("Host_driver", "variants")),
    Relation::new(("Caller", "rate_limit"), ("Rate_limit", "callers")),
];
