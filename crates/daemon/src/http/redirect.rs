//! Plain HTTP, for people who type an address without `https`: sends them there, and answers
//! nothing else.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The application of the plain port; `api_port` is where TLS is.
pub fn redirect(api_port: u16) -> Router {
    Router::new().fallback(move |request: Request| async move { answer(&request, api_port) })
}

fn answer(request: &Request, api_port: u16) -> Response {
    // A call would have sent its password in the clear already; do not make a habit of it.
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::FORBIDDEN, "use https").into_response();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let location = host.and_then(|host| location(host, request.uri().path(), api_port));
    match location {
        Some(location) => {
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()
        }
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn location(host: &str, path: &str, api_port: u16) -> Option<HeaderValue> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let good = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if name.is_empty() || !name.chars().all(good) {
        return None;
    }
    let port = if api_port == 443 { String::new() } else { format!(":{api_port}") };
    HeaderValue::from_str(&format!("https://{name}{port}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::peer_net::serve_plain;

    #[tokio::test]
    async fn the_plain_port_redirects_pages_and_takes_no_calls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve_plain(listener, redirect(8443), stop.clone()));
        let ask = async |request: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let page = ask("GET /ui/ HTTP/1.1\r\nHost: h1\r\nConnection: close\r\n\r\n").await;
        assert!(
            page.starts_with("HTTP/1.1 301 ") && page.contains("https://h1:8443/ui/"),
            "{page}"
        );
        let call =
            "POST / HTTP/1.1\r\nHost: h1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
        let refused = ask(call).await;
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
        stop.cancel();
    }

    #[test]
    fn people_are_sent_to_the_same_page_over_tls() {
        let to =
            |host, port| location(host, "/welcome", port).map(|l| l.to_str().unwrap().to_owned());
        assert_eq!(to("h1.example", 443).as_deref(), Some("https://h1.example/welcome"));
        assert_eq!(to("h1:80", 8443).as_deref(), Some("https://h1:8443/welcome"));
        assert_eq!(to("[fe80::1]:80", 443).as_deref(), Some("https://[fe80::1]/welcome"));
        assert_eq!(to("evil/../x", 443), None);
    }
}
