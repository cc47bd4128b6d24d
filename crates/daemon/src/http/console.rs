//! The way to a guest's console: who asks, and where the guest runs.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_model::{Console, ConsoleProtocol, Ref, RefId, Vm};
use haven_pooldb::Image;
use uuid::Uuid;

use super::Origin;
use crate::consoles::{self, ConsoleKind, ConsoleTarget};
use crate::ops::{host, rows};
use crate::state::{AppState, now};

/// `CONNECT /console?uuid=…` and `GET /console?ref=…`: of a VM (its screen) or of one console.
pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let value = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.replace("%3A", ":"))
    };
    if !origin.is_root() && !logged_in(state, value("session_id"), &request) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let asked = value("ref").or_else(|| value("uuid")).unwrap_or_default();
    let found = state.pool.read(|db| target(db, &asked)).await;
    match found {
        Ok(Some(target)) => consoles::serve(state.agent(), target, request).await,
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A session in the query, or in a cookie.
fn logged_in(state: &AppState, query: Option<String>, request: &Request) -> bool {
    let cookie = request.headers().get(header::COOKIE).and_then(|value| value.to_str().ok());
    let cookie = cookie.and_then(|text| {
        let mut pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == "session_id").map(|(_, value)| value.to_owned())
    });
    let given = query.into_iter().chain(cookie);
    given
        .filter_map(|text| text.parse::<RefId>().ok())
        .any(|id| state.sessions.get(Uuid::from_u128(id.0), now().unix_s()).is_some())
}

/// The console that a reference or uuid names.
fn target(db: &Image, asked: &str) -> Option<ConsoleTarget> {
    let console: Option<Ref<Console>> = asked.parse().ok().filter(|found| db.get(*found).is_some());
    let console = console.or_else(|| db.find_uuid::<Console>(asked));
    let (vm, kind) = match console.and_then(|found| db.get(found)) {
        Some(row) if row.protocol == ConsoleProtocol::Vt100 => (row.vm, ConsoleKind::Serial),
        Some(row) => (row.vm, ConsoleKind::Vnc),
        None => {
            let vm: Option<Ref<Vm>> = asked.parse().ok().filter(|vm| db.get(*vm).is_some());
            (vm.or_else(|| db.find_uuid::<Vm>(asked))?, ConsoleKind::Vnc)
        }
    };
    let row = db.get(vm)?;
    let on = row.resident_on.non_null()?;
    Some(ConsoleTarget { vm: rows::uuid(&row.uuid).ok()?, host: host::id(on), kind })
}
