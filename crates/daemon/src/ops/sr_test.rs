//! `POST /haven/storage/test`: whether a place can become a repository, as every host sees it,
//! before anything is created.

use std::collections::BTreeMap;
use std::sync::Arc;

use haven_drivers::storage::{SrTest, TestPart};
use haven_model::{ApiError, Host, Ref, codes};
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{errors, host, rows, sr};
use crate::orders::{Order, OrderReply};
use crate::state::{AppState, fresh};

/// Hosts that try the place at the same time: their samples compete for it.
const AT_ONCE_MAX: usize = 4;

/// Type of libraries of CD images.
const LIBRARY: &str = "iso";

/// What is tried.
#[derive(Clone, Debug)]
struct Place {
    kind: String,
    device_config: BTreeMap<String, String>,
    test: Uuid,
}

/// `{type, device_config, shared?, host?}`: the first host leaves a mark, the others look for it; a
/// place that is not shared is tried by one host alone, the coordinator unless one is named.
///
/// # Errors
/// An unknown type, or no live host. What a host finds wrong is in its result, not an error.
pub async fn test(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    state.check_may_act()?;
    let kind = asked.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    sr::check_type(&kind)?;
    let config = asked.get("device_config").cloned().unwrap_or_else(|| json!({}));
    let device_config = serde_json::from_value(config)
        .map_err(|error| ApiError::with(codes::INVALID_VALUE, &[&"device_config", &error]))?;
    let shared = asked.get("shared").and_then(Json::as_bool).unwrap_or(kind != "local");
    let place = Place { kind, device_config, test: fresh() };
    let named = asked.get("host").and_then(Json::as_str).unwrap_or_default().to_owned();
    let hosts = state.pool.read(|db| hosts(db, &named, shared)).await??;
    let (first, rest) =
        hosts.split_first().ok_or_else(|| ApiError::new(codes::HOST_NOT_LIVE, Vec::new()))?;
    let begun = try_on(state, first, &place, TestPart::Mark).await;
    let mut results = vec![(first.clone(), begun)];
    results.extend(others(state, rest, &place).await);
    // Its failure has been told already, if it has one.
    let _cleared = try_on(state, first, &place, TestPart::Clear).await;
    let is_library = place.kind == LIBRARY;
    let is_first_ok = results.first().is_some_and(|(_, result)| result.is_ok());
    let hosts: Vec<Json> =
        results.iter().map(|(host, result)| shown(host, result, is_first_ok, is_library)).collect();
    let ok = hosts.iter().all(|host| host.get("ok") == Some(&Json::Bool(true)));
    Ok(json!({ "ok": ok, "hosts": hosts }))
}

/// A host that takes part.
#[derive(Clone, Debug)]
struct Tester {
    host: Ref<Host>,
    uuid: String,
    name: String,
    live: bool,
}

/// The coordinator first, then the others by name.
fn hosts(db: &haven_pooldb::Image, named: &str, shared: bool) -> Result<Vec<Tester>, ApiError> {
    let master = rows::pool(db)?.1.master;
    let all = db.iter::<Host>().map(|(host, row)| Tester {
        host,
        uuid: row.uuid.clone(),
        name: row.name_label.clone(),
        live: host::is_live(db, host),
    });
    let mut all: Vec<Tester> = all.collect();
    if !shared {
        let wanted = |one: &Tester| match named {
            "" => one.host == master,
            named => one.uuid == named || one.name == named || one.host.to_string() == named,
        };
        all.retain(wanted);
        if all.is_empty() {
            return Err(ApiError::uuid_invalid::<Host>(named));
        }
        return Ok(all);
    }
    all.sort_by_key(|one| (one.host != master, one.name.clone()));
    Ok(all)
}

type Tried = Result<SrTest, ApiError>;

async fn others(state: &Arc<AppState>, hosts: &[Tester], place: &Place) -> Vec<(Tester, Tried)> {
    let mut found = Vec::new();
    for some in hosts.chunks(AT_ONCE_MAX) {
        let mut running = JoinSet::new();
        for host in some.iter().cloned() {
            let (state, place) = (state.clone(), place.clone());
            running.spawn(async move {
                let tried = try_on(&state, &host, &place, TestPart::Find).await;
                (host, tried)
            });
        }
        found.extend(running.join_all().await);
    }
    found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    found
}

async fn try_on(state: &AppState, on: &Tester, place: &Place, part: TestPart) -> Tried {
    if !on.live {
        return Err(ApiError::with(codes::HOST_NOT_LIVE, &[]));
    }
    let Place { kind, device_config, test } = place.clone();
    match state
        .orders
        .send(host::id(on.host), Order::TestSr { kind, device_config, part, test })
        .await
    {
        Ok(OrderReply::Tested(found)) => Ok(*found),
        Ok(_) => Err(ApiError::internal("an unexpected answer to a test of storage")),
        Err(error) => Err(errors::order(on.host, error)),
    }
}

/// A host's result. Whether it sees the same place can be told only if the first host left a mark.
/// What lies in a library of images is what it is for; elsewhere it is a repository already.
fn shown(host: &Tester, result: &Tried, is_marked: bool, is_library: bool) -> Json {
    let head = json!({ "host": host.uuid, "name": host.name });
    let body = match result {
        Ok(found) => {
            let same = found.same_place || !is_marked;
            json!({
                "ok": same && (is_library || found.found.is_empty()),
                "same_place": same,
                "found": found.found,
                "size": found.space.physical_size,
                "used": found.space.physical_utilisation,
                "write_us": found.write_us,
                "mib_per_s": found.mib_per_s,
                "clock_ms": found.clock_ms,
            })
        }
        Err(error) => {
            json!({ "ok": false, "error": { "message": error.code, "data": error.params } })
        }
    };
    let mut all = head.as_object().cloned().unwrap_or_default();
    all.extend(body.as_object().cloned().unwrap_or_default());
    Json::Object(all)
}
