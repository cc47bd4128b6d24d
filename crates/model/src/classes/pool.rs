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
    /// The coordinator: the host that holds the database and takes the decisions.
    master: Ref<Host>, DynamicRo PoolOperator;
    /// Where disks go when nobody says otherwise.
    default_sr "default_SR": Ref<Sr>, Rw PoolOperator;
    /// Where the memory of suspended VMs goes.
    suspend_image_sr "suspend_image_SR": Ref<Sr>, Rw PoolOperator;
    /// Where crash dumps go.
    crash_dump_sr "crash_dump_SR": Ref<Sr>, Rw PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    /// Whether high availability is on.
    ha_enabled: bool = false, DynamicRo PoolOperator;
    /// Settings of high availability, such as its timing profile.
    ha_configuration: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Uuids of the volumes with the statefile.
    ha_statefiles: Vec<String> = [], DynamicRo PoolOperator;
    /// How many hosts may fail while every protected VM still restarts.
    ha_host_failures_to_tolerate: i64 = 0, DynamicRo PoolOperator;
    /// For how many failures of hosts there is a plan right now.
    ha_plan_exists_for: i64 = 0, DynamicRo PoolOperator;
    /// Whether changes that leave too few resources for the promise are allowed.
    ha_allow_overcommit: bool = false, Rw PoolOperator;
    /// Whether the promise cannot be kept right now.
    ha_overcommitted: bool = false, DynamicRo PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// Settings that graphical clients keep here.
    gui_config: BTreeMap<String, String> = [], Rw VmOperator;
    /// Settings of health reports.
    health_check_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Address of a balancing server.
    wlb_url: String = "", DynamicRo PoolOperator;
    /// User for the balancing server.
    wlb_username: String = "", DynamicRo PoolOperator;
    /// Whether a balancing server is used.
    wlb_enabled: bool = false, Rw PoolOperator;
    /// Whether the balancing server's certificate is verified.
    wlb_verify_cert: bool = false, Rw PoolOperator, deprecated;
    /// Whether the database is copied to shared storage although high availability is off.
    redo_log_enabled: bool = false, DynamicRo PoolOperator;
    /// Volume with that copy.
    redo_log_vdi: Ref<Vdi> = Ref::NULL, DynamicRo PoolOperator;
    /// Address of a controller of the virtual switches.
    vswitch_controller: String = "", DynamicRo PoolOperator, deprecated;
    /// Features that are switched off.
    restrictions: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Volumes that hold this pool's database.
    metadata_vdis "metadata_VDIs": Vec<Ref<Vdi>>, DynamicRo PoolOperator;
    /// What decides membership while high availability is on.
    ha_cluster_stack: String = "", DynamicRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<PoolAllowedOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, PoolAllowedOperations> = [], DynamicRo PoolOperator;
    /// Settings for agents in guests.
    guest_agent_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// What processors the hosts have in common: the model that VMs see.
    cpu_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Default of the VMs' vendor device.
    policy_no_vendor_device: bool = false, Rw PoolOperator, deprecated;
    /// Whether live patches are refused.
    live_patching_disabled: bool = false, Rw PoolOperator;
    /// Whether bridges forward multicast only to those who asked.
    igmp_snooping_enabled: bool = false, DynamicRo PoolOperator;
    /// Secure Boot certificates for VMs.
    uefi_certificates: String = "", StaticRo PoolOperator;
    /// Secure Boot certificates for VMs, from the operator.
    custom_uefi_certificates: String = "", StaticRo PoolOperator, prototyped;
    /// Whether a change of the pool's secret is unfinished.
    is_psr_pending: bool = false, Rw PoolOperator;
    /// Whether hosts verify each other's certificates.
    tls_verification_enabled: bool = false, DynamicRo PoolOperator;
    /// Where updates come from.
    repositories: Vec<Ref<Repository>> = [], DynamicRo PoolOperator;
    /// Whether clients may log in with a certificate.
    client_certificate_auth_enabled: bool = false, DynamicRo PoolOperator;
    /// Name such a certificate must bear.
    client_certificate_auth_name: String = "", DynamicRo PoolOperator;
    /// Proxy for fetching updates.
    repository_proxy_url: String = "", DynamicRo PoolOperator;
    /// User for that proxy.
    repository_proxy_username: String = "", DynamicRo PoolOperator;
    /// Secret with the password for that proxy.
    repository_proxy_password: Ref<Secret> = Ref::NULL, DynamicRo PoolOperator;
    /// Whether memory is compressed when VMs move.
    migration_compression: bool = false, Rw PoolOperator, prototyped;
    /// Whether placement avoids the coordinator.
    coordinator_bias: bool = true, Rw PoolOperator;
    /// How many local logins are checked at once.
    local_auth_max_threads: i64 = 8, StaticRo PoolOperator, prototyped;
    /// How many external logins are checked at once.
    ext_auth_max_threads: i64 = 1, StaticRo PoolOperator, prototyped;
    /// Whether results of external logins are remembered.
    ext_auth_cache_enabled: bool = true, DynamicRo PoolOperator, prototyped;
    /// How many of them.
    ext_auth_cache_size: i64 = 50, DynamicRo PoolOperator, prototyped;
    /// For how long, in seconds.
    ext_auth_cache_expiry: i64 = 300, DynamicRo PoolOperator, prototyped;
    /// Secret with the identity used for telemetry.
    telemetry_uuid: Ref<Secret> = Ref::NULL, DynamicRo PoolOperator, prototyped;
    /// How often telemetry is collected.
    telemetry_frequency: TelemetryFrequency = TelemetryFrequency::Weekly, DynamicRo PoolOperator, prototyped;
    /// When it is collected next.
    telemetry_next_collection: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// When updates were last fetched.
    last_update_sync: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// How often updates are fetched.
    update_sync_frequency: UpdateSyncFrequency = UpdateSyncFrequency::Weekly, DynamicRo PoolOperator, prototyped;
    /// On which day they are fetched; 0 is Sunday.
    update_sync_day: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// Whether they are fetched by schedule.
    update_sync_enabled: bool = false, DynamicRo PoolOperator, prototyped;
    /// What is recommended for the pool, such as limits.
    recommendations: BTreeMap<String, String> = [], DynamicRo PoolOperator, prototyped;
    /// Not used: there are no licences.
    license_server: BTreeMap<String, String> = [], Rw PoolOperator, prototyped;
    /// Whether a protected VM that shuts itself down is started again.
    ha_reboot_vm_on_internal_shutdown: bool = true, Rw PoolOperator, prototyped;
    /// Whether only one client may see a console at a time.
    limit_console_sessions: bool = false, Rw PoolOperator, prototyped;
    /// Seconds after which an idle console is closed; 0 is never.
    vm_console_idle_timeout: i64 = 0, Rw PoolOperator, prototyped;
    /// Whether VMs get new Secure Boot certificates by themselves.
    auto_update_vm_secureboot_certificates: bool = false, Rw PoolOperator, prototyped;
}
