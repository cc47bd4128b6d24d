//! The way to the console of a host: who asks, whether the pool and the host give one, and who was there.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use haven_model::alerts::{AlertMeta, HOST_CONSOLE_CLOSED, HOST_CONSOLE_OPENED};
use haven_model::{ApiError, Host, MessageClass, Ref, RoleLevel, codes};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};

use super::Origin;
use super::auth::{self, Credentials};
use crate::audit::{Entry, Object};
use crate::consoles;
use crate::ops::{host, message, rows};
use crate::peer_net::{AskError, ask_member};
use crate::state::AppState;
use crate::terminal::Refusal;

/// `POST {host}`: whether the host gives a console.
pub(super) const ROUTE: &str = "/haven/host/console";
/// Where a member says so of itself.
pub(super) const HERE_ROUTE: &str = "/haven/host/console-here";
/// Least role.
const NEEDED: RoleLevel = RoleLevel::PoolAdmin;
/// What it is called, in refusals and in the audit log.
const PERMISSION: &str = "http/connect_console/host_console";
/// `pool.other_config`: `off` closes the consoles of all hosts.
const POOL_KEY: &str = "haven_host_console";
const OFF: &str = "off";

/// A host, and whether the pool allows a console.
struct Asked {
    host: Ref<Host>,
    uuid: String,
    name: String,
    allowed: bool,
}

impl Asked {
    fn find(db: &Image, uuid: &str) -> Option<Self> {
        let host = db.find_uuid::<Host>(uuid)?;
        let row = db.get(host)?;
        let (_, pool) = rows::pool(db).ok()?;
        let allowed = pool.other_config.get(POOL_KEY).is_none_or(|value| value != OFF);
        Some(Self { host, uuid: row.uuid.clone(), name: row.name_label.clone(), allowed })
    }
}

/// What this host says of itself.
pub(super) fn here(state: &AppState) -> Json {
    json!({ "refusal": state.agent().terminals().refusal().map(Refusal::as_str) })
}

/// `POST /haven/host/console {host}`: `refusal`, or null.
///
/// # Errors
/// There is no such host, or it does not answer.
pub(super) async fn state_of(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let uuid = asked.get("host").and_then(Json::as_str).unwrap_or_default().to_owned();
    let found = state.pool.read(|db| Asked::find(db, &uuid)).await?;
    let found = found.ok_or_else(|| ApiError::uuid_invalid::<Host>(&uuid))?;
    if !found.allowed {
        return Ok(json!({ "refusal": Refusal::OffInPool.as_str() }));
    }
    if found.host == state.this_host() {
        return Ok(here(state));
    }
    let asked = ask_member(&state.dialer, host::id(found.host), HERE_ROUTE, None).await;
    asked.map_err(|error| match error {
        AskError::Refused(error) => error,
        AskError::Silent(_) => ApiError::with(codes::HOST_OFFLINE, &[&found.host]),
    })
}

/// `GET` and `CONNECT /console?host=UUID`.
pub(super) async fn serve(
    state: &Arc<AppState>,
    origin: Origin,
    uuid: &str,
    request: Request,
) -> Response {
    let credentials = Credentials::of(&request);
    let who = match auth::identify(state, origin, credentials).await {
        Ok(who) => who,
        Err(error) => return auth::refusal(&error),
    };
    if let Err(error) = auth::require(&who, NEEDED, PERMISSION) {
        state.audit.note(who.entry(origin, PERMISSION).with_result(&Err::<(), _>(error.clone())));
        return auth::refusal(&error);
    }
    let found = match state.pool.read(|db| Asked::find(db, uuid)).await {
        Ok(Some(found)) => found,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    if !found.allowed {
        return (StatusCode::FORBIDDEN, Refusal::OffInPool.as_str()).into_response();
    }
    let object =
        Object { class: "host".to_owned(), uuid: found.uuid.clone(), name: found.name.clone() };
    let entry = Entry { objects: vec![object], ..who.entry(origin, PERMISSION) };
    let console = match consoles::open_host(state.agent(), host::id(found.host)).await {
        Ok(console) => console,
        Err(error) => {
            tracing::info!(%error, host = found.name, "no console of a host");
            let error = ApiError::internal(error.to_string());
            state.audit.note(entry.with_result(&Err::<(), _>(error.clone())));
            return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
        }
    };
    state.audit.note(entry.clone().with_result(&Ok(())));
    let visitor = Visitor { state: state.clone(), found, entry, since: Instant::now() };
    let visit = Visit(Arc::new(visitor));
    visit.0.tell(HOST_CONSOLE_OPENED, "was opened", None).await;
    consoles::carry_host(console, request, visit).await
}

/// Who is there, and since when.
struct Visitor {
    state: Arc<AppState>,
    found: Asked,
    entry: Entry,
    since: Instant,
}

impl Visitor {
    /// Into the history of the host.
    async fn tell(&self, alert: AlertMeta, what: &str, seconds: Option<u64>) {
        let Entry { user, from, .. } = &self.entry;
        let text =
            format!("The console of host '{}' {what} by {user} from {from}", self.found.name);
        let mut data = json!({ "host": self.found.name, "user": user, "from": from });
        if let Some(seconds) = seconds {
            data["seconds"] = json!(seconds);
        }
        let about = (MessageClass::Host, self.found.uuid.clone());
        message::raise(&self.state, alert, about, message::body(&text, &data)).await;
    }
}

/// Dropped, it tells that the visit is over.
struct Visit(Arc<Visitor>);

impl Drop for Visit {
    fn drop(&mut self) {
        let visitor = self.0.clone();
        let seconds = visitor.since.elapsed().as_secs();
        let time = crate::state::now().to_string();
        let call = format!("{PERMISSION}/closed");
        let mut entry = Entry { time, call, ..visitor.entry.clone() };
        entry.arguments.insert("seconds".to_owned(), seconds.to_string());
        visitor.state.audit.note(entry.with_result(&Ok(())));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                visitor.tell(HOST_CONSOLE_CLOSED, "was closed", Some(seconds)).await;
            });
        }
    }
}
