//! Messages of hosts.

use std::collections::BTreeMap;

use haven_model::{
    Blob, DataSource, DateTime, DriverVariant, Host, HostCrashdump, HostDisplay, HostDriver,
    HostNtpMode, HostNumaAffinityPolicy, HostPatch, HostSchedGran, LatestSyncedUpdatesAppliedState,
    Network, Pif, Ref, Sr, UpdateGuidances, Vm,
};

messages! {
    Host {
        disable(host: Ref<Host>, auto_enable: bool = true), PoolOperator, asynchronous;
        enable(host: Ref<Host>), PoolOperator, asynchronous;
        shutdown(host: Ref<Host>), PoolOperator, asynchronous;
        reboot(host: Ref<Host>), PoolOperator, asynchronous;
        prepare_for_poweroff(host: Ref<Host>), LocalRootOnly, asynchronous, hidden;
        dmesg(host: Ref<Host>) -> String, PoolOperator, asynchronous;
        dmesg_clear(host: Ref<Host>) -> String, PoolOperator, asynchronous;
        get_log(host: Ref<Host>) -> String, ReadOnly, asynchronous;
        send_debug_keys(host: Ref<Host>, keys: String), PoolAdmin, asynchronous;
        bugreport_upload(
            host: Ref<Host>, url: String, options: BTreeMap<String, String>,
        ), PoolOperator, asynchronous;
        list_methods() -> Vec<String>, ReadOnly;
        license_apply(host: Ref<Host>, contents: String), PoolOperator, asynchronous, removed
            fails [LICENSE_PROCESSING_ERROR];
        license_add(host: Ref<Host>, contents: String), PoolOperator, asynchronous
            fails [LICENSE_PROCESSING_ERROR];
        license_remove(host: Ref<Host>), PoolOperator, asynchronous;
        create(
            uuid: String, name_label: String, name_description: String, hostname: String,
            address: String, external_auth_type: String = "",
            external_auth_service_name: String = "",
            external_auth_configuration: BTreeMap<String, String> = [],
            license_params: BTreeMap<String, String> = [], edition: String = "",
            license_server: BTreeMap<String, String> = [("address".into(), "localhost".into()), ("port".into(), "27000".into())],
            local_cache_sr: Ref<Sr> = Ref::NULL, chipset_info: BTreeMap<String, String> = [],
            ssl_legacy: bool = true, last_software_update: DateTime = DateTime::EPOCH,
            last_update_hash: String = "", ssh_enabled: bool = true, ssh_enabled_timeout: i64 = 0,
            ssh_expiry: DateTime = DateTime::EPOCH, console_idle_timeout: i64 = 0,
            ssh_auto_mode: bool = false, secure_boot: bool = false,
            software_version: BTreeMap<String, String> = [], https_only: bool = false,
            max_cstate: String = "", ntp_mode: HostNtpMode = HostNtpMode::Factory,
            ntp_custom_servers: Vec<String> = [], timezone: String = "UTC",
            numa_affinity_policy: HostNumaAffinityPolicy = HostNumaAffinityPolicy::DefaultPolicy,
            latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = LatestSyncedUpdatesAppliedState::Unknown,
            pending_guidances_full: Vec<UpdateGuidances> = [],
            pending_guidances_recommended: Vec<UpdateGuidances> = [],
        ) -> Ref<Host>, PoolOperator, asynchronous, hidden;
        destroy(self: Ref<Host>), PoolOperator, asynchronous;
        power_on(host: Ref<Host>), PoolOperator, asynchronous;
        emergency_ha_disable(soft: bool = false), PoolOperator;
        ha_xapi_healthcheck() -> bool, PoolAdmin, hidden;
        get_data_sources(host: Ref<Host>) -> Vec<DataSource>, ReadOnly;
        record_data_source(host: Ref<Host>, data_source: String), PoolOperator;
        query_data_source(host: Ref<Host>, data_source: String) -> f64, ReadOnly;
        forget_data_source_archives(host: Ref<Host>, data_source: String), PoolOperator;
        assert_can_evacuate(host: Ref<Host>), PoolOperator, asynchronous;
        get_vms_which_prevent_evacuation(
            self: Ref<Host>,
        ) -> BTreeMap<Ref<Vm>, Vec<String>>, ReadOnly, asynchronous;
        get_uncooperative_resident_VMs(
            self: Ref<Host>,
        ) -> Vec<Ref<Vm>>, ReadOnly, asynchronous, deprecated;
        evacuate(
            host: Ref<Host>, network: Ref<Network> = Ref::NULL, evacuate_batch_size: i64 = 0,
        ), PoolOperator, asynchronous;
        syslog_reconfigure(host: Ref<Host>), PoolOperator, asynchronous;
        management_reconfigure(pif: Ref<Pif>), PoolOperator, asynchronous;
        local_management_reconfigure(interface: String), PoolOperator;
        management_disable(), PoolOperator;
        get_management_interface(host: Ref<Host>) -> Ref<Pif>, PoolOperator, asynchronous;
        get_system_status_capabilities(host: Ref<Host>) -> String, ReadOnly;
        get_diagnostic_timing_stats(
            host: Ref<Host>, counts: bool = false,
        ) -> BTreeMap<String, String>, ReadOnly, hidden;
        restart_agent(host: Ref<Host>), PoolOperator, asynchronous;
        shutdown_agent(), PoolOperator;
        set_hostname_live(host: Ref<Host>, hostname: String), PoolOperator
            fails [HOST_NAME_INVALID];
        is_in_emergency_mode() -> bool, ReadOnly, hidden;
        compute_free_memory(host: Ref<Host>) -> i64, ReadOnly, asynchronous;
        compute_memory_overhead(host: Ref<Host>) -> i64, ReadOnly, asynchronous;
        sync_data(host: Ref<Host>), PoolAdmin;
        backup_rrds(host: Ref<Host>, delay: f64), PoolAdmin;
        create_new_blob(
            host: Ref<Host>, name: String, mime_type: String, public: bool = false,
        ) -> Ref<Blob>, PoolOperator, asynchronous;
        call_plugin(
            host: Ref<Host>, plugin: String, fn: String, args: BTreeMap<String, String>,
        ) -> String, PoolAdmin, asynchronous;
        has_extension(host: Ref<Host>, name: String) -> bool, PoolAdmin, asynchronous;
        call_extension(host: Ref<Host>, call: String) -> String, PoolAdmin;
        get_servertime(host: Ref<Host>) -> DateTime, ReadOnly;
        get_server_localtime(host: Ref<Host>) -> DateTime, ReadOnly;
        enable_external_auth(
            host: Ref<Host>, config: BTreeMap<String, String>, service_name: String,
            auth_type: String,
        ), PoolAdmin;
        disable_external_auth(
            host: Ref<Host>, config: BTreeMap<String, String> = [], force: bool = false,
        ), PoolAdmin;
        external_auth_set_ldaps(host: Ref<Host>, ldaps: bool, force: bool = false), PoolAdmin;
        retrieve_wlb_evacuate_recommendations(
            self: Ref<Host>,
        ) -> BTreeMap<Ref<Vm>, Vec<String>>, ReadOnly, asynchronous;
        get_server_certificate(host: Ref<Host>) -> String, ReadOnly, asynchronous;
        refresh_server_certificate(host: Ref<Host>), PoolAdmin, asynchronous;
        install_server_certificate(
            host: Ref<Host>, certificate: String, private_key: String,
            certificate_chain: String = "",
        ), PoolAdmin, asynchronous;
        emergency_reset_server_certificate(), LocalRootOnly;
        reset_server_certificate(host: Ref<Host>), PoolAdmin, asynchronous;
        apply_edition(host: Ref<Host>, edition: String, force: bool = false), PoolOperator;
        refresh_pack_info(host: Ref<Host>), PoolOperator, asynchronous, deprecated;
        set_power_on_mode(
            self: Ref<Host>, power_on_mode: String, power_on_config: BTreeMap<String, String>,
        ), PoolOperator, asynchronous;
        set_cpu_features(host: Ref<Host>, features: String), PoolOperator, removed;
        reset_cpu_features(host: Ref<Host>), PoolOperator, removed;
        reset_networking(host: Ref<Host>), PoolOperator, asynchronous, hidden;
        enable_local_storage_caching(host: Ref<Host>, sr: Ref<Sr>), PoolOperator;
        disable_local_storage_caching(host: Ref<Host>), PoolOperator;
        get_sm_diagnostics(host: Ref<Host>) -> String, PoolOperator, hidden;
        get_thread_diagnostics(host: Ref<Host>) -> String, PoolOperator, hidden;
        sm_dp_destroy(host: Ref<Host>, dp: String, allow_leak: bool), PoolOperator, hidden;
        migrate_receive(
            host: Ref<Host>, network: Ref<Network>, options: BTreeMap<String, String>,
        ) -> BTreeMap<String, String>, VmPowerAdmin, asynchronous;
        declare_dead(host: Ref<Host>), PoolOperator, asynchronous;
        enable_display(host: Ref<Host>) -> HostDisplay, PoolOperator, asynchronous;
        disable_display(host: Ref<Host>) -> HostDisplay, PoolOperator, asynchronous;
        set_ssl_legacy(self: Ref<Host>, value: bool), PoolOperator, asynchronous;
        apply_guest_agent_config(host: Ref<Host>), PoolAdmin, asynchronous, hidden;
        allocate_resources_for_vm(
            self: Ref<Host>, vm: Ref<Vm>, live: bool,
        ), VmOperator, asynchronous, hidden;
        set_iscsi_iqn(host: Ref<Host>, value: String), PoolOperator, asynchronous;
        set_multipathing(host: Ref<Host>, value: bool), PoolOperator, asynchronous;
        set_uefi_certificates(
            host: Ref<Host>, value: String,
        ), LocalRootOnly, asynchronous, deprecated;
        notify_accept_new_pool_secret(
            host: Ref<Host>, old_ps: String, new_ps: String,
        ), LocalRootOnly, asynchronous, hidden;
        notify_send_new_pool_secret(
            host: Ref<Host>, old_ps: String, new_ps: String,
        ), LocalRootOnly, asynchronous, hidden;
        cleanup_pool_secret(
            host: Ref<Host>, old_ps: String, new_ps: String,
        ), LocalRootOnly, asynchronous, hidden;
        set_sched_gran(self: Ref<Host>, value: HostSchedGran), LocalRootOnly, asynchronous;
        get_sched_gran(self: Ref<Host>) -> HostSchedGran, LocalRootOnly, asynchronous;
        set_numa_affinity_policy(
            self: Ref<Host>, value: HostNumaAffinityPolicy,
        ), PoolAdmin, asynchronous, prototyped;
        emergency_disable_tls_verification(), LocalRootOnly;
        emergency_reenable_tls_verification(), LocalRootOnly;
        apply_updates(
            self: Ref<Host>, hash: String,
        ) -> Vec<Vec<String>>, PoolOperator, asynchronous;
        rescan_drivers(self: Ref<Host>), PoolAdmin, asynchronous, prototyped;
        set_https_only(self: Ref<Host>, value: bool), PoolOperator, asynchronous, prototyped;
        apply_recommended_guidances(self: Ref<Host>), PoolOperator, asynchronous, removed;
        emergency_clear_mandatory_guidance(), LocalRootOnly, prototyped;
        enable_ssh(self: Ref<Host>), PoolAdmin, asynchronous, prototyped;
        disable_ssh(self: Ref<Host>), PoolAdmin, asynchronous, prototyped;
        set_ssh_enabled_timeout(self: Ref<Host>, value: i64), PoolAdmin, asynchronous, prototyped;
        set_console_idle_timeout(self: Ref<Host>, value: i64), PoolAdmin, asynchronous, prototyped;
        set_ssh_auto_mode(self: Ref<Host>, value: bool), PoolAdmin, asynchronous, prototyped;
        get_tracked_user_agents(
            self: Ref<Host>,
        ) -> BTreeMap<String, String>, ReadOnly, asynchronous, prototyped;
        set_max_cstate(self: Ref<Host>, value: String), PoolOperator, asynchronous, prototyped;
        set_ntp_mode(self: Ref<Host>, value: HostNtpMode), PoolOperator, asynchronous, prototyped;
        set_ntp_custom_servers(
            self: Ref<Host>, value: Vec<String>,
        ), PoolOperator, asynchronous, prototyped;
        get_ntp_servers_status(
            self: Ref<Host>,
        ) -> BTreeMap<String, String>, ReadOnly, asynchronous, prototyped;
        set_timezone(self: Ref<Host>, value: String), PoolOperator, asynchronous, prototyped;
        list_timezones(self: Ref<Host>) -> Vec<String>, ReadOnly, asynchronous, prototyped;
        get_ntp_synchronized(self: Ref<Host>) -> bool, ReadOnly, asynchronous, prototyped;
        set_servertime(self: Ref<Host>, value: DateTime), PoolOperator, asynchronous, prototyped;
    }
    HostPatch {
        destroy(self: Ref<HostPatch>), PoolOperator, asynchronous, deprecated;
        apply(self: Ref<HostPatch>) -> String, PoolOperator, asynchronous, deprecated;
    }
    HostCrashdump {
        destroy(self: Ref<HostCrashdump>), PoolOperator, asynchronous;
        upload(
            self: Ref<HostCrashdump>, url: String, options: BTreeMap<String, String>,
        ), PoolOperator, asynchronous;
    }
    HostDriver {
        select(
            self: Ref<HostDriver>, variant: Ref<DriverVariant>,
        ), PoolAdmin, asynchronous, prototyped;
        deselect(self: Ref<HostDriver>), PoolAdmin, asynchronous, prototyped;
        rescan(host: Ref<Host>), PoolAdmin, asynchronous, prototyped;
    }
    DriverVariant {
        select(self: Ref<DriverVariant>), PoolAdmin, asynchronous, prototyped;
    }
}
