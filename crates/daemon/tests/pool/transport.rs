//! What goes over the wire around the calls: TLS, content types, connections, bounds, and which
//! host answers whom.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{PASSWORD, TestHost, pool, pool_at_addresses};

/// One TLS connection to a host, whose certificate is of the pool's CA.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// Status, content type, who may read it, body.
type Answer = (u16, String, String, Vec<u8>);

impl Connection {
    async fn to(host: &TestHost) -> Self {
        let settings = &host.daemon.state.config.settings;
        let ca = std::fs::read(host.daemon.state.config.paths.tls().join("ca.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = SocketAddr::new(settings.listen, settings.api_port);
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::IpAddress(settings.listen.into());
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(tls)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    async fn ask(&mut self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = hyper::Request::builder().method(method).uri(path);
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    async fn send(&mut self, mut request: hyper::Request<Full<Bytes>>) -> Answer {
        request.headers_mut().insert("host", "pool".parse().unwrap());
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        let (status, kind) = (response.status().as_u16(), header("content-type"));
        let readers = header("access-control-allow-origin");
        let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        (status, kind, readers, body)
    }

    async fn json(&mut self, method: &str, params: &Json, proxy: bool) -> Json {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
        let mut request = hyper::Request::post("/jsonrpc");
        if proxy {
            request = request.header("x-haven-proxy", "1");
        }
        let body = Full::new(Bytes::from(body.to_string()));
        serde_json::from_slice(&self.send(request.body(body).unwrap()).await.3).unwrap()
    }
}

const LIST: &str = "<?xml version='1.0'?><methodCall><methodName>system.listMethods</methodName>\
                    <params></params></methodCall>";

#[tokio::test(flavor = "multi_thread")]
async fn content_types_are_exact_and_the_connection_is_kept() {
    let pool = pool(1).await;
    // All of it on one connection.
    let mut connection = Connection::to(&pool.hosts[0]).await;
    for path in ["/", "/RPC2", "/xmlrpc", "/no/such/path", "/json"] {
        let (status, kind, readers, body) = connection.ask("POST", path, LIST).await;
        assert_eq!((status, kind.as_str(), readers.as_str()), (200, "text/xml", "*"), "{path}");
        assert!(body.starts_with(b"<?xml version=\"1.0\"?><methodResponse>"), "{path}");
    }
    let call = json!({ "method": "system.listMethods", "params": [], "id": "x" }).to_string();
    let (status, kind, readers, body) = connection.ask("POST", "/jsonrpc", call).await;
    assert_eq!((status, kind.as_str(), readers.as_str()), (200, "application/json", "*"));
    let answer: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!((&answer["id"], &answer["error"]), (&json!("x"), &Json::Null));
    // An error of a call is no error of HTTP; what cannot be read is.
    let unknown = json!({ "jsonrpc": "2.0", "method": "no.such", "id": 1 }).to_string();
    let (status, kind, ..) = connection.ask("POST", "/jsonrpc", unknown).await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    for (path, body) in [("/", "<methodCall>"), ("/jsonrpc", "{")] {
        let (status, kind, ..) = connection.ask("POST", path, body).await;
        assert_eq!((status, kind.as_str()), (500, "text/html"), "{path}");
    }
    let (status, _, readers, _) = connection.ask("OPTIONS", "/jsonrpc", "").await;
    assert_eq!((status, readers.as_str()), (200, "*"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_comes_in_pieces_and_whole_to_old_clients() {
    let pool = pool(1).await;
    let call = json!({ "jsonrpc": "2.0", "method": "system.listMethods", "params": [], "id": 1 });
    let body = call.to_string();
    for version in ["1.1", "1.0"] {
        let mut stream = tokio::net::UnixStream::connect(pool.socket()).await.unwrap();
        let head = format!(
            "POST /jsonrpc HTTP/{version}\r\nhost: pool\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        assert_eq!(chunked, version == "1.1", "{head}");
        if chunked {
            assert!(body.ends_with("\r\n0\r\n\r\n"));
        } else {
            let names: Json = serde_json::from_str(body).unwrap();
            assert!(names["result"].as_array().unwrap().contains(&json!("VM.start")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused_and_nothing_of_it_is_done() {
    let pool = pool(1).await;
    let name = "x".repeat(400 << 10);
    let pool_ref = pool.ok("pool.get_all", &[]).await[0].clone();
    let params = json!([pool.session, pool_ref, name]);
    let body =
        json!({ "jsonrpc": "2.0", "method": "pool.set_name_label", "params": params, "id": 1 });
    for path in ["/jsonrpc", "/"] {
        let mut connection = Connection::to(&pool.hosts[0]).await;
        let (status, ..) = connection.ask("POST", path, body.to_string()).await;
        assert_eq!(status, 413, "{path}");
    }
    assert_eq!(pool.ok("pool.get_name_label", &[pool_ref]).await, "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_names_the_coordinator_to_old_clients_and_answers_for_it_to_new_ones() {
    let pool = pool_at_addresses(2).await;
    let mut member = Connection::to(&pool.hosts[1]).await;
    let login = json!(["root", PASSWORD]);
    let refused = member.json("session.login_with_password", &login, false).await;
    assert_eq!(refused["error"]["message"], "HOST_IS_SLAVE");
    let coordinator = pool.hosts[0].daemon.state.config.settings.listen.to_string();
    assert_eq!(refused["error"]["data"], json!([coordinator]));
    // The same of every other call, whatever its session.
    let refused = member.json("VM.get_all", &json!([pool.session]), false).await;
    assert_eq!(refused["error"]["message"], "HOST_IS_SLAVE");
    let answered = member.json("session.login_with_password", &login, true).await;
    let session = answered["result"].as_str().unwrap_or_else(|| panic!("{answered}"));
    let hosts = member.json("host.get_all", &json!([session]), true).await;
    assert_eq!(hosts["result"].as_array().unwrap().len(), 2);
}
