//! Enums of pools, clusters and certificates.

wire_enum! {
    /// What a certificate may be used for.
    CertificatePurpose = "certificate_purpose" {
        Licensing = "licensing",
        Ldaps = "ldaps",
    }
    /// Whom a certificate stands for.
    CertificateType = "certificate_type" {
        Ca = "ca",
        Host = "host",
        HostInternal = "host_internal",
        Pinned = "pinned",
    }
    /// What can be done to a member of a cluster.
    ClusterHostOperation = "cluster_host_operation" {
        Enable = "enable",
        Disable = "disable",
        Destroy = "destroy",
    }
    /// What can be done to a cluster.
    ClusterOperation = "cluster_operation" {
        Add = "add",
        Remove = "remove",
        Enable = "enable",
        Disable = "disable",
        Destroy = "destroy",
    }
    /// What a coordinator answers to a host that greets it.
    HelloReturn = "hello_return" {
        Ok = "ok",
        UnknownHost = "unknown_host",
        CannotTalkBack = "cannot_talk_back",
    }
    /// Whether a host has the latest updates.
    LatestSyncedUpdatesAppliedState = "latest_synced_updates_applied_state" {
        Yes = "yes",
        No = "no",
        Unknown = "unknown",
    }
    /// Where a repository of updates comes from.
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
    /// Whether VMs of the pool can start with Secure Boot.
    PoolGuestSecurebootReadiness = "pool_guest_secureboot_readiness" {
        Ready = "ready",
        ReadyNoDbx = "ready_no_dbx",
        NotReady = "not_ready",
    }
    /// How often telemetry is collected.
    TelemetryFrequency = "telemetry_frequency" {
        Daily = "daily",
        Weekly = "weekly",
        Monthly = "monthly",
    }
}
