//! A join token for a name and a password, as clients of XenAPI join: the pool is asked for one.
//!
//! With a name and a password alone nobody can tell the pool from somebody who pretends to be it.
//! A token can: it names the pool's CA. What is asked here is bound to whoever answered, no more.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use haven_model::{ApiError, codes};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Token;
use super::host::{PostError, with_port};
use crate::tls::{JOIN_NAME, fingerprint_der, trusting_client};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the answer; a wrong password takes a while.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long the token lives, in seconds: it is used at once.
const LIFE_S: u64 = 120;

/// Who asks.
pub struct Credentials {
    /// Name of a user of the pool.
    pub user: String,
    /// Their password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Asks the pool at `address` (of any member) for a token.
///
/// # Errors
/// Nobody answers there, or the pool refuses.
pub async fn token(address: &str, who: &Credentials) -> Result<String, ApiError> {
    let place = with_port(address);
    let failed = |error: &dyn std::fmt::Display| {
        tracing::warn!(address = place, %error, "the pool could not be asked for a token");
        ApiError::new(codes::JOINING_HOST_CONNECTION_FAILED, Vec::new())
    };
    let stream = timeout(CONNECT_MAX, TcpStream::connect(&place))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    let asked = timeout(ANSWER_MAX, ask(stream, who)).await.map_err(|error| failed(&error))?;
    let (status, body, presented) = asked.map_err(|error| failed(&error))?;
    let answer: Json = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    if !status.is_success() {
        return Err(crate::peer_net::refusal(&answer));
    }
    let word = answer.get("token").and_then(Json::as_str).unwrap_or_default();
    let token = Token::decode(word)?;
    if !presented.contains(&token.ca_sha256) {
        return Err(ApiError::with(codes::JOIN_TOKEN_INVALID, &[&"another pool has answered"]));
    }
    tracing::warn!(
        ca_sha256 = token.ca_sha256,
        "this host believes that this is the pool's CA: \
         nothing but its address vouches for it"
    );
    Ok(word.to_owned())
}

/// Status, body, and fingerprints of the certificates that were shown.
async fn ask(
    stream: TcpStream,
    who: &Credentials,
) -> Result<(StatusCode, Bytes, Vec<String>), PostError> {
    let name = ServerName::try_from(JOIN_NAME).map_err(|e| PostError::Body(e.to_string()))?;
    let connector = TlsConnector::from(Arc::new(trusting_client()?));
    let stream = connector.connect(name, stream).await?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let presented = shown.iter().map(|cert| fingerprint_der(cert)).collect();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let login = STANDARD.encode(format!("{}:{}", who.user, who.password));
    let request = Request::post("/haven/pool/token")
        .header(header::HOST, "pool")
        .header(header::AUTHORIZATION, format!("Basic {login}"))
        // A member hands it on to the coordinator.
        .header("x-haven-proxy", "1")
        .body(Full::new(Bytes::from(json!({ "valid_s": LIFE_S }).to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| PostError::Body(error.to_string()))?;
    Ok((status, body.to_bytes(), presented))
}
