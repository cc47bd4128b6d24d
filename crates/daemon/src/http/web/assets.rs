//! The files of the page, as they were embedded when the program was built.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

/// Suffix of the compressed form of a file.
const PACKED: &str = ".br";
/// Nothing but this host's own files; no inline scripts or styles, no frames around the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Assets are named by their content: they never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Haven</title>\
    <h1>The web console is not in this build</h1>\
    <p>Build it with <code>make web</code>, and havend after it with <code>cargo build</code>; \
    <code>make build</code> does both.</p>\
    <p>Everything can be done on the command line as well: <code>haven --help</code>.</p></html>";

fn file(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// Answers `GET /ui/<name>`: a file, or the page itself for every address within it.
pub(super) fn serve(name: &str, headers: &HeaderMap) -> Response {
    let is_asset = name.starts_with("assets/");
    let found = if name.is_empty() { None } else { file(name) };
    let name = match found {
        Some(_) => name,
        None if is_asset => return StatusCode::NOT_FOUND.into_response(),
        None => "index.html",
    };
    let Some(plain) = file(name) else { return page(NOT_BUILT) };
    let packed = file(&format!("{name}{PACKED}")).filter(|_| accepts_brotli(headers));
    let mut response = Response::new(Body::from(packed.unwrap_or(plain)));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    let caching = if is_asset { FOR_EVER } else { "no-cache" };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    secure(out);
    response
}

fn page(html: &'static str) -> Response {
    let mut response = (StatusCode::OK, html).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    secure(out);
    response
}

/// Headers that every answer to a browser has.
pub(super) fn secure(out: &mut HeaderMap) {
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    out.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    out.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| {
        list.split(',').any(|item| item.split(';').next().is_some_and(|name| name.trim() == "br"))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_gets_the_page_and_a_lost_asset_does_not() {
        let headers = HeaderMap::new();
        let page = serve("vm/1234/console", &headers);
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(serve("assets/gone.js", &headers).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn brotli_is_given_to_those_who_take_it() {
        let with = |text| {
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))])
        };
        assert!(accepts_brotli(&with("gzip, deflate, br;q=0.9, zstd")));
        assert!(!accepts_brotli(&with("gzip, brotli")));
        assert!(!accepts_brotli(&HeaderMap::new()));
    }
}
