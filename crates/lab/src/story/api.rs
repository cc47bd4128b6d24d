//! The pool's API over a host's local socket, reached from outside through the host's root.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::lab::Host;

/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
const SOCKET: &str = "/run/haven/havend.sock";
/// The null reference.
pub const NULL: &str = "OpaqueRef:NULL";

/// A session with the havend of one host.
#[derive(Debug)]
pub struct Api {
    socket: PathBuf,
    session: String,
}

impl Api {
    /// Logs in as the local root.
    pub fn log_in(host: Host<'_>) -> Result<Self> {
        let mut api = Self { socket: host.path(SOCKET)?, session: String::new() };
        let session = api.post("session.login_with_password", json!(["root", "", "1.1", "lab"]))?;
        api.session = session.as_str().context("no session reference")?.to_owned();
        Ok(api)
    }

    /// A method with the session before its parameters.
    pub fn call(&self, method: &str, params: &[Value]) -> Result<Value> {
        let mut all = vec![Value::String(self.session.clone())];
        all.extend_from_slice(params);
        self.post(method, Value::Array(all))
    }

    /// All records of a class: reference and record.
    pub fn records(&self, class: &str) -> Result<Vec<(String, Value)>> {
        let all = self.call(&format!("{class}.get_all_records"), &[])?;
        let all = all.as_object().context("not a map of records")?;
        Ok(all.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// The record that is called so.
    pub fn named(&self, class: &str, name: &str) -> Result<(String, Value)> {
        let all = self.records(class)?;
        let mut found = all.into_iter().filter(|(_, r)| text(r, "name_label") == name);
        found.next().with_context(|| format!("no {class} is called {name}"))
    }

    fn post(&self, method: &str, params: Value) -> Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
        let answer = http(&self.socket, "POST", "/jsonrpc", &body.to_string())?;
        let answer: Value = serde_json::from_str(&answer)
            .with_context(|| format!("{method}: the answer is not JSON: {answer}"))?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer.get("result").cloned().unwrap_or_default()),
            Some(error) => bail!("{method}: {error}"),
        }
    }
}

/// `GET` of one of Haven's own routes at a host.
pub fn get(host: Host<'_>, path: &str) -> Result<Value> {
    let answer = http(&host.path(SOCKET)?, "GET", path, "")?;
    serde_json::from_str(&answer).with_context(|| format!("{path}: not JSON: {answer}"))
}

/// A text field of a record.
pub fn text<'r>(record: &'r Value, field: &str) -> &'r str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// One request over a daemon's local socket.
pub fn http(socket: &Path, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("havend does not listen on {}", socket.display()))?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).context("reading the answer")?;
    let answer = String::from_utf8_lossy(&bytes);
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let body = match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        true => unchunked(body)?,
        false => body.to_owned(),
    };
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        bail!("{path}: HTTP {status}: {}", body.trim());
    }
    Ok(body)
}

fn unchunked(mut rest: &str) -> Result<String> {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).context("size of a chunk")?;
        if size == 0 {
            break;
        }
        whole.push_str(after.get(..size).context("a chunk is cut short")?);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(unchunked("4\r\nhave\r\n1\r\nn\r\n0\r\n\r\n").unwrap(), "haven");
        assert!(unchunked("9\r\nshort\r\n").is_err());
    }
}
