//! Who sends a request that is no call: a session in the query, in a cookie or in a header, or a
//! user and password for this request alone.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use haven_api::access::http_action;
use haven_model::{ApiError, RefId, RoleLevel, codes};
use uuid::Uuid;

use super::Origin;
use crate::audit::Entry;
use crate::dispatch::authenticate;
use crate::session::Login;
use crate::state::{AppState, now};

/// Name of the session in a query and in a cookie.
const SESSION: &str = "session_id";

/// What a request shows.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    sessions: Vec<RefId>,
    basic: Option<(String, String)>,
}

impl Credentials {
    pub(super) fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let cookie = text(request.headers(), header::COOKIE).unwrap_or_default();
        let given = query_value(query, SESSION).into_iter().chain(cookie_value(cookie, SESSION));
        Self {
            sessions: given.filter_map(|text| text.parse().ok()).collect(),
            basic: basic(request.headers()),
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A value of a query, as programs of browsers and `curl` escape it.
pub(super) fn query_value(query: &str, key: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
}

fn cookie_value(cookie: &str, key: &str) -> Option<String> {
    let mut pairs = cookie.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value.replace("%3A", ":"))
}

/// User and password.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = text(headers, header::AUTHORIZATION)?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Who a request comes from.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The user.
    pub(super) login: Login,
}

impl Who {
    /// Begins a line of the audit log.
    pub(super) fn entry(&self, origin: Origin, call: &str) -> Entry {
        Entry {
            role: crate::audit::role_name(self.login.role).to_owned(),
            originator: self.login.originator.clone(),
            ..Entry::new(&self.login.user, origin, call)
        }
    }
}

/// Finds out.
///
/// # Errors
/// The request shows nothing that is good.
pub(super) async fn identify(
    state: &Arc<AppState>,
    origin: Origin,
    credentials: Credentials,
) -> Result<Who, ApiError> {
    let open = |id: &RefId| state.sessions.get(Uuid::from_u128(id.0), now().unix_s());
    if let Some(session) = credentials.sessions.iter().find_map(open) {
        let login = Login {
            user: session.user.clone(),
            originator: session.originator.clone(),
            role: session.role,
            subject: session.subject,
        };
        return Ok(Who { login });
    }
    if origin.is_root() {
        return Ok(Who { login: Login::root("root", "") });
    }
    if let Some((user, password)) = credentials.basic {
        let login = authenticate(state, origin, &user, password).await?;
        return Ok(Who { login });
    }
    match credentials.sessions.first() {
        Some(session) => Err(ApiError::with(codes::SESSION_INVALID, &[session])),
        None => Err(ApiError::with(codes::SESSION_AUTHENTICATION_FAILED, &[&"", &"no login"])),
    }
}

/// Whether the user may, by name of the permission.
///
/// # Errors
/// `RBAC_PERMISSION_DENIED`.
pub(super) fn require(who: &Who, role: RoleLevel, permission: &str) -> Result<(), ApiError> {
    if who.login.role.permits(role) {
        return Ok(());
    }
    let needed = haven_api::rbac::Needed { role, permission: permission.to_owned() };
    Err(haven_api::rbac::denied(who.login.role, &needed))
}

/// Who may use one of XenAPI's paths, and does. The future holds nothing of the request.
///
/// # Errors
/// Not logged in, or the role does not allow it.
pub(super) fn for_path(
    state: &Arc<AppState>,
    origin: Origin,
    request: &Request,
) -> impl Future<Output = Result<Who, ApiError>> + Send + use<> {
    let path = request.uri().path();
    let action = http_action(request.method().as_str(), path);
    let role = action.map_or(RoleLevel::PoolAdmin, |action| action.role);
    let name = action.map_or(path, |action| action.name).to_owned();
    let (state, credentials) = (state.clone(), Credentials::of(request));
    async move { allowed(&state, origin, credentials, (role, name)).await }
}

async fn allowed(
    state: &Arc<AppState>,
    origin: Origin,
    credentials: Credentials,
    (role, name): (RoleLevel, String),
) -> Result<Who, ApiError> {
    let who = identify(state, origin, credentials).await?;
    let allowed = require(&who, role, &format!("http/{name}"));
    if allowed.is_err() {
        state.audit.note(who.entry(origin, &format!("http/{name}")).with_result(&allowed));
    }
    allowed.map(|()| who)
}

/// The refusal of a path: 401 asks for a login, 403 does not.
pub(super) fn refusal(error: &ApiError) -> Response {
    if error.code == codes::RBAC_PERMISSION_DENIED {
        return (StatusCode::FORBIDDEN, error.to_string()).into_response();
    }
    if error.code == codes::HOST_IS_SLAVE || error.code == codes::HOST_STILL_BOOTING {
        return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
    }
    let mut response = (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"haven\""));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn texts_of_a_query_may_be_in_any_script() {
        let query = "a=1&name=%E5%B9%B2%E5%87%80+a%26b.iso&c=100%";
        let value = |key: &str| query_value(query, key);
        assert_eq!(value("name").as_deref(), Some("干净 a&b.iso"));
        assert_eq!(value("c").as_deref(), Some("100%"));
        assert_eq!(value("none"), None);
    }

    #[test]
    fn sessions_are_found_in_query_and_cookie_and_logins_in_their_header() {
        let id = "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba";
        let escaped = id.replace(':', "%3A");
        let request = |uri: String, name: &'static str, value: String| {
            Request::get(uri).header(name, value).body(Body::empty()).unwrap()
        };
        let query = request(format!("/x?a=b&session_id={escaped}"), "x-none", String::new());
        let cookie = request("/x".to_owned(), "cookie", format!("a=b; session_id={id}"));
        for request in [query, cookie] {
            assert_eq!(Credentials::of(&request).sessions, [id.parse().unwrap()]);
        }
        let basic = format!("Basic {}", STANDARD.encode("alice:a:b"));
        let found = Credentials::of(&request("/x".to_owned(), "authorization", basic));
        assert_eq!(found.basic, Some(("alice".to_owned(), "a:b".to_owned())));
    }
}
