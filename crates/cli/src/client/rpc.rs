//! JSON-RPC calls of XenAPI under a session, and the `/haven/…` routes beside it.

use std::path::Path;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::endpoint::Endpoint;
use super::tasks::Progress;
use super::transport::{Stream, Transport};
use super::trust::Trust;
use super::upload;
use crate::failure::{Failure, Outcome};

/// A coordinator may change while we look for it; more hops than this are a loop.
const REDIRECTS_MAX: u32 = 4;
/// How long a new coordinator may take until it answers for the pool.
const TAKEOVER_MAX: Duration = Duration::from_secs(60);
const TAKEOVER_POLL: Duration = Duration::from_millis(300);
const API_VERSION: &str = "1.1";
const ORIGINATOR: &str = "haven-cli";

/// Who logs in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A client with at most one session.
#[derive(Debug)]
pub(crate) struct Rpc {
    transport: Transport,
    /// Where the person sent us; a redirection may lead elsewhere for a while.
    homes: Vec<Endpoint>,
    /// Which of them is in use.
    home: usize,
    login: Login,
    session: Option<String>,
    last_id: u64,
}

impl Rpc {
    /// Nothing is sent yet. The first of `homes` that answers is used.
    pub(crate) fn new(homes: Vec<Endpoint>, trust: Trust, login: Login) -> Outcome<Self> {
        let first = homes.first().cloned();
        let first =
            first.ok_or_else(|| Failure::Usage("no address of a host was given".to_owned()))?;
        let transport = Transport::new(first, trust);
        Ok(Self { transport, homes, home: 0, login, session: None, last_id: 0 })
    }

    /// Calls `method` with the session before `params`. A lost session is opened again, once; a
    /// coordinator that is taking the pool over is waited for.
    pub(crate) async fn call(&mut self, method: &str, params: &[Value]) -> Outcome<Value> {
        let begun = Instant::now();
        loop {
            match self.call_once(method, params).await {
                // It says so before it does anything.
                Err(failure)
                    if failure.is_api("HOST_STILL_BOOTING") && begun.elapsed() < TAKEOVER_MAX =>
                {
                    sleep(TAKEOVER_POLL).await;
                }
                result => return result,
            }
        }
    }

    async fn call_once(&mut self, method: &str, params: &[Value]) -> Outcome<Value> {
        match self.call_in_session(method, params).await {
            Err(failure) if failure.is_api("SESSION_INVALID") => self.session = None,
            // The coordinator changed since the login.
            Err(failure) if failure.is_api("HOST_IS_SLAVE") => self.go_home(),
            Err(failure @ Failure::Unreachable { .. }) => {
                self.go_home();
                return Err(failure);
            }
            result => return result,
        }
        self.call_in_session(method, params).await
    }

    /// Back to where the person sent us; to the next such place if there are several.
    fn go_home(&mut self) {
        self.session = None;
        self.home = (self.home + 1) % self.homes.len().max(1);
        if let Some(home) = self.homes.get(self.home) {
            self.transport.redirect(home.clone());
        }
    }

    async fn call_in_session(&mut self, method: &str, params: &[Value]) -> Outcome<Value> {
        let mut all = vec![Value::String(self.session().await?)];
        all.extend_from_slice(params);
        self.post(method, &all).await
    }

    async fn session(&mut self) -> Outcome<String> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let mut others = self.homes.len().saturating_sub(1);
        loop {
            match self.log_in().await {
                Err(Failure::Unreachable { .. }) if others > 0 => {
                    others -= 1;
                    self.go_home();
                }
                result => return result,
            }
        }
    }

    async fn log_in(&mut self) -> Outcome<String> {
        for _ in 0..REDIRECTS_MAX {
            let params = [&*self.login.user, &*self.login.password, API_VERSION, ORIGINATOR]
                .map(Value::from);
            match self.post("session.login_with_password", &params).await {
                Ok(session) => {
                    let session = session.as_str().unwrap_or_default().to_owned();
                    self.session = Some(session.clone());
                    return Ok(session);
                }
                Err(Failure::Api { code, params }) if code == "HOST_IS_SLAVE" => {
                    let address = params.first().map_or("", String::as_str);
                    let next = self.coordinator(address)?;
                    self.transport.redirect(next);
                }
                Err(other) => return Err(other),
            }
        }
        Err(self.transport.unreachable(
            "its hosts do not agree on who coordinates the pool; try again in a moment",
        ))
    }

    fn coordinator(&self, address: &str) -> Outcome<Endpoint> {
        match self.transport.endpoint() {
            // A login over the network needs a password that nobody gave.
            Endpoint::Unix(_) => {
                Err(Failure::api(&["HOST_IS_SLAVE".to_owned(), address.to_owned()]))
            }
            here @ Endpoint::Tls { .. } => here.at(address),
        }
    }

    async fn post(&mut self, method: &str, params: &[Value]) -> Outcome<Value> {
        self.last_id += 1;
        let body =
            json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": self.last_id });
        let (status, bytes) = self
            .transport
            .send(Method::POST, "/jsonrpc", body.to_string().into_bytes(), None)
            .await?;
        if status != StatusCode::OK {
            return Err(self
                .transport
                .unreachable(&format!("it answered {method} with HTTP {status}")));
        }
        let answer: Value = serde_json::from_slice(&bytes).map_err(|e| {
            self.transport.unreachable(&format!("its answer to {method} is not JSON: {e}"))
        })?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer.get("result").cloned().unwrap_or(Value::Null)),
            Some(error) => Err(api_failure(error)),
        }
    }

    /// `GET` of one of Haven's own routes.
    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Value> {
        let mut others = self.homes.len().saturating_sub(1);
        loop {
            match self.route(Method::GET, path, Vec::new()).await {
                Err(Failure::Unreachable { .. }) if others > 0 => {
                    others -= 1;
                    self.go_home();
                }
                result => return result,
            }
        }
    }

    /// `POST` to one of Haven's own routes.
    pub(crate) async fn send(&mut self, path: &str, body: &Value) -> Outcome<Value> {
        self.route(Method::POST, path, body.to_string().into_bytes()).await
    }

    async fn route(&mut self, method: Method, path: &str, body: Vec<u8>) -> Outcome<Value> {
        let login = self.login.clone();
        let basic = match self.transport.endpoint() {
            Endpoint::Unix(_) => None,
            Endpoint::Tls { .. } => Some((&*login.user, &*login.password)),
        };
        let (status, bytes) = self.transport.send(method, path, body, basic).await?;
        let answer = serde_json::from_slice::<Value>(&bytes);
        match (status, answer) {
            (status, Ok(answer)) if status.is_success() => Ok(answer),
            (status, Err(_)) if status.is_success() && bytes.is_empty() => Ok(Value::Null),
            (StatusCode::UNAUTHORIZED, _) => Err(Failure::api(&[
                "SESSION_AUTHENTICATION_FAILED".to_owned(),
                self.login.user.clone(),
            ])),
            (_, Ok(answer)) if answer.get("error").is_some_and(|e| !e.is_null()) => {
                Err(api_failure(answer.get("error").unwrap_or(&Value::Null)))
            }
            (status, _) => {
                Err(self.transport.unreachable(&format!("it answered {path} with HTTP {status}")))
            }
        }
    }

    /// A raw stream to a console, under this session.
    pub(crate) async fn console(&mut self, uuid: &str) -> Outcome<Box<dyn Stream>> {
        let session = self.session().await?;
        self.transport.connect_raw(&format!("/console?uuid={uuid}&session_id={session}")).await
    }

    /// The same to the console of a host itself.
    pub(crate) async fn host_console(&mut self, uuid: &str) -> Outcome<Box<dyn Stream>> {
        let session = self.session().await?;
        self.transport.connect_raw(&format!("/console?host={uuid}&session_id={session}")).await
    }

    /// Sends a file under this session.
    pub(crate) async fn put(
        &mut self,
        path: &str,
        file: &Path,
        progress: &mut dyn Progress,
    ) -> Outcome<()> {
        let session = self.session().await?;
        let path = format!("{path}&session_id={session}");
        upload::put(&self.transport, &path, file, progress).await
    }

    /// Ends the session; best effort, the server forgets idle ones by itself.
    pub(crate) async fn logout(&mut self) {
        if let Some(session) = self.session.take() {
            let _ended = self.post("session.logout", &[Value::String(session)]).await;
        }
    }
}

/// Both forms: 2.0's `{code, message, data}` and 1.0's `[CODE, …]`.
fn api_failure(error: &Value) -> Failure {
    let texts = |values: &Value| -> Vec<String> {
        values.as_array().into_iter().flatten().map(text_of).collect()
    };
    if error.is_array() {
        return Failure::api(&texts(error));
    }
    let mut description = vec![error.get("message").map(text_of).unwrap_or_default()];
    description.extend(error.get("data").map(texts).unwrap_or_default());
    Failure::api(&description)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::api_failure;
    use crate::failure::Failure;

    #[test]
    fn errors_of_both_json_rpc_versions() {
        for error in [
            json!(["VM_BAD_POWER_STATE", "OpaqueRef:1", "halted", "running"]),
            json!({"code": 1, "message": "VM_BAD_POWER_STATE", "data": ["OpaqueRef:1", "halted", "running"]}),
        ] {
            let Failure::Api { code, params } = api_failure(&error) else {
                panic!("not an API failure")
            };
            assert_eq!((code.as_str(), params.len()), ("VM_BAD_POWER_STATE", 3), "{error}");
        }
    }
}
