//! The first run: a host that belongs to no pool, and somebody who proves to own it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use haven_model::{ApiError, codes};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::agent::host_facts;
use crate::http::extra_pool;
use crate::orders::HostFacts;
use crate::state::AppState;

/// Letters of the code: none that look alike.
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters in each half of the code: 40 bits in all.
const HALF: usize = 4;
/// Pause before a wrong code is answered; only so many wait at a time.
const WRONG_PAUSE: Duration = Duration::from_secs(2);
const TRIES_AT_ONCE_MAX: usize = 4;

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
        None => address_of(&host_facts(state.agent().parts()).await),
    };
    let place = if port == 443 { address } else { format!("{address}:{port}") };
    match state.identity.pool() {
        Some(_) => json!({ "url": format!("https://{place}/ui/") }),
        None => json!({ "url": format!("https://{place}/ui/#code={}", *CODE), "code": *CODE }),
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
    check(asked.get("code").and_then(Json::as_str).unwrap_or_default()).await?;
    match what {
        "facts" => Ok(facts(&host_facts(state.agent().parts()).await)),
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

fn address_of(facts: &HostFacts) -> String {
    let first = facts.nics.iter().flat_map(|nic| &nic.addresses).find(|text| !text.contains(':'));
    let address = first.and_then(|text| text.split('/').next());
    address.unwrap_or(&facts.hostname).to_owned()
}

/// What the first page shows of this host.
fn facts(facts: &HostFacts) -> Json {
    let address = address_of(facts);
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
    json!({
        "hostname": facts.hostname,
        "address": &address,
        "version": facts.version,
        "checks": [
            check("hypervisor", versions.is_some(), versions.unwrap_or_default()),
            check("virtualisation", kvm, if kvm { "KVM" } else { "QEMU TCG" }.to_owned()),
            check("memory", facts.memory_total >= 1 << 30, format!("{} MiB", facts.memory_total >> 20)),
            check("links", up > 0, format!("{up}/{links}")),
            check("address", !dynamic, address),
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
