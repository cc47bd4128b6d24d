//! Who may call what, and where: calls that need no coordinator, HTTP paths with their roles,
//! and the roles of a pool with their permissions.

use haven_model::{Ref, Role, RoleLevel};

use crate::registry::Registry;

/// Calls that a member answers itself instead of naming the coordinator.
pub const MEMBER_CALLS: &[&str] = &[
    "session.login_with_password",
    "session.slave_login",
    "pool.emergency_reset_master",
    "pool.emergency_transition_to_master",
    "pool.is_slave",
    "session.slave_local_login",
    "session.slave_local_login_with_password",
    "session.local_logout",
    "host.propose_new_master",
    "host.commit_new_master",
    "host.abort_new_master",
    "host.local_assert_healthy",
    "host.signal_networking_change",
    "host.local_management_reconfigure",
    "host.ha_xapi_healthcheck",
    "host.emergency_ha_disable",
    "host.management_disable",
    "host.get_system_status_capabilities",
    "host.is_in_emergency_mode",
    "host.shutdown_agent",
    "host.emergency_reset_server_certificate",
    "host.emergency_disable_tls_verification",
    "host.emergency_reenable_tls_verification",
    "host.emergency_clear_mandatory_guidance",
    "host.update_firewalld_service_status",
];

/// Calls that a host answers although it has lost its coordinator.
pub const EMERGENCY_CALLS: &[&str] = &[
    "pool.emergency_reset_master",
    "pool.emergency_transition_to_master",
    "pool.is_slave",
    "session.slave_local_login",
    "session.slave_local_login_with_password",
    "session.local_logout",
    "host.propose_new_master",
    "host.commit_new_master",
    "host.abort_new_master",
    "host.local_assert_healthy",
    "host.signal_networking_change",
    "host.local_management_reconfigure",
    "host.ha_xapi_healthcheck",
    "host.emergency_ha_disable",
    "host.management_disable",
    "host.get_system_status_capabilities",
    "host.is_in_emergency_mode",
    "host.shutdown_agent",
    "host.emergency_reset_server_certificate",
    "host.emergency_disable_tls_verification",
    "host.emergency_reenable_tls_verification",
    "host.emergency_clear_mandatory_guidance",
    "host.update_firewalld_service_status",
];

/// A path of the HTTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAction {
    /// Its name.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// Least role that may use it; [`RoleLevel::ReadOnly`] is everyone who is logged in.
    pub role: RoleLevel,
    /// Whether it checks its caller itself, if at all.
    pub open: bool,
}

const fn on(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    role: RoleLevel,
) -> HttpAction {
    HttpAction { name, method, path, role, open: false }
}

const fn open(method: &'static str, path: &'static str, name: &'static str) -> HttpAction {
    HttpAction { name, method, path, role: RoleLevel::ReadOnly, open: true }
}

/// Paths of XenAPI's HTTP server.
pub const HTTP_ACTIONS: &[HttpAction] = &[
    on("GET", "/services", "get_services", RoleLevel::ReadOnly),
    on("POST", "/services", "post_services", RoleLevel::PoolAdmin),
    on("PUT", "/services", "put_services", RoleLevel::PoolAdmin),
    on("POST", "/remote_db_access", "post_remote_db_access", RoleLevel::PoolAdmin),
    on("POST", "/remote_db_access_v2", "post_remote_db_access_v2", RoleLevel::PoolAdmin),
    on("GET", "/services/xenops", "get_services_xenops", RoleLevel::VmPowerAdmin),
    on("POST", "/services/xenops", "post_services_xenops", RoleLevel::VmPowerAdmin),
    on("PUT", "/services/xenops", "put_services_xenops", RoleLevel::VmPowerAdmin),
    on("GET", "/services/SM", "get_services_sm", RoleLevel::VmPowerAdmin),
    on("POST", "/services/SM", "post_services_sm", RoleLevel::VmPowerAdmin),
    on("PUT", "/services/SM", "put_services_sm", RoleLevel::VmPowerAdmin),
    on("PUT", "/import", "put_import", RoleLevel::VmAdmin),
    on("PUT", "/import_metadata", "put_import_metadata", RoleLevel::VmAdmin),
    on("PUT", "/import_raw_vdi", "put_import_raw_vdi", RoleLevel::VmAdmin),
    on("GET", "/export", "get_export", RoleLevel::VmAdmin),
    on("GET", "/export_metadata", "get_export_metadata", RoleLevel::VmAdmin),
    on("GET", "/export_raw_vdi", "get_export_raw_vdi", RoleLevel::VmAdmin),
    on("CONNECT", "/console", "connect_console", RoleLevel::VmOperator),
    on("GET", "/console", "connect_console_ws", RoleLevel::VmOperator),
    open("GET", "/", "get_root"),
    open("POST", "/cli", "post_cli"),
    on("GET", "/host_backup", "get_host_backup", RoleLevel::PoolAdmin),
    on("PUT", "/host_restore", "put_host_restore", RoleLevel::PoolAdmin),
    on("GET", "/host_logs_download", "get_host_logs_download", RoleLevel::PoolOperator),
    on("PUT", "/pool_patch_upload", "put_pool_patch_upload", RoleLevel::PoolOperator),
    on("GET", "/vncsnapshot", "get_vncsnapshot", RoleLevel::VmOperator),
    on("GET", "/pool/xmldbdump", "get_pool_xml_db_sync", RoleLevel::PoolAdmin),
    on("PUT", "/pool/xmldbdump", "put_pool_xml_db_sync", RoleLevel::PoolAdmin),
    on("GET", "/sync_config_files", "get_config_sync", RoleLevel::PoolAdmin),
    on("GET", "/system-status", "get_system_status", RoleLevel::PoolOperator),
    on("GET", "/vm_rrd", "vm_rrd", RoleLevel::ReadOnly),
    on("GET", "/vm_rrds", "get_vm_rrds", RoleLevel::ReadOnly),
    on("GET", "/host_rrd", "host_rrd", RoleLevel::ReadOnly),
    on("GET", "/host_rrds", "get_host_rrds", RoleLevel::ReadOnly),
    on("GET", "/sr_rrd", "sr_rrd", RoleLevel::ReadOnly),
    on("GET", "/rrd_updates", "rrd_updates", RoleLevel::ReadOnly),
    on("PUT", "/rrd", "rrd", RoleLevel::PoolAdmin),
    open("GET", "/blob", "get_blob"),
    on("PUT", "/blob", "put_blob", RoleLevel::VmPowerAdmin),
    on("PUT", "/messages", "put_messages", RoleLevel::VmPowerAdmin),
    on("CONNECT", "/remotecmd", "connect_remotecmd", RoleLevel::PoolAdmin),
    on("GET", "/wlb_report", "get_wlb_report", RoleLevel::ReadOnly),
    on("GET", "/wlb_diagnostics", "get_wlb_diagnostics", RoleLevel::ReadOnly),
    on("GET", "/audit_log", "get_audit_log", RoleLevel::ReadOnly),
    open("POST", "/", "post_root"),
    open("POST", "/RPC2", "post_RPC2"),
    open("POST", "/json", "post_json"),
    open("OPTIONS", "/", "post_root_options"),
    open("OPTIONS", "/json", "post_json_options"),
    open("POST", "/jsonrpc", "post_jsonrpc"),
    open("OPTIONS", "/jsonrpc", "post_jsonrpc_options"),
    open("GET", "/update/", "get_pool_update_download"),
    on("GET", "/repository", "get_repository", RoleLevel::LocalRootOnly),
    on("GET", "/repository/enabled", "get_enabled_repository", RoleLevel::PoolOperator),
    on("GET", "/host_updates", "get_host_updates", RoleLevel::PoolOperator),
    on("GET", "/updates", "get_updates", RoleLevel::PoolOperator),
    on("PUT", "/bundle", "put_bundle", RoleLevel::PoolOperator),
];

/// The action of a path: the longest that it begins with.
#[must_use]
pub fn http_action(method: &str, path: &str) -> Option<&'static HttpAction> {
    let fits = |action: &&HttpAction| {
        let rest = path.strip_prefix(action.path);
        let whole = rest.is_some_and(|r| r.is_empty() || r.starts_with('/'));
        action.method == method && (whole || action.path == path)
    };
    HTTP_ACTIONS.iter().filter(fits).max_by_key(|action| action.path.len())
}

/// A role that every pool has, under a reference that is the same in all pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardRole {
    /// What it may do.
    pub level: RoleLevel,
    /// Its uuid, and the number of its reference.
    pub bits: u128,
    /// What it is for.
    pub description: &'static str,
}

impl StandardRole {
    const fn new(level: RoleLevel, bits: u128, description: &'static str) -> Self {
        Self { level, bits, description }
    }

    /// Its reference.
    #[must_use]
    pub const fn reference(&self) -> Ref<Role> {
        Ref::from_u128(self.bits)
    }

    /// Its row.
    #[must_use]
    pub fn row(&self) -> Role {
        Role {
            uuid: haven_model::uuid_text(self.bits),
            name_label: self.level.as_str().into(),
            name_description: self.description.into(),
            ..Role::default()
        }
    }
}

/// The roles of every pool, most powerful first.
pub const STANDARD_ROLES: &[StandardRole] = &[
    StandardRole::new(
        RoleLevel::PoolAdmin,
        0x0165_f154_ba3e_034e_6b27_5d27_1af1_09ba,
        "may do everything, users and roles included",
    ),
    StandardRole::new(
        RoleLevel::PoolOperator,
        0xb9ce_9791_0604_50cd_0649_09b3_284c_7dfd,
        "manages hosts, storage, networks and the pool",
    ),
    StandardRole::new(
        RoleLevel::VmPowerAdmin,
        0x7955_168d_7bec_10ed_105f_c6a7_e6e6_3249,
        "creates and manages virtual machines, and places them",
    ),
    StandardRole::new(
        RoleLevel::VmAdmin,
        0xaaa0_0ab5_7340_bfbc_0d1b_7cf3_4263_9a6e,
        "creates and manages virtual machines",
    ),
    StandardRole::new(
        RoleLevel::VmOperator,
        0xfb8d_4ff9_310c_a959_0613_5410_1535_d3d5,
        "uses virtual machines",
    ),
    StandardRole::new(
        RoleLevel::ReadOnly,
        0x7233_b8e3_eacb_d7da_2c95_f2e5_81cd_bf4e,
        "looks, but changes nothing",
    ),
];

/// What a user with this role may do, as `session.get_rbac_permissions` lists it.
#[must_use]
pub fn permissions(role: RoleLevel) -> Vec<String> {
    let allowed = Registry::standard().methods().filter(|m| role.permits(m.role));
    let calls = allowed.map(|m| m.name.to_lowercase());
    let paths = HTTP_ACTIONS.iter().filter(|a| role.permits(a.role));
    calls.chain(paths.map(|a| format!("http/{}", a.name))).collect()
}

#[cfg(test)]
mod tests {
    use haven_model::{RoleLevel, Subject};

    use super::{EMERGENCY_CALLS, MEMBER_CALLS, STANDARD_ROLES, http_action, permissions};
    use crate::Registry;

    /// All but those between XenAPI's own servers, which are not part of the API.
    #[test]
    fn calls_exist() {
        let unknown = |name: &&&str| Registry::standard().find(name).is_none();
        let calls = MEMBER_CALLS.iter().chain(EMERGENCY_CALLS).filter(unknown);
        let unknown: std::collections::BTreeSet<_> = calls.copied().collect();
        let between_servers = [
            "host.abort_new_master",
            "host.commit_new_master",
            "host.local_assert_healthy",
            "host.propose_new_master",
            "host.signal_networking_change",
            "host.update_firewalld_service_status",
        ];
        assert_eq!(unknown, between_servers.into());
    }

    #[test]
    fn paths() {
        let role = |method, path| http_action(method, path).map(|a| (a.role, a.open));
        assert_eq!(role("PUT", "/import"), Some((RoleLevel::VmAdmin, false)));
        assert_eq!(role("PUT", "/import_raw_vdi"), Some((RoleLevel::VmAdmin, false)));
        assert_eq!(role("GET", "/services/SM/x"), Some((RoleLevel::VmPowerAdmin, false)));
        assert_eq!(role("POST", "/jsonrpc"), Some((RoleLevel::ReadOnly, true)));
        assert_eq!(role("GET", "/imports"), None);
    }

    #[test]
    fn administrators_are_the_default_of_subjects() {
        let admin = STANDARD_ROLES.first().map(super::StandardRole::reference);
        assert_eq!(Subject::default().roles.first().copied(), admin);
    }

    #[test]
    fn permissions_grow_with_the_role() {
        let mut before = 0;
        for role in STANDARD_ROLES.iter().rev() {
            let now = permissions(role.level).len();
            assert!(now > before, "{}", role.level.as_str());
            before = now;
        }
        let operator = permissions(RoleLevel::VmOperator);
        assert!(operator.contains(&"vm.start".to_owned()));
        assert!(!operator.contains(&"vm.create".to_owned()));
    }
}
