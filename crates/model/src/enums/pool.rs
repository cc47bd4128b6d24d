//! Enums of pools, clusters and certificates.

wire_enum! {
    /// Values of `certificate_purpose`.
    CertificatePurpose = "certificate_purpose" {
        Licensing = "licensing",
        Ldaps = "ldaps",
    }
    /// Values of `certificate_type`.
    CertificateType = "certificate_type" {
        Ca = "ca",
        Host = "host",
        HostInternal = "host_internal",
        Pinned = "pinned",
    }
    /// Values of `cluster_host_operation`.
    ClusterHostOperation = "cluster_host_operation" {
        Enable = "enable",
        Disable = "disable",
        Destroy = "destroy",
    }
    /// Values of `cluster_operation`.
    ClusterOperation = "cluster_operation" {
        Add = "add",
        Remove = "remove",
        Enable = "enable",
        Disable = "disable",
        Destroy = "destroy",
    }
    /// Values of `hello_return`.
    HelloReturn = "hello_return" {
        Ok = "ok",
        UnknownHost = "unknown_host",
        CannotTalkBack = "cannot_talk_back",
    }
    /// Values of `latest_synced_updates_applied_state`.
    LatestSyncedUpdatesAppliedState = "latest_synced_updates_applied_state" {
        Yes = "yes",
        No = "no",
        Unknown = "unknown",
    }
    /// Values of `origin`.
    Origin = "origin" {
        Remote = "remote",
        Bundle = "bundle",
        RemotePool = "remote_pool",
    }
    /// What can be done to a pool.
    PoolAllowedOperations = "pool_allowed_operations" {
        HaEnable = "ha_enable",
        HaDisable = "ha_disable",
        ClusterCreate = "cluster_create",
        DesignateNewMaster = "designate_new_master",
        ConfigureRepositories = "configure_repositories",
        SyncUpdates = "sync_updates",
        SyncBundle = "sync_bundle",
        GetUpdates = "get_updates",
        ApplyUpdates = "apply_updates",
        TlsVerificationEnable = "tls_verification_enable",
        CertRefresh = "cert_refresh",
        ExchangeCertificatesOnJoin = "exchange_certificates_on_join",
        ExchangeCaCertificatesOnJoin = "exchange_ca_certificates_on_join",
        CopyPrimaryHostCerts = "copy_primary_host_certs",
        Eject = "eject",
        ExchangeCrlsOnJoin = "exchange_crls_on_join",
    }
    /// Values of `pool_guest_secureboot_readiness`.
    PoolGuestSecurebootReadiness = "pool_guest_secureboot_readiness" {
        Ready = "ready",
        ReadyNoDbx = "ready_no_dbx",
        NotReady = "not_ready",
    }
    /// Values of `telemetry_frequency`.
    TelemetryFrequency = "telemetry_frequency" {
        Daily = "daily",
        Weekly = "weekly",
        Monthly = "monthly",
    }
}
