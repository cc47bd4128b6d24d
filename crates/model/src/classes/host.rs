//! The class `host`.

use std::collections::BTreeMap;

use crate::{
    Blob, Certificate, DateTime, Feature, HostAllowedOperations, HostCpu, HostCrashdump,
    HostDisplay, HostMetrics, HostNtpMode, HostNumaAffinityPolicy, HostPatch,
    LatestSyncedUpdatesAppliedState, Pbd, Pci, Pgpu, Pif, PoolUpdate, Pusb, Ref, Sr,
    UpdateGuidances, Vm,
};

class! {
    /// A physical machine of the pool.
    Host = "host", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    memory_overhead: i64 = 0, DynamicRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<HostAllowedOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, HostAllowedOperations> = [], DynamicRo PoolOperator;
    api_version_major "API_version_major": i64, DynamicRo PoolOperator;
    api_version_minor "API_version_minor": i64, DynamicRo PoolOperator;
    api_version_vendor "API_version_vendor": String, DynamicRo PoolOperator;
    api_version_vendor_implementation "API_version_vendor_implementation": BTreeMap<String, String>, DynamicRo PoolOperator;
    enabled: bool, DynamicRo PoolOperator;
    software_version: BTreeMap<String, String>, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    capabilities: Vec<String>, StaticRo PoolOperator;
    cpu_configuration: BTreeMap<String, String>, DynamicRo PoolOperator;
    sched_policy: String, DynamicRo PoolOperator;
    supported_bootloaders: Vec<String>, DynamicRo PoolOperator;
    resident_vms "resident_VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator;
    logging: BTreeMap<String, String>, Rw PoolOperator;
    pifs "PIFs": Vec<Ref<Pif>>, DynamicRo PoolOperator;
    suspend_image_sr: Ref<Sr>, Rw PoolOperator;
    crash_dump_sr: Ref<Sr>, Rw PoolOperator;
    crashdumps: Vec<Ref<HostCrashdump>>, DynamicRo PoolOperator;
    patches: Vec<Ref<HostPatch>>, DynamicRo PoolOperator, deprecated;
    updates: Vec<Ref<PoolUpdate>>, DynamicRo PoolOperator;
    pbds "PBDs": Vec<Ref<Pbd>>, DynamicRo PoolOperator;
    host_cpus "host_CPUs": Vec<Ref<HostCpu>>, DynamicRo PoolOperator;
    cpu_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    hostname: String, Rw PoolOperator;
    address: String, Rw PoolOperator;
    metrics: Ref<HostMetrics>, DynamicRo PoolOperator;
    license_params: BTreeMap<String, String>, DynamicRo PoolOperator;
    ha_statefiles: Vec<String> = [], DynamicRo PoolOperator;
    ha_network_peers: Vec<String> = [], DynamicRo PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    external_auth_type: String = "", DynamicRo PoolOperator;
    external_auth_service_name: String = "", DynamicRo PoolOperator;
    external_auth_configuration: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    edition: String = "", DynamicRo PoolOperator;
    license_server: BTreeMap<String, String> = [("address".into(), "localhost".into()), ("port".into(), "27000".into())], Rw PoolOperator;
    bios_strings: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    power_on_mode: String = "", DynamicRo PoolOperator;
    power_on_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    local_cache_sr: Ref<Sr> = Ref::NULL, StaticRo PoolOperator;
    chipset_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    pcis "PCIs": Vec<Ref<Pci>>, DynamicRo PoolOperator;
    pgpus "PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    pusbs "PUSBs": Vec<Ref<Pusb>>, DynamicRo PoolOperator;
    ssl_legacy: bool = true, StaticRo PoolOperator, deprecated;
    guest_vcpus_params "guest_VCPUs_params": BTreeMap<String, String> = [], Rw PoolOperator;
    display: HostDisplay = HostDisplay::Enabled, Rw PoolOperator;
    virtual_hardware_platform_versions: Vec<i64> = [0], DynamicRo PoolOperator;
    control_domain: Ref<Vm> = Ref::NULL, DynamicRo PoolOperator;
    updates_requiring_reboot: Vec<Ref<PoolUpdate>>, DynamicRo PoolOperator;
    features: Vec<Ref<Feature>>, DynamicRo PoolOperator;
    iscsi_iqn: String = "", StaticRo PoolOperator;
    multipathing: bool = false, StaticRo PoolOperator;
    uefi_certificates: String = "", StaticRo PoolOperator, deprecated;
    certificates: Vec<Ref<Certificate>>, DynamicRo PoolOperator;
    editions: Vec<String> = [], DynamicRo PoolOperator;
    pending_guidances: Vec<UpdateGuidances> = [], DynamicRo PoolOperator;
    tls_verification_enabled: bool = false, DynamicRo PoolOperator;
    last_software_update: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    https_only: bool = false, DynamicRo PoolOperator, prototyped;
    latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = LatestSyncedUpdatesAppliedState::Unknown, DynamicRo PoolOperator, prototyped;
    numa_affinity_policy: HostNumaAffinityPolicy = HostNumaAffinityPolicy::DefaultPolicy, DynamicRo PoolOperator, prototyped;
    pending_guidances_recommended: Vec<UpdateGuidances> = [], DynamicRo PoolOperator, prototyped;
    pending_guidances_full: Vec<UpdateGuidances> = [], DynamicRo PoolOperator, prototyped;
    last_update_hash: String = "", DynamicRo PoolOperator, prototyped;
    ssh_enabled: bool = true, DynamicRo PoolOperator, prototyped;
    ssh_enabled_timeout: i64 = 0, DynamicRo PoolOperator, prototyped;
    ssh_expiry: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    console_idle_timeout: i64 = 0, DynamicRo PoolOperator, prototyped;
    ssh_auto_mode: bool = false, DynamicRo PoolOperator, prototyped;
    max_cstate: String = "", DynamicRo PoolOperator, prototyped;
    secure_boot: bool = false, DynamicRo PoolOperator, prototyped;
    ntp_mode: HostNtpMode = HostNtpMode::Factory, DynamicRo PoolOperator, prototyped;
    ntp_custom_servers: Vec<String> = [], DynamicRo PoolOperator, prototyped;
    timezone: String = "UTC", DynamicRo PoolOperator, prototyped;
}
