//! Declared messages that follow from fields all the same.

use haven_model::ClassMeta;

use crate::registry::Operation;

/// Messages that are declared, or whose field asks for a handler, but that only write their field.
const FIELD_WRITES: &[(&str, &[&str])] = &[
    ("task", &["set_progress", "set_result", "set_error_info", "other_config"]),
    (
        "VM",
        &[
            "set_NVRAM",
            "add_to_NVRAM",
            "remove_from_NVRAM",
            "set_start_delay",
            "set_shutdown_delay",
            "set_order",
            "set_suspend_VDI",
            "set_appliance",
            "set_groups",
            "set_snapshot_schedule",
            "set_has_vendor_device",
            "set_actions_after_crash",
            "set_HVM_boot_policy",
            "other_config",
            "platform",
            "blocked_operations",
            "xenstore_data",
        ],
    ),
    ("VMSS", &["set_retained_snapshots", "set_frequency", "set_type", "schedule"]),
    ("pool", &["guest_agent_config"]),
    ("network", &["purpose"]),
    ("PIF", &["set_disallow_unplug"]),
    (
        "SR",
        &[
            "set_name_label",
            "set_name_description",
            "set_physical_size",
            "set_virtual_allocation",
            "set_physical_utilisation",
        ],
    ),
    (
        "VDI",
        &[
            "set_name_label",
            "set_name_description",
            "set_managed",
            "set_sharable",
            "set_read_only",
            "set_missing",
            "set_virtual_size",
            "set_physical_utilisation",
            "set_is_a_snapshot",
            "set_snapshot_of",
            "set_snapshot_time",
            "set_metadata_of_pool",
            "set_allow_caching",
        ],
    ),
];

type OnField = fn(usize) -> Operation;

/// Prefixes of messages that write a field, longest first.
const WRITERS: &[(&str, OnField)] = &[
    ("remove_from_", Operation::RemoveFrom),
    ("add_to_", Operation::AddTo),
    ("remove_", Operation::Remove),
    ("add_", Operation::Add),
    ("set_", Operation::Set),
];

/// The operation of a declared message, if it only does what its name says to a field.
pub(crate) fn plain_operation(class: &ClassMeta, name: &str) -> Option<Operation> {
    let listed = FIELD_WRITES.iter().find(|(c, _)| *c == class.name).map(|(_, names)| *names)?;
    let (field, operation) = WRITERS.iter().find_map(|(prefix, operation)| {
        let field = name.strip_prefix(prefix)?;
        Some((field, operation(class.index_of(field)?)))
    })?;
    (listed.contains(&name) || listed.contains(&field)).then_some(operation)
}

/// Messages of alerts are rows here, so these need no handler.
pub(crate) fn alert_operation(class: &ClassMeta, name: &str) -> Option<Operation> {
    (class.name == "message").then_some(())?;
    Some(match name {
        "get_all" => Operation::GetAll,
        "get_record" => Operation::GetRecord,
        "get_by_uuid" => Operation::GetByUuid,
        "get_all_records" => Operation::GetAllRecords,
        "get_all_records_where" => Operation::GetAllRecordsWhere,
        _ => return None,
    })
}
