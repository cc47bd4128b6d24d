//! What a page of a pool asks: its session, calls, Haven's own routes, consoles.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haven_api::{Registry, Request as Call, jsonrpc};
use haven_model::{ApiError, RefId, Value, codes};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::cookie::{self, Key, Ticket};
use super::{Asked, failed, json_body, json_response, reply, status_of};
use crate::audit::Entry;
use crate::dispatch::{self, Answer, account, authenticate};
use crate::fair::Line;
use crate::http::auth::Credentials;
use crate::http::{Origin, RPC_BYTES_MAX, body, console, extra, raw_vdi, rpc, rrd, screen};
use crate::ops::{init, rows};
use crate::session::Login;
use crate::state::{AppState, now};

/// Key of the secret that cookies are signed with.
const SECRET_KEY: &str = "web/cookies";
/// `originator` of the page's sessions.
const ORIGINATOR: &str = "haven-web";
/// Where the page says the token that only it knows.
const CSRF: &str = "x-haven-csrf";

/// What a host says that belongs to no pool.
pub(super) fn unconfigured(state: &AppState) -> Response {
    let host = state.config.settings.name.clone().unwrap_or_default();
    json_response(StatusCode::OK, session_json("unconfigured", None, "", &host).to_string())
}

/// Answers on the coordinator.
pub(super) async fn answer(state: &Arc<AppState>, asked: Asked<'_>, request: Request) -> Response {
    let method = request.method().clone();
    if asked == Asked::Session && method == Method::POST {
        return sign_in(state, request).await;
    }
    let signed_in = who(state, request.headers()).await;
    let page = match (asked, signed_in) {
        (Asked::Session, Err(error)) if error.code == codes::SESSION_INVALID => {
            return session(state, None).await;
        }
        (_, Err(error)) => return failed(status_of(&error), &error),
        (_, Ok(page)) => page,
    };
    if method != Method::GET && !page.is_ours(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let renewed = page.renewal();
    let mut response = match asked {
        Asked::Session if method == Method::DELETE => {
            state.sessions.end(page.ticket.session);
            let mut response = json_response(StatusCode::OK, "null".to_owned());
            response.headers_mut().insert(header::SET_COOKIE, cookie::clear());
            return response;
        }
        Asked::Session => session(state, Some(&page)).await,
        Asked::Call if method == Method::POST => call(state, &page, request).await,
        Asked::Haven(path) => haven(state, &page, path, request).await,
        Asked::Console => {
            let origin = Origin::of(&request);
            return console::serve(state, origin, as_session(&page, request)).await;
        }
        Asked::Statistics if method == Method::GET => {
            let origin = Origin::of(&request);
            rrd::serve(state, origin, as_session(&page, request)).await
        }
        Asked::Screen if method == Method::GET => {
            let origin = Origin::of(&request);
            match screen::ask(state, origin, as_session(&page, request)).await {
                Ok(picture) => screen::png(picture),
                // As with calls: that there is no picture is an answer.
                Err(error) => failed(StatusCode::OK, &error),
            }
        }
        Asked::File if matches!(method, Method::GET | Method::PUT) => {
            let origin = Origin::of(&request);
            raw_vdi::serve(state, origin, as_session(&page, request)).await
        }
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    if let Some(cookie) = renewed {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Somebody who signed in.
struct Page {
    key: Key,
    ticket: Ticket,
}

impl Page {
    /// Whether the request carries the token of this session.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(CSRF).and_then(|value| value.to_str().ok());
        given.is_some_and(|given| self.key.csrf_is(self.ticket.session, given))
    }

    /// The cookie anew, when it has become old.
    fn renewal(&self) -> Option<HeaderValue> {
        let now = now().unix_s();
        if !self.ticket.is_old(now) {
            return None;
        }
        self.key.set(&Ticket { issued: now, ..self.ticket.clone() })
    }
}

/// The pool's key for the cookies of a user, and what the user may do.
async fn key(state: &AppState, user: &str) -> Result<Option<(Key, Login)>, ApiError> {
    let found = state.pool.read(|db| (init::secret(db, SECRET_KEY), account(db, user))).await?;
    Ok(match found {
        (Some(secret), (Some(hash), Some(login))) => Some((Key::new(secret, hash), login)),
        _ => None,
    })
}

/// Who asks, by the cookie; the session is opened again where this coordinator does not know it.
async fn who(state: &AppState, headers: &HeaderMap) -> Result<Page, ApiError> {
    if !state.pool.is_open() {
        return Err(state.not_coordinator());
    }
    let nobody = || ApiError::with(codes::SESSION_INVALID, &[&RefId::NULL]);
    let (ticket, proof) = cookie::read(headers).ok_or_else(nobody)?;
    let (key, login) = key(state, &ticket.user).await?.ok_or_else(nobody)?;
    let now = now().unix_s();
    if !key.is_good(&ticket, &proof, now) {
        return Err(nobody());
    }
    let login = Login { originator: ORIGINATOR.to_owned(), ..login };
    let resumed = state.sessions.resume(ticket.session, login, now);
    resumed.map(|_| Page { key, ticket }).ok_or_else(nobody)
}

async fn sign_in(state: &Arc<AppState>, request: Request) -> Response {
    let origin = Origin::of(&request);
    let asked = match json_body(request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let text = |name: &str| asked.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    match open(state, origin, text("user"), text("password")).await {
        Ok(page) => {
            let mut response = session(state, Some(&page)).await;
            if let Some(cookie) = page.key.set(&page.ticket) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => failed(status_of(&error), &error),
    }
}

async fn open(
    state: &Arc<AppState>,
    origin: Origin,
    user: String,
    password: String,
) -> Result<Page, ApiError> {
    let result = authenticate(state, origin, &user, password).await;
    let entry = Entry::new(&user, origin, "session.login_with_password").with_result(&result);
    state.audit.note(Entry { originator: ORIGINATOR.to_owned(), ..entry });
    let login = Login { originator: ORIGINATOR.to_owned(), ..result? };
    make_key(state).await?;
    let (key, _) = key(state, &user)
        .await?
        .ok_or_else(|| ApiError::internal("the pool has no key for cookies"))?;
    let now = now().unix_s();
    let session = state.sessions.open(login, now);
    Ok(Page { key, ticket: Ticket { user, session: session.id, issued: now } })
}

/// Makes the pool's key at the first sign-in.
async fn make_key(state: &AppState) -> Result<(), ApiError> {
    if state.pool.read(|db| init::secret(db, SECRET_KEY).is_some()).await? {
        return Ok(());
    }
    state.check_may_act()?;
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    state
        .pool
        .write(move |tx| match init::secret(tx, SECRET_KEY) {
            Some(_) => Ok(()),
            None => init::set_secret(tx, SECRET_KEY, &secret),
        })
        .await
}

/// `GET /ui/session`: who the page talks to, and as whom.
async fn session(state: &AppState, page: Option<&Page>) -> Response {
    let pool = state.pool.read(|db| rows::pool(db).map(|(_, row)| row.name_label.clone())).await;
    let pool = match pool.and_then(|found| found) {
        Ok(name) => name,
        Err(error) => return failed(status_of(&error), &error),
    };
    let own = state.identity.pool().and_then(|members| {
        members.member(state.identity.host()).map(|member| member.name.clone())
    });
    let host = own.unwrap_or_default();
    reply(Ok(session_json("coordinator", page, &pool, &host)))
}

fn session_json(role: &str, page: Option<&Page>, pool: &str, host: &str) -> Json {
    json!({
        "role": role,
        "signed_in": page.is_some(),
        "user": page.map_or("", |page| &page.ticket.user),
        "csrf": page.map_or_else(String::new, |page| page.key.csrf(page.ticket.session)),
        "pool": pool,
        "host": host,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// `POST /ui/rpc`: a JSON-RPC call without its session, which is put in front.
async fn call(state: &Arc<AppState>, page: &Page, request: Request) -> Response {
    let origin = Origin::of(&request);
    if let Some(line) = request.extensions().get::<Line>() {
        line.is_of(Some(page.ticket.session));
    }
    let bytes = match body(request, RPC_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(status) => return status.into_response(),
    };
    let (mut call, reply_to) = match jsonrpc::parse_call(&bytes) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = ApiError::internal(format!("the call cannot be read: {error}"));
            return failed(StatusCode::BAD_REQUEST, &error);
        }
    };
    if needs_session(&call) {
        let session = RefId::from(page.ticket.session).to_string();
        call.params.insert(0, Value::String(session));
    }
    let value = match dispatch::answer(state, origin, call).await {
        Ok(Answer::Names(names)) => Value::Set(names.into_iter().map(Value::String).collect()),
        Ok(Answer::Value(value)) => value,
        Err(error) => {
            let text = jsonrpc::write_response(&reply_to, Err(&error));
            return json_response(StatusCode::OK, text);
        }
    };
    json_response(StatusCode::OK, rpc::written(jsonrpc::pieces(&reply_to, value)))
}

fn needs_session(call: &Call) -> bool {
    let name = call.name.strip_prefix("Async.").unwrap_or(&call.name);
    Registry::standard().find(name).is_none_or(|method| method.needs_session)
}

/// Haven's own routes, in the session of the page.
async fn haven(state: &Arc<AppState>, page: &Page, path: &str, request: Request) -> Response {
    let (origin, full) = (Origin::of(&request), format!("/haven/{path}"));
    let request = as_session(page, request);
    if request.method() == Method::GET {
        let asker = (Credentials::of(&request), extra::language(&request));
        drop(request);
        return extra::get(state, origin, &full, asker).await;
    }
    extra::post(state, origin, &full, request).await
}

/// The request as a client of the API would send it that has this session.
fn as_session(page: &Page, mut request: Request) -> Request {
    let session = RefId::from(page.ticket.session);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Ok(own) = path.strip_prefix("/ui").unwrap_or(path).parse() {
        *request.uri_mut() = own;
    }
    let headers = request.headers_mut();
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::COOKIE);
    if let Ok(cookie) = HeaderValue::from_str(&format!("session_id={session}")) {
        headers.insert(header::COOKIE, cookie);
    }
    request
}
