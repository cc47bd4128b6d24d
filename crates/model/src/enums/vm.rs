//! Enums of virtual machines.

wire_enum! {
    /// Whether graphics processors of a group are filled one by one or evenly.
    AllocationAlgorithm = "allocation_algorithm" {
        BreadthFirst = "breadth_first",
        DepthFirst = "depth_first",
    }
    /// How a console speaks.
    ConsoleProtocol = "console_protocol" {
        Vt100 = "vt100",
        Rfb = "rfb",
        Rdp = "rdp",
    }
    /// How a guest is virtualised.
    DomainType = "domain_type" {
        Hvm = "hvm",
        Pv = "pv",
        PvInPvh = "pv_in_pvh",
        Pvh = "pvh",
        Unspecified = "unspecified",
    }
    /// What to do when a guest crashes.
    OnCrashBehaviour = "on_crash_behaviour" {
        Destroy = "destroy",
        CoredumpAndDestroy = "coredump_and_destroy",
        Restart = "restart",
        CoredumpAndRestart = "coredump_and_restart",
        Preserve = "preserve",
        RenameRestart = "rename_restart",
    }
    /// What to do when a guest shuts down or reboots by itself.
    OnNormalExit = "on_normal_exit" {
        Destroy = "destroy",
        Restart = "restart",
    }
    /// What to do when a guest asks for a soft reboot.
    OnSoftrebootBehavior = "on_softreboot_behavior" {
        SoftReboot = "soft_reboot",
        Destroy = "destroy",
        Restart = "restart",
        Preserve = "preserve",
    }
    /// How the VMs of a group are placed.
    PlacementPolicy = "placement_policy" {
        AntiAffinity = "anti_affinity",
        Normal = "normal",
    }
    /// Yes, no, or not said.
    TristateType = "tristate_type" {
        Yes = "yes",
        No = "no",
        Unspecified = "unspecified",
    }
    /// How a virtual graphics processor is done.
    VgpuTypeImplementation = "vgpu_type_implementation" {
        Passthrough = "passthrough",
        Nvidia = "nvidia",
        NvidiaSriov = "nvidia_sriov",
        GvtG = "gvt_g",
        Mxgpu = "mxgpu",
    }
    /// What can be done to a group of VMs.
    VmApplianceOperation = "vm_appliance_operation" {
        Start = "start",
        CleanShutdown = "clean_shutdown",
        HardShutdown = "hard_shutdown",
        Shutdown = "shutdown",
    }
    /// What can be done to a VM.
    VmOperations = "vm_operations" {
        Snapshot = "snapshot",
        Clone = "clone",
        Copy = "copy",
        CreateTemplate = "create_template",
        Revert = "revert",
        Checkpoint = "checkpoint",
        SnapshotWithQuiesce = "snapshot_with_quiesce",
        Provision = "provision",
        Start = "start",
        StartOn = "start_on",
        Pause = "pause",
        Unpause = "unpause",
        CleanShutdown = "clean_shutdown",
        CleanReboot = "clean_reboot",
        HardShutdown = "hard_shutdown",
        PowerStateReset = "power_state_reset",
        HardReboot = "hard_reboot",
        Suspend = "suspend",
        Csvm = "csvm",
        Resume = "resume",
        ResumeOn = "resume_on",
        PoolMigrate = "pool_migrate",
        MigrateSend = "migrate_send",
        GetBootRecord = "get_boot_record",
        SendSysrq = "send_sysrq",
        SendTrigger = "send_trigger",
        QueryServices = "query_services",
        Shutdown = "shutdown",
        CallPlugin = "call_plugin",
        ChangingMemoryLive = "changing_memory_live",
        AwaitingMemoryLive = "awaiting_memory_live",
        ChangingDynamicRange = "changing_dynamic_range",
        ChangingStaticRange = "changing_static_range",
        ChangingMemoryLimits = "changing_memory_limits",
        ChangingShadowMemory = "changing_shadow_memory",
        ChangingShadowMemoryLive = "changing_shadow_memory_live",
        ChangingVCPUs = "changing_VCPUs",
        ChangingVCPUsLive = "changing_VCPUs_live",
        ChangingNvram = "changing_NVRAM",
        AssertOperationValid = "assert_operation_valid",
        DataSourceOp = "data_source_op",
        UpdateAllowedOperations = "update_allowed_operations",
        MakeIntoTemplate = "make_into_template",
        Import = "import",
        Export = "export",
        MetadataExport = "metadata_export",
        Reverting = "reverting",
        Destroy = "destroy",
        CreateVtpm = "create_vtpm",
        Sysprep = "sysprep",
    }
    /// Whether a VM runs.
    VmPowerState = "vm_power_state" {
        Halted = "Halted",
        Paused = "Paused",
        Running = "Running",
        Suspended = "Suspended",
    }
    /// Whether a VM's Secure Boot certificates are up to date.
    VmSecurebootCertificatesState = "vm_secureboot_certificates_state" {
        Ok = "ok",
        UpdateAvailable = "update_available",
        UpdateOnBoot = "update_on_boot",
    }
    /// Whether a VM can start with Secure Boot.
    VmSecurebootReadiness = "vm_secureboot_readiness" {
        NotSupported = "not_supported",
        Disabled = "disabled",
        FirstBoot = "first_boot",
        Ready = "ready",
        ReadyNoDbx = "ready_no_dbx",
        SetupMode = "setup_mode",
        CertsIncomplete = "certs_incomplete",
    }
    /// Whether a VM's firmware enforces Secure Boot keys or waits for them.
    VmUefiMode = "vm_uefi_mode" {
        Setup = "setup",
        User = "user",
    }
    /// What can be done to a TPM.
    VtpmOperations = "vtpm_operations" {
        Destroy = "destroy",
    }
    /// What can be done to a USB device of a VM.
    VusbOperations = "vusb_operations" {
        Attach = "attach",
        Plug = "plug",
        Unplug = "unplug",
    }
}
