//! Bridges that a VM needs on its host.

use haven_model::{ApiError, Host, Network, Pif, Ref, Vif, Vm};
use haven_pooldb::Image;

use crate::orders::Order;

/// Orders that make the bridges of a VM's networks on a host; idempotent there.
///
/// # Errors
/// A row is gone.
pub fn bridges(db: &Image, vm: Ref<Vm>, host: Ref<Host>) -> Result<Vec<(String, Order)>, ApiError> {
    let mut orders: Vec<(String, Order)> = Vec::new();
    for vif in &db.require(vm)?.vifs {
        let network = db.require::<Network>(db.require::<Vif>(*vif)?.network)?;
        if network.bridge.is_empty() || orders.iter().any(|(name, _)| *name == network.bridge) {
            continue;
        }
        orders.push((network.bridge.clone(), ensure(db, network, host)));
    }
    Ok(orders)
}

/// The order that makes the bridge of a network on a host.
#[must_use]
pub fn ensure(db: &Image, network: &Network, host: Ref<Host>) -> Order {
    let pifs = network.pifs.iter().filter_map(|pif| db.get::<Pif>(*pif));
    // A port of a bridge loses its addresses: one with an address is never taken.
    let port = pifs.into_iter().find(|pif| pif.host == host && pif.ip.is_empty());
    let uplink = port.map(|pif| pif.device.clone()).unwrap_or_default();
    let vlan = port.map(crate::ops::pif::tag).unwrap_or(0);
    let mtu = u32::try_from(network.mtu).ok().filter(|mtu| *mtu != 1500).unwrap_or(0);
    Order::EnsureBridge { bridge: network.bridge.clone(), uplink, mtu, vlan }
}
