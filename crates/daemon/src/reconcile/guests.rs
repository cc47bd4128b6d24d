//! What guests say of themselves through their agents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Host, Ref, TristateType, Vif, Vm, VmGuestMetrics, VmPowerState};
use haven_pooldb::{Image, Tx};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::ops::{host, rows};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, now};

/// How often guests are asked.
const ASK_INTERVAL: Duration = Duration::from_secs(30);
/// Guests that are asked at the same time.
const ASK_AT_ONCE: usize = 8;
/// Addresses of one interface that are kept.
const ADDRESSES_MAX: usize = 16;

/// A guest that runs.
#[derive(Clone, Copy, Debug)]
struct Guest {
    vm: Ref<Vm>,
    id: Uuid,
    on: Ref<Host>,
}

/// What a guest said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    networks: BTreeMap<String, String>,
    os: BTreeMap<String, String>,
}

/// Asks all guests now and then; runs for ever.
pub async fn run(state: Arc<AppState>) {
    let mut ticks = tokio::time::interval(ASK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !state.may_act() {
            continue;
        }
        let guests = state.pool.read(running).await.unwrap_or_default();
        for some in guests.chunks(ASK_AT_ONCE) {
            let mut questions = tokio::task::JoinSet::new();
            for guest in some.iter().copied() {
                let state = state.clone();
                questions.spawn(async move { ask(&state, guest).await });
            }
            while let Some(asked) = questions.join_next().await {
                if let Ok(Err(error)) = asked {
                    tracing::debug!(%error, "what a guest said was not written down");
                }
            }
        }
    }
}

fn running(db: &Image) -> Vec<Guest> {
    db.iter::<Vm>()
        .filter(|(_, row)| row.power_state == VmPowerState::Running && !row.is_control_domain)
        .filter_map(|(vm, row)| {
            let on = row.resident_on.non_null()?;
            Some(Guest { vm, id: rows::uuid(&row.uuid).ok()?, on })
        })
        .collect()
}

async fn agent(state: &AppState, guest: Guest, command: &str) -> Option<Json> {
    let command = format!("{{\"execute\":\"{command}\"}}");
    let order = Order::GuestAgent { vm: guest.id, command };
    match state.orders.send(host::id(guest.on), order).await {
        Ok(OrderReply::Text(text)) => {
            let mut answer: Json = serde_json::from_str(&text).ok()?;
            Some(answer.get_mut("return")?.take())
        }
        _ => None,
    }
}

/// A guest without an agent has nothing to say: its row stays as it was, marked as not live.
async fn ask(state: &AppState, guest: Guest) -> Result<(), ApiError> {
    let interfaces = agent(state, guest, "guest-network-get-interfaces").await;
    let os = match interfaces {
        Some(_) => agent(state, guest, "guest-get-osinfo").await,
        None => None,
    };
    let write = state
        .pool
        .read(|db| {
            let row = db.get(guest.vm)?;
            let known = db.get(row.guest_metrics);
            let Some(interfaces) = &interfaces else {
                return known.filter(|known| known.live).map(|_| None);
            };
            let said = Said {
                networks: networks(db, row, interfaces),
                os: os.as_ref().map(os_version).unwrap_or_default(),
            };
            let same = known.is_some_and(|known| {
                known.live && known.networks == said.networks && known.os_version == said.os
            });
            (!same).then_some(Some(said))
        })
        .await?;
    match write {
        None => Ok(()),
        Some(said) => state.pool.write(move |tx| record(tx, guest.vm, said)).await,
    }
}

/// `0/ip`, `0/ipv4/0`, `0/ipv6/1` …: by the number of the interface, found by its address.
fn networks(db: &Image, row: &Vm, interfaces: &Json) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let text = |value: &Json, key: &str| {
        value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    for interface in interfaces.as_array().into_iter().flatten() {
        let mac = text(interface, "hardware-address").to_lowercase();
        let vif = row.vifs.iter().filter_map(|vif| db.get::<Vif>(*vif)).find(|vif| vif.mac == mac);
        let Some(vif) = vif else { continue };
        let (mut v4, mut v6) = (0, 0);
        let addresses = interface.get("ip-addresses").and_then(Json::as_array);
        for address in addresses.into_iter().flatten().take(ADDRESSES_MAX) {
            let ip = text(address, "ip-address");
            if text(address, "ip-address-type") == "ipv4" {
                if v4 == 0 {
                    found.insert(format!("{}/ip", vif.device), ip.clone());
                }
                found.insert(format!("{}/ipv4/{v4}", vif.device), ip);
                v4 += 1;
            } else {
                found.insert(format!("{}/ipv6/{v6}", vif.device), ip);
                v6 += 1;
            }
        }
    }
    found
}

fn os_version(info: &Json) -> BTreeMap<String, String> {
    let keys = [
        ("name", "pretty-name"),
        ("distro", "id"),
        ("uname", "kernel-release"),
        ("major", "version-id"),
    ];
    let pairs = keys.iter().filter_map(|(ours, theirs)| {
        let value = info.get(*theirs)?.as_str()?;
        Some(((*ours).to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn record(tx: &mut Tx<'_>, vm: Ref<Vm>, said: Option<Said>) -> Result<(), ApiError> {
    let Some(known) = tx.get(vm).map(|row| row.guest_metrics) else { return Ok(()) };
    let metrics = if tx.get(known).is_some() {
        known
    } else {
        let made = tx.insert(VmGuestMetrics::default())?;
        tx.update(vm, |row: &mut Vm| row.guest_metrics = made)?;
        made
    };
    tx.update(metrics, |row: &mut VmGuestMetrics| {
        row.live = said.is_some();
        row.last_updated = now();
        if let Some(said) = said {
            row.networks = said.networks;
            row.os_version = said.os;
            row.pv_drivers_detected = true;
            row.pv_drivers_up_to_date = true;
            row.can_use_hotplug_vbd = TristateType::No;
            row.can_use_hotplug_vif = TristateType::No;
        }
    })
}

#[cfg(test)]
mod tests {
    use haven_pooldb::{Database, MemStore};
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_told_by_the_number_of_their_interface() {
        let ids = || Uuid::new_v4().as_u128();
        let mut db = Database::open(Box::new(MemStore::default()), Box::new(ids)).unwrap();
        let vm = db
            .transact(|tx| {
                let vm = tx.insert(Vm::default())?;
                tx.insert(Vif {
                    vm,
                    device: "2".to_owned(),
                    mac: "02:00:00:00:00:01".to_owned(),
                    ..Vif::default()
                })?;
                Ok(vm)
            })
            .unwrap()
            .value;
        let said = json!([
            { "name": "lo", "hardware-address": "00:00:00:00:00:00" },
            { "name": "ens3", "hardware-address": "02:00:00:00:00:01", "ip-addresses": [
                { "ip-address": "10.0.0.7", "ip-address-type": "ipv4", "prefix": 24 },
                { "ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": 64 },
            ]},
        ]);
        let found = networks(&db, db.get(vm).unwrap(), &said);
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [("2/ip", "10.0.0.7"), ("2/ipv4/0", "10.0.0.7"), ("2/ipv6/0", "fe80::1")]
        );
        assert_eq!(os_version(&json!({ "id": "debian" }))["distro"], "debian");
    }
}
