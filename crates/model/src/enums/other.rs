//! Enums of everything else.

wire_enum! {
    /// What to do after applying an update of the old kind.
    AfterApplyGuidance = "after_apply_guidance" {
        RestartHVM = "restartHVM",
        RestartPV = "restartPV",
        RestartHost = "restartHost",
        RestartXAPI = "restartXAPI",
    }
    /// Kind of object a message is about.
    MessageClass = "cls" {
        Vm = "VM",
        Host = "Host",
        Sr = "SR",
        Pool = "Pool",
        Vmpp = "VMPP",
        Vmss = "VMSS",
        PvsProxy = "PVS_proxy",
        Vdi = "VDI",
        Certificate = "Certificate",
    }
    /// What happened to a row.
    EventOperation = "event_operation" {
        Add = "add",
        Del = "del",
        Mod = "mod",
    }
    /// What applying an update without a restart left to do.
    LivepatchStatus = "livepatch_status" {
        OkLivepatchComplete = "ok_livepatch_complete",
        OkLivepatchIncomplete = "ok_livepatch_incomplete",
        Ok = "ok",
    }
    /// What can be done to a task.
    TaskAllowedOperations = "task_allowed_operations" {
        Cancel = "cancel",
        Destroy = "destroy",
    }
    /// Where a task is in its life.
    TaskStatusType = "task_status_type" {
        Pending = "pending",
        Success = "success",
        Failure = "failure",
        Cancelling = "cancelling",
        Cancelled = "cancelled",
    }
    /// What to do after applying an update.
    UpdateAfterApplyGuidance = "update_after_apply_guidance" {
        RestartHVM = "restartHVM",
        RestartPV = "restartPV",
        RestartHost = "restartHost",
        RestartXAPI = "restartXAPI",
    }
    /// What an update asks to be done.
    UpdateGuidances = "update_guidances" {
        RebootHost = "reboot_host",
        RebootHostOnLivepatchFailure = "reboot_host_on_livepatch_failure",
        RebootHostOnKernelLivepatchFailure = "reboot_host_on_kernel_livepatch_failure",
        RebootHostOnXenLivepatchFailure = "reboot_host_on_xen_livepatch_failure",
        RestartToolstack = "restart_toolstack",
        RestartDeviceModel = "restart_device_model",
        RestartVm = "restart_vm",
    }
    /// Whether the state of something changed.
    UpdateStatus = "update_status" {
        Yes = "yes",
        No = "no",
        Unspecified = "unspecified",
    }
    /// How often updates are fetched.
    UpdateSyncFrequency = "update_sync_frequency" {
        Daily = "daily",
        Weekly = "weekly",
    }
    /// How often archives are made.
    VmppArchiveFrequency = "vmpp_archive_frequency" {
        Never = "never",
        AlwaysAfterBackup = "always_after_backup",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// Where archives go.
    VmppArchiveTargetType = "vmpp_archive_target_type" {
        None = "none",
        Cifs = "cifs",
        Nfs = "nfs",
    }
    /// How often backups are made.
    VmppBackupFrequency = "vmpp_backup_frequency" {
        Hourly = "hourly",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// With or without memory.
    VmppBackupType = "vmpp_backup_type" {
        Snapshot = "snapshot",
        Checkpoint = "checkpoint",
    }
    /// How often scheduled snapshots are taken.
    VmssFrequency = "vmss_frequency" {
        Hourly = "hourly",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// With or without memory, or with the guest at rest.
    VmssType = "vmss_type" {
        Snapshot = "snapshot",
        Checkpoint = "checkpoint",
        SnapshotWithQuiesce = "snapshot_with_quiesce",
    }
}
