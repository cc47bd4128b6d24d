//! Names and priorities of alerts (the `message` class): 1 is the most urgent, 5 is information;
//! and how their bodies are read: a sentence, and what it says as one JSON object behind it.

use serde_json::{Map, Value};

/// What a body says of who has taken the alert on.
pub const ACKNOWLEDGED: &str = "acknowledged";

/// A body's sentence, and the data for programs that may stand behind it. A body of markup may have
/// its data in a comment at its end.
#[must_use]
pub fn part_body(body: &str) -> (&str, Map<String, Value>) {
    for (at, _) in body.match_indices("{\"") {
        let (sentence, data) = body.split_at(at);
        let comment = sentence.strip_suffix("<!-- ").zip(data.strip_suffix(" -->"));
        let (sentence, data) = comment.unwrap_or((sentence, data));
        if let Ok(Value::Object(data)) = serde_json::from_str(data) {
            return (sentence.trim_end(), data);
        }
    }
    (body, Map::new())
}

/// The body with this data instead.
#[must_use]
pub fn body_with(sentence: &str, data: Map<String, Value>) -> String {
    if data.is_empty() {
        return sentence.to_owned();
    }
    let data = Value::Object(data).to_string();
    if sentence.starts_with('<') {
        // What parses the markup goes on to do so. Two hyphens would end the comment.
        return format!("{sentence} <!-- {} -->", data.replace("--", "-\\u002d"));
    }
    format!("{sentence} {data}").trim_start().to_owned()
}

/// A kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertMeta {
    /// The `name` of the message.
    pub name: &'static str,
    /// Its `priority`.
    pub priority: i64,
}

macro_rules! alerts {
    ($($name:ident = $priority:literal;)*) => {
        $(
            #[doc = concat!("Priority ", $priority, ".")]
            pub const $name: AlertMeta = AlertMeta { name: stringify!($name), priority: $priority };
        )*
        /// All kinds of alert.
        pub const ALERTS: &[AlertMeta] = &[$($name),*];
    };
}

alerts! {
    ALARM = 1;
    ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST = 3;
    BOND_STATUS_CHANGED = 3;
    CLUSTER_HOST_ENABLE_FAILED = 3;
    CLUSTER_HOST_FENCING = 2;
    CLUSTER_HOST_JOINING = 4;
    CLUSTER_HOST_LEAVING = 3;
    CLUSTER_QUORUM_APPROACHING_LOST = 2;
    EXTAUTH_INIT_IN_HOST_FAILED = 2;
    EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS = 2;
    FAILED_LOGIN_ATTEMPTS = 3;
    GRACE_LICENSE = 3;
    HA_HEARTBEAT_APPROACHING_TIMEOUT = 5;
    HA_HOST_FAILED = 3;
    HA_HOST_WAS_FENCED = 4;
    HA_NETWORK_BONDING_ERROR = 3;
    HA_POOL_DROP_IN_PLAN_EXISTS_FOR = 3;
    HA_POOL_OVERCOMMITTED = 3;
    HA_PROTECTED_VM_RESTART_FAILED = 2;
    HA_STATEFILE_APPROACHING_TIMEOUT = 5;
    HA_STATEFILE_LOST = 2;
    HA_XAPI_HEALTHCHECK_APPROACHING_TIMEOUT = 5;
    HOST_CLOCK_SKEW_DETECTED = 3;
    HOST_CLOCK_WENT_BACKWARDS = 1;
    HOST_CPU_FEATURES_DOWN = 3;
    HOST_CPU_FEATURES_UP = 5;
    HOST_INTERNAL_CERTIFICATE_EXPIRED = 1;
    HOST_INTERNAL_CERTIFICATE_EXPIRING_07 = 1;
    HOST_INTERNAL_CERTIFICATE_EXPIRING_14 = 2;
    HOST_INTERNAL_CERTIFICATE_EXPIRING_30 = 3;
    HOST_SERVER_CERTIFICATE_EXPIRED = 1;
    HOST_SERVER_CERTIFICATE_EXPIRING_07 = 1;
    HOST_SERVER_CERTIFICATE_EXPIRING_14 = 2;
    HOST_SERVER_CERTIFICATE_EXPIRING_30 = 3;
    HOST_SYNC_DATA_FAILED = 3;
    IP_CONFIGURED_PIF_CAN_UNPLUG = 3;
    LICENSE_DOES_NOT_SUPPORT_POOLING = 2;
    LICENSE_EXPIRED = 2;
    LICENSE_EXPIRES_SOON = 2;
    LICENSE_NOT_AVAILABLE = 2;
    LICENSE_SERVER_CONNECTED = 4;
    LICENSE_SERVER_UNAVAILABLE = 3;
    LICENSE_SERVER_UNREACHABLE = 2;
    LICENSE_SERVER_VERSION_OBSOLETE = 2;
    METADATA_LUN_BROKEN = 3;
    METADATA_LUN_HEALTHY = 4;
    MULTIPATH_PERIODIC_ALERT = 3;
    PBD_PLUG_FAILED_ON_SERVER_START = 3;
    PERIODIC_UPDATE_SYNC_FAILED = 3;
    POOL_CA_CERTIFICATE_EXPIRED = 1;
    POOL_CA_CERTIFICATE_EXPIRING_07 = 1;
    POOL_CA_CERTIFICATE_EXPIRING_14 = 2;
    POOL_CA_CERTIFICATE_EXPIRING_30 = 3;
    POOL_CPU_FEATURES_DOWN = 5;
    POOL_CPU_FEATURES_UP = 5;
    POOL_MASTER_TRANSITION = 4;
    POOL_PINNED_CERTIFICATE_EXPIRED = 1;
    POOL_PINNED_CERTIFICATE_EXPIRING_07 = 1;
    POOL_PINNED_CERTIFICATE_EXPIRING_14 = 2;
    POOL_PINNED_CERTIFICATE_EXPIRING_30 = 3;
    PVS_PROXY_NO_CACHE_SR_AVAILABLE = 3;
    PVS_PROXY_NO_SERVER_AVAILABLE = 3;
    PVS_PROXY_SETUP_FAILED = 3;
    PVS_PROXY_SR_OUT_OF_SPACE = 3;
    SM_GC_NO_SPACE = 3;
    TLS_VERIFICATION_EMERGENCY_DISABLED = 3;
    VBD_QOS_FAILED = 3;
    VCPU_QOS_FAILED = 3;
    VDI_CBT_METADATA_INCONSISTENT = 3;
    VDI_CBT_RESIZE_FAILED = 3;
    VDI_CBT_SNAPSHOT_FAILED = 3;
    VIF_QOS_FAILED = 3;
    VMPP_ARCHIVE_FAILED_0 = 3;
    VMPP_ARCHIVE_LOCK_FAILED = 3;
    VMPP_ARCHIVE_MISSED_EVENT = 3;
    VMPP_ARCHIVE_SUCCEEDED = 5;
    VMPP_ARCHIVE_TARGET_MOUNT_FAILED = 3;
    VMPP_ARCHIVE_TARGET_UNMOUNT_FAILED = 3;
    VMPP_LICENSE_ERROR = 3;
    VMPP_SNAPSHOT_ARCHIVE_ALREADY_EXISTS = 3;
    VMPP_SNAPSHOT_FAILED = 3;
    VMPP_SNAPSHOT_LOCK_FAILED = 3;
    VMPP_SNAPSHOT_MISSED_EVENT = 3;
    VMPP_SNAPSHOT_SUCCEEDED = 5;
    VMPP_XAPI_LOGON_FAILURE = 3;
    VMSS_LICENSE_ERROR = 3;
    VMSS_SNAPSHOT_FAILED = 3;
    VMSS_SNAPSHOT_LOCK_FAILED = 3;
    VMSS_SNAPSHOT_MISSED_EVENT = 3;
    VMSS_SNAPSHOT_SUCCEEDED = 5;
    VMSS_XAPI_LOGON_FAILURE = 3;
    VM_CHECKPOINTED = 5;
    VM_CLONED = 5;
    VM_CRASHED = 2;
    VM_MIGRATED = 5;
    VM_PAUSED = 5;
    VM_REBOOTED = 5;
    VM_RESUMED = 5;
    VM_SECURE_BOOT_FAILED = 5;
    VM_SHUTDOWN = 5;
    VM_SNAPSHOTTED = 5;
    VM_SNAPSHOT_REVERTED = 5;
    VM_STARTED = 5;
    VM_SUSPENDED = 5;
    VM_UNPAUSED = 5;
    WLB_CONSULTATION_FAILED = 3;
    WLB_OPTIMIZATION_ALERT = 3;
    XAPI_STARTUP_BLOCKED_AS_VERSION_HIGHER_THAN_COORDINATOR = 2;
}

/// Haven's own: somebody opened the console of a host.
pub const HOST_CONSOLE_OPENED: AlertMeta = AlertMeta { name: "HOST_CONSOLE_OPENED", priority: 5 };
/// Haven's own: it was closed.
pub const HOST_CONSOLE_CLOSED: AlertMeta = AlertMeta { name: "HOST_CONSOLE_CLOSED", priority: 5 };

/// What protection tells of: kinds of alert, and of each the case that is meant; empty: every case.
/// What they mean, and what to do then, stands in the locales. The console shows them as a list.
pub const PROTECTION: &[(AlertMeta, &str)] = &[
    (HA_HOST_FAILED, ""),
    (HA_PROTECTED_VM_RESTART_FAILED, ""),
    (VM_STARTED, "failover"),
    (HA_STATEFILE_LOST, ""),
    (HA_HEARTBEAT_APPROACHING_TIMEOUT, ""),
    (HA_STATEFILE_APPROACHING_TIMEOUT, ""),
    (HA_POOL_OVERCOMMITTED, ""),
    (HA_POOL_DROP_IN_PLAN_EXISTS_FOR, ""),
    (METADATA_LUN_BROKEN, ""),
    (METADATA_LUN_HEALTHY, ""),
    (ALARM, ""),
];

/// Why protection refuses: errors that are about it, and that are raised.
pub const PROTECTION_REFUSALS: &[&str] = &[
    "HA_ABORT_NEW_MASTER",
    "HA_BAD_ADVANCED_OPTION",
    "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED",
    "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED",
    "HA_DISABLE_IN_PROGRESS",
    "HA_DRILL_COORDINATOR",
    "HA_DRILL_NOT_READY",
    "HA_DRILL_RUNNING",
    "HA_DRILL_UNPROTECTED",
    "HA_ENABLE_IN_PROGRESS",
    "HA_FAILED_TO_FORM_LIVESET",
    "HA_HEARTBEAT_DAEMON_STARTUP_FAILED",
    "HA_HEARTBEAT_MTU_DIFFERS",
    "HA_HOST_CANNOT_ACCESS_STATEFILE",
    "HA_HOST_CANNOT_SEE_PEERS",
    "HA_IS_ENABLED",
    "HA_NOT_ENABLED",
    "HA_NOT_INSTALLED",
    "HA_NO_PLAN",
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN",
    "HA_SR_NO_SPACE",
    "HA_TOO_FEW_HOSTS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_body_is_found_there_again_and_taken_out() {
        for body in ["It failed. {\"case\":\"failed\"}", "A sentence.", "<v a=\"1\">x</v>", ""] {
            let (sentence, mut data) = part_body(body);
            assert_eq!(data.contains_key("case"), body.contains("case"), "{body}");
            data.insert(ACKNOWLEDGED.to_owned(), serde_json::json!({ "note": "a--b {\" c" }));
            let noted = body_with(sentence, data);
            let (same, mut found) = part_body(&noted);
            assert_eq!(same, sentence);
            let note = found.remove(ACKNOWLEDGED).unwrap();
            assert_eq!(note["note"], "a--b {\" c", "{noted}");
            assert!(!noted.starts_with('<') || !noted[4..noted.len() - 4].contains("--\""));
            assert_eq!(body_with(same, found), body);
        }
    }
}
