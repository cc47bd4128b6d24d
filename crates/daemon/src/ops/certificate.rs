//! The certificates that clients of the API see: the pool's, or one of the site's own for a host.
//!
//! The files are the host's (`/etc/haven/tls`), and so is the work: the coordinator only says which
//! host it is for. Members know each other by the pool's certificates, which this never touches.

use std::sync::Arc;

use haven_model::{ApiError, Host, Ref, Value, codes};
use serde_json::{Value as Json, json};
use x509_parser::prelude::{FromDer, Pem, X509Certificate};

use super::host::id;
use crate::dispatch::Call;
use crate::peer_net::{AskError, ask_member};
use crate::state::AppState;
use crate::tls;

/// Where a member does it.
pub const ROUTE: &str = "/haven/host/certificate";
/// Largest certificate, chain or key.
const PEM_BYTES_MAX: usize = 64 << 10;

/// `host.install_server_certificate(host, certificate, private_key, certificate_chain)`.
pub async fn install(call: Arc<Call>) -> Result<Value, ApiError> {
    let host: Ref<Host> = call.arg(0)?;
    let (certificate, key): (String, String) = (call.arg(1)?, call.arg(2)?);
    let chain: String = call.arg_or(3, String::new())?;
    let asked = json!({ "certificate": certificate, "key": key, "chain": chain });
    at(&call, host, Some(&asked)).await.map(|_| Value::void())
}

/// `host.reset_server_certificate(host)`: the pool's certificate again.
pub async fn reset(call: Arc<Call>) -> Result<Value, ApiError> {
    at(&call, call.arg(0)?, Some(&json!({}))).await.map(|_| Value::void())
}

/// `host.get_server_certificate(host)`.
pub async fn get(call: Arc<Call>) -> Result<Value, ApiError> {
    let answer = at(&call, call.arg(0)?, None).await?;
    let text = answer.get("certificate").and_then(Json::as_str).unwrap_or_default();
    Ok(Value::String(text.to_owned()))
}

async fn at(call: &Call, host: Ref<Host>, asked: Option<&Json>) -> Result<Json, ApiError> {
    call.read(|db| db.require(host).map(|_| ())).await?;
    let state = &call.state;
    if host == state.this_host() {
        return match asked {
            Some(asked) => change_here(state, asked).await,
            None => show_here(state).await,
        };
    }
    ask_member(&state.dialer, id(host), ROUTE, asked).await.map_err(|error| match error {
        AskError::Refused(error) => error,
        AskError::Silent(why) => {
            tracing::info!(%host, why, "a host was not heard about its certificate");
            ApiError::with(codes::HOST_OFFLINE, &[&host])
        }
    })
}

/// `POST /haven/host/certificate {certificate, key, chain}`; without them the site's goes.
///
/// # Errors
/// They are not usable; then the older ones stay.
pub async fn change_here(state: &Arc<AppState>, asked: &Json) -> Result<Json, ApiError> {
    let text = |key: &str| asked.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (certificate, key, chain) = (text("certificate"), text("key"), text("chain"));
    if certificate.is_empty() && key.is_empty() {
        reset_here(state).await?;
        return Ok(json!({}));
    }
    check(&certificate, &key, &chain)?;
    let (dir, store) = (state.config.paths.site_tls(), state.agent().parts().tls.clone());
    let change = move || {
        let whole = [certificate.trim_end(), "\n", chain.trim()].concat();
        let site = tls::store_site(&dir, &whole, &key)?;
        store.set_site(Some(site))
    };
    let done = tokio::task::spawn_blocking(change).await.map_err(ApiError::internal)?;
    done.map_err(|error| unusable(&error))?;
    tracing::info!("clients see a certificate of the site's own");
    Ok(json!({}))
}

/// Clients see the pool's certificate again.
///
/// # Errors
/// The files cannot be removed.
pub async fn reset_here(state: &Arc<AppState>) -> Result<(), ApiError> {
    let (dir, store) = (state.config.paths.site_tls(), state.agent().parts().tls.clone());
    let change = move || tls::remove_site(&dir).and_then(|()| store.set_site(None));
    let done = tokio::task::spawn_blocking(change).await.map_err(ApiError::internal)?;
    done.map_err(ApiError::internal)
}

/// `GET /haven/host/certificate`.
///
/// # Errors
/// The host has none.
pub async fn show_here(state: &Arc<AppState>) -> Result<Json, ApiError> {
    let (site, own) = (state.config.paths.site_tls(), state.config.paths.tls().join("host.pem"));
    let read = move || tls::site_text(&site).map_or_else(|| std::fs::read_to_string(own), Ok);
    let text = tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?;
    Ok(json!({ "certificate": text.map_err(ApiError::internal)? }))
}

fn unusable(error: &tls::TlsError) -> ApiError {
    let code = match error {
        tls::TlsError::Use(rustls::Error::InconsistentKeys(_)) => {
            codes::SERVER_CERTIFICATE_KEY_MISMATCH
        }
        tls::TlsError::Io { .. } => return ApiError::internal(error),
        _ => codes::SERVER_CERTIFICATE_KEY_INVALID,
    };
    ApiError::new(code, Vec::new())
}

/// What can be said of them before the key is tried.
fn check(certificate: &str, key: &str, chain: &str) -> Result<(), ApiError> {
    let refused = |code| Err(ApiError::new(code, Vec::new()));
    if [certificate, key, chain].iter().any(|text| text.len() > PEM_BYTES_MAX) {
        return refused(codes::SERVER_CERTIFICATE_INVALID);
    }
    let parts: Vec<Pem> = Pem::iter_from_buffer(certificate.as_bytes()).flatten().collect();
    let [part] = parts.as_slice() else { return refused(codes::SERVER_CERTIFICATE_INVALID) };
    let Ok((_, parsed)) = X509Certificate::from_der(&part.contents) else {
        return refused(codes::SERVER_CERTIFICATE_INVALID);
    };
    let validity = parsed.validity();
    let now = x509_parser::time::ASN1Time::now();
    if validity.not_after < now {
        let times: [&dyn std::fmt::Display; 2] = [&now, &validity.not_after];
        return Err(ApiError::with(codes::SERVER_CERTIFICATE_EXPIRED, &times));
    }
    if validity.not_before > now {
        let times: [&dyn std::fmt::Display; 2] = [&now, &validity.not_before];
        return Err(ApiError::with(codes::SERVER_CERTIFICATE_NOT_VALID_YET, &times));
    }
    let links = Pem::iter_from_buffer(chain.as_bytes());
    let whole = links.map(|link| link.is_ok_and(|link| link.parse_x509().is_ok()));
    if !whole.into_iter().all(|good| good) {
        return refused(codes::SERVER_CERTIFICATE_CHAIN_INVALID);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERT: &str = include_str!("../tls/testdata/rsa.pem");

    #[test]
    fn what_is_no_certificate_is_named() {
        let code = |cert: &str, chain: &str| check(cert, "", chain).err().map(|error| error.code);
        assert_eq!(code("", ""), Some("SERVER_CERTIFICATE_INVALID"));
        assert_eq!(
            code("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""),
            Some("SERVER_CERTIFICATE_INVALID")
        );
        assert_eq!(code(&CERT.repeat(2), ""), Some("SERVER_CERTIFICATE_INVALID"), "a chain");
        assert_eq!(code(CERT, CERT), None);
        let damaged = CERT.replace("MII", "AAA");
        assert_eq!(code(CERT, &damaged), Some("SERVER_CERTIFICATE_CHAIN_INVALID"));
    }
}
