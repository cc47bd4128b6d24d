//! Enums of everything else.

wire_enum! {
    /// Values of `after_apply_guidance`.
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
    /// Values of `livepatch_status`.
    LivepatchStatus = "livepatch_status" {
        OkLivepatchComplete = "ok_livepatch_complete",
        OkLivepatchIncomplete = "ok_livepatch_incomplete",
        Ok = "ok",
    }
    /// Values of `task_allowed_operations`.
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
    /// Values of `update_after_apply_guidance`.
    UpdateAfterApplyGuidance = "update_after_apply_guidance" {
        RestartHVM = "restartHVM",
        RestartPV = "restartPV",
        RestartHost = "restartHost",
        RestartXAPI = "restartXAPI",
    }
    /// Values of `update_guidances`.
    UpdateGuidances = "update_guidances" {
        RebootHost = "reboot_host",
        RebootHostOnLivepatchFailure = "reboot_host_on_livepatch_failure",
        RebootHostOnKernelLivepatchFailure = "reboot_host_on_kernel_livepatch_failure",
        RebootHostOnXenLivepatchFailure = "reboot_host_on_xen_livepatch_failure",
        RestartToolstack = "restart_toolstack",
        RestartDeviceModel = "restart_device_model",
        RestartVm = "restart_vm",
    }
    /// Values of `update_status`.
    UpdateStatus = "update_status" {
        Yes = "yes",
        No = "no",
        Unspecified = "unspecified",
    }
    /// Values of `update_sync_frequency`.
    UpdateSyncFrequency = "update_sync_frequency" {
        Daily = "daily",
        Weekly = "weekly",
    }
    /// Values of `vmpp_archive_frequency`.
    VmppArchiveFrequency = "vmpp_archive_frequency" {
        Never = "never",
        AlwaysAfterBackup = "always_after_backup",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// Values of `vmpp_archive_target_type`.
    VmppArchiveTargetType = "vmpp_archive_target_type" {
        None = "none",
        Cifs = "cifs",
        Nfs = "nfs",
    }
    /// Values of `vmpp_backup_frequency`.
    VmppBackupFrequency = "vmpp_backup_frequency" {
        Hourly = "hourly",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// Values of `vmpp_backup_type`.
    VmppBackupType = "vmpp_backup_type" {
        Snapshot = "snapshot",
        Checkpoint = "checkpoint",
    }
    /// Values of `vmss_frequency`.
    VmssFrequency = "vmss_frequency" {
        Hourly = "hourly",
        Daily = "daily",
        Weekly = "weekly",
    }
    /// Values of `vmss_type`.
    VmssType = "vmss_type" {
        Snapshot = "snapshot",
        Checkpoint = "checkpoint",
        SnapshotWithQuiesce = "snapshot_with_quiesce",
    }
}
