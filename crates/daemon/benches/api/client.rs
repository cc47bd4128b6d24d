//! A client as small as can be: one TLS connection, calls one after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Trusts every server: this is no place for secrets.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// How to reach the server.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Server {
    pub(crate) fn new(port: u16) -> Self {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = self.tls.connect(name, stream).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Connection { sender, session: String::new() }
    }

    async fn raw(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        self.tls.connect(name, stream).await.unwrap()
    }

    /// Sends `count` requests before it reads, and one more for about each answer, for ever.
    pub(crate) async fn pipeline(&self, body: &str, count: usize) {
        let mut stream = self.raw().await;
        let request = request(body);
        stream.write_all(request.repeat(count).as_bytes()).await.unwrap();
        let (mut bytes, mut unseen) = (vec![0; 64 << 10], 0);
        let mut answer = 0;
        loop {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "the connection ended");
            // All answers are as long as the first; its length is about right.
            if answer == 0 {
                answer = read.max(1000);
            }
            unseen += read;
            let more = unseen / answer;
            unseen %= answer;
            stream.write_all(request.repeat(more).as_bytes()).await.unwrap();
        }
    }

    /// Asks, and never reads the answer.
    pub(crate) async fn never_read(&self, body: &str) {
        let mut stream = self.raw().await;
        stream.write_all(request(body).as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    }

    /// A connection with a session.
    pub(crate) async fn login(&self, user: &str, password: &str) -> Connection {
        let mut connection = self.connect().await;
        let params = json!([user, password, "1.1", "bench"]);
        let session = connection.json("session.login_with_password", params).await;
        connection.session = session.as_str().unwrap().to_owned();
        connection
    }
}

fn request(body: &str) -> String {
    let head = "POST /jsonrpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) session: String,
}

impl Connection {
    /// Sends one request, and reads the answer to its end.
    pub(crate) async fn post(&mut self, path: &str, kind: &str, body: String) -> Bytes {
        self.sender.ready().await.unwrap();
        let request = hyper::Request::post(path)
            .header("host", "localhost")
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }

    /// The body of a JSON call, session included.
    pub(crate) fn body(&self, method: &str, params: &[Json]) -> String {
        let mut all = vec![json!(self.session)];
        all.extend_from_slice(params);
        json!({ "jsonrpc": "2.0", "method": method, "params": all, "id": 1 }).to_string()
    }

    /// A call whose answer is not looked at.
    pub(crate) async fn blind(&mut self, method: &str, params: &[Json]) -> Bytes {
        let body = self.body(method, params);
        self.post("/jsonrpc", "application/json", body).await
    }

    /// A call in the session.
    pub(crate) async fn call(&mut self, method: &str, params: &[Json]) -> Json {
        let bytes = self.blind(method, params).await;
        result(&bytes)
    }

    async fn json(&mut self, method: &str, params: Json) -> Json {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
        result(&self.post("/jsonrpc", "application/json", body.to_string()).await)
    }
}

pub(crate) fn result(bytes: &[u8]) -> Json {
    let mut answer: Json = serde_json::from_slice(bytes).unwrap();
    assert!(answer["error"].is_null(), "{}", answer["error"]);
    answer["result"].take()
}

/// A value at a part of a sorted list.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
}
