//! One HTTP connection to a havend, opened again when it was closed.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::trust::Trust;
use crate::failure::{Failure, Outcome};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Above the longest wait for events and above what a write to slow storage may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
const CONNECT_HEAD_BYTES_MAX: usize = 8 * 1024;

/// A byte stream in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The connection, and how to make it again.
#[derive(Debug)]
pub(crate) struct Transport {
    endpoint: Endpoint,
    trust: Trust,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Transport {
    /// Nothing is opened yet.
    pub(crate) fn new(endpoint: Endpoint, trust: Trust) -> Self {
        Self { endpoint, trust, connection: None }
    }

    /// Where it leads.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Turns to another host.
    pub(crate) fn redirect(&mut self, endpoint: Endpoint) {
        self.endpoint = endpoint;
        self.connection = None;
    }

    /// Sends one request and reads the whole answer. `basic` is a user with its password.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        basic: Option<(&str, &str)>,
    ) -> Outcome<(StatusCode, Bytes)> {
        let request = self.request(method, path, body, basic)?;
        let mut sender = self.sender().await?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok::<_, hyper::Error>((status, body))
        };
        let (status, body) = timeout(ANSWER_TIMEOUT, exchange)
            .await
            .map_err(|_| {
                self.unreachable(&format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))
            })?
            .map_err(|e| self.unreachable(&format!("the connection broke: {}", chain(&e))))?;
        let body = body.map_err(|e| self.unreachable(&format!("the answer was cut short: {e}")))?;
        if !sender.is_closed() {
            self.connection = Some(sender);
        }
        Ok((status, body.to_bytes()))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        basic: Option<(&str, &str)>,
    ) -> Outcome<Request<Full<Bytes>>> {
        let host = match &self.endpoint {
            Endpoint::Unix(_) => "localhost".to_owned(),
            Endpoint::Tls { .. } => self.endpoint.to_string(),
        };
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, host)
            .header(ACCEPT_LANGUAGE, crate::render::errors::language().tag());
        if !body.is_empty() {
            builder = builder.header(CONTENT_TYPE, "application/json");
        }
        if let Some((user, password)) = basic {
            let credentials = STANDARD.encode(format!("{user}:{password}"));
            builder = builder.header(AUTHORIZATION, format!("Basic {credentials}"));
        }
        builder
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| Failure::local("building the request", e))
    }

    async fn sender(&mut self) -> Outcome<SendRequest<Full<Bytes>>> {
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            return Ok(kept);
        }
        let stream = self.open().await?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|e| self.unreachable(&format!("it does not speak HTTP: {}", chain(&e))))?;
        // Its errors reach us through the request that waits on it.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// The same way to another place.
    pub(crate) fn again(&self, endpoint: Endpoint) -> Self {
        Self::new(endpoint, self.trust.clone())
    }

    /// A connection of its own, on which nothing was said yet.
    pub(crate) async fn raw(&self) -> Outcome<Box<dyn Stream>> {
        self.open().await
    }

    /// A raw stream after `CONNECT path`.
    pub(crate) async fn connect_raw(&self, path: &str) -> Outcome<Box<dyn Stream>> {
        let mut stream = self.open().await?;
        let head = format!("CONNECT {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.endpoint);
        let broke = |e: io::Error| self.unreachable(&format!("the connection broke: {e}"));
        stream.write_all(head.as_bytes()).await.map_err(broke)?;
        let answer = timeout(ANSWER_TIMEOUT, read_head(&mut stream))
            .await
            .map_err(|_| self.unreachable("no answer to CONNECT"))?
            .map_err(broke)?;
        let first = answer.lines().next().unwrap_or_default();
        match first.split_whitespace().nth(1) {
            Some("200") => Ok(stream),
            _ => Err(self.unreachable(&format!("the console was refused: {first}"))),
        }
    }

    async fn open(&self) -> Outcome<Box<dyn Stream>> {
        let opening = async {
            match &self.endpoint {
                Endpoint::Unix(path) => {
                    let stream = UnixStream::connect(path).await.map_err(|e| self.refused(&e))?;
                    Ok(Box::new(stream) as Box<dyn Stream>)
                }
                Endpoint::Tls { host, port } => self.open_tls(host, *port).await,
            }
        };
        timeout(CONNECT_TIMEOUT, opening).await.map_err(|_| {
            self.unreachable(&format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))
        })?
    }

    async fn open_tls(&self, host: &str, port: u16) -> Outcome<Box<dyn Stream>> {
        let stream = TcpStream::connect((host, port)).await.map_err(|e| self.refused(&e))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Failure::Usage(format!("`{host}` is neither a host name nor an address"))
        })?;
        let connector = TlsConnector::from(self.trust.config()?);
        let stream = connector.connect(name, stream).await.map_err(|e| self.distrusted(&e))?;
        Ok(Box::new(stream))
    }

    pub(crate) fn unreachable(&self, reason: &str) -> Failure {
        Failure::Unreachable {
            server: self.endpoint.to_string(),
            reason: reason.to_owned(),
            remedy: "try another host of the pool with --server: each of them answers for the pool"
                .to_owned(),
        }
    }

    fn refused(&self, error: &io::Error) -> Failure {
        let remedy = match (&self.endpoint, error.kind()) {
            (Endpoint::Unix(_), io::ErrorKind::PermissionDenied) => {
                "the local socket is for root: use sudo, or --server HOST to log in over the network"
            }
            (Endpoint::Unix(_), _) => {
                "is havend running here (`systemctl status havend`)? From another machine, use --server HOST"
            }
            (Endpoint::Tls { .. }, _) => {
                "check the address, or try another host of the pool with --server: each of them answers for the pool"
            }
        };
        Failure::Unreachable {
            server: self.endpoint.to_string(),
            reason: error.to_string(),
            remedy: remedy.to_owned(),
        }
    }

    fn distrusted(&self, error: &io::Error) -> Failure {
        Failure::Unreachable {
            server: self.endpoint.to_string(),
            reason: format!("who answers there is not known to be a host of your pool ({error})"),
            remedy: "copy the pool's CA certificate from a host you trust (/var/lib/haven/tls/ca.pem) and give \
                it with --ca; or take the risk with --insecure"
                .to_owned(),
        }
    }
}

async fn read_head(stream: &mut Box<dyn Stream>) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < CONNECT_HEAD_BYTES_MAX {
        // One byte at a time: what follows the head belongs to the console.
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
