//! The way to a guest's console: who asks, and where the guest runs.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use haven_model::{Console, ConsoleProtocol, Ref, Vm};
use haven_pooldb::Image;

use super::{Origin, auth};
use crate::audit::{Entry, Object};
use crate::consoles::{self, ConsoleKind, ConsoleTarget};
use crate::ops::{host, rows};
use crate::state::AppState;

/// `CONNECT /console?uuid=…` and `GET /console?ref=…`: of a VM (its screen) or of one console.
pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let value = |key: &str| auth::query_value(&query, key);
    if let Some(host) = value("host") {
        return super::host_console::serve(state, origin, &host, request).await;
    }
    let who = match auth::for_path(state, origin, &request).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    let asked = value("ref").or_else(|| value("uuid")).unwrap_or_default();
    let found = state.pool.read(|db| target(db, &asked)).await;
    match found {
        Ok(Some(target)) => {
            let opened = Entry {
                objects: vec![Object {
                    class: "VM".to_owned(),
                    uuid: target.vm.to_string(),
                    name: String::new(),
                }],
                ..who.entry(origin, "http/console")
            };
            state.audit.note(opened.with_result(&Ok(())));
            consoles::serve(state.agent(), target, request).await
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
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
