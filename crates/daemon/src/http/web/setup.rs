//! The first run: a host that belongs to no pool, and somebody who proves to own it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use haven_drivers::storage::TestPart;
use haven_model::{ApiError, codes};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::agent::host_facts;
use crate::http::extra_pool;
use crate::join;
use crate::orders::HostFacts;
use crate::state::AppState;

/// Letters of the code: none that look alike.
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters in each half of the code: 40 bits in all.
const HALF: usize = 4;
/// Pause before a wrong code is answered; only so many wait at a time.
const WRONG_PAUSE: Duration = Duration::from_secs(2);
const TRIES_AT_ONCE_MAX: usize = 4;

/// Longest wait for the host's resolver.
const RESOLVE_MAX: Duration = Duration::from_secs(3);

/// Machines of others that are named at most.
const STRANGERS_MAX: usize = 100;
/// Repositories that a pool asks about at once.
const PLACES_MAX: usize = 16;
/// Longest wait for one of them.
const REACH_MAX: Duration = Duration::from_secs(30);

static TRIES: Semaphore = Semaphore::const_new(TRIES_AT_ONCE_MAX);
/// New with every start of the daemon.
static CODE: LazyLock<String> = LazyLock::new(|| {
    let bytes: [u8; 2 * HALF] = rand::random();
    let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
    let mut code: String = letters.map(|letter| char::from(*letter)).collect();
    code.insert(HALF, '-');
    code
});

/// What root of this host is told: where the console is, and with which code it begins.
pub(in crate::http) async fn where_and_code(state: &Arc<AppState>) -> Json {
    let port = state.config.settings.api_port;
    let own = state.identity.pool().and_then(|pool| {
        pool.member(state.identity.host()).map(|member| member.address.to_string())
    });
    let address = match own {
        Some(address) => address,
        None => address_of(state, &host_facts(state.agent().parts()).await),
    };
    let place = if port == 443 { address } else { format!("{address}:{port}") };
    match state.identity.pool() {
        Some(_) => json!({ "url": format!("https://{place}/ui/") }),
        None => json!({
            "url": format!("https://{place}/ui/#code={}", *CODE),
            "code": *CODE,
            "fingerprint": state.agent().parts().tls.first_run_fingerprint(),
        }),
    }
}

/// `POST /ui/setup/…`
pub(super) async fn answer(
    state: &Arc<AppState>,
    what: &str,
    asked: &Json,
) -> Result<Json, ApiError> {
    if state.identity.pool().is_some() {
        return Err(ApiError::not_allowed("this host belongs to a pool already"));
    }
    if what == "hello" {
        // That it waits is no secret; a pool that asks learns the certificate beside.
        return Ok(json!({}));
    }
    check(asked.get("code").and_then(Json::as_str).unwrap_or_default()).await?;
    match what {
        "candidate" => candidate(state, asked).await,
        "facts" => {
            let found = host_facts(state.agent().parts()).await;
            let known_as = addresses_of(&found.hostname).await;
            Ok(facts(&found, address_of(state, &found), &known_as))
        }
        "pools" => Ok(json!({ "pools": state.found.show().get("pools") })),
        "init" => extra_pool::init(state, asked).await,
        "join" => extra_pool::join_here(state, asked).await,
        _ => Err(ApiError::with(codes::MESSAGE_METHOD_UNKNOWN, &[&what])),
    }
}

async fn check(given: &str) -> Result<(), ApiError> {
    let wrong = || ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&"setup", &"wrong code"]);
    let _turn = TRIES.try_acquire().map_err(|_| wrong())?;
    let given = given.trim().to_ascii_uppercase();
    // Hashes: how much of the code is right cannot be told from the time.
    if Sha256::digest(given.as_bytes()) == Sha256::digest(CODE.as_bytes()) {
        return Ok(());
    }
    tokio::time::sleep(WRONG_PAUSE).await;
    Err(wrong())
}

/// What a pool asks that considers this host: what it is, whether it is free, and whether it reaches
/// the pool's storage as the pool's own hosts do.
async fn candidate(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let agent = state.agent();
    let facts = host_facts(agent.parts()).await;
    let idle = match join::host::check_free(agent).await {
        Ok(()) => Json::Null,
        Err(error) => json!({ "message": error.code, "data": error.params }),
    };
    let places = asked.get("storage").cloned().unwrap_or_else(|| json!([]));
    let places: Vec<Place> = serde_json::from_value(places)
        .map_err(|error| ApiError::with(codes::INVALID_VALUE, &[&"storage", &error]))?;
    let mut storage = Vec::new();
    for place in places.into_iter().take(PLACES_MAX) {
        storage.push(reach(state, place).await);
    }
    let settings = &state.config.settings;
    Ok(json!({
        "host": state.identity.host().0.to_string(),
        "name": settings.name.clone().unwrap_or_else(|| facts.hostname.clone()),
        "address": settings.address,
        "api_port": settings.api_port,
        "peer_port": settings.peer_port,
        "idle": idle,
        "machines": strangers(state).await,
        "facts": facts,
        "storage": storage,
    }))
}

/// Machines in the hypervisor that are not Haven's; null: it does not say.
async fn strangers(state: &Arc<AppState>) -> Json {
    let hypervisor = state.agent().parts().hypervisor.clone();
    match tokio::task::spawn_blocking(move || hypervisor.strangers()).await {
        Ok(Ok(found)) => json!(found.into_iter().take(STRANGERS_MAX).collect::<Vec<_>>()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "which machines of others are here is not known");
            Json::Null
        }
        Err(_) => Json::Null,
    }
}

/// A repository of the pool, with the mark that the pool left there.
#[derive(Debug, Deserialize)]
struct Place {
    sr: Uuid,
    kind: String,
    device_config: BTreeMap<String, String>,
    test: Uuid,
}

async fn reach(state: &Arc<AppState>, place: Place) -> Json {
    let sr = place.sr;
    let driver = state.agent().parts().storage.driver(&place.kind);
    let tried = tokio::task::spawn_blocking(move || {
        driver.and_then(|driver| driver.test(&place.device_config, TestPart::Find, place.test))
    });
    match tokio::time::timeout(REACH_MAX, tried).await {
        Ok(Ok(Ok(found))) => {
            json!({ "sr": sr, "same_place": found.same_place, "write_us": found.write_us })
        }
        Ok(Ok(Err(error))) => {
            json!({ "sr": sr, "error": { "code": error.code, "text": error.text } })
        }
        Ok(Err(_)) | Err(_) => {
            let text = format!("no answer within {} s", REACH_MAX.as_secs());
            json!({ "sr": sr, "error": { "code": "SR_TIMEOUT", "text": text } })
        }
    }
}

/// Where this host's console is: the very address that founding a pool would take.
fn address_of(state: &AppState, facts: &HostFacts) -> String {
    let address = join::found::management_address(state.config.settings.address, facts);
    address.map_or_else(|| facts.hostname.clone(), |address| address.to_string())
}

/// Where the name of this host leads, by its own resolver.
async fn addresses_of(name: &str) -> Vec<IpAddr> {
    let found = tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((name, 0))).await;
    let mut found: Vec<IpAddr> = match found {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    found.dedup();
    found
}

/// What the first page shows of this host.
fn facts(facts: &HostFacts, address: String, known_as: &[IpAddr]) -> Json {
    let dynamic = facts.nics.iter().any(|nic| {
        nic.dynamic && nic.addresses.iter().any(|text| text.split('/').next() == Some(&address))
    });
    let kvm = facts.hypervisor.as_ref().is_some_and(|found| found.virt_type == "kvm");
    let versions = facts.hypervisor.as_ref().map(|found| {
        format!("libvirt {}, QEMU {}", found.libvirt_version, found.hypervisor_version)
    });
    let links = facts.nics.iter().filter(|nic| nic.physical).count();
    let up = facts.nics.iter().filter(|nic| nic.physical && nic.carrier).count();
    let check =
        |id: &str, ok: bool, detail: String| json!({ "id": id, "ok": ok, "detail": detail });
    // A name that leads to the host alone is no way for others.
    let named = known_as.iter().any(|ip| !ip.is_loopback());
    let names: Vec<String> = known_as.iter().map(IpAddr::to_string).collect();
    json!({
        "hostname": facts.hostname,
        "address": &address,
        "version": facts.version,
        "wall_ms": facts.wall_ms,
        "time_zone": &facts.time_zone,
        "checks": [
            check("hypervisor", versions.is_some(), versions.unwrap_or_default()),
            check("virtualisation", kvm, if kvm { "KVM" } else { "QEMU TCG" }.to_owned()),
            check("memory", facts.memory_total >= 1 << 30, format!("{} MiB", facts.memory_total >> 20)),
            check("links", up > 0, format!("{up}/{links}")),
            check("address", !dynamic, address),
            check("name", named, format!("{} {}", facts.hostname, names.join(", "))),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_code_opens() {
        assert_eq!(CODE.len(), 2 * HALF + 1);
        assert!(check(&CODE).await.is_ok());
        assert!(check(&format!(" {} ", CODE.to_lowercase())).await.is_ok());
        assert!(check("AAAA-AAAA").await.is_err());
        assert!(check("").await.is_err());
    }
}
