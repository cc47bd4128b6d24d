//! The new host's part.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, codes};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::{JoinAnswer, JoinRequest, JoinResult, Token, unwritten};
use crate::agent::{Agent, host_facts};
use crate::identity::PoolMembership;
use crate::tls::{HostRequest, HostTls, JOIN_NAME, fingerprint, make_request, pinned_client};

/// Longest wait for a connection to the coordinator.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for its answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Largest answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Port of the API where the token names none.
const API_PORT: u16 = 443;

/// Joins the pool of the token. Until the pool has admitted the host nothing changes here; then
/// the replacement of `host.json` makes it a member.
pub async fn join(agent: &Agent, word: &str) -> Result<PoolMembership, ApiError> {
    check_free(agent).await?;
    let admitted = admission(agent, word).await?;
    admitted.become_member(agent)
}

/// A pool has admitted this host, which does not know itself yet.
#[derive(Debug)]
pub struct Admitted {
    answer: JoinAnswer,
    key: HostRequest,
}

impl Admitted {
    /// Makes this host, which must be in no pool by now, a member.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn become_member(self, agent: &Agent) -> Result<PoolMembership, ApiError> {
        become_member(agent, self.answer, &self.key)
    }
}

/// Asks the pool of the token to admit this host.
///
/// # Errors
/// Why it does not.
pub async fn admission(agent: &Agent, word: &str) -> Result<Admitted, ApiError> {
    let token = Token::decode(word)?;
    // Before the pool admits a host that could not keep it.
    agent.parts().identity.try_write().map_err(unwritten)?;
    let key = make_request().map_err(ApiError::internal)?;
    let answer = ask(agent, &token, &key).await?;
    if fingerprint(&answer.ca_pem).map_err(ApiError::internal)? != token.ca_sha256 {
        return Err(ApiError::with(codes::JOIN_TOKEN_INVALID, &[&"another pool has answered"]));
    }
    Ok(Admitted { answer, key })
}

/// Times that the hypervisor is asked what runs: it may start a little later than this daemon.
const HYPERVISOR_ASKED_MAX: u32 = 20;
/// Pause between them.
const HYPERVISOR_PAUSE: Duration = Duration::from_millis(500);

/// A host with a pool or with guests cannot join.
pub(crate) async fn check_free(agent: &Agent) -> Result<(), ApiError> {
    if agent.parts().identity.pool().is_some() {
        return Err(ApiError::not_allowed("this host is in a pool already; eject it there first"));
    }
    check_idle(agent).await
}

/// Nothing runs here.
pub(crate) async fn check_idle(agent: &Agent) -> Result<(), ApiError> {
    for _ in 0..HYPERVISOR_ASKED_MAX {
        match agent.take_inventory().await {
            Ok(inventory) if inventory.domains.is_empty() => return Ok(()),
            Ok(_) => {
                return Err(ApiError::new(codes::JOINING_HOST_CANNOT_HAVE_RUNNING_VMS, Vec::new()));
            }
            Err(error) => tracing::warn!(%error, "what runs here is not known yet"),
        }
        sleep(HYPERVISOR_PAUSE).await;
    }
    Err(ApiError::new(codes::HOST_STILL_BOOTING, Vec::new()))
}

async fn ask(agent: &Agent, token: &Token, key: &HostRequest) -> JoinResult {
    let address = with_port(&token.address);
    let failed = |_| ApiError::new(codes::JOINING_HOST_CONNECTION_FAILED, Vec::new());
    let stream = timeout(CONNECT_MAX, TcpStream::connect(&address))
        .await
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .inspect_err(|error| tracing::warn!(address, %error, "no connection to the pool"))
        .map_err(failed)?;
    let local = stream.local_addr().map_err(failed)?.ip();
    let request = request(agent, token, key, local).await?;
    let body = serde_json::to_vec(&request).map_err(ApiError::internal)?;
    let answered = timeout(ANSWER_MAX, post(stream, token, body)).await;
    match answered {
        Ok(Ok(body)) => serde_json::from_slice::<JoinResult>(&body)
            .map_err(|error| ApiError::internal(format!("the pool's answer: {error}")))?,
        Ok(Err(error)) => {
            tracing::warn!(address, %error, "the pool could not be asked");
            Err(ApiError::new(codes::JOINING_HOST_CONNECTION_FAILED, Vec::new()))
        }
        Err(_) => Err(ApiError::new(codes::JOINING_HOST_CONNECTION_FAILED, Vec::new())),
    }
}

async fn request(
    agent: &Agent,
    token: &Token,
    key: &HostRequest,
    local: IpAddr,
) -> Result<JoinRequest, ApiError> {
    let parts = agent.parts();
    let settings = &parts.config.settings;
    let facts = host_facts(parts).await;
    Ok(JoinRequest {
        secret: token.secret.clone(),
        host: parts.identity.host(),
        name: settings.name.clone().unwrap_or_else(|| facts.hostname.clone()),
        address: settings.address.unwrap_or(local),
        api_port: settings.api_port,
        peer_port: settings.peer_port,
        csr_pem: key.csr_pem.clone(),
        facts,
    })
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("{0}")]
    Tls(#[from] crate::tls::TlsError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("{0}")]
    Body(String),
}

async fn post(stream: TcpStream, token: &Token, body: Vec<u8>) -> Result<Bytes, PostError> {
    let config = Arc::new(pinned_client(&token.ca_sha256)?);
    // The fingerprint proves the pool; the name only says which certificate to show.
    let name = ServerName::try_from(JOIN_NAME).map_err(|e| PostError::Body(e.to_string()))?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/haven/join")
        .header(http::header::HOST, "pool")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| PostError::Body(error.to_string()))?
        .to_bytes();
    if status.is_success() { Ok(body) } else { Err(PostError::Body(format!("HTTP {status}"))) }
}

fn become_member(
    agent: &Agent,
    answer: JoinAnswer,
    key: &HostRequest,
) -> Result<PoolMembership, ApiError> {
    let parts = agent.parts();
    let membership = PoolMembership {
        pool: answer.pool,
        coordinator: answer.coordinator,
        members: answer.members,
        storage: answer.storage,
        arm: None,
        given_up: None,
    };
    install(agent, &membership, &answer.ca_pem, &answer.cert_pem, key)?;
    tracing::info!(pool = %membership.pool, host = %parts.identity.host().0, "joined a pool");
    Ok(membership)
}

/// Certificates first, then the identity: a crash in between leaves a host without a pool, whose
/// next attempt replaces them.
pub(super) fn install(
    agent: &Agent,
    membership: &PoolMembership,
    ca_pem: &str,
    cert_pem: &str,
    key: &HostRequest,
) -> Result<(), ApiError> {
    let parts = agent.parts();
    let tls = HostTls::new(ca_pem, cert_pem, &key.key_pem).map_err(ApiError::internal)?;
    tls.peer_server().map_err(ApiError::internal)?;
    HostTls::store(&parts.config.paths.tls(), ca_pem, None, cert_pem, &key.key_pem)
        .map_err(unwritten)?;
    let committed = parts.identity.update(|identity| identity.pool = Some(membership.clone()));
    committed.map_err(unwritten)?;
    parts.tls.set(tls).map_err(ApiError::internal)
}

pub(super) fn with_port(address: &str) -> String {
    if address.parse::<std::net::SocketAddr>().is_ok() {
        return address.to_owned();
    }
    match address.parse::<IpAddr>() {
        Ok(ip) => std::net::SocketAddr::new(ip, API_PORT).to_string(),
        Err(_) if address.contains(':') => address.to_owned(),
        Err(_) => format!("{address}:{API_PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_means_the_api_port() {
        assert_eq!(with_port("10.0.0.1"), "10.0.0.1:443");
        assert_eq!(with_port("10.0.0.1:8443"), "10.0.0.1:8443");
        assert_eq!(with_port("fd00::1"), "[fd00::1]:443");
        assert_eq!(with_port("[fd00::1]:8443"), "[fd00::1]:8443");
        assert_eq!(with_port("h1.example"), "h1.example:443");
    }
}
