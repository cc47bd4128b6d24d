//! The class `VMSS`.

use std::collections::BTreeMap;

use crate::{DateTime, Ref, Vm, VmssFrequency, VmssType};

class! {
    /// A snapshot schedule.
    Vmss = "VMSS", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    enabled: bool = true, Rw PoolOperator;
    r#type "type": VmssType, StaticRo PoolOperator;
    retained_snapshots: i64 = 7, StaticRo PoolOperator;
    frequency: VmssFrequency, StaticRo PoolOperator;
    schedule: BTreeMap<String, String> = [], StaticRo PoolOperator;
    last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator;
    vms "VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator;
}
