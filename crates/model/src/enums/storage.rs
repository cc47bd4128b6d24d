//! Enums of storage.

wire_enum! {
    /// Format of a disk image.
    ImageFormatType = "image_format_type" {
        Raw = "raw",
        Vhd = "vhd",
        Qcow2 = "qcow2",
    }
    /// What happens to a disk when its VM starts.
    OnBoot = "on_boot" {
        Reset = "reset",
        Persist = "persist",
    }
    /// Where the content of a TPM is kept.
    PersistenceBackend = "persistence_backend" {
        Xapi = "xapi",
    }
    /// Whether a storage repository is well.
    SrHealth = "sr_health" {
        Healthy = "healthy",
        Recovering = "recovering",
        Unreachable = "unreachable",
        Unavailable = "unavailable",
    }
    /// What can be done to a storage repository.
    StorageOperations = "storage_operations" {
        Scan = "scan",
        Destroy = "destroy",
        Forget = "forget",
        Plug = "plug",
        Unplug = "unplug",
        Update = "update",
        VdiCreate = "vdi_create",
        VdiIntroduce = "vdi_introduce",
        VdiDestroy = "vdi_destroy",
        VdiResize = "vdi_resize",
        VdiClone = "vdi_clone",
        VdiSnapshot = "vdi_snapshot",
        VdiMirror = "vdi_mirror",
        VdiEnableCbt = "vdi_enable_cbt",
        VdiDisableCbt = "vdi_disable_cbt",
        VdiDataDestroy = "vdi_data_destroy",
        VdiListChangedBlocks = "vdi_list_changed_blocks",
        VdiSetOnBoot = "vdi_set_on_boot",
        VdiBlocked = "vdi_blocked",
        VdiCopy = "vdi_copy",
        VdiForceUnlock = "vdi_force_unlock",
        VdiForget = "vdi_forget",
        VdiGenerateConfig = "vdi_generate_config",
        VdiResizeOnline = "vdi_resize_online",
        VdiUpdate = "vdi_update",
        VdiRevert = "vdi_revert",
        PbdCreate = "pbd_create",
        PbdDestroy = "pbd_destroy",
    }
    /// Whether a VM may write to a disk.
    VbdMode = "vbd_mode" {
        Ro = "RO",
        Rw = "RW",
    }
    /// What can be done to a virtual disk drive.
    VbdOperations = "vbd_operations" {
        Attach = "attach",
        Eject = "eject",
        Insert = "insert",
        Plug = "plug",
        Unplug = "unplug",
        UnplugForce = "unplug_force",
        Pause = "pause",
        Unpause = "unpause",
    }
    /// What a virtual disk drive looks like to the guest.
    VbdType = "vbd_type" {
        Cd = "CD",
        Disk = "Disk",
        Floppy = "Floppy",
    }
    /// What can be done to a disk image.
    VdiOperations = "vdi_operations" {
        Clone = "clone",
        Copy = "copy",
        Resize = "resize",
        ResizeOnline = "resize_online",
        Snapshot = "snapshot",
        Mirror = "mirror",
        Destroy = "destroy",
        Forget = "forget",
        Update = "update",
        ForceUnlock = "force_unlock",
        GenerateConfig = "generate_config",
        EnableCbt = "enable_cbt",
        DisableCbt = "disable_cbt",
        DataDestroy = "data_destroy",
        ListChangedBlocks = "list_changed_blocks",
        SetOnBoot = "set_on_boot",
        Blocked = "blocked",
        RevertTo = "revert_to",
        RevertFrom = "revert_from",
    }
    /// What a disk image is for.
    VdiType = "vdi_type" {
        System = "system",
        User = "user",
        Ephemeral = "ephemeral",
        Suspend = "suspend",
        Crashdump = "crashdump",
        HaStatefile = "ha_statefile",
        Metadata = "metadata",
        RedoLog = "redo_log",
        Rrd = "rrd",
        PvsCache = "pvs_cache",
        CbtMetadata = "cbt_metadata",
    }
}
