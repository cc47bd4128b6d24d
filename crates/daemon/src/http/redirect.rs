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
    use super::*;

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
