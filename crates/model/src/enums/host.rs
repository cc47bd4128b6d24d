//! Enums of hosts.

wire_enum! {
    /// What can be done to a host.
    HostAllowedOperations = "host_allowed_operations" {
        Provision = "provision",
        Evacuate = "evacuate",
        Shutdown = "shutdown",
        Reboot = "reboot",
        PowerOn = "power_on",
        VmStart = "vm_start",
        VmResume = "vm_resume",
        VmMigrate = "vm_migrate",
        ApplyUpdates = "apply_updates",
        Enable = "enable",
    }
    /// Whether a host's own screen is in use, now and after its restart.
    HostDisplay = "host_display" {
        Enabled = "enabled",
        DisableOnReboot = "disable_on_reboot",
        Disabled = "disabled",
        EnableOnReboot = "enable_on_reboot",
    }
    /// Where a host has its time servers from.
    HostNtpMode = "host_ntp_mode" {
        Dhcp = "DHCP",
        Custom = "Custom",
        Factory = "Factory",
        Disabled = "Disabled",
    }
    /// Whether VMs' memory is kept near their processors.
    HostNumaAffinityPolicy = "host_numa_affinity_policy" {
        Any = "any",
        BestEffort = "best_effort",
        DefaultPolicy = "default_policy",
    }
    /// What the hypervisor gives to one VM at a time.
    HostSchedGran = "host_sched_gran" {
        Core = "core",
        Cpu = "cpu",
        Socket = "socket",
    }
    /// Whether a host itself may use a device, now and after its restart.
    PciDom0Access = "pci_dom0_access" {
        Enabled = "enabled",
        DisableOnReboot = "disable_on_reboot",
        Disabled = "disabled",
        EnableOnReboot = "enable_on_reboot",
    }
}
