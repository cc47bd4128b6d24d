//! The class `VMPP`.

use std::collections::BTreeMap;

use crate::{
    DateTime, Ref, Vm, VmppArchiveFrequency, VmppArchiveTargetType, VmppBackupFrequency,
    VmppBackupType,
};

class! {
    /// A protection policy: backups by time-table.
    Vmpp = "VMPP", Removed, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, removed;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator, removed;
    /// Description for people.
    name_description: String = "", Rw PoolOperator, removed;
    /// Whether the policy is on.
    is_policy_enabled: bool = true, Rw PoolOperator, removed;
    /// With or without memory.
    backup_type: VmppBackupType = VmppBackupType::Snapshot, Rw PoolOperator, removed;
    /// How many backups are kept.
    backup_retention_value: i64 = 7, StaticRo PoolOperator, removed;
    /// How often.
    backup_frequency: VmppBackupFrequency = VmppBackupFrequency::Daily, StaticRo PoolOperator, removed;
    /// When.
    backup_schedule: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    /// Whether a backup runs.
    is_backup_running: bool, DynamicRo PoolOperator, removed;
    /// When the last one ran.
    backup_last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, removed;
    /// Where archives go.
    archive_target_type: VmppArchiveTargetType = VmppArchiveTargetType::None, StaticRo PoolOperator, removed;
    /// Details of where archives go.
    archive_target_config: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    /// How often archives are made.
    archive_frequency: VmppArchiveFrequency = VmppArchiveFrequency::Never, StaticRo PoolOperator, removed;
    /// When archives are made.
    archive_schedule: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    /// Whether an archive is being made.
    is_archive_running: bool, DynamicRo PoolOperator, removed;
    /// When the last one was made.
    archive_last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, removed;
    /// VMs of the policy.
    vms "VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator, removed;
    /// Whether failures are mailed.
    is_alarm_enabled: bool = false, StaticRo PoolOperator, removed;
    /// Details of the mail.
    alarm_config: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    /// What happened last.
    recent_alerts: Vec<String> = [], DynamicRo PoolOperator, removed;
}
