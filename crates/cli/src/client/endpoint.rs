//! Where the server is.

use std::fmt;
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

const TLS_PORT: u16 = 443;

/// The address of a havend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The local socket: root, without login.
    Unix(PathBuf),
    /// Any host of the pool.
    Tls { host: String, port: u16 },
}

impl Endpoint {
    /// Parses `HOST`, `HOST:PORT`, `[V6]:PORT`, a bare IPv6 address, or any of these after `https://`.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let wrong =
            || Failure::Usage(format!("`{text}` is not an address: give HOST or HOST:PORT"));
        if text.starts_with("http://") {
            return Err(Failure::Usage(
                "a Haven host speaks TLS only: leave `http://` away".to_owned(),
            ));
        }
        let bare = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
        let (host, port) = if let Some(rest) = bare.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
            (host, after.strip_prefix(':'))
        } else if bare.matches(':').count() > 1 {
            (bare, None)
        } else {
            bare.split_once(':').map_or((bare, None), |(host, port)| (host, Some(port)))
        };
        if host.is_empty() || host.contains(['/', ' ', '@']) {
            return Err(wrong());
        }
        let port = port.map_or(Ok(TLS_PORT), |p| p.parse().map_err(|_| wrong()))?;
        Ok(Self::Tls { host: host.to_owned(), port })
    }

    /// The same port at another host, as `HOST_IS_SLAVE` names it.
    pub(crate) fn at(&self, address: &str) -> Outcome<Self> {
        match (self, Self::parse(address)?) {
            (Self::Tls { port, .. }, Self::Tls { host, port: TLS_PORT }) => {
                Ok(Self::Tls { host, port: *port })
            }
            (_, other) => Ok(other),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tls { host, port: TLS_PORT } => f.write_str(host),
            Self::Tls { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tls { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    fn shown(text: &str) -> String {
        Endpoint::parse(text).map_or_else(|e| format!("{e:?}"), |e| format!("{e} {e:?}"))
    }

    #[test]
    fn addresses_in_all_usual_forms() {
        for (text, host, port) in [
            ("h1", "h1", 443),
            ("https://h1/", "h1", 443),
            ("10.0.0.1:8443", "10.0.0.1", 8443),
            ("fd00::1", "fd00::1", 443),
            ("[fd00::1]:8443", "fd00::1", 8443),
        ] {
            let expected = Endpoint::Tls { host: host.to_owned(), port };
            assert_eq!(Endpoint::parse(text).ok(), Some(expected), "{text}: {}", shown(text));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":443", "h1:port", "http://h1", "h1/path", "[fd00::1"] {
            assert!(Endpoint::parse(text).is_err(), "{text}: {}", shown(text));
        }
    }
}
