//! Messages of networks.

use std::collections::BTreeMap;

use haven_model::{
    Blob, Bond, BondMode, Host, IpConfigurationMode, Ipv6ConfigurationMode, Network,
    NetworkDefaultLockingMode, NetworkPurpose, NetworkSriov, Pif, PrimaryAddressType,
    PvsCacheStorage, PvsProxy, PvsServer, PvsSite, Ref, SdnController, SdnControllerProtocol,
    Tunnel, TunnelProtocol, Vif, VifIpv4ConfigurationMode, VifIpv6ConfigurationMode,
    VifLockingMode, Vlan, Vm,
};

messages! {
    Network {
        create(args: Network) -> Ref<Network>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Network>), VmAdmin, destroy, asynchronous;
        attach(network: Ref<Network>, host: Ref<Host>), PoolOperator, asynchronous, hidden;
        pool_introduce(
            name_label: String, name_description: String, MTU: i64,
            other_config: BTreeMap<String, String>, bridge: String, managed: bool,
            purpose: Vec<NetworkPurpose>,
        ) -> Ref<Network>, PoolOperator, asynchronous, hidden;
        create_new_blob(
            network: Ref<Network>, name: String, mime_type: String, public: bool = false,
        ) -> Ref<Blob>, PoolOperator, asynchronous;
        set_default_locking_mode(
            network: Ref<Network>, value: NetworkDefaultLockingMode,
        ), PoolOperator, asynchronous;
        attach_for_vm(host: Ref<Host>, vm: Ref<Vm>), VmPowerAdmin, asynchronous, hidden;
        detach_for_vm(host: Ref<Host>, vm: Ref<Vm>), VmPowerAdmin, asynchronous, hidden;
        add_purpose(self: Ref<Network>, value: NetworkPurpose), PoolAdmin, asynchronous
            fails [NETWORK_INCOMPATIBLE_PURPOSES];
        remove_purpose(self: Ref<Network>, value: NetworkPurpose), PoolAdmin, asynchronous;
    }
    Vif {
        create(args: Vif) -> Ref<Vif>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Vif>), VmAdmin, destroy, asynchronous;
        plug(self: Ref<Vif>), VmAdmin, asynchronous;
        unplug(self: Ref<Vif>), VmAdmin, asynchronous;
        unplug_force(self: Ref<Vif>), VmAdmin, asynchronous;
        move(self: Ref<Vif>, network: Ref<Network>), VmAdmin, asynchronous;
        set_locking_mode(self: Ref<Vif>, value: VifLockingMode), PoolOperator, asynchronous;
        set_ipv4_allowed(self: Ref<Vif>, value: Vec<String>), PoolOperator, asynchronous;
        add_ipv4_allowed(self: Ref<Vif>, value: String), PoolOperator, asynchronous;
        remove_ipv4_allowed(self: Ref<Vif>, value: String), PoolOperator, asynchronous;
        set_ipv6_allowed(self: Ref<Vif>, value: Vec<String>), PoolOperator, asynchronous;
        add_ipv6_allowed(self: Ref<Vif>, value: String), PoolOperator, asynchronous;
        remove_ipv6_allowed(self: Ref<Vif>, value: String), PoolOperator, asynchronous;
        configure_ipv4(
            self: Ref<Vif>, mode: VifIpv4ConfigurationMode, address: String = "",
            gateway: String = "",
        ), VmOperator, asynchronous;
        configure_ipv6(
            self: Ref<Vif>, mode: VifIpv6ConfigurationMode, address: String = "",
            gateway: String = "",
        ), VmOperator, asynchronous;
        add_trunks(self: Ref<Vif>, value: i64), VmAdmin, asynchronous, prototyped;
        remove_trunks(self: Ref<Vif>, value: i64), VmAdmin, asynchronous, prototyped;
        set_trunks(self: Ref<Vif>, value: Vec<i64>), VmAdmin, asynchronous, prototyped;
    }
    Pif {
        create_VLAN(
            device: String, network: Ref<Network>, host: Ref<Host>, VLAN: i64,
        ) -> Ref<Pif>, PoolOperator, asynchronous, deprecated
            fails [VLAN_TAG_INVALID];
        destroy(self: Ref<Pif>), PoolOperator, asynchronous, deprecated fails [PIF_IS_PHYSICAL];
        reconfigure_ip(
            self: Ref<Pif>, mode: IpConfigurationMode, IP: String, netmask: String, gateway: String,
            DNS: String,
        ), PoolOperator, asynchronous
            fails [CLUSTERING_ENABLED];
        reconfigure_ipv6(
            self: Ref<Pif>, mode: Ipv6ConfigurationMode, IPv6: String, gateway: String, DNS: String,
        ), PoolOperator, asynchronous
            fails [CLUSTERING_ENABLED];
        set_primary_address_type(
            self: Ref<Pif>, primary_address_type: PrimaryAddressType,
        ), PoolOperator, asynchronous;
        scan(host: Ref<Host>), PoolOperator, asynchronous;
        introduce(
            host: Ref<Host>, MAC: String, device: String, managed: bool = true,
        ) -> Ref<Pif>, PoolOperator, asynchronous;
        forget(self: Ref<Pif>), PoolOperator, asynchronous
            fails [PIF_TUNNEL_STILL_EXISTS, CLUSTERING_ENABLED];
        unplug(self: Ref<Pif>), PoolOperator, asynchronous
            fails [HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN, VIF_IN_USE, PIF_DOES_NOT_ALLOW_UNPLUG,
                PIF_HAS_FCOE_SR_IN_USE];
        set_disallow_unplug(self: Ref<Pif>, value: bool), PoolOperator, asynchronous
            fails [OTHER_OPERATION_IN_PROGRESS, CLUSTERING_ENABLED];
        plug(self: Ref<Pif>), PoolOperator, asynchronous fails [TRANSPORT_PIF_NOT_CONFIGURED];
        pool_introduce(
            device: String, network: Ref<Network>, host: Ref<Host>, MAC: String, MTU: i64,
            VLAN: i64, physical: bool, ip_configuration_mode: IpConfigurationMode, IP: String,
            netmask: String, gateway: String, DNS: String, bond_slave_of: Ref<Bond>,
            VLAN_master_of: Ref<Vlan>, management: bool, other_config: BTreeMap<String, String>,
            disallow_unplug: bool = false,
            ipv6_configuration_mode: Ipv6ConfigurationMode = Ipv6ConfigurationMode::None,
            IPv6: Vec<String> = [], ipv6_gateway: String = "",
            primary_address_type: PrimaryAddressType = PrimaryAddressType::IPv4,
            managed: bool = true, properties: BTreeMap<String, String> = [],
        ) -> Ref<Pif>, PoolOperator, asynchronous, hidden;
        db_introduce(
            device: String, network: Ref<Network>, host: Ref<Host>, MAC: String, MTU: i64,
            VLAN: i64, physical: bool, ip_configuration_mode: IpConfigurationMode, IP: String,
            netmask: String, gateway: String, DNS: String, bond_slave_of: Ref<Bond>,
            VLAN_master_of: Ref<Vlan>, management: bool, other_config: BTreeMap<String, String>,
            disallow_unplug: bool = false,
            ipv6_configuration_mode: Ipv6ConfigurationMode = Ipv6ConfigurationMode::None,
            IPv6: Vec<String> = [], ipv6_gateway: String = "",
            primary_address_type: PrimaryAddressType = PrimaryAddressType::IPv4,
            managed: bool = true, properties: BTreeMap<String, String> = [],
        ) -> Ref<Pif>, PoolOperator, asynchronous;
        db_forget(self: Ref<Pif>), PoolOperator, asynchronous;
        set_property(self: Ref<Pif>, name: String, value: String), PoolOperator, asynchronous;
    }
    Bond {
        create(
            network: Ref<Network>, members: Vec<Ref<Pif>>, MAC: String,
            mode: BondMode = BondMode::BalanceSlb, properties: BTreeMap<String, String> = [],
        ) -> Ref<Bond>, PoolOperator, asynchronous;
        destroy(self: Ref<Bond>), PoolOperator, asynchronous;
        set_mode(self: Ref<Bond>, value: BondMode), PoolOperator, asynchronous;
        set_property(self: Ref<Bond>, name: String, value: String), PoolOperator, asynchronous;
    }
    Vlan {
        pool_introduce(
            tagged_PIF: Ref<Pif>, untagged_PIF: Ref<Pif>, tag: i64,
            other_config: BTreeMap<String, String>,
        ) -> Ref<Vlan>, PoolOperator, asynchronous, hidden;
        create(
            tagged_PIF: Ref<Pif>, tag: i64, network: Ref<Network>,
        ) -> Ref<Vlan>, PoolOperator, asynchronous;
        destroy(self: Ref<Vlan>), PoolOperator, asynchronous;
    }
    Tunnel {
        create(
            transport_PIF: Ref<Pif>, network: Ref<Network>,
            protocol: TunnelProtocol = TunnelProtocol::Gre,
        ) -> Ref<Tunnel>, PoolOperator, asynchronous
            fails [OPENVSWITCH_NOT_ACTIVE, TRANSPORT_PIF_NOT_CONFIGURED, IS_TUNNEL_ACCESS_PIF];
        destroy(self: Ref<Tunnel>), PoolOperator, asynchronous;
    }
    NetworkSriov {
        create(
            pif: Ref<Pif>, network: Ref<Network>,
        ) -> Ref<NetworkSriov>, PoolOperator, asynchronous;
        destroy(self: Ref<NetworkSriov>), PoolOperator, asynchronous;
        get_remaining_capacity(self: Ref<NetworkSriov>) -> i64, ReadOnly, asynchronous;
    }
    PvsSite {
        introduce(
            name_label: String, name_description: String, PVS_uuid: String,
        ) -> Ref<PvsSite>, PoolOperator, asynchronous;
        forget(self: Ref<PvsSite>), PoolOperator, asynchronous
            fails [PVS_SITE_CONTAINS_RUNNING_PROXIES, PVS_SITE_CONTAINS_SERVERS];
        set_PVS_uuid(self: Ref<PvsSite>, value: String), PoolOperator, asynchronous;
    }
    PvsServer {
        introduce(
            addresses: Vec<String>, first_port: i64, last_port: i64, site: Ref<PvsSite>,
        ) -> Ref<PvsServer>, PoolOperator, asynchronous;
        forget(self: Ref<PvsServer>), PoolOperator, asynchronous;
    }
    PvsProxy {
        create(site: Ref<PvsSite>, VIF: Ref<Vif>) -> Ref<PvsProxy>, PoolOperator, asynchronous;
        destroy(self: Ref<PvsProxy>), PoolOperator, asynchronous;
    }
    PvsCacheStorage {
        create(args: PvsCacheStorage) -> Ref<PvsCacheStorage>, PoolOperator, create, asynchronous;
        destroy(self: Ref<PvsCacheStorage>), PoolOperator, destroy, asynchronous;
    }
    SdnController {
        introduce(
            protocol: SdnControllerProtocol = SdnControllerProtocol::Ssl, address: String = "",
            port: i64 = 0,
        ) -> Ref<SdnController>, PoolOperator, asynchronous;
        forget(self: Ref<SdnController>), PoolOperator, asynchronous;
    }
}
