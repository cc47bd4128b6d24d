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
    /// Where an interface has its IPv6 addresses from.
    Ipv6ConfigurationMode = "ipv6_configuration_mode" {
        None = "None",
        Dhcp = "DHCP",
        Static = "Static",
        Autoconf = "Autoconf",
    }
    /// What network cards may do that do not say themselves.
    NetworkDefaultLockingMode = "network_default_locking_mode" {
        Unlocked = "unlocked",
        Disabled = "disabled",
    }
    /// What can be done to a network.
    NetworkOperations = "network_operations" {
        Attaching = "attaching",
    }
    /// What a network is for.
    NetworkPurpose = "network_purpose" {
        Nbd = "nbd",
        InsecureNbd = "insecure_nbd",
    }
    /// Whether a bridge looks at multicast.
    PifIgmpStatus = "pif_igmp_status" {
        Enabled = "enabled",
        Disabled = "disabled",
        Unknown = "unknown",
    }
    /// Which kind of address a host is known by.
    PrimaryAddressType = "primary_address_type" {
        IPv4 = "IPv4",
        IPv6 = "IPv6",
    }
    /// What a provisioning proxy does.
    PvsProxyStatus = "pvs_proxy_status" {
        Stopped = "stopped",
        Initialised = "initialised",
        Caching = "caching",
        IncompatibleWriteCacheMode = "incompatible_write_cache_mode",
        IncompatibleProtocolVersion = "incompatible_protocol_version",
    }
    /// How a controller of virtual switches speaks.
    SdnControllerProtocol = "sdn_controller_protocol" {
        Ssl = "ssl",
        Pssl = "pssl",
    }
    /// How virtual functions of a network card are made.
    SriovConfigurationMode = "sriov_configuration_mode" {
        Sysfs = "sysfs",
        Modprobe = "modprobe",
        Manual = "manual",
        Unknown = "unknown",
    }
    /// How a tunnel wraps packets.
    TunnelProtocol = "tunnel_protocol" {
        Gre = "gre",
        Vxlan = "vxlan",
    }
    /// Whether the guest agent sets an IPv4 address.
    VifIpv4ConfigurationMode = "vif_ipv4_configuration_mode" {
        None = "None",
        Static = "Static",
        Dhcp = "DHCP",
    }
    /// Whether the guest agent sets an IPv6 address.
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
