//! Requests to web servers that somebody named: each hop is resolved here, judged, and connected to
//! at the very addresses that were judged, so that a name service which answers differently the next
//! time leads nowhere else.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use haven_model::{ApiError, codes};
use reqwest::{Client, Response, StatusCode, Url, header, redirect};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::address::{is_allowed, redirected, shown};

/// Longest wait for the name service.
const RESOLVE_MAX: Duration = Duration::from_secs(10);
/// Longest wait for a connection, its encryption included.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// Longest wait for the head of an answer.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Longest wait for the next piece of one.
pub(super) const STALL_MAX: Duration = Duration::from_secs(60);
/// Redirections that are followed.
const REDIRECTS_MAX: usize = 5;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;
/// Largest page that is read as text.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// What servers hear who asks.
const AGENT: &str = concat!("haven/", env!("CARGO_PKG_VERSION"));

/// Asks web servers.
#[derive(Clone, Debug)]
pub(super) struct Web {
    /// The pool's own addresses.
    pub(super) own: Vec<IpAddr>,
    /// An administrator allows all.
    pub(super) any: bool,
}

/// An answer that has begun.
#[derive(Debug)]
pub(super) struct Answer {
    /// Where it came from in the end.
    pub(super) url: Url,
    pub(super) response: Response,
}

/// Why nothing comes from there.
pub(super) fn failed(url: &Url, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::with(codes::IMAGE_FETCH_FAILED, &[&shown(url), why])
}

/// The cause at the bottom: what stands above says only that a request failed.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    let text = deepest.to_string();
    match error.is_connect() && text.to_lowercase().contains("certificate") {
        true => format!("its certificate is not trusted by this host ({text})"),
        false => text,
    }
}

impl Web {
    /// Asks for it; a refusal of the server is an error.
    pub(super) async fn get(&self, url: &Url) -> Result<Answer, ApiError> {
        let answer = self.ask(url).await?;
        match answer.response.status() {
            StatusCode::OK => Ok(answer),
            status => Err(failed(&answer.url, &format!("the server answers {status}"))),
        }
    }

    /// Asks for it, and where that is elsewhere, there.
    pub(super) async fn ask(&self, url: &Url) -> Result<Answer, ApiError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.hop(&url).await?;
            let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            match (response.status().is_redirection(), to) {
                (true, Some(to)) => url = redirected(&url, to)?,
                _ => return Ok(Answer { url, response }),
            }
        }
        Err(failed(&url, &format!("it redirects more than {REDIRECTS_MAX} times")))
    }

    async fn hop(&self, url: &Url) -> Result<Response, ApiError> {
        let addresses = self.addresses(url).await?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // It reads the certificates of the system.
        let client = tokio::task::spawn_blocking(move || client(&host, &addresses));
        let client =
            client.await.map_err(ApiError::internal)?.map_err(|e| failed(url, &cause(&e)))?;
        let asked = timeout(HEAD_MAX, client.get(url.clone()).send()).await;
        let asked = asked.map_err(|_| failed(url, &"the server does not answer"))?;
        let response = asked.map_err(|error| failed(url, &cause(&error)))?;
        let coded = response.headers().get(header::CONTENT_ENCODING);
        if coded.is_some_and(|coding| coding != "identity") {
            return Err(failed(url, &"the server sends it packed, though nobody asked for that"));
        }
        Ok(response)
    }

    /// Where its server is, as far as that may be connected to.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, ApiError> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let found = timeout(RESOLVE_MAX, lookup_host((host.as_str(), port))).await;
        let found = found.map_err(|_| failed(url, &"the name service does not answer"))?;
        let found: Vec<SocketAddr> = found.map_err(|error| failed(url, &error))?.collect();
        let first = found.first().copied();
        let good = |address: &SocketAddr| self.any || is_allowed(address.ip(), &self.own);
        let good: Vec<SocketAddr> = found.into_iter().filter(good).take(ADDRESSES_MAX).collect();
        match first {
            None => Err(failed(url, &"its name has no address")),
            Some(first) if good.is_empty() => {
                Err(ApiError::with(codes::IMAGE_ADDRESS_REFUSED, &[&shown(url), &first.ip()]))
            }
            Some(_) => Ok(good),
        }
    }
}

/// A client that connects to these addresses alone, and follows nothing by itself.
fn client(host: &str, addresses: &[SocketAddr]) -> Result<Client, reqwest::Error> {
    // The first of the process stays; there is no other.
    let _first = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .resolve_to_addrs(host, addresses)
        .connect_timeout(CONNECT_MAX)
        .user_agent(AGENT)
        .build()
}

impl Answer {
    /// A header, if it is text.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// All of it as text; what is longer than a text of this kind is cut off.
    pub(super) async fn text(mut self) -> Result<String, ApiError> {
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut self).await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > TEXT_BYTES_MAX {
                bytes.truncate(TEXT_BYTES_MAX);
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What comes next; none at the end.
pub(super) async fn next(answer: &mut Answer) -> Result<Option<axum::body::Bytes>, ApiError> {
    match timeout(STALL_MAX, answer.response.chunk()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(failed(&answer.url, &format!("it broke off ({})", cause(&error)))),
        Err(_) => {
            let why = format!("nothing came for {} s", STALL_MAX.as_secs());
            Err(failed(&answer.url, &why))
        }
    }
}
