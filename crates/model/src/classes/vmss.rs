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
    /// Whether the schedule is on.
    enabled: bool = true, Rw PoolOperator;
    /// With or without memory.
    r#type "type": VmssType, StaticRo PoolOperator;
    /// How many snapshots are kept.
    retained_snapshots: i64 = 7, StaticRo PoolOperator;
    /// How often.
    frequency: VmssFrequency, StaticRo PoolOperator;
    /// When: `min`, `hour`, `days`.
    schedule: BTreeMap<String, String> = [], StaticRo PoolOperator;
    /// When it last ran.
    last_run_time: DateTime = DateTime::EPOCH, DynamicRo PoolOperator;
    /// VMs of the schedule.
    vms "VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator;
}
