//! The class `PIF`.

use std::collections::BTreeMap;

use crate::{
    Bond, Host, IpConfigurationMode, Ipv6ConfigurationMode, Network, NetworkSriov, Pci,
    PifIgmpStatus, PifMetrics, PrimaryAddressType, Ref, Tunnel, Vlan,
};

class! {
    /// A host's network interface: physical, VLAN, bond or tunnel.
    Pif = "PIF", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Its name on the host, such as `eth0`.
    device: String, StaticRo PoolOperator;
    /// Network it connects the host to.
    network: Ref<Network>, StaticRo PoolOperator;
    /// Its host.
    host: Ref<Host>, StaticRo PoolOperator;
    /// Its MAC address.
    mac "MAC": String, StaticRo PoolOperator;
    /// Largest packet, in bytes.
    mtu "MTU": i64, StaticRo PoolOperator;
    /// Its VLAN tag, or -1.
    vlan "VLAN": i64, StaticRo PoolOperator;
    /// Facts about its link.
    metrics: Ref<PifMetrics>, DynamicRo PoolOperator;
    /// Whether it is hardware.
    physical: bool = false, DynamicRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool = true, DynamicRo PoolOperator;
    /// Where its IPv4 address comes from.
    ip_configuration_mode: IpConfigurationMode = IpConfigurationMode::None, DynamicRo PoolOperator;
    /// Its IPv4 address.
    ip "IP": String = "", DynamicRo PoolOperator;
    /// Its IPv4 netmask.
    netmask: String = "", DynamicRo PoolOperator;
    /// Its IPv4 gateway.
    gateway: String = "", DynamicRo PoolOperator;
    /// Name servers, with commas between.
    dns "DNS": String = "", DynamicRo PoolOperator;
    /// Bond it is a part of.
    bond_slave_of: Ref<Bond> = Ref::NULL, DynamicRo PoolOperator;
    /// Bond that it stands for.
    bond_master_of: Vec<Ref<Bond>>, DynamicRo PoolOperator;
    /// VLAN that it stands for.
    vlan_master_of "VLAN_master_of": Ref<Vlan> = Ref::NULL, DynamicRo PoolOperator;
    /// VLANs on top of it.
    vlan_slave_of "VLAN_slave_of": Vec<Ref<Vlan>>, DynamicRo PoolOperator;
    /// Whether the host is reached through it.
    management: bool = false, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    /// Whether it must stay attached.
    disallow_unplug: bool = false, DynamicRo PoolOperator;
    /// Tunnel that it stands for.
    tunnel_access_pif_of "tunnel_access_PIF_of": Vec<Ref<Tunnel>>, DynamicRo PoolOperator;
    /// Tunnels that go through it.
    tunnel_transport_pif_of "tunnel_transport_PIF_of": Vec<Ref<Tunnel>>, DynamicRo PoolOperator;
    /// Where its IPv6 addresses come from.
    ipv6_configuration_mode: Ipv6ConfigurationMode = Ipv6ConfigurationMode::None, DynamicRo PoolOperator;
    /// Its IPv6 addresses.
    ipv6 "IPv6": Vec<String> = [], DynamicRo PoolOperator;
    /// Its IPv6 gateway.
    ipv6_gateway: String = "", DynamicRo PoolOperator;
    /// Which kind of address the host is known by.
    primary_address_type: PrimaryAddressType = PrimaryAddressType::IPv4, DynamicRo PoolOperator;
    /// Whether the pool sets it up.
    managed: bool = true, StaticRo PoolOperator;
    /// Further settings.
    properties: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    /// What it can do, such as `fcoe`.
    capabilities: Vec<String> = [], DynamicRo PoolOperator;
    /// Whether its bridge looks at multicast.
    igmp_snooping_status: PifIgmpStatus = PifIgmpStatus::Unknown, DynamicRo PoolOperator;
    /// Virtual functions that it offers.
    sriov_physical_pif_of "sriov_physical_PIF_of": Vec<Ref<NetworkSriov>>, DynamicRo PoolOperator;
    /// Virtual functions that it stands for.
    sriov_logical_pif_of "sriov_logical_PIF_of": Vec<Ref<NetworkSriov>>, DynamicRo PoolOperator;
    /// The device it is.
    pci "PCI": Ref<Pci> = Ref::NULL, DynamicRo PoolOperator;
}
