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
    device: String, StaticRo PoolOperator;
    network: Ref<Network>, StaticRo PoolOperator;
    host: Ref<Host>, StaticRo PoolOperator;
    mac "MAC": String, StaticRo PoolOperator;
    mtu "MTU": i64, StaticRo PoolOperator;
    vlan "VLAN": i64, StaticRo PoolOperator;
    metrics: Ref<PifMetrics>, DynamicRo PoolOperator;
    physical: bool = false, DynamicRo PoolOperator;
    /// Whether it is attached right now.
    currently_attached: bool = true, DynamicRo PoolOperator;
    ip_configuration_mode: IpConfigurationMode = IpConfigurationMode::None, DynamicRo PoolOperator;
    ip "IP": String = "", DynamicRo PoolOperator;
    netmask: String = "", DynamicRo PoolOperator;
    gateway: String = "", DynamicRo PoolOperator;
    dns "DNS": String = "", DynamicRo PoolOperator;
    bond_slave_of: Ref<Bond> = Ref::NULL, DynamicRo PoolOperator;
    bond_master_of: Vec<Ref<Bond>>, DynamicRo PoolOperator;
    vlan_master_of "VLAN_master_of": Ref<Vlan> = Ref::NULL, DynamicRo PoolOperator;
    vlan_slave_of "VLAN_slave_of": Vec<Ref<Vlan>>, DynamicRo PoolOperator;
    management: bool = false, DynamicRo PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
    disallow_unplug: bool = false, DynamicRo PoolOperator;
    tunnel_access_pif_of "tunnel_access_PIF_of": Vec<Ref<Tunnel>>, DynamicRo PoolOperator;
    tunnel_transport_pif_of "tunnel_transport_PIF_of": Vec<Ref<Tunnel>>, DynamicRo PoolOperator;
    ipv6_configuration_mode: Ipv6ConfigurationMode = Ipv6ConfigurationMode::None, DynamicRo PoolOperator;
    ipv6 "IPv6": Vec<String> = [], DynamicRo PoolOperator;
    ipv6_gateway: String = "", DynamicRo PoolOperator;
    primary_address_type: PrimaryAddressType = PrimaryAddressType::IPv4, DynamicRo PoolOperator;
    managed: bool = true, StaticRo PoolOperator;
    properties: BTreeMap<String, String> = [], DynamicRo PoolOperator;
    capabilities: Vec<String> = [], DynamicRo PoolOperator;
    igmp_snooping_status: PifIgmpStatus = PifIgmpStatus::Unknown, DynamicRo PoolOperator;
    sriov_physical_pif_of "sriov_physical_PIF_of": Vec<Ref<NetworkSriov>>, DynamicRo PoolOperator;
    sriov_logical_pif_of "sriov_logical_PIF_of": Vec<Ref<NetworkSriov>>, DynamicRo PoolOperator;
    pci "PCI": Ref<Pci> = Ref::NULL, DynamicRo PoolOperator;
}
