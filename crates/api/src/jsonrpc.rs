//! JSON-RPC 1.0 and 2.0 as XenAPI speaks them.

use haven_model::{ApiError, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::call::Request;
use crate::json_sink;
use crate::pieces::Pieces;
pub use crate::xmlrpc::DecodeError;

/// Content type of answers; clients compare it as a whole.
pub const CONTENT_TYPE: &str = "application/json";

/// XenAPI's constant `code` of version 2.0 errors.
const ERROR_CODE: i64 = 1;

/// Which version the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0.
    V1,
    /// 2.0.
    V2,
}

/// What an answer needs to know of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// Version of the call.
    pub version: Version,
    /// Its id: a string or a whole number.
    pub id: Json,
}

#[derive(Deserialize)]
struct WireCall {
    jsonrpc: Option<String>,
    method: String,
    #[serde(default)]
    params: Option<Vec<Value>>,
    #[serde(default)]
    id: Json,
}

/// Reads a call.
///
/// # Errors
/// It is none, or a batch or notification.
pub fn parse_call(body: &[u8]) -> Result<(Request, ReplyTo), DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::NotUtf8)?;
    let call: WireCall = serde_json::from_str(text).map_err(DecodeError::malformed)?;
    let version = match call.jsonrpc.as_deref() {
        None | Some("1.0") => Version::V1,
        Some("2.0") => Version::V2,
        Some(other) => return Err(DecodeError::malformed(format!("unknown version {other}"))),
    };
    if !(call.id.is_string() || call.id.is_i64() || call.id.is_u64()) {
        return Err(DecodeError::malformed("the id is neither a string nor a whole number"));
    }
    let request = Request { name: call.method, params: call.params.unwrap_or_default() };
    Ok((request, ReplyTo { version, id: call.id }))
}

#[derive(Serialize)]
struct Error2<'a> {
    code: i64,
    message: &'a str,
    data: &'a [String],
}

/// Values are made of text, numbers and lists; none of them can fail to be written.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What stands before and after the value of an answer.
fn around(to: &ReplyTo) -> (&'static str, String) {
    let (before, middle) = match to.version {
        Version::V1 => (r#"{"result":"#, r#","error":null,"id":"#),
        Version::V2 => (r#"{"jsonrpc":"2.0","result":"#, r#","id":"#),
    };
    (before, format!("{middle}{}}}", text(&to.id)))
}

/// The answer to a call that went well, piece by piece.
#[must_use]
pub fn pieces(to: &ReplyTo, value: Value) -> Pieces {
    let (before, after) = around(to);
    Pieces::new(json_sink::sink(before.to_owned()), value, after)
}

/// Writes an answer.
#[must_use]
pub fn write_response(to: &ReplyTo, outcome: Result<&Value, &ApiError>) -> String {
    let id = text(&to.id);
    let error = match outcome {
        Ok(value) => {
            let (before, after) = around(to);
            return json_sink::write(before.to_owned(), value) + &after;
        }
        Err(error) => error,
    };
    match to.version {
        Version::V1 => {
            let words = std::iter::once(error.code).chain(error.params.iter().map(String::as_str));
            let words = text(&words.collect::<Vec<_>>());
            format!(r#"{{"result":null,"error":{words},"id":{id}}}"#)
        }
        Version::V2 => {
            let error = Error2 { code: ERROR_CODE, message: error.code, data: &error.params };
            format!(r#"{{"jsonrpc":"2.0","error":{},"id":{id}}}"#, text(&error))
        }
    }
}

#[derive(Serialize)]
struct ClientCall<'a> {
    jsonrpc: &'static str,
    method: &'a str,
    params: &'a [Value],
    id: u64,
}

/// Writes a 2.0 call, as clients make it.
#[must_use]
pub fn write_call(name: &str, params: &[Value], id: u64) -> String {
    let call = ClientCall { jsonrpc: "2.0", method: name, params, id };
    serde_json::to_string(&call).unwrap_or_default()
}

#[derive(Deserialize)]
struct WireError {
    message: String,
    #[serde(default)]
    data: Vec<String>,
}

#[derive(Deserialize)]
struct WireAnswer {
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<WireError>,
}

/// Reads the answer to a 2.0 call, as clients do.
///
/// # Errors
/// It is none.
pub fn parse_response(body: &[u8]) -> Result<Result<Value, ApiError>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::NotUtf8)?;
    let answer: WireAnswer = serde_json::from_str(text).map_err(DecodeError::malformed)?;
    Ok(match answer.error {
        Some(error) => Err(ApiError::from_wire(&error.message, error.data)),
        None => Ok(answer.result.unwrap_or(Value::Nil)),
    })
}
