//! Copies of the pool database, taking one over when the coordinator or its database is lost, and
//! the database as a file: `GET` and `PUT /pool/xmldbdump` (`dry_run`, `task_id`).

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Ref, Task, Value, codes};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::auth::{self, query_value};
use super::extra::DUMP_BYTES_MAX;
use super::{Origin, body};
use crate::recovery::Wishes;
use crate::state::AppState;
use crate::{backup, copies as copied, recovery};

/// `GET /haven/pool/copy-about`: this host alone.
pub(super) async fn about(state: &Arc<AppState>) -> Result<Json, ApiError> {
    serde_json::to_value(copied::about(state).await).map_err(ApiError::internal)
}

/// `GET /haven/pool/copy`: the copy of this host, secrets included.
pub(super) async fn copy(state: &Arc<AppState>) -> Result<Json, ApiError> {
    serde_json::to_value(copied::own(state).await?).map_err(ApiError::internal)
}

/// `GET /haven/pool/copies`: what each host has.
pub(super) async fn copies(state: &Arc<AppState>) -> Result<Json, ApiError> {
    let standings = copied::ask_all(state).await;
    let now = u64::try_from(crate::state::now().unix_s()).unwrap_or(0);
    let newest = copied::newest(&standings).map(|(_, generation)| generation);
    let rows = standings.iter().map(|standing| {
        let about = standing.about.as_ref();
        let age = about.and_then(|about| Some(now.saturating_sub(about.kept_s?)));
        json!({
            "host": standing.host.0.to_string(),
            "name": standing.name,
            "answers": about.is_some(),
            "coordinates": about.is_some_and(|about| about.coordinates),
            "generation": about.and_then(|about| about.generation),
            "behind": about.and_then(|about| newest?.checked_sub(about.generation?)),
            "age_s": age,
        })
    });
    Ok(Json::Array(rows.collect()))
}

/// `POST /haven/pool/recover {confirm, from?, off: [name or uuid]}`.
pub(super) async fn recover(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let text = |key: &str| asked.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let from = text("from");
    let from = if from.is_empty() { None } else { Some(HostId(member(state, &from)?)) };
    let off = asked.get("off").and_then(Json::as_array).cloned().unwrap_or_default();
    let off = off.iter().filter_map(Json::as_str).map(|name| member(state, name));
    let off = off.collect::<Result<Vec<_>, _>>()?;
    let wishes = Wishes { confirm: text("confirm"), from, off };
    // It goes on when its client hangs up.
    let work = {
        let state = state.clone();
        async move { recovery::recover(&state, wishes).await }
    };
    let standing = tokio::spawn(work).await.map_err(ApiError::internal)??;
    Ok(json!({ "host": standing.host.0.to_string(), "name": standing.name }))
}

/// A member by name or uuid: the database cannot be asked.
pub(super) fn member(state: &AppState, asked: &str) -> Result<Uuid, ApiError> {
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let mut named = members
        .iter()
        .filter(|member| member.name == asked || member.host.0.to_string() == asked)
        .map(|member| member.host.0);
    match (named.next(), named.next()) {
        (Some(host), None) => Ok(host),
        (Some(_), Some(_)) => {
            Err(ApiError::not_allowed(format!("several hosts are called {asked}: give the uuid")))
        }
        (None, _) => Err(ApiError::uuid_invalid::<Host>(asked)),
    }
}

async fn dumped(state: &Arc<AppState>) -> Result<String, ApiError> {
    let snapshot = state.pool.read(|db| db.export()).await??;
    let text = tokio::task::spawn_blocking(move || backup::dump(&snapshot)).await;
    text.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// `POST /haven/pool/dump`.
pub(super) async fn dump(state: &Arc<AppState>) -> Result<Json, ApiError> {
    Ok(json!({ "dump": dumped(state).await? }))
}

/// `POST /haven/pool/restore {dump, dry_run}`.
pub(super) async fn restore(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let text = asked.get("dump").and_then(Json::as_str).unwrap_or_default().to_owned();
    let dry_run = asked.get("dry_run").and_then(Json::as_bool).unwrap_or(false);
    let head = recovery::restore(state, text, dry_run).await?;
    serde_json::to_value(head).map_err(ApiError::internal)
}

/// XenServer's path for both.
pub(super) async fn dump_or_restore(
    state: &Arc<AppState>,
    origin: Origin,
    request: Request,
) -> Response {
    let who = match auth::for_path(state, origin, &request).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let task = query_value(&query, "task_id").and_then(|text| text.parse::<Ref<Task>>().ok());
    let put = *request.method() == Method::PUT;
    let result = match put {
        true => put_back(state, &query, request).await.map(|()| String::new()),
        false => dumped(state).await,
    };
    let name = if put { "http/put_pool_xml_db_sync" } else { "http/get_pool_xml_db_sync" };
    state.audit.note(who.entry(origin, name).with_result(&result));
    if let Some(task) = task {
        let end = result.as_ref().map(|_| Value::void()).map_err(Clone::clone);
        if let Err(error) = crate::dispatch::complete(state, task, end).await {
            tracing::warn!(%error, %task, "the end of a transfer could not be written down");
        }
    }
    match result {
        Ok(text) => {
            let kind = HeaderValue::from_static("application/octet-stream");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn put_back(state: &Arc<AppState>, query: &str, request: Request) -> Result<(), ApiError> {
    let dry_run = query_value(query, "dry_run").is_some_and(|value| value == "true");
    let cut = || ApiError::with(codes::DATABASE_DUMP_INVALID, &[&"it did not arrive whole"]);
    let bytes = body(request, DUMP_BYTES_MAX).await.map_err(|_| cut())?;
    let text = String::from_utf8(bytes).map_err(|_| cut())?;
    recovery::restore(state, text, dry_run).await.map(drop)
}
