//! Interfaces of hosts, and VLANs on them.
//!
//! An interface that carries an address of its host is never touched: neither its bridge nor what
//! is below it.

use std::sync::Arc;

use haven_model::{ApiError, Field, Host, Network, Pif, PifMetrics, Ref, Value, Vif, Vlan, codes};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};

use super::vm::nics;
use super::{admission, errors, host, view};
use crate::dispatch::Call;
use crate::orders::Order;
use crate::state::{AppState, fresh, now};
use crate::tasks::Plan;

/// VLAN tags.
const TAGS: std::ops::RangeInclusive<i64> = 1..=4094;

/// `PIF.scan(host)`: asks the host for its interfaces.
pub async fn scan(call: Arc<Call>) -> Result<Value, ApiError> {
    let on: Ref<Host> = call.arg(0)?;
    call.read(|db| db.require(on).map(|_| ())).await?;
    call.state.check_may_act()?;
    crate::reconcile::ask(&call.state, on).await?;
    Ok(Value::void())
}

/// `PIF.plug(pif)`: makes the bridge of its network.
pub async fn plug(call: Arc<Call>) -> Result<Value, ApiError> {
    let pif: Ref<Pif> = call.arg(0)?;
    let (on, order) = call
        .read(|db| {
            let row = db.require(pif)?;
            let network = db.require(row.network)?;
            Ok((row.host, nics::ensure(db, network, row.host)))
        })
        .await?;
    let state = call.state.clone();
    call.run(Plan::new("plug").exclusive(pif).step("plug", 1), move |mut op| async move {
        op.step().await?;
        let sent = state.orders.send(host::id(on), order).await;
        sent.map_err(|error| errors::order(on, error))?;
        attached(&state, pif, true).await?;
        Ok(Value::void())
    })
    .await
}

async fn attached(state: &Arc<AppState>, pif: Ref<Pif>, on: bool) -> Result<(), ApiError> {
    state.pool.write(move |tx| tx.update(pif, |row: &mut Pif| row.currently_attached = on)).await
}

/// Nothing uses the interface.
fn unused(db: &Image, pif: Ref<Pif>) -> Result<(), ApiError> {
    let row = db.require(pif)?;
    if row.management || !row.ip.is_empty() {
        return Err(ApiError::with(codes::PIF_IS_MANAGEMENT_INTERFACE, &[&pif]));
    }
    let network = db.require::<Network>(row.network)?;
    for vif in &network.vifs {
        let Some(vif_row) = db.get::<Vif>(*vif).filter(|vif| vif.currently_attached) else {
            continue;
        };
        if db.get(vif_row.vm).is_some_and(|vm| vm.resident_on == row.host) {
            return Err(ApiError::with(codes::VIF_IN_USE, &[&row.network, vif]));
        }
    }
    Ok(())
}

/// The order that takes the bridge of an interface away, and its VLAN.
fn drop_order(db: &Image, pif: Ref<Pif>) -> Result<(Ref<Host>, Order), ApiError> {
    let row = db.require(pif)?;
    let bridge = db.require(row.network)?.bridge.clone();
    let vlan = tag(row);
    Ok((row.host, Order::DropBridge { bridge, uplink: row.device.clone(), vlan }))
}

/// The tag of a VLAN's interface; 0 for others.
#[must_use]
pub fn tag(row: &Pif) -> u16 {
    u16::try_from(row.vlan).unwrap_or(0)
}

/// A host without the network cannot take the VMs that need it.
fn admit_loss(tx: &mut Tx<'_>, pif: Ref<Pif>) -> Result<(), ApiError> {
    let row = tx.require(pif)?;
    let (on, network) = (row.host, view::id(row.network));
    let doing =
        admission::doing(planner::Operation::UnplugNetwork, on, &tx.require(on)?.name_label);
    let change = planner::Change::Detach { host: host::id(on).0, sr: None, network: Some(network) };
    admission::check(tx, doing, &[change], false)
}

/// The same for an interface that goes for good: a network without any is made wherever it is
/// needed, and binds nobody.
fn admit_end(tx: &mut Tx<'_>, pif: Ref<Pif>) -> Result<(), ApiError> {
    match tx.require::<Network>(tx.require(pif)?.network)?.pifs.as_slice() {
        [_] => Ok(()),
        _ => admit_loss(tx, pif),
    }
}

/// `PIF.unplug(pif)`.
pub async fn unplug(call: Arc<Call>) -> Result<Value, ApiError> {
    let pif: Ref<Pif> = call.arg(0)?;
    let (on, order) = call
        .read(|db| {
            unused(db, pif)?;
            if db.require(pif)?.disallow_unplug {
                return Err(ApiError::with(codes::PIF_DOES_NOT_ALLOW_UNPLUG, &[&pif]));
            }
            drop_order(db, pif)
        })
        .await?;
    let state = call.state.clone();
    call.write(move |tx| admit_loss(tx, pif)).await?;
    call.run(Plan::new("unplug").exclusive(pif).step("unplug", 1), move |mut op| async move {
        op.step().await?;
        let sent = state.orders.send(host::id(on), order).await;
        sent.map_err(|error| errors::order(on, error))?;
        attached(&state, pif, false).await?;
        Ok(Value::void())
    })
    .await
}

/// Rows of a VLAN on one host.
struct Made {
    vlan: Ref<Vlan>,
    pif: Ref<Pif>,
    on: Ref<Host>,
    order: Order,
}

/// Writes the rows of a VLAN.
fn insert(
    tx: &mut Tx<'_>,
    below: Ref<Pif>,
    tag: i64,
    network: Ref<Network>,
) -> Result<Made, ApiError> {
    if !TAGS.contains(&tag) {
        return Err(ApiError::with(codes::VLAN_TAG_INVALID, &[&tag]));
    }
    let row = tx.require(below)?.clone();
    if row.vlan >= 0 {
        return Err(ApiError::with(codes::PIF_IS_VLAN, &[&below]));
    }
    if !row.bond_slave_of.is_null() {
        return Err(ApiError::with(codes::CANNOT_ADD_VLAN_TO_BOND_SLAVE, &[&below]));
    }
    for pif in tx.require(row.host)?.pifs.clone() {
        let other = tx.require(pif)?;
        if other.device == row.device && other.vlan == tag {
            return Err(ApiError::with(codes::PIF_VLAN_EXISTS, &[&pif]));
        }
        if other.network == network {
            return Err(ApiError::with(codes::NETWORK_ALREADY_CONNECTED, &[&network, &pif]));
        }
    }
    let net = tx.require(network)?.clone();
    let (vlan, pif) = (Ref::<Vlan>::from_uuid(fresh()), Ref::<Pif>::from_uuid(fresh()));
    let text = |id: haven_model::RefId| uuid::Uuid::from_u128(id.0).to_string();
    let metrics = PifMetrics {
        uuid: fresh().to_string(),
        device_name: row.device.clone(),
        last_updated: now(),
        ..PifMetrics::default()
    };
    let metrics = tx.insert(metrics)?;
    tx.insert_with(
        pif,
        Pif {
            uuid: text(pif.id()),
            device: row.device.clone(),
            network,
            host: row.host,
            mac: row.mac.clone(),
            mtu: net.mtu,
            vlan: tag,
            metrics,
            physical: false,
            currently_attached: false,
            vlan_master_of: vlan,
            ..Pif::default()
        },
    )?;
    let vlan_row = Vlan {
        uuid: text(vlan.id()),
        tagged_pif: below,
        untagged_pif: pif,
        tag,
        ..Vlan::default()
    };
    tx.insert_with(vlan, vlan_row)?;
    let order = nics::ensure(tx, tx.require(network)?, row.host);
    Ok(Made { vlan, pif, on: row.host, order })
}

fn remove(tx: &mut Tx<'_>, vlan: Ref<Vlan>) -> Result<(), ApiError> {
    let Some(row) = tx.get(vlan).cloned() else { return Ok(()) };
    tx.remove(vlan)?;
    if let Some(pif) = tx.get(row.untagged_pif).cloned() {
        tx.remove(row.untagged_pif)?;
        if tx.get(pif.metrics).is_some() {
            tx.remove(pif.metrics)?;
        }
    }
    Ok(())
}

/// Writes the rows of a VLAN on some hosts. A network that was made wherever it was needed binds
/// its VMs to these hosts from then on.
fn insert_all(
    tx: &mut Tx<'_>,
    below: Vec<Ref<Pif>>,
    tag: i64,
    network: Ref<Network>,
) -> Result<Vec<Made>, ApiError> {
    let before = view::current(tx);
    let insert = |pif| insert(tx, pif, tag, network);
    let made: Vec<Made> = below.into_iter().map(insert).collect::<Result<_, _>>()?;
    let mut after = view::pool(tx);
    let on: Vec<uuid::Uuid> = made.iter().map(|one| view::id(one.on)).collect();
    for host in after.hosts.iter_mut().filter(|host| on.contains(&host.id)) {
        host.networks.insert(view::id(network));
    }
    let operation = planner::Operation::BindNetwork;
    let doing = admission::doing(operation, network, &tx.require(network)?.name_label);
    admission::check_between(tx, doing, &before, &after)?;
    Ok(made)
}

/// Makes VLANs, on all hosts or on none.
async fn make(
    call: &Call,
    below: Vec<Ref<Pif>>,
    tag: i64,
    network: Ref<Network>,
) -> Result<Vec<(Ref<Vlan>, Ref<Pif>)>, ApiError> {
    let made = call.write(move |tx| insert_all(tx, below, tag, network)).await?;
    let state = &call.state;
    let all: Vec<(Ref<Vlan>, Ref<Pif>)> = made.iter().map(|one| (one.vlan, one.pif)).collect();
    let mut done: Vec<Ref<Pif>> = Vec::new();
    for one in made {
        match state.orders.send(host::id(one.on), one.order).await {
            Ok(_) => {
                attached(state, one.pif, true).await?;
                done.push(one.pif);
            }
            Err(error) => {
                for pif in done {
                    let dropped = state.pool.read(|db| drop_order(db, pif)).await??;
                    // A bridge that stays does no harm.
                    let _ = state.orders.send(host::id(dropped.0), dropped.1).await;
                }
                let vlans = all.into_iter();
                let gone = move |tx: &mut Tx<'_>| {
                    vlans.into_iter().try_for_each(|(vlan, _)| remove(tx, vlan))
                };
                state.pool.write(gone).await?;
                return Err(errors::order(one.on, error));
            }
        }
    }
    Ok(all)
}

/// `VLAN.create(tagged_PIF, tag, network)`.
pub async fn create_vlan(call: Arc<Call>) -> Result<Value, ApiError> {
    let (below, tag): (Ref<Pif>, i64) = (call.arg(0)?, call.arg(1)?);
    let made = make(&call, vec![below], tag, call.arg(2)?).await?;
    Ok(made.first().map(|(vlan, _)| vlan.to_value()).unwrap_or(Value::Nil))
}

/// `PIF.create_VLAN(device, network, host, VLAN)`.
pub async fn create_on_host(call: Arc<Call>) -> Result<Value, ApiError> {
    let (device, on): (String, Ref<Host>) = (call.arg(0)?, call.arg(2)?);
    let below = call.read(|db| Ok(vec![port(db, on, &device)?])).await?;
    let made = make(&call, below, call.arg(3)?, call.arg(1)?).await?;
    Ok(made.first().map(|(_, pif)| pif.to_value()).unwrap_or(Value::Nil))
}

fn port(db: &Image, on: Ref<Host>, device: &str) -> Result<Ref<Pif>, ApiError> {
    let pifs = db.require(on)?.pifs.iter().copied();
    let mut found = pifs
        .filter(|pif| db.get(*pif).is_some_and(|row: &Pif| row.device == device && row.vlan < 0));
    found.next().ok_or_else(|| ApiError::new(codes::PIF_DEVICE_NOT_FOUND, Vec::new()))
}

/// `pool.create_VLAN(device, network, VLAN)` and `pool.create_VLAN_from_PIF(pif, network, VLAN)`:
/// on every host.
pub async fn create_in_pool(call: Arc<Call>) -> Result<Value, ApiError> {
    let below = call
        .read(|db| {
            let device = if call.method == "pool.create_VLAN" {
                call.arg(0)?
            } else {
                db.require::<Pif>(call.arg(0)?)?.device.clone()
            };
            db.iter::<Host>().map(|(on, _)| port(db, on, &device)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let made = make(&call, below, call.arg(2)?, call.arg(1)?).await?;
    Ok(Value::Set(made.iter().map(|(_, pif)| pif.to_value()).collect()))
}

/// `VLAN.destroy(vlan)` and `PIF.destroy(pif)`.
pub async fn destroy_vlan(call: Arc<Call>) -> Result<Value, ApiError> {
    let (vlan, on, order) = call
        .read(|db| {
            let vlan: Ref<Vlan> = if call.method == "VLAN.destroy" {
                call.arg(0)?
            } else {
                let pif: Ref<Pif> = call.arg(0)?;
                let vlan = db.require(pif)?.vlan_master_of;
                vlan.non_null().ok_or_else(|| ApiError::with(codes::PIF_IS_PHYSICAL, &[&pif]))?
            };
            let pif = db.require(vlan)?.untagged_pif;
            unused(db, pif)?;
            let (on, order) = drop_order(db, pif)?;
            Ok((vlan, on, order))
        })
        .await?;
    call.write(move |tx| {
        let pif = tx.require(vlan)?.untagged_pif;
        admit_end(tx, pif)
    })
    .await?;
    let state = call.state.clone();
    call.run(Plan::new("destroy").exclusive(vlan).step("remove", 1), move |mut op| async move {
        op.step().await?;
        let sent = state.orders.send(host::id(on), order).await;
        sent.map_err(|error| errors::order(on, error))?;
        state.pool.write(move |tx| remove(tx, vlan)).await?;
        Ok(Value::void())
    })
    .await
}

/// `PIF.forget(pif)`: a scan finds it again if the host still has it.
pub async fn forget(call: Arc<Call>) -> Result<Value, ApiError> {
    let pif: Ref<Pif> = call.arg(0)?;
    call.write(move |tx| {
        let row = tx.require(pif)?.clone();
        if !row.physical {
            return Err(ApiError::with(codes::PIF_IS_NOT_PHYSICAL, &[&pif]));
        }
        if !row.vlan_slave_of.is_empty() {
            return Err(ApiError::with(codes::PIF_VLAN_STILL_EXISTS, &[&pif]));
        }
        unused(tx, pif)?;
        admit_end(tx, pif)?;
        tx.remove(pif)?;
        if tx.get(row.metrics).is_some() { tx.remove(row.metrics) } else { Ok(()) }
    })
    .await?;
    Ok(Value::void())
}

/// `PIF.introduce(host, MAC, device, managed)`: an interface that was forgotten.
pub async fn introduce(call: Arc<Call>) -> Result<Value, ApiError> {
    let (on, mac): (Ref<Host>, String) = (call.arg(0)?, call.arg(1)?);
    let device: String = call.arg(2)?;
    call.read(|db| match port(db, on, &device) {
        Ok(_) => Err(ApiError::with(codes::DUPLICATE_PIF_DEVICE_NAME, &[&device])),
        Err(error) if error.code == codes::PIF_DEVICE_NOT_FOUND => Ok(()),
        Err(error) => Err(error),
    })
    .await?;
    call.state.check_may_act()?;
    crate::reconcile::ask(&call.state, on).await?;
    let found = call.read(|db| {
        let pif = port(db, on, &device).ok();
        let same = |pif: &Ref<Pif>| {
            mac.is_empty()
                || db.get(*pif).is_some_and(|row: &Pif| row.mac.eq_ignore_ascii_case(&mac))
        };
        let code =
            codes::COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS;
        pif.filter(same).ok_or_else(|| ApiError::with(code, &[&device, &mac]))
    });
    Ok(found.await?.to_value())
}
