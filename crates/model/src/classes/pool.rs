//! The class `pool`.

use std::collections::BTreeMap;

use crate::{
    Blob, DateTime, Host, PoolAllowedOperations, Ref, Repository, Secret, Sr, TelemetryFrequency,
    UpdateSyncFrequency, Vdi,
};

class! {
    /// The pool: one set of hosts under one management. There is exactly one row.
    Pool = "pool", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String, Rw PoolOperator;
    /// Description for people.
    name_description: String, Rw PoolOperator;
    master: Ref<Host>, DynamicRo PoolOperator;
    default_sr "default_SR": Ref<Sr>, Rw PoolOperator;
    suspend_image_sr "suspend_image_SR": Ref<Sr>, Rw PoolOperator;
    crash_dump_sr "crash_dump_SR": Ref<Sr>, Rw PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    ha_enabled: bool = false, DynamicRo PoolOperator;
    ha_configuration: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    ha_statefiles: Vec<String> = [], DynamicRo PoolOperator;
    ha_host_failures_to_tolerate: i64 = 0, DynamicRo PoolOperator;
    ha_plan_exists_for: i64 = 0, DynamicRo PoolOperator;
    ha_allow_overcommit: bool = false, Rw PoolOperator;
    ha_overcommitted: bool = false, DynamicRo PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    gui_config: BTreeMap<String, String> = [], Rw VmOperator;
    health_check_config: BTreeMap<String, String> = [], Rw PoolOperator;
    wlb_url: String = "", DynamicRo PoolOperator;
    wlb_username: String = "", DynamicRo PoolOperator;
    wlb_enabled: bool = false, Rw PoolOperator;
    wlb_verify_cert: bool = false, Rw PoolOperator, deprecated;
    redo_log_enabled: bool = false, DynamicRo PoolOperator;
    redo_log_vdi: Ref<Vdi> = Ref::NULL, DynamicRo PoolOperator;
    vswitch_controller: String = "", DynamicRo PoolOperator, deprecated;
    restrictions: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    metadata_vdis "metadata_VDIs": Vec<Ref<Vdi>>, DynamicRo PoolOperator;
    ha_cluster_stack: String = "", DynamicRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<PoolAllowedOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, PoolAllowedOperations> = [], DynamicRo PoolOperator;
    guest_agent_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    cpu_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    policy_no_vendor_device: bool = false, Rw PoolOperator, deprecated;
    live_patching_disabled: bool = false, Rw PoolOperator;
    igmp_snooping_enabled: bool = false, DynamicRo PoolOperator;
    uefi_certificates: String = "", StaticRo PoolOperator;
    custom_uefi_certificates: String = "", StaticRo PoolOperator, prototyped;
    is_psr_pending: bool = false, Rw PoolOperator;
    tls_verification_enabled: bool = false, DynamicRo PoolOperator;
    repositories: Vec<Ref<Repository>> = [], DynamicRo PoolOperator;
    client_certificate_auth_enabled: bool = false, DynamicRo PoolOperator;
    client_certificate_auth_name: String = "", DynamicRo PoolOperator;
    repository_proxy_url: String = "", DynamicRo PoolOperator;
    repository_proxy_username: String = "", DynamicRo PoolOperator;
    repository_proxy_password: Ref<Secret> = Ref::NULL, DynamicRo PoolOperator;
    migration_compression: bool = false, Rw PoolOperator, prototyped;
    coordinator_bias: bool = true, Rw PoolOperator;
    local_auth_max_threads: i64 = 8, StaticRo PoolOperator, prototyped;
    ext_auth_max_threads: i64 = 1, StaticRo PoolOperator, prototyped;
    ext_auth_cache_enabled: bool = true, DynamicRo PoolOperator, prototyped;
    ext_auth_cache_size: i64 = 50, DynamicRo PoolOperator, prototyped;
    ext_auth_cache_expiry: i64 = 300, DynamicRo PoolOperator, prototyped;
    telemetry_uuid: Ref<Secret> = Ref::NULL, DynamicRo PoolOperator, prototyped;
    telemetry_frequency: TelemetryFrequency = TelemetryFrequency::Weekly, DynamicRo PoolOperator, prototyped;
    telemetry_next_collection: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    last_update_sync: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    update_sync_frequency: UpdateSyncFrequency = UpdateSyncFrequency::Weekly, DynamicRo PoolOperator, prototyped;
    update_sync_day: i64 = 0, DynamicRo PoolOperator, prototyped;
    update_sync_enabled: bool = false, DynamicRo PoolOperator, prototyped;
    recommendations: BTreeMap<String, String> = [], DynamicRo PoolOperator, prototyped;
    license_server: BTreeMap<String, String> = [], Rw PoolOperator, prototyped;
    ha_reboot_vm_on_internal_shutdown: bool = true, Rw PoolOperator, prototyped;
    limit_console_sessions: bool = false, Rw PoolOperator, prototyped;
    vm_console_idle_timeout: i64 = 0, Rw PoolOperator, prototyped;
    auto_update_vm_secureboot_certificates: bool = false, Rw PoolOperator, prototyped;
}
