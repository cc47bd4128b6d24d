//! Error codes of networks.

error_codes! {
    ADDRESS_VIOLATES_LOCKING_CONSTRAINT("address"):
        "The address is not among those the interface may use. Add it to the allowed addresses.";
    BRIDGE_NAME_EXISTS("bridge"): "A network with this bridge exists already. Choose another name.";
    BRIDGE_NOT_AVAILABLE("bridge"):
        "The bridge of the network is not there on this host. Plug its interface in, or make \
         the bridge.";
    CANNOT_ADD_TUNNEL_TO_BOND_SLAVE("PIF"):
        "The interface is part of a bond. Put the tunnel on the bond.";
    CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL("PIF"):
        "A tunnel cannot go over virtual functions. Put it on the physical interface.";
    CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL("PIF"):
        "A tunnel cannot go over a VLAN on virtual functions. Put it on the physical interface.";
    CANNOT_ADD_VLAN_TO_BOND_SLAVE("PIF"):
        "The interface is part of a bond. Put the VLAN on the bond.";
    CANNOT_CHANGE_PIF_PROPERTIES("PIF"):
        "The settings of this interface cannot be changed. It belongs to a bond or a VLAN; \
         change that one.";
    CANNOT_DESTROY_SYSTEM_NETWORK("network"): "The network belongs to the system and stays.";
    CANNOT_FORGET_SRIOV_LOGICAL("PIF"):
        "The interface stands for virtual functions. Remove those instead.";
    CANNOT_PLUG_BOND_SLAVE("PIF"): "The interface is part of a bond. Plug the bond.";
    CANNOT_PLUG_VIF("VIF"):
        "The network card cannot be attached to the running VM. Shut the VM down first.";
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS("device", "mac"):
        "The host has no interface with this name and address. Check both.";
    COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE():
        "Multicast snooping could not be set on all hosts. Check the hosts that are off and try \
         again.";
    DUPLICATE_PIF_DEVICE_NAME("device"):
        "The host has an interface of this name already. Choose another name.";
    INCOMPATIBLE_PIF_PROPERTIES():
        "The settings of the interfaces do not go together. Make them alike.";
    INTERFACE_HAS_NO_IP("interface"): "The interface has no address. Give it one.";
    INVALID_CIDR_ADDRESS_SPECIFIED("parameter"):
        "This is no address with a prefix length. Write it like 10.0.0.1/24.";
    INVALID_IP_ADDRESS_SPECIFIED("parameter"): "This is no IP address. Check how it is written.";
    INVALID_NTP_CONFIG("reason"):
        "The NTP settings make no sense. Name at least one server that can be reached.";
    IS_TUNNEL_ACCESS_PIF("PIF"): "The interface is the end of a tunnel. Choose another one.";
    MAC_DOES_NOT_EXIST("MAC"): "The host has no interface with this MAC address. Check it.";
    MAC_INVALID("MAC"): "This is no MAC address. Write it like 52:54:00:12:34:56.";
    MAC_STILL_EXISTS("MAC"): "The interface is still there. Remove it from the host first.";
    NETWORK_ALREADY_CONNECTED("network", "connected PIF"):
        "The network has an interface of this host already. Use that one, or disconnect it \
         first.";
    NETWORK_CONTAINS_PIF("pifs"): "Interfaces of hosts are on the network. Remove them first.";
    NETWORK_CONTAINS_VIF("vifs"): "VMs are on the network. Remove their network cards first.";
    NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS("PIF", "network"):
        "The interfaces of the network differ in their virtual functions. Use interfaces of one \
         kind.";
    NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS("PIF", "network"):
        "The VLANs of the network lie on interfaces of different kinds. Use one kind.";
    NETWORK_INCOMPATIBLE_PURPOSES("new_purpose", "conflicting_purpose"):
        "The purposes exclude each other. Choose one of them.";
    NETWORK_INCOMPATIBLE_WITH_BOND("network"):
        "The network cannot be used with a bond. Choose another network.";
    NETWORK_INCOMPATIBLE_WITH_SRIOV("network"):
        "The network cannot be used with virtual functions. Choose another network.";
    NETWORK_INCOMPATIBLE_WITH_TRUNKS("network"):
        "The network cannot carry several VLANs to a VM. Choose another network.";
    NETWORK_INCOMPATIBLE_WITH_TUNNEL("network"):
        "The network cannot be used with a tunnel. Choose another network.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE("network"):
        "The network cannot be used with a VLAN on a bridge. Choose another network.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV("network"):
        "The network cannot be used with a VLAN on virtual functions. Choose another network.";
    NETWORK_SRIOV_ALREADY_ENABLED("PIF"): "Virtual functions are on already. Nothing needs doing.";
    NETWORK_SRIOV_DISABLE_FAILED("PIF", "msg"):
        "The virtual functions could not be switched off. Shut down the VMs that use them.";
    NETWORK_SRIOV_ENABLE_FAILED("PIF", "msg"):
        "The virtual functions could not be switched on. Check firmware settings and driver of \
         the card.";
    NETWORK_SRIOV_INSUFFICIENT_CAPACITY("network"):
        "No virtual function is free. Shut down a VM that uses one, or use another network.";
    NETWORK_UNMANAGED("network"):
        "Haven does not manage this network. Change it on the host itself.";
    OPENVSWITCH_NOT_ACTIVE():
        "This needs Open vSwitch, which is not in use. Switch the network back-end first.";
    PIF_ALLOWS_UNPLUG("PIF"):
        "The interface may be unplugged, and this needs one that may not. Forbid unplugging \
         first.";
    PIF_ALREADY_BONDED("PIF"): "The interface is part of a bond already. Choose another one.";
    PIF_BOND_MORE_THAN_ONE_IP(): "More than one of the interfaces has an address. Leave it to one.";
    PIF_BOND_NEEDS_MORE_MEMBERS(): "A bond needs at least two interfaces. Add one.";
    PIF_CANNOT_BOND_CROSS_HOST(): "A bond cannot span hosts. Choose interfaces of one host.";
    PIF_CONFIGURATION_ERROR("PIF", "msg"):
        "The settings of the interface could not be applied; the parameter says why.";
    PIF_DEVICE_NOT_FOUND(): "The host has no such interface. Rescan the interfaces of the host.";
    PIF_DOES_NOT_ALLOW_UNPLUG("PIF"):
        "The interface is needed and may not be unplugged. Allow unplugging first.";
    PIF_HAS_FCOE_SR_IN_USE("PIF", "SR"):
        "Storage over this interface is in use. Unplug that storage first.";
    PIF_HAS_NO_NETWORK_CONFIGURATION("PIF"):
        "The interface has no IPv4 settings. Configure it first.";
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION("PIF"):
        "The interface has no IPv6 settings. Configure it first.";
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE("PIF"):
        "The kinds of primary address do not fit. Use the same kind on all interfaces.";
    PIF_IS_MANAGEMENT_INTERFACE("PIF"):
        "The interface is the management interface. Move management to another one first.";
    PIF_IS_NOT_PHYSICAL("PIF"): "The interface is not a physical one. Choose one that is.";
    PIF_IS_NOT_SRIOV_CAPABLE("PIF"): "The interface has no virtual functions. Choose one that has.";
    PIF_IS_PHYSICAL("PIF"): "The interface is a physical one. Choose another.";
    PIF_IS_SRIOV_LOGICAL("PIF"): "The interface stands for virtual functions. Choose another.";
    PIF_IS_VLAN("PIF"): "The interface is a VLAN. Choose the one below it.";
    PIF_NOT_ATTACHED_TO_HOST("pif", "host"):
        "The interface belongs to another host. Choose one of this host.";
    PIF_NOT_PRESENT("host", "network"):
        "This host has no interface on that network. Connect one first.";
    PIF_SRIOV_STILL_EXISTS("PIF"): "The interface still has virtual functions. Remove them first.";
    PIF_TUNNEL_STILL_EXISTS("PIF"): "The interface still has a tunnel. Remove it first.";
    PIF_UNMANAGED("PIF"):
        "Haven does not manage this interface. Let it manage the interface, or change it on the \
         host itself.";
    PIF_VLAN_EXISTS("PIF"): "The interface has this VLAN already. Use that one.";
    PIF_VLAN_STILL_EXISTS("PIF"): "The interface still has VLANs. Remove them first.";
    PVS_CACHE_STORAGE_ALREADY_PRESENT("site", "host"):
        "The host has cache storage for this site already. Remove it first.";
    PVS_CACHE_STORAGE_IS_IN_USE("PVS_cache_storage"):
        "The cache storage is in use. Stop the proxies first.";
    PVS_PROXY_ALREADY_PRESENT("proxies"): "The network card has a proxy already. Remove it first.";
    PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE("device"):
        "Another network card of the VM has a proxy. Remove that one first.";
    PVS_SERVER_ADDRESS_IN_USE("address"):
        "Another provisioning server has this address. Choose another one.";
    PVS_SITE_CONTAINS_RUNNING_PROXIES("proxies"):
        "Proxies of the site are running. Stop them first.";
    PVS_SITE_CONTAINS_SERVERS("servers"): "The site still has servers. Remove them first.";
    PVS_VIF_MUST_BE_FIRST_DEVICE():
        "Only the first network card of a VM can have a proxy. Choose that one.";
    REQUIRED_PIF_IS_UNPLUGGED("PIF"): "The interface below is unplugged. Plug it first.";
    SLAVE_REQUIRES_MANAGEMENT_INTERFACE():
        "A member cannot do without its management interface. Choose another one first.";
    TRANSPORT_PIF_NOT_CONFIGURED("PIF"):
        "The interface below the tunnel has no address. Give it one.";
    VIF_IN_USE("network", "VIF"):
        "The network card is in use. Unplug it or shut the VM down first.";
    VIF_NOT_IN_MAP("vif"):
        "It is not said which network this card should use at the destination. Name one.";
    VLAN_IN_USE("device", "vlan"): "The VLAN is in use. Choose another tag.";
    VLAN_TAG_INVALID("VLAN"): "This is no VLAN tag. Use a number from 0 to 4094.";
}
