//! Messages of pools and updates.

use std::collections::BTreeMap;

use haven_model::{
    Blob, Certificate, CertificatePurpose, DateTime, HelloReturn, Host, LivepatchStatus, Network,
    Pif, Pool, PoolGuestSecurebootReadiness, PoolPatch, PoolUpdate, Ref, Repository, Session, Sr,
    UpdateSyncFrequency, Vdi, Vm,
};

messages! {
    Pool {
        join(
            master_address: String, master_username: String, master_password: String,
        ), PoolOperator, asynchronous
            fails [JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS];
        join_force(
            master_address: String, master_username: String, master_password: String,
        ), PoolOperator, asynchronous;
        eject(host: Ref<Host>), PoolOperator, asynchronous;
        initial_auth() -> String, PoolOperator, asynchronous, hidden;
        exchange_certificates_on_join(
            uuid: String, certificate: String,
        ) -> BTreeMap<String, String>, PoolOperator, asynchronous, hidden;
        exchange_ca_certificates_on_join(
            import: BTreeMap<String, String>, export: Vec<Ref<Certificate>>,
        ) -> BTreeMap<String, String>, PoolOperator, asynchronous, hidden;
        emergency_transition_to_master(), PoolOperator;
        emergency_reset_master(master_address: String), PoolOperator;
        recover_slaves() -> Vec<Ref<Host>>, PoolOperator, asynchronous;
        hello(
            host_uuid: String, host_address: String,
        ) -> HelloReturn, PoolOperator, asynchronous, hidden;
        is_slave(host: Ref<Host>) -> bool, PoolAdmin, hidden;
        create_VLAN(
            device: String, network: Ref<Network>, VLAN: i64,
        ) -> Vec<Ref<Pif>>, PoolOperator, asynchronous
            fails [VLAN_TAG_INVALID];
        management_reconfigure(network: Ref<Network>), PoolOperator, asynchronous
            fails [HA_IS_ENABLED, PIF_NOT_PRESENT, CANNOT_PLUG_BOND_SLAVE,
                PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE, PIF_HAS_NO_NETWORK_CONFIGURATION,
                PIF_HAS_NO_V6_NETWORK_CONFIGURATION];
        create_VLAN_from_PIF(
            pif: Ref<Pif>, network: Ref<Network>, VLAN: i64,
        ) -> Vec<Ref<Pif>>, PoolOperator, asynchronous
            fails [VLAN_TAG_INVALID];
        enable_ha(
            heartbeat_srs: Vec<Ref<Sr>>, configuration: BTreeMap<String, String>,
        ), PoolOperator, asynchronous;
        disable_ha(), PoolOperator, asynchronous;
        sync_database(), PoolOperator, asynchronous;
        designate_new_master(host: Ref<Host>), PoolOperator, asynchronous;
        ha_prevent_restarts_for(seconds: i64), PoolOperator;
        ha_failover_plan_exists(n: i64) -> bool, PoolOperator;
        ha_compute_max_host_failures_to_tolerate() -> i64, PoolOperator;
        ha_compute_hypothetical_max_host_failures_to_tolerate(
            configuration: BTreeMap<Ref<Vm>, String>,
        ) -> i64, ReadOnly;
        ha_compute_vm_failover_plan(
            failed_hosts: Vec<Ref<Host>>, failed_vms: Vec<Ref<Vm>>,
        ) -> BTreeMap<Ref<Vm>, BTreeMap<String, String>>, PoolOperator;
        set_ha_host_failures_to_tolerate(self: Ref<Pool>, value: i64), PoolOperator, asynchronous;
        create_new_blob(
            pool: Ref<Pool>, name: String, mime_type: String, public: bool = false,
        ) -> Ref<Blob>, PoolOperator, asynchronous;
        enable_binary_storage(), PoolOperator, asynchronous, hidden;
        disable_binary_storage(), PoolOperator, asynchronous, hidden;
        enable_external_auth(
            pool: Ref<Pool>, config: BTreeMap<String, String>, service_name: String,
            auth_type: String,
        ), PoolAdmin;
        disable_external_auth(pool: Ref<Pool>, config: BTreeMap<String, String> = []), PoolAdmin;
        external_auth_set_ldaps(pool: Ref<Pool>, ldaps: bool, force: bool = false), PoolAdmin;
        detect_nonhomogeneous_external_auth(pool: Ref<Pool>), PoolOperator;
        initialize_wlb(
            wlb_url: String, wlb_username: String, wlb_password: String, xenserver_username: String,
            xenserver_password: String,
        ), PoolOperator, asynchronous;
        deconfigure_wlb(), PoolOperator, asynchronous;
        send_wlb_configuration(config: BTreeMap<String, String>), PoolOperator, asynchronous;
        retrieve_wlb_configuration() -> BTreeMap<String, String>, ReadOnly, asynchronous;
        retrieve_wlb_recommendations() -> BTreeMap<Ref<Vm>, Vec<String>>, ReadOnly, asynchronous;
        send_test_post(host: String, port: i64, body: String) -> String, PoolAdmin, asynchronous;
        certificate_install(name: String, cert: String), PoolOperator, asynchronous, deprecated;
        certificate_uninstall(name: String), PoolOperator, asynchronous, deprecated;
        certificate_list() -> Vec<String>, PoolOperator, asynchronous, deprecated;
        install_ca_certificate(name: String, cert: String), PoolOperator, asynchronous, deprecated;
        uninstall_ca_certificate(
            name: String, force: bool = false,
        ), PoolOperator, asynchronous, deprecated;
        crl_install(name: String, cert: String), PoolOperator, asynchronous;
        crl_uninstall(name: String), PoolOperator, asynchronous;
        crl_list() -> Vec<String>, PoolOperator, asynchronous;
        certificate_sync(), PoolOperator, asynchronous;
        enable_tls_verification(), PoolAdmin;
        enable_redo_log(sr: Ref<Sr>), PoolOperator, asynchronous;
        disable_redo_log(), PoolOperator, asynchronous;
        set_vswitch_controller(address: String), PoolOperator, asynchronous, deprecated;
        test_archive_target(
            self: Ref<Pool>, config: BTreeMap<String, String>,
        ) -> String, PoolOperator;
        enable_local_storage_caching(self: Ref<Pool>), PoolOperator, asynchronous;
        disable_local_storage_caching(self: Ref<Pool>), PoolOperator, asynchronous;
        get_license_state(self: Ref<Pool>) -> BTreeMap<String, String>, ReadOnly, asynchronous;
        apply_edition(self: Ref<Pool>, edition: String), PoolOperator, asynchronous;
        enable_ssl_legacy(self: Ref<Pool>), PoolOperator, asynchronous, removed;
        disable_ssl_legacy(self: Ref<Pool>), PoolOperator, asynchronous, deprecated;
        set_igmp_snooping_enabled(self: Ref<Pool>, value: bool), PoolOperator, asynchronous;
        has_extension(self: Ref<Pool>, name: String) -> bool, PoolAdmin, asynchronous;
        add_to_guest_agent_config(
            self: Ref<Pool>, key: String, value: String,
        ), PoolAdmin, asynchronous;
        remove_from_guest_agent_config(self: Ref<Pool>, key: String), PoolAdmin, asynchronous;
        rotate_secret(), PoolAdmin, asynchronous
            fails [INTERNAL_ERROR, HOST_IS_SLAVE, CANNOT_CONTACT_HOST, HA_IS_ENABLED,
                NOT_SUPPORTED_DURING_UPGRADE];
        set_repositories(self: Ref<Pool>, value: Vec<Ref<Repository>>), PoolOperator, asynchronous;
        add_repository(self: Ref<Pool>, value: Ref<Repository>), PoolOperator, asynchronous;
        remove_repository(self: Ref<Pool>, value: Ref<Repository>), PoolOperator, asynchronous;
        sync_updates(
            self: Ref<Pool>, force: bool, token: String = "", token_id: String = "",
            username: String = "", password: String = "",
        ) -> String, PoolOperator, asynchronous;
        check_update_readiness(
            self: Ref<Pool>, requires_reboot: bool,
        ) -> Vec<Vec<String>>, PoolOperator, asynchronous;
        enable_client_certificate_auth(self: Ref<Pool>, name: String), PoolOperator, asynchronous;
        disable_client_certificate_auth(self: Ref<Pool>), PoolOperator, asynchronous;
        configure_repository_proxy(
            self: Ref<Pool>, url: String, username: String, password: String,
        ), PoolOperator, asynchronous;
        disable_repository_proxy(self: Ref<Pool>), PoolOperator, asynchronous;
        set_uefi_certificates(self: Ref<Pool>, value: String), PoolAdmin, asynchronous, deprecated;
        set_custom_uefi_certificates(
            self: Ref<Pool>, value: String,
        ), PoolAdmin, asynchronous, prototyped;
        set_https_only(self: Ref<Pool>, value: bool), PoolOperator, asynchronous, prototyped;
        set_telemetry_next_collection(
            self: Ref<Pool>, value: DateTime,
        ), PoolAdmin, asynchronous, prototyped;
        reset_telemetry_uuid(self: Ref<Pool>), PoolAdmin, asynchronous, prototyped;
        configure_update_sync(
            self: Ref<Pool>, update_sync_frequency: UpdateSyncFrequency, update_sync_day: i64,
        ), PoolOperator, asynchronous, prototyped;
        set_update_sync_enabled(
            self: Ref<Pool>, value: bool,
        ), PoolOperator, asynchronous, prototyped;
        set_local_auth_max_threads(self: Ref<Pool>, value: i64), PoolOperator, prototyped;
        set_ext_auth_max_threads(self: Ref<Pool>, value: i64), PoolOperator, prototyped;
        set_ext_auth_cache_enabled(
            self: Ref<Pool>, value: bool,
        ), PoolOperator, asynchronous, prototyped;
        set_ext_auth_cache_size(
            self: Ref<Pool>, value: i64,
        ), PoolOperator, asynchronous, prototyped;
        set_ext_auth_cache_expiry(
            self: Ref<Pool>, value: i64,
        ), PoolOperator, asynchronous, prototyped;
        get_guest_secureboot_readiness(
            self: Ref<Pool>,
        ) -> PoolGuestSecurebootReadiness, PoolOperator, prototyped;
        enable_ssh(self: Ref<Pool>), PoolAdmin, asynchronous, prototyped;
        disable_ssh(self: Ref<Pool>), PoolAdmin, asynchronous, prototyped;
        set_ssh_enabled_timeout(self: Ref<Pool>, value: i64), PoolAdmin, asynchronous, prototyped;
        set_console_idle_timeout(self: Ref<Pool>, value: i64), PoolAdmin, asynchronous, prototyped;
        set_ssh_auto_mode(self: Ref<Pool>, value: bool), PoolAdmin, asynchronous, prototyped;
        install_trusted_certificate(
            self: Ref<Pool>, ca: bool, cert: String, purpose: Vec<CertificatePurpose>,
        ), PoolOperator, asynchronous, prototyped;
        uninstall_trusted_certificate(
            self: Ref<Pool>, certificate: Ref<Certificate>,
        ), PoolOperator, asynchronous, prototyped;
        sync_trusted_certificates_from(
            self: Ref<Pool>, remote_pool: String, remote_session: Ref<Session>,
            remote_certificate: String, ca: bool,
        ) -> Vec<Ref<Certificate>>, PoolOperator, asynchronous, prototyped;
        exchange_trusted_certificates_on_join(
            self: Ref<Pool>, ca: bool, import: BTreeMap<String, Vec<String>>,
            export: Vec<Ref<Certificate>>,
        ) -> BTreeMap<String, Vec<String>>, PoolOperator, asynchronous, hidden, prototyped;
        exchange_crls_on_join(
            self: Ref<Pool>, import: BTreeMap<String, String>, export: Vec<String>,
        ) -> BTreeMap<String, String>, PoolOperator, asynchronous, hidden, prototyped;
    }
    PoolPatch {
        apply(
            self: Ref<PoolPatch>, host: Ref<Host>,
        ) -> String, PoolOperator, asynchronous, deprecated;
        pool_apply(self: Ref<PoolPatch>), PoolOperator, asynchronous, deprecated;
        precheck(
            self: Ref<PoolPatch>, host: Ref<Host>,
        ) -> String, PoolOperator, asynchronous, deprecated;
        clean(self: Ref<PoolPatch>), PoolOperator, asynchronous, deprecated;
        pool_clean(self: Ref<PoolPatch>), PoolOperator, asynchronous, deprecated;
        destroy(self: Ref<PoolPatch>), PoolOperator, asynchronous, deprecated;
        clean_on_host(
            self: Ref<PoolPatch>, host: Ref<Host>,
        ), PoolOperator, asynchronous, deprecated;
    }
    PoolUpdate {
        introduce(vdi: Ref<Vdi>) -> Ref<PoolUpdate>, PoolOperator, asynchronous;
        precheck(
            self: Ref<PoolUpdate>, host: Ref<Host>,
        ) -> LivepatchStatus, PoolOperator, asynchronous;
        apply(self: Ref<PoolUpdate>, host: Ref<Host>), PoolOperator, asynchronous;
        pool_apply(self: Ref<PoolUpdate>), PoolOperator, asynchronous;
        pool_clean(self: Ref<PoolUpdate>), PoolOperator, asynchronous;
        destroy(self: Ref<PoolUpdate>), PoolOperator, asynchronous;
        attach(
            self: Ref<PoolUpdate>, use_localhost_proxy: bool = false,
        ) -> String, PoolOperator, asynchronous, hidden;
        detach(self: Ref<PoolUpdate>), PoolOperator, asynchronous, hidden;
        resync_host(host: Ref<Host>), PoolOperator, asynchronous, hidden;
    }
    Repository {
        introduce(
            name_label: String, name_description: String, binary_url: String, source_url: String,
            update: bool, gpgkey_path: String = "",
        ) -> Ref<Repository>, PoolOperator, asynchronous;
        introduce_bundle(
            name_label: String, name_description: String,
        ) -> Ref<Repository>, PoolOperator, asynchronous, prototyped;
        introduce_remote_pool(
            name_label: String, name_description: String, binary_url: String, certificate: String,
        ) -> Ref<Repository>, PoolOperator, asynchronous, prototyped;
        forget(self: Ref<Repository>), PoolOperator, asynchronous;
        set_gpgkey_path(
            self: Ref<Repository>, value: String,
        ), PoolOperator, asynchronous, prototyped;
    }
}
