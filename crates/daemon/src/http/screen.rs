//! `GET /vncsnapshot?uuid=…`: what a guest shows on its screen, as a picture.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use haven_model::{ApiError, Host, Ref, Vm, codes};
use haven_pooldb::Image;
use uuid::Uuid;

use super::{Origin, auth};
use crate::guest_watch::kept_screen;
use crate::ops::{errors, host, rows};
use crate::orders::{Order, OrderReply};
use crate::state::AppState;

/// The path, which XenAPI names.
pub(super) const ROUTE: &str = "/vncsnapshot";

/// Answers a client of the API.
pub(super) async fn serve(state: &Arc<AppState>, origin: Origin, request: Request) -> Response {
    match ask(state, origin, request).await {
        Ok(bytes) => png(bytes),
        Err(error) => match error.code {
            codes::HANDLE_INVALID | codes::UUID_INVALID => refused(StatusCode::NOT_FOUND, &error),
            codes::VM_BAD_POWER_STATE => refused(StatusCode::CONFLICT, &error),
            codes::SESSION_INVALID
            | codes::SESSION_AUTHENTICATION_FAILED
            | codes::RBAC_PERMISSION_DENIED => auth::refusal(&error),
            _ => refused(StatusCode::SERVICE_UNAVAILABLE, &error),
        },
    }
}

fn refused(status: StatusCode, error: &ApiError) -> Response {
    (status, error.to_string()).into_response()
}

/// The picture as an answer.
pub(super) fn png(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Asks the host of the guest, for whoever may open its console.
///
/// # Errors
/// Nobody may ask who asks, the guest does not run, or its host gives no picture.
pub(super) async fn ask(
    state: &Arc<AppState>,
    origin: Origin,
    request: Request,
) -> Result<Vec<u8>, ApiError> {
    let who = auth::for_path(state, origin, &request);
    let query = request.uri().query().unwrap_or_default().to_owned();
    drop(request);
    who.await?;
    let asked = ["uuid", "ref"].iter().find_map(|key| auth::query_value(&query, key));
    let asked = asked.unwrap_or_default();
    match auth::query_value(&query, "before_reset").as_deref() {
        Some("true") => before_reset(state, &asked).await,
        _ => picture(state, &asked).await,
    }
}

/// What it showed when it was found to hang, if this host has kept that.
async fn before_reset(state: &Arc<AppState>, asked: &str) -> Result<Vec<u8>, ApiError> {
    let vm = state.pool.read(|db| named(db, asked)).await??;
    let (state, id) = (state.clone(), Uuid::from_u128(vm.id().0));
    let read = tokio::task::spawn_blocking(move || kept_screen(&state, id)).await;
    let nothing = || ApiError::uuid_invalid::<Vm>(asked);
    read.map_err(ApiError::internal)?.ok_or_else(nothing)
}

async fn picture(state: &Arc<AppState>, asked: &str) -> Result<Vec<u8>, ApiError> {
    let (vm, on) = state.pool.read(|db| runs_on(db, asked)).await??;
    let reply = state.orders.send(host::id(on), Order::Screenshot { vm }).await;
    match reply.map_err(|error| errors::order(on, error))? {
        OrderReply::Picture(text) => STANDARD.decode(text).map_err(ApiError::internal),
        _ => Err(ApiError::internal("an unexpected answer to a question for a picture")),
    }
}

fn named(db: &Image, asked: &str) -> Result<Ref<Vm>, ApiError> {
    let vm: Option<Ref<Vm>> = asked.parse().ok().filter(|vm| db.get(*vm).is_some());
    let vm = vm.or_else(|| db.find_uuid::<Vm>(asked));
    vm.ok_or_else(|| ApiError::uuid_invalid::<Vm>(asked))
}

fn runs_on(db: &Image, asked: &str) -> Result<(Uuid, Ref<Host>), ApiError> {
    let vm = named(db, asked)?;
    let row = db.require(vm)?;
    let on = row.resident_on.non_null().ok_or_else(|| {
        ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"running", &row.power_state])
    })?;
    Ok((rows::uuid(&row.uuid)?, on))
}
