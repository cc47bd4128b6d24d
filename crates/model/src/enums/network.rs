//! Enums of networks.

wire_enum! {
    /// How a bond spreads its traffic.
    BondMode = "bond_mode" {
        BalanceSlb = "balance-slb",
        ActiveBackup = "active-backup",
        Lacp = "lacp",
    }
    /// Where an interface has its IPv4 address from.
    IpConfigurationMode = "ip_configuration_mode" {
        None = "None",
        Dhcp = "DHCP",
        Static = "Static",
    }
    /// Values of `ipv6_configuration_mode`.
    Ipv6ConfigurationMode = "ipv6_configuration_mode" {
        None = "None",
        Dhcp = "DHCP",
        Static = "Static",
        Autoconf = "Autoconf",
    }
    /// Values of `network_default_locking_mode`.
    NetworkDefaultLockingMode = "network_default_locking_mode" {
        Unlocked = "unlocked",
        Disabled = "disabled",
    }
    /// Values of `network_operations`.
    NetworkOperations = "network_operations" {
        Attaching = "attaching",
    }
    /// Values of `network_purpose`.
    NetworkPurpose = "network_purpose" {
        Nbd = "nbd",
        InsecureNbd = "insecure_nbd",
    }
    /// Values of `pif_igmp_status`.
    PifIgmpStatus = "pif_igmp_status" {
        Enabled = "enabled",
        Disabled = "disabled",
        Unknown = "unknown",
    }
    /// Values of `primary_address_type`.
    PrimaryAddressType = "primary_address_type" {
        IPv4 = "IPv4",
        IPv6 = "IPv6",
    }
    /// Values of `pvs_proxy_status`.
    PvsProxyStatus = "pvs_proxy_status" {
        Stopped = "stopped",
        Initialised = "initialised",
        Caching = "caching",
        IncompatibleWriteCacheMode = "incompatible_write_cache_mode",
        IncompatibleProtocolVersion = "incompatible_protocol_version",
    }
    /// Values of `sdn_controller_protocol`.
    SdnControllerProtocol = "sdn_controller_protocol" {
        Ssl = "ssl",
        Pssl = "pssl",
    }
    /// Values of `sriov_configuration_mode`.
    SriovConfigurationMode = "sriov_configuration_mode" {
        Sysfs = "sysfs",
        Modprobe = "modprobe",
        Manual = "manual",
        Unknown = "unknown",
    }
    /// Values of `tunnel_protocol`.
    TunnelProtocol = "tunnel_protocol" {
        Gre = "gre",
        Vxlan = "vxlan",
    }
    /// Values of `vif_ipv4_configuration_mode`.
    VifIpv4ConfigurationMode = "vif_ipv4_configuration_mode" {
        None = "None",
        Static = "Static",
        Dhcp = "DHCP",
    }
    /// Values of `vif_ipv6_configuration_mode`.
    VifIpv6ConfigurationMode = "vif_ipv6_configuration_mode" {
        None = "None",
        Static = "Static",
        Autoconf = "Autoconf",
    }
    /// Which addresses a guest may use on a virtual network card.
    VifLockingMode = "vif_locking_mode" {
        NetworkDefault = "network_default",
        Locked = "locked",
        Unlocked = "unlocked",
        Disabled = "disabled",
    }
    /// What can be done to a virtual network card.
    VifOperations = "vif_operations" {
        Attach = "attach",
        Plug = "plug",
        Unplug = "unplug",
    }
}
