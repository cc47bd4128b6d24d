//! Networks.

use std::sync::Arc;

use haven_model::{
    ApiError, Field, Network, NetworkDefaultLockingMode, NetworkPurpose, Ref, Value, codes,
};
use haven_pooldb::Image;

use crate::dispatch::Call;
use crate::state::fresh;

/// Internal networks of a pool.
const BRIDGES_MAX: u32 = 1000;

/// `network.create(record)`: an internal network; hosts make its bridge when a VM needs it.
pub async fn create(call: Arc<Call>) -> Result<Value, ApiError> {
    let asked: Network = call.arg(0)?;
    let network = call
        .write(move |tx| {
            let bridge = if asked.bridge.is_empty() {
                free_bridge(tx)
            } else if tx.iter::<Network>().any(|(_, other)| other.bridge == asked.bridge) {
                return Err(ApiError::with(codes::BRIDGE_NAME_EXISTS, &[&asked.bridge]));
            } else {
                asked.bridge.clone()
            };
            let uuid = fresh().to_string();
            let mtu = if asked.mtu <= 0 { 1500 } else { asked.mtu };
            tx.insert(Network { uuid, bridge, mtu, ..asked })
        })
        .await?;
    Ok(network.to_value())
}

/// A name of a bridge that no network has.
#[must_use]
pub fn free_bridge(db: &Image) -> String {
    let names = (0..BRIDGES_MAX).map(|number| format!("xapi{number}"));
    let free = names.into_iter().find(|name| !db.iter::<Network>().any(|(_, n)| n.bridge == *name));
    free.unwrap_or_default()
}

/// `network.destroy(network)`.
pub async fn destroy(call: Arc<Call>) -> Result<Value, ApiError> {
    let network: Ref<Network> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(network)?;
        if let Some(vif) = row.vifs.first() {
            return Err(ApiError::with(codes::NETWORK_CONTAINS_VIF, &[vif]));
        }
        if let Some(pif) = row.pifs.first() {
            return Err(ApiError::with(codes::NETWORK_CONTAINS_PIF, &[pif]));
        }
        tx.remove(network)
    })
    .await?;
    Ok(Value::void())
}

/// `network.set_default_locking_mode(network, mode)`.
pub async fn set_default_locking_mode(call: Arc<Call>) -> Result<Value, ApiError> {
    let (network, mode): (Ref<Network>, NetworkDefaultLockingMode) = (call.arg(0)?, call.arg(1)?);
    if mode != NetworkDefaultLockingMode::Unlocked {
        return Err(ApiError::not_allowed("Haven does not filter the traffic of interfaces yet"));
    }
    call.write(move |tx| tx.update(network, |row: &mut Network| row.default_locking_mode = mode))
        .await?;
    Ok(Value::void())
}

/// `network.add_purpose(network, value)`, `network.remove_purpose(network, value)`.
pub async fn purpose(call: Arc<Call>) -> Result<Value, ApiError> {
    let (network, purpose): (Ref<Network>, NetworkPurpose) = (call.arg(0)?, call.arg(1)?);
    let add = call.method == "network.add_purpose";
    call.write(move |tx| {
        tx.update(network, |row: &mut Network| {
            row.purpose.retain(|other| *other != purpose);
            if add {
                row.purpose.push(purpose);
            }
        })
    })
    .await?;
    Ok(Value::void())
}
