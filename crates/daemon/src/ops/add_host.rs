//! A host that waits to be added: everything that joining would refuse, told beforehand and all at
//! once; and its joining, begun from the pool.
//!
//! `POST /haven/pool/check-host {address, fingerprint?, code?}`: without a code only whether the host
//! answers, and its fingerprint for a person to compare; with it every check.
//! `POST /haven/pool/add-host {address, fingerprint, code}`: it joins.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::Stranger;
use haven_drivers::storage::{SrSpec, TestPart};
use haven_model::{ApiError, Host, Sr, codes};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{errors, membership, rows, spec};
use crate::identity::Member;
use crate::join::candidate::{self, Answer};
use crate::join::coordinator::{self, Rules};
use crate::orders::{HostFacts, Order, OrderError};
use crate::state::{AppState, fresh};

/// Life of the token: it is used at once.
const TOKEN_LIFE: Duration = Duration::from_secs(120);
/// Repositories that the host tries.
const STORAGE_MAX: usize = 16;

/// What the pool wants to know of, and from, the host.
struct Asked {
    address: String,
    fingerprint: Option<String>,
    code: String,
}

impl Asked {
    fn read(asked: &Json) -> Result<Self, ApiError> {
        let text = |key: &str| asked.get(key).and_then(Json::as_str).unwrap_or_default().trim();
        if text("address").is_empty() {
            return Err(ApiError::with(codes::INVALID_VALUE, &[&"address", &"empty"]));
        }
        let fingerprint = text("fingerprint").replace(':', "").to_ascii_lowercase();
        Ok(Self {
            address: text("address").to_owned(),
            fingerprint: Some(fingerprint).filter(|text| !text.is_empty()),
            code: text("code").to_owned(),
        })
    }

    async fn ask(&self, what: &str, body: &Json) -> Result<Answer, ApiError> {
        candidate::ask(&self.address, self.fingerprint.as_deref(), what, body).await
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `POST /haven/pool/check-host`.
///
/// # Errors
/// Nobody answers there, the code is wrong, or the host is in a pool.
pub async fn check(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let asked = Asked::read(asked)?;
    if asked.code.is_empty() {
        // The session says whether it waits, without a code.
        let answer = asked.ask("hello", &json!({})).await?;
        let waits = answer
            .body
            .as_ref()
            .err()
            .is_none_or(|error| error.code != codes::OPERATION_NOT_ALLOWED);
        return Ok(json!({ "fingerprint": answer.fingerprint, "waits": waits }));
    }
    let places = state.pool.read(storage).await??;
    let test = fresh();
    let marked = mark(state, &places, test).await;
    let body = json!({
        "code": asked.code,
        "storage": marked.iter().filter(|(_, _, left)| left.is_ok()).map(|(spec, ..)| json!({
            "sr": spec.uuid, "kind": spec.kind, "device_config": spec.device_config, "test": test,
        })).collect::<Vec<_>>(),
    });
    let answer = asked.ask("candidate", &body).await;
    clear(state, &marked, test).await;
    let answer = answer?;
    let found = answer.body?;
    let facts: HostFacts = serde_json::from_value(found.get("facts").cloned().unwrap_or_default())
        .map_err(|error| ApiError::internal(format!("the host's facts: {error}")))?;
    let mut checks =
        state.pool.read(|db| host_checks(db, state, (&found, &facts), answer.address)).await??;
    checks.extend(storage_checks(&marked, &found));
    let ok = checks.iter().all(|check| check.get("state") != Some(&json!("bad")));
    Ok(json!({
        "fingerprint": answer.fingerprint,
        "waits": true,
        "name": found.get("name"),
        "address": answer.address,
        "version": facts.version,
        "ok": ok,
        "checks": checks,
    }))
}

/// `POST /haven/pool/add-host`: the host joins with a token made for it.
///
/// # Errors
/// As joining.
pub async fn add(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let asked = Asked::read(asked)?;
    if asked.fingerprint.is_none() {
        let why = "empty: check the host first, and compare";
        return Err(ApiError::with(codes::INVALID_VALUE, &[&"fingerprint", &why]));
    }
    let now = now_ms();
    let life = u64::try_from(TOKEN_LIFE.as_millis()).unwrap_or_default();
    let token = membership::issue_token(state, now + life, now).await?;
    let answer = asked.ask("join", &json!({ "code": asked.code, "token": token })).await?;
    answer.body.map(|joined| json!({ "joined": joined, "address": answer.address }))
}

/// The shared repositories, with their names.
fn storage(db: &Image) -> Result<Vec<(SrSpec, String)>, ApiError> {
    let name = |spec: &SrSpec| {
        let row = db.find_uuid::<Sr>(&spec.uuid.to_string()).and_then(|sr| db.get(sr));
        row.map(|row| row.name_label.clone()).unwrap_or_default()
    };
    let all = membership::shared_storage(db)?.into_iter().take(STORAGE_MAX);
    Ok(all.map(|spec| (spec.clone(), name(&spec))).collect())
}

type Marked = (SrSpec, String, Result<(), OrderError>);

async fn part(state: &AppState, sr: &SrSpec, part: TestPart, test: Uuid) -> Result<(), OrderError> {
    let SrSpec { kind, device_config, .. } = sr.clone();
    let order = Order::TestSr { kind, device_config, part, test };
    state.orders.send(state.identity.host(), order).await.map(|_| ())
}

/// Leaves a mark on each, which the host looks for.
async fn mark(state: &AppState, places: &[(SrSpec, String)], test: Uuid) -> Vec<Marked> {
    let mut marked = Vec::new();
    for (sr, name) in places {
        marked.push((sr.clone(), name.clone(), part(state, sr, TestPart::Mark, test).await));
    }
    marked
}

async fn clear(state: &AppState, marked: &[Marked], test: Uuid) {
    for (sr, _, left) in marked {
        if left.is_ok()
            && let Err(error) = part(state, sr, TestPart::Clear, test).await
        {
            tracing::warn!(%error, sr = %sr.uuid, "the mark of a test stays for an hour");
        }
    }
}

fn good(id: &str, detail: impl std::fmt::Display) -> Json {
    json!({ "id": id, "state": "good", "detail": detail.to_string() })
}

fn warning(id: &str, detail: impl std::fmt::Display) -> Json {
    json!({ "id": id, "state": "warning", "detail": detail.to_string() })
}

fn bad(id: &str, detail: impl std::fmt::Display, error: &ApiError) -> Json {
    let error = json!({ "message": error.code, "data": error.params });
    json!({ "id": id, "state": "bad", "detail": detail.to_string(), "error": error })
}

fn judged(id: &str, detail: impl std::fmt::Display, found: Result<(), ApiError>) -> Json {
    match found {
        Ok(()) => good(id, detail),
        Err(error) => bad(id, detail, &error),
    }
}

/// What the pool thinks of the host itself.
fn host_checks(
    db: &Image,
    state: &AppState,
    (found, facts): (&Json, &HostFacts),
    address: IpAddr,
) -> Result<Vec<Json>, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let settings = &state.config.settings;
    let entry = |key: &str| pool.cpu_info.get(key).map(String::as_str).unwrap_or_default();
    let rules = Rules {
        cpu_vendor: entry("vendor"),
        version: env!("CARGO_PKG_VERSION"),
        now_ms: now_ms(),
        clock_skew_max_s: settings.clock_skew_max_s,
        allow_dynamic_address: settings.allow_dynamic_address,
    };
    let port =
        |key: &str| found.get(key).and_then(Json::as_u64).and_then(|n| u16::try_from(n).ok());
    let own = found.get("address").and_then(Json::as_str).and_then(|text| text.parse().ok());
    let name = found.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    let member = Member {
        host: HostId(facts.host),
        name: name.clone(),
        address: own.unwrap_or(address),
        api_port: port("api_port").unwrap_or(settings.api_port),
        peer_port: port("peer_port").unwrap_or(settings.peer_port),
    };
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let mut checks = vec![
        judged("free", "", idle(found)),
        judged("identity", &name, coordinator::is_new(&members, &member)),
    ];
    let skew = i128::from(facts.wall_ms) - i128::from(rules.now_ms);
    for (id, result) in coordinator::checks(&rules, facts, member.address) {
        let detail = match id {
            "version" => facts.version.clone(),
            "cpu" => format!("{}, {}", facts.cpu_vendor, facts.cpu_model),
            "clock" => format!("{skew} ms"),
            _ => member.address.to_string(),
        };
        checks.push(judged(id, detail, result));
    }
    let taken = db.iter::<Host>().any(|(_, row)| row.name_label == name);
    checks.push(if taken { warning("name", &name) } else { good("name", &name) });
    checks.extend(hypervisor(facts, entry(spec::CPU_MODEL_KEY)));
    checks.extend(strangers(found));
    let ports = facts.nics.iter().filter(|nic| nic.physical);
    let (all, up) = (ports.clone().count(), ports.filter(|nic| nic.carrier).count());
    let links = format!("{up}/{all}");
    checks.push(if up > 0 { good("links", links) } else { warning("links", links) });
    let memory = format!("{} MiB", facts.memory_total >> 20);
    checks.push(if facts.memory_total >= 1 << 30 {
        good("memory", memory)
    } else {
        warning("memory", memory)
    });
    Ok(checks)
}

/// Whether nothing runs there, as the host says.
fn idle(found: &Json) -> Result<(), ApiError> {
    match found.get("idle").filter(|idle| !idle.is_null()) {
        None => Ok(()),
        Some(error) => Err(crate::peer_net::refusal(&json!({ "error": error }))),
    }
}

/// Machines in the host's hypervisor that are not Haven's: they stay as they are, and the pool
/// neither sees nor protects them.
fn strangers(found: &Json) -> Option<Json> {
    let named = found.get("machines").filter(|machines| !machines.is_null())?;
    let machines: Vec<Stranger> = serde_json::from_value(named.clone()).ok()?;
    if machines.is_empty() {
        return Some(good("machines", ""));
    }
    let one = |machine: &Stranger| match machine.runs {
        true => format!("{} (running)", machine.name),
        false => format!("{} (shut off)", machine.name),
    };
    let names: Vec<String> = machines.iter().map(one).collect();
    let detail = names.join(", ");
    Some(json!({ "id": "machines", "state": "warning", "detail": detail, "machines": machines }))
}

fn hypervisor(facts: &HostFacts, model: &str) -> Vec<Json> {
    let Some(found) = &facts.hypervisor else {
        return vec![warning("hypervisor", ""), warning("virtualisation", "")];
    };
    let versions = format!("libvirt {}, QEMU {}", found.libvirt_version, found.hypervisor_version);
    let kvm = found.virt_type == "kvm";
    let kind = if kvm { "KVM" } else { "QEMU TCG" };
    let has = model.is_empty() || found.usable_models.iter().any(|usable| usable == model);
    vec![
        good("hypervisor", versions),
        if kvm { good("virtualisation", kind) } else { warning("virtualisation", kind) },
        if has { good("cpu-model", model) } else { warning("cpu-model", model) },
    ]
}

/// Whether the host reaches each repository, and finds what this host left there.
fn storage_checks(marked: &[Marked], found: &Json) -> Vec<Json> {
    let answers = found.get("storage").and_then(Json::as_array).cloned().unwrap_or_default();
    let check = |(sr, name, left): &Marked| {
        if let Err(error) = left {
            // The pool's own trouble, which is no reason against the host.
            return warning("storage", format!("{name}: {error}"));
        }
        let uuid = json!(sr.uuid);
        let answer = answers.iter().find(|answer| answer.get("sr") == Some(&uuid));
        let text = |key: &str| {
            let error = answer.and_then(|answer| answer.get("error"));
            error.and_then(|error| error.get(key)).and_then(Json::as_str).map(str::to_owned)
        };
        if let (Some(code), Some(why)) = (text("code"), text("text")) {
            let error = haven_drivers::storage::StorageError { code, text: why };
            let error = errors::order(haven_model::Ref::NULL, OrderError::Storage(error));
            return bad("storage", name, &error);
        }
        match answer.and_then(|answer| answer.get("same_place")).and_then(Json::as_bool) {
            Some(true) => good("storage", name),
            _ => {
                bad("storage", name, &ApiError::with(codes::CANDIDATE_SEES_OTHER_STORAGE, &[name]))
            }
        }
    };
    marked.iter().map(check).collect()
}
