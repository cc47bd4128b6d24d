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
    /// Memory that virtualisation itself takes, in bytes.
    memory_overhead: i64 = 0, DynamicRo PoolOperator;
    /// What may be done with it right now.
    allowed_operations: Vec<HostAllowedOperations> = [], DynamicRo PoolOperator;
    /// What is being done with it: task reference to operation.
    current_operations: BTreeMap<String, HostAllowedOperations> = [], DynamicRo PoolOperator;
    /// Major version of the API.
    api_version_major "API_version_major": i64, DynamicRo PoolOperator;
    /// Minor version of the API.
    api_version_minor "API_version_minor": i64, DynamicRo PoolOperator;
    /// Who made the API.
    api_version_vendor "API_version_vendor": String, DynamicRo PoolOperator;
    /// Details of who made it.
    api_version_vendor_implementation "API_version_vendor_implementation": BTreeMap<String, String>, DynamicRo PoolOperator;
    /// Whether it takes VMs.
    enabled: bool, DynamicRo PoolOperator;
    /// Versions of the software on it; clients look for `xapi`.
    software_version: BTreeMap<String, String>, StaticRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String>, Rw PoolOperator;
    /// Kinds of guests it can run.
    capabilities: Vec<String>, StaticRo PoolOperator;
    /// How its processors are set up.
    cpu_configuration: BTreeMap<String, String>, DynamicRo PoolOperator;
    /// How processors are shared.
    sched_policy: String, DynamicRo PoolOperator;
    /// Programs that find guests' kernels.
    supported_bootloaders: Vec<String>, DynamicRo PoolOperator;
    /// VMs that run on it.
    resident_vms "resident_VMs": Vec<Ref<Vm>>, DynamicRo PoolOperator;
    /// Where its logs go.
    logging: BTreeMap<String, String>, Rw PoolOperator;
    /// Its network interfaces.
    pifs "PIFs": Vec<Ref<Pif>>, DynamicRo PoolOperator;
    /// Where the memory of its suspended VMs goes.
    suspend_image_sr: Ref<Sr>, Rw PoolOperator;
    /// Where crash dumps of its VMs go.
    crash_dump_sr: Ref<Sr>, Rw PoolOperator;
    /// Its own crash dumps.
    crashdumps: Vec<Ref<HostCrashdump>>, DynamicRo PoolOperator;
    /// Its patches.
    patches: Vec<Ref<HostPatch>>, DynamicRo PoolOperator, deprecated;
    /// Its updates.
    updates: Vec<Ref<PoolUpdate>>, DynamicRo PoolOperator;
    /// Its connections to storage.
    pbds "PBDs": Vec<Ref<Pbd>>, DynamicRo PoolOperator;
    /// Its processors.
    host_cpus "host_CPUs": Vec<Ref<HostCpu>>, DynamicRo PoolOperator;
    /// What its processors are: `vendor`, `modelname`, `cpu_count`, `socket_count`, `features`.
    cpu_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Its name in the network.
    hostname: String, Rw PoolOperator;
    /// Address that other hosts and clients reach it at.
    address: String, Rw PoolOperator;
    /// What the pool measures about it.
    metrics: Ref<HostMetrics>, DynamicRo PoolOperator;
    /// Not used: there are no licences.
    license_params: BTreeMap<String, String>, DynamicRo PoolOperator;
    /// Heartbeat volumes it can reach.
    ha_statefiles: Vec<String> = [], DynamicRo PoolOperator;
    /// Hosts it hears over the network.
    ha_network_peers: Vec<String> = [], DynamicRo PoolOperator;
    /// Binary data kept with it, by name.
    blobs: BTreeMap<String, Ref<Blob>> = [], DynamicRo PoolOperator;
    /// Labels of the user.
    tags: Vec<String> = [], Rw VmOperator;
    /// Kind of external directory.
    external_auth_type: String = "", DynamicRo PoolOperator;
    /// Name of the directory.
    external_auth_service_name: String = "", DynamicRo PoolOperator;
    /// Details of the directory.
    external_auth_configuration: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Not used: there are no editions.
    edition: String = "", DynamicRo PoolOperator;
    /// Not used: there are no licences.
    license_server: BTreeMap<String, String> = [("address".into(), "localhost".into()), ("port".into(), "27000".into())], Rw PoolOperator;
    /// What its BIOS says of the machine.
    bios_strings: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// How it is switched on from afar; empty if it cannot be.
    power_on_mode: String = "", DynamicRo PoolOperator;
    /// Details of that.
    power_on_config: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Local storage used as cache.
    local_cache_sr: Ref<Sr> = Ref::NULL, StaticRo PoolOperator;
    /// What its chipset can do, such as `iommu`.
    chipset_info: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// Its PCI devices.
    pcis "PCIs": Vec<Ref<Pci>>, DynamicRo PoolOperator;
    /// Its graphics processors.
    pgpus "PGPUs": Vec<Ref<Pgpu>>, DynamicRo PoolOperator;
    /// Its USB devices.
    pusbs "PUSBs": Vec<Ref<Pusb>>, DynamicRo PoolOperator;
    /// Not used: old TLS is never accepted.
    ssl_legacy: bool = true, StaticRo PoolOperator, deprecated;
    /// Scheduling of all its guests' processors.
    guest_vcpus_params "guest_VCPUs_params": BTreeMap<String, String> = [], Rw PoolOperator;
    /// Whether its own screen is in use.
    display: HostDisplay = HostDisplay::Enabled, Rw PoolOperator;
    /// Versions of virtual hardware it offers.
    virtual_hardware_platform_versions: Vec<i64> = [0], DynamicRo PoolOperator;
    /// The VM that stands for the host itself.
    control_domain: Ref<Vm> = Ref::NULL, DynamicRo PoolOperator;
    /// Updates that wait for its restart.
    updates_requiring_reboot: Vec<Ref<PoolUpdate>>, DynamicRo PoolOperator;
    /// Experimental features.
    features: Vec<Ref<Feature>>, DynamicRo PoolOperator;
    /// Its iSCSI name.
    iscsi_iqn: String = "", StaticRo PoolOperator;
    /// Whether it uses several paths to storage.
    multipathing: bool = false, StaticRo PoolOperator;
    /// Secure Boot certificates for its VMs.
    uefi_certificates: String = "", StaticRo PoolOperator, deprecated;
    /// Its certificates.
    certificates: Vec<Ref<Certificate>>, DynamicRo PoolOperator;
    /// Not used: there are no editions.
    editions: Vec<String> = [], DynamicRo PoolOperator;
    /// What updates ask to be done to it.
    pending_guidances: Vec<UpdateGuidances> = [], DynamicRo PoolOperator;
    /// Whether it verifies the other hosts' certificates.
    tls_verification_enabled: bool = false, DynamicRo PoolOperator;
    /// When its software was last updated.
    last_software_update: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// Whether it refuses unencrypted HTTP.
    https_only: bool = false, DynamicRo PoolOperator, prototyped;
    /// Whether it has the latest updates.
    latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = LatestSyncedUpdatesAppliedState::Unknown, DynamicRo PoolOperator, prototyped;
    /// Whether VMs' memory is kept near their processors.
    numa_affinity_policy: HostNumaAffinityPolicy = HostNumaAffinityPolicy::DefaultPolicy, DynamicRo PoolOperator, prototyped;
    /// What updates recommend to be done to it.
    pending_guidances_recommended: Vec<UpdateGuidances> = [], DynamicRo PoolOperator, prototyped;
    /// All that updates suggest to be done to it.
    pending_guidances_full: Vec<UpdateGuidances> = [], DynamicRo PoolOperator, prototyped;
    /// Identity of the updates it has.
    last_update_hash: String = "", DynamicRo PoolOperator, prototyped;
    /// Whether SSH is on.
    ssh_enabled: bool = true, DynamicRo PoolOperator, prototyped;
    /// Seconds after which SSH is switched off again; 0 is never.
    ssh_enabled_timeout: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// When SSH is switched off.
    ssh_expiry: DateTime = DateTime::EPOCH, DynamicRo PoolOperator, prototyped;
    /// Seconds after which its idle console logs out; 0 is never.
    console_idle_timeout: i64 = 0, DynamicRo PoolOperator, prototyped;
    /// Whether SSH comes on by itself when the management service is down.
    ssh_auto_mode: bool = false, DynamicRo PoolOperator, prototyped;
    /// How deep its processors may sleep.
    max_cstate: String = "", DynamicRo PoolOperator, prototyped;
    /// Whether it started with Secure Boot.
    secure_boot: bool = false, DynamicRo PoolOperator, prototyped;
    /// Where its time comes from.
    ntp_mode: HostNtpMode = HostNtpMode::Factory, DynamicRo PoolOperator, prototyped;
    /// Time servers of the operator.
    ntp_custom_servers: Vec<String> = [], DynamicRo PoolOperator, prototyped;
    /// Its time zone.
    timezone: String = "UTC", DynamicRo PoolOperator, prototyped;
}
