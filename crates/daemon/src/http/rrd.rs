//! `/rrd_updates`, `/vm_rrd`, `/host_rrd`, `/sr_rrd`: what hosts, guests and storage use, over time.
//!
//! Every host has the archives of its own guests. A member has its coordinator judge who asks,
//! and says for which host; the coordinator asks the host that owns them.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use haven_model::{ApiError, Host, Ref, Sr, Vm, codes};
use haven_pooldb::Image;

use super::auth::{self, query_value};
use super::{Origin, text};
use crate::ops::{host, rows, stats as ask};
use crate::state::AppState;
use crate::stats::{self, Cf, StatsAnswer, StatsQuery};

/// Which host is asked; the coordinator itself without.
const HOST: &str = "host_uuid";
/// The paths.
pub(super) const ROUTES: [&str; 4] = ["/rrd_updates", "/vm_rrd", "/host_rrd", "/sr_rrd"];

/// Names this host in a request that goes on to the coordinator, unless it names one.
pub(super) fn name_host(state: &AppState, request: &mut Request) {
    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    if query_value(query, HOST).is_some() {
        return;
    }
    let host = state.identity.host().0;
    let path = format!("{}?{query}&{HOST}={host}", uri.path());
    if let Ok(uri) = path.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}

pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let who = auth::for_path(state, origin, &request);
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let json = query_value(&query, "json").is_some_and(|value| value != "false")
        || accept.is_some_and(|accept| accept.contains("application/json"));
    drop(request);
    if let Err(error) = who.await {
        return auth::refusal(&error);
    }
    match answer(state, &path, &query, json).await {
        Ok(body) => text(if json { "application/json" } else { "text/xml" }, body),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ApiError) -> Response {
    let status = match error.code {
        codes::HANDLE_INVALID | codes::UUID_INVALID => StatusCode::NOT_FOUND,
        codes::INVALID_VALUE => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, error.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

async fn answer(
    state: &Arc<AppState>,
    path: &str,
    query: &str,
    json: bool,
) -> Result<String, ApiError> {
    let value = |key: &str| query_value(query, key);
    let named = value(HOST);
    let own = state.this_host();
    let asked = move |db: &Image| match &named {
        Some(uuid) => {
            db.find_uuid::<Host>(uuid).ok_or_else(|| ApiError::uuid_invalid::<Host>(uuid))
        }
        None => Ok(own),
    };
    let (on, question) = match path {
        "/vm_rrd" => {
            let uuid = value("uuid").unwrap_or_default();
            let (vm, on) = state.pool.read(|db| resident(db, &uuid)).await??;
            (on.unwrap_or(own), StatsQuery::Dump { vm: Some(vm) })
        }
        "/sr_rrd" => {
            let uuid = value("uuid").unwrap_or_default();
            let known = state.pool.read(|db| db.find_uuid::<Sr>(&uuid)).await?;
            let missing = || ApiError::uuid_invalid::<Sr>(&uuid);
            known.ok_or_else(missing)?;
            (own, StatsQuery::DumpSr { sr: rows::uuid(&uuid)? })
        }
        "/host_rrd" => (state.pool.read(asked).await??, StatsQuery::Dump { vm: None }),
        _ => (state.pool.read(asked).await??, updates(query)?),
    };
    let answer = ask::ask(state, on, question).await?;
    Ok(match answer {
        StatsAnswer::Updates(updates) if json => stats::updates_json(&updates),
        StatsAnswer::Updates(updates) => stats::updates_xml(&updates),
        StatsAnswer::Dump(dump) if json => stats::dump_json(&dump.unwrap_or_default()),
        StatsAnswer::Dump(dump) => stats::dump_xml(&dump.unwrap_or_default()),
        _ => return Err(ApiError::internal("an unexpected answer")),
    })
}

/// A VM and where it runs.
fn resident(db: &Image, uuid: &str) -> Result<(uuid::Uuid, Option<Ref<Host>>), ApiError> {
    let vm = db.find_uuid::<Vm>(uuid).ok_or_else(|| ApiError::uuid_invalid::<Vm>(uuid))?;
    let row = db.require(vm)?;
    let on = row.resident_on.non_null().filter(|on| host::is_live(db, *on));
    Ok((rows::uuid(&row.uuid)?, on))
}

fn updates(query: &str) -> Result<StatsQuery, ApiError> {
    let number = |key: &str| -> Result<i64, ApiError> {
        match query_value(query, key) {
            None => Ok(0),
            // Clients send times with fractions.
            Some(text) => text
                .split('.')
                .next()
                .and_then(|whole| whole.parse().ok())
                .ok_or_else(|| ApiError::with(codes::INVALID_VALUE, &[&key, &text])),
        }
    };
    let cf = query_value(query, "cf").unwrap_or_else(|| Cf::Average.as_str().to_owned());
    let cf =
        Cf::from_name(&cf).ok_or_else(|| ApiError::with(codes::INVALID_VALUE, &[&"cf", &cf]))?;
    let uuid = |key: &str| query_value(query, key).filter(|text| !text.is_empty());
    let vm = uuid("vm_uuid");
    let vm =
        vm.map(|text| text.parse().map_err(|_| ApiError::uuid_invalid::<Vm>(&text))).transpose()?;
    let sr = uuid("sr_uuid");
    let sr =
        sr.map(|text| text.parse().map_err(|_| ApiError::uuid_invalid::<Sr>(&text))).transpose()?;
    Ok(StatsQuery::Updates {
        start: number("start")?,
        cf,
        interval: number("interval")?,
        host: query_value(query, "host").is_some_and(|value| value == "true"),
        vm,
        sr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_nonsense_is_refused() {
        let query = "session_id=x&start=1700000000.5&cf=average&host=true&interval=60";
        let expected = StatsQuery::Updates {
            start: 1_700_000_000,
            cf: Cf::Average,
            interval: 60,
            host: true,
            vm: None,
            sr: None,
        };
        assert_eq!(updates(query), Ok(expected));
        for bad in ["start=yesterday", "cf=MEDIAN", "vm_uuid=x", "sr_uuid=x"] {
            assert!(updates(bad).is_err(), "{bad}");
        }
    }
}
