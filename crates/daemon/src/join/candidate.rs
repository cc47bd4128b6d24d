//! The pool's side of a host that waits to be added: asking it what it is, and having it join.
//!
//! Such a host is in no pool, so nobody vouches for its certificate. Its fingerprint is shown to
//! the person, who compares it with what the host itself prints (`haven web`); from then on only
//! that certificate is spoken to. What the host is asked needs the setup code that it prints too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, codes};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::host::{PostError, with_port};
use crate::tls::{JOIN_NAME, fingerprint_der, leaf_client, trusting_client};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for an answer: storage may be slow, and joining takes its time.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What a host answered.
#[derive(Debug)]
pub struct Answer {
    /// The address that was spoken to.
    pub address: IpAddr,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint: String,
    /// Its answer, or why it refuses.
    pub body: Result<Json, ApiError>,
}

/// Asks `POST /ui/setup/<what>` of the host at `address`; only if it shows the certificate with this
/// fingerprint, if one is given.
///
/// # Errors
/// Nobody answers there, or somebody with another certificate.
pub async fn ask(
    address: &str,
    fingerprint: Option<&str>,
    what: &str,
    body: &Json,
) -> Result<Answer, ApiError> {
    let place = with_port(address);
    let failed = |why: String| ApiError::with(codes::CANDIDATE_UNREACHABLE, &[&address, &why]);
    let stream = timeout(CONNECT_MAX, TcpStream::connect(&place))
        .await
        .map_err(|_| failed(format!("no answer within {} s", CONNECT_MAX.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    let peer = stream.peer_addr().map_err(|error| failed(error.to_string()))?.ip();
    let asked = timeout(ANSWER_MAX, post(stream, fingerprint, what, body))
        .await
        .map_err(|_| failed(format!("no answer within {} s", ANSWER_MAX.as_secs())))?;
    let (status, bytes, shown) = asked.map_err(|error| failed(error.to_string()))?;
    let answer: Json = serde_json::from_slice(&bytes)
        .map_err(|_| failed(format!("it is no host of Haven that waits (HTTP {status})")))?;
    let body = match status.is_success() {
        true => Ok(answer),
        false => Err(crate::peer_net::refusal(&answer)),
    };
    Ok(Answer { address: peer, fingerprint: shown, body })
}

async fn post(
    stream: TcpStream,
    fingerprint: Option<&str>,
    what: &str,
    body: &Json,
) -> Result<(StatusCode, Bytes, String), PostError> {
    let name = ServerName::try_from(JOIN_NAME).map_err(|e| PostError::Body(e.to_string()))?;
    let config = match fingerprint {
        Some(sha256) => leaf_client(sha256)?,
        None => trusting_client()?,
    };
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let shown = certificates.first().map(fingerprint_der).unwrap_or_default();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("/ui/setup/{what}"))
        .header(header::HOST, "haven")
        // As a page of that host: no other page may ask it.
        .header(header::ORIGIN, "https://haven")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| PostError::Body(error.to_string()))?;
    Ok((status, body.to_bytes(), shown))
}
