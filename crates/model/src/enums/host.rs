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
    /// Values of `host_display`.
    HostDisplay = "host_display" {
        Enabled = "enabled",
        DisableOnReboot = "disable_on_reboot",
        Disabled = "disabled",
        EnableOnReboot = "enable_on_reboot",
    }
    /// Values of `host_ntp_mode`.
    HostNtpMode = "host_ntp_mode" {
        Dhcp = "DHCP",
        Custom = "Custom",
        Factory = "Factory",
        Disabled = "Disabled",
    }
    /// Values of `host_numa_affinity_policy`.
    HostNumaAffinityPolicy = "host_numa_affinity_policy" {
        Any = "any",
        BestEffort = "best_effort",
        DefaultPolicy = "default_policy",
    }
    /// Values of `host_sched_gran`.
    HostSchedGran = "host_sched_gran" {
        Core = "core",
        Cpu = "cpu",
        Socket = "socket",
    }
    /// Values of `pci_dom0_access`.
    PciDom0Access = "pci_dom0_access" {
        Enabled = "enabled",
        DisableOnReboot = "disable_on_reboot",
        Disabled = "disabled",
        EnableOnReboot = "enable_on_reboot",
    }
}
