//! The cookie of the page: a word that says who signed in, and that only this pool can write.
//!
//! Sessions live in the coordinator's memory. The cookie outlives them: the next coordinator opens
//! the session again under the same identity, and the person at the page notices nothing.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

const NAME: &str = "haven_session";
/// After so many seconds without an answer to the page the person signs in again.
pub(super) const LIFE_S: i64 = 12 * 3600;
/// A cookie older than this is renewed, in seconds.
const RENEW_S: i64 = 600;
/// Longest cookie that is looked at.
const BYTES_MAX: usize = 1024;

/// Key of the pool for cookies, bound to the password: a new password ends all sessions.
#[derive(Clone)]
pub(super) struct Key {
    secret: String,
    password_hash: String,
}

/// What a cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Name of the user.
    pub user: String,
    /// The session.
    pub session: Uuid,
    /// When the cookie was written, seconds since 1970.
    pub issued: i64,
}

impl Key {
    pub(super) fn new(secret: String, password_hash: String) -> Self {
        Self { secret, password_hash }
    }

    fn mac(&self, parts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
        for part in parts.iter().chain([&self.password_hash.as_str()]) {
            // Lengths keep parts apart.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }

    fn sign(&self, parts: &[&str]) -> Option<String> {
        let bytes = self.mac(parts)?.finalize().into_bytes();
        let mut text = String::new();
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Some(text)
    }

    /// What the page must send with everything that changes something.
    pub(super) fn csrf(&self, session: Uuid) -> String {
        self.sign(&["csrf", &session.to_string()]).unwrap_or_default()
    }

    /// Compares in constant time.
    pub(super) fn csrf_is(&self, session: Uuid, given: &str) -> bool {
        let right = self.csrf(session);
        !right.is_empty()
            && right.len() == given.len()
            && right.bytes().zip(given.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    /// The header that gives the cookie to the browser.
    pub(super) fn set(&self, ticket: &Ticket) -> Option<HeaderValue> {
        let user = URL_SAFE_NO_PAD.encode(&ticket.user);
        let (session, issued) = (ticket.session.to_string(), ticket.issued.to_string());
        let proof = self.sign(&["session", &ticket.user, &session, &issued])?;
        let text = format!(
            "{NAME}={user}.{session}.{issued}.{proof}; Path=/ui; Max-Age={LIFE_S}; Secure; HttpOnly; \
             SameSite=Strict"
        );
        HeaderValue::from_str(&text).ok()
    }

    /// Whether this pool wrote the cookie, and not too long ago.
    pub(super) fn is_good(&self, ticket: &Ticket, proof: &str, now: i64) -> bool {
        let age = now - ticket.issued;
        if !(-RENEW_S..=LIFE_S).contains(&age) {
            return false;
        }
        let (session, issued) = (ticket.session.to_string(), ticket.issued.to_string());
        let bytes: Option<Vec<u8>> = (0..proof.len() / 2)
            .map(|at| {
                proof.get(2 * at..2 * at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok())
            })
            .collect();
        let mac = self.mac(&["session", &ticket.user, &session, &issued]);
        match (mac, bytes) {
            (Some(mac), Some(bytes)) => mac.verify_slice(&bytes).is_ok(),
            _ => false,
        }
    }
}

impl Ticket {
    /// Whether its cookie should be written anew.
    pub(super) fn is_old(&self, now: i64) -> bool {
        now - self.issued > RENEW_S
    }
}

/// The cookie of a request: what it says, and its proof, which is still to be checked.
pub(super) fn read(headers: &HeaderMap) -> Option<(Ticket, String)> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let word = all
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == NAME && value.len() <= BYTES_MAX)?
        .1;
    let mut parts = word.split('.');
    let (user, session, issued, proof) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let user = String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
    let ticket = Ticket { user, session: session.parse().ok()?, issued: issued.parse().ok()? };
    Some((ticket, proof.to_owned()))
}

/// The header that takes the cookie away.
pub(super) fn clear() -> HeaderValue {
    HeaderValue::from_static(
        "haven_session=; Path=/ui; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(set: &HeaderValue) -> (Ticket, String) {
        let word = set.to_str().unwrap().split(';').next().unwrap();
        let headers =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(word).unwrap())]);
        read(&headers).unwrap()
    }

    #[test]
    fn a_cookie_is_good_until_it_is_old_changed_or_the_password_is_another() {
        let key = Key::new("secret".to_owned(), "hash".to_owned());
        let ticket =
            Ticket { user: "管理员".to_owned(), session: Uuid::from_u128(7), issued: 1000 };
        let set = key.set(&ticket).unwrap();
        let text = set.to_str().unwrap();
        assert!(
            text.contains("HttpOnly")
                && text.contains("SameSite=Strict")
                && text.contains("Secure")
        );
        let (read, proof) = given(&set);
        assert_eq!((&read.user, read.session, read.issued), (&ticket.user, ticket.session, 1000));
        assert!(key.is_good(&read, &proof, 1000) && key.is_good(&read, &proof, 1000 + LIFE_S));
        assert!(!key.is_good(&read, &proof, 1001 + LIFE_S));
        assert!(!key.is_good(&Ticket { issued: 999, ..ticket }, &proof, 1000));
        assert!(!key.is_good(&read, &proof.replace('a', "b"), 1000) || !proof.contains('a'));
        assert!(!key.is_good(&read, "", 1000));
        let other = Key::new("secret".to_owned(), "another".to_owned());
        assert!(!other.is_good(&read, &proof, 1000));
    }

    #[test]
    fn the_token_against_forgery_belongs_to_one_session() {
        let key = Key::new("secret".to_owned(), "hash".to_owned());
        let token = key.csrf(Uuid::from_u128(1));
        assert!(key.csrf_is(Uuid::from_u128(1), &token));
        assert!(!key.csrf_is(Uuid::from_u128(2), &token));
        assert!(!key.csrf_is(Uuid::from_u128(1), ""));
    }
}
