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
    is_policy_enabled: bool = true, Rw PoolOperator, removed;
    backup_type: VmppBackupType = VmppBackupType::Snapshot, Rw PoolOperator, removed;
    backup_retention_value: i64 = 7, StaticRo PoolOperator, removed;
    backup_frequency: VmppBackupFrequency = VmppBackupFrequency::Daily, StaticRo PoolOperator, removed;
    backup_schedule: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    is_backup_running: bool, DynamicRo PoolOperator, removed;
    backup_last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, removed;
    archive_target_type: VmppArchiveTargetType = VmppArchiveTargetType::None, StaticRo PoolOperator, removed;
    archive_target_config: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    archive_frequency: VmppArchiveFrequency = VmppArchiveFrequency::Never, StaticRo PoolOperator, removed;
    archive_schedule: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    is_archive_running: bool, DynamicRo PoolOperator, removed;
    archive_last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, removed;
    vms "VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator, removed;
    is_alarm_enabled: bool = false, StaticRo PoolOperator, removed;
    alarm_config: BTreeMap<String, String> = [], StaticRo PoolOperator, removed;
    recent_alerts: Vec<String> = [], DynamicRo PoolOperator, removed;
}
