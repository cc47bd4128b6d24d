//! Which addresses an image may be fetched from, and what it is called then.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use haven_model::{ApiError, codes};
use reqwest::Url;

/// Longest address.
const ADDRESS_BYTES_MAX: usize = 4096;
/// Endings of the names of images.
const ENDINGS: [&str; 2] = [".iso", ".img"];
/// Characters of a name that is made up from a tree's own words.
const WORDS_MAX: usize = 80;

/// Reads an address.
///
/// # Errors
/// It is none of `http` or `https`, or has a password in it, which logs and tasks would show.
pub fn parse(text: &str) -> Result<Url, ApiError> {
    let text = text.trim();
    let invalid =
        |why: &str| ApiError::with(codes::IMAGE_ADDRESS_INVALID, &[&shortened(text), &why]);
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(invalid("it is too long"));
    }
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(_)) => {}
        ("nfs", Some(host)) => {
            let location = format!("{host}:{}", decoded(url.path().trim_end_matches('/')));
            return Err(ApiError::with(codes::IMAGE_ADDRESS_IS_NFS, &[&location]));
        }
        (other, _) => return Err(invalid(&format!("\"{other}\" is neither https nor http"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it has a user or a password in it"));
    }
    Ok(url)
}

fn shortened(text: &str) -> String {
    let host = text.split(['?', '#']).next().unwrap_or_default();
    // What stands before the host may be a password.
    let (scheme, rest) = host.split_once("://").unwrap_or(("", host));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{}", rest.chars().take(200).collect::<String>())
}

/// An address as it may be shown: what follows the question mark is often a key.
#[must_use]
pub fn shown(url: &Url) -> String {
    shortened(url.as_str())
}

/// Where a redirection leads.
///
/// # Errors
/// Not to a web server, or from a connection that is secured to one that is not.
pub fn redirected(from: &Url, location: &str) -> Result<Url, ApiError> {
    let failed = |why: &str| ApiError::with(codes::IMAGE_FETCH_FAILED, &[&shown(from), &why]);
    let to = from.join(location).map_err(|_| failed("it redirects to no address"))?;
    let to = parse(to.as_str())?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(failed("it redirects to an address that is not secured"));
    }
    Ok(to)
}

/// Whether a fetch may connect there: never to the host itself, to what only the host's own link
/// reaches (the services of clouds are there), or to `own` addresses of the pool.
#[must_use]
pub fn is_allowed(address: IpAddr, own: &[IpAddr]) -> bool {
    let address = address.to_canonical();
    if own.iter().any(|own| own.to_canonical() == address) {
        return false;
    }
    match address {
        IpAddr::V4(v4) => is_outside(v4),
        IpAddr::V6(v6) => {
            let local = v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local();
            let embedded = embedded(v6);
            let inner_ok = embedded.is_none_or(|v4| is_allowed(IpAddr::V4(v4), own));
            !local && !v6.is_multicast() && inner_ok
        }
    }
}

fn is_outside(v4: Ipv4Addr) -> bool {
    let is_this = v4.octets().first() == Some(&0);
    !(v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || v4.is_multicast() || is_this)
}

/// The IPv4 address that a translator on the way makes of it: `64:ff9b::/96`, 6to4, and the old
/// form `::a.b.c.d`.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b, [c, d, e, f]) {
        (0x64, 0xff9b, [0, 0, 0, 0]) | (0, 0, [0, 0, 0, 0]) => Some(of(g, h)),
        (0x2002, high, [low, ..]) => Some(of(high, low)),
        _ => None,
    }
}

/// Whether an address names an image, and not a page or a tree.
#[must_use]
pub fn names_image(url: &Url) -> bool {
    has_ending(&last_part(url))
}

fn has_ending(name: &str) -> bool {
    let lower = name.to_lowercase();
    ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

fn last_part(url: &Url) -> String {
    decoded(url.path().rsplit('/').next().unwrap_or_default())
}

/// Without its escapes.
fn decoded(text: &str) -> String {
    // Of a path, in which these two mean themselves.
    let value = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = form_urlencoded::parse(value.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What an image is called: as the server says, or by the last part of the address that was given
/// or led to. The library judges whether it may be called so.
#[must_use]
pub fn name(disposition: Option<&str>, given: &Url, last: &Url) -> String {
    let said = disposition.and_then(said).filter(|name| has_ending(name));
    said.unwrap_or_else(|| {
        let named = [given, last].map(last_part).into_iter().find(|name| has_ending(name));
        named.unwrap_or_else(|| last_part(given))
    })
}

/// The file name in a `Content-Disposition`, without any directory.
fn said(disposition: &str) -> Option<String> {
    let parts = || disposition.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
    let extended = parts().find(|(key, _)| key.eq_ignore_ascii_case("filename*"));
    let plain = || parts().find(|(key, _)| key.eq_ignore_ascii_case("filename"));
    let name = match extended.and_then(|(_, value)| value.splitn(3, '\'').nth(2)) {
        Some(escaped) => decoded(escaped.trim()),
        None => plain()?.1.trim().trim_matches('"').to_owned(),
    };
    name.rsplit(['/', '\\']).next().map(str::to_owned).filter(|name| !name.is_empty())
}

/// A file name of words that somebody else chose.
#[must_use]
pub fn name_of_words(words: &[&str]) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
    let all: String =
        words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join("-");
    let name: String = all.chars().map(safe).take(WORDS_MAX).collect();
    format!("{}.iso", name.trim_matches(['-', '.']))
}

/// A SHA-256 as people write it down.
///
/// # Errors
/// It is none.
pub fn checksum(text: &str) -> Result<Option<String>, ApiError> {
    let text = text.trim().to_lowercase();
    let digits = text.strip_prefix("sha256:").unwrap_or(&text).trim();
    if digits.is_empty() {
        return Ok(None);
    }
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(digits.to_owned()));
    }
    let why = "a SHA-256 has 64 characters of 0-9 and a-f";
    Err(ApiError::with(codes::INVALID_VALUE, &[&"sha256", &why]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        parse(text).unwrap()
    }

    #[test]
    fn only_web_addresses_without_secrets_are_taken() {
        for good in ["http://a/b.iso", " https://a.example:8443/x?y=1 ", "HTTP://[2001:db8::1]/x"] {
            parse(good).unwrap();
        }
        for bad in
            ["", "a.iso", "ftp://a/b.iso", "file:///etc/passwd", "http://", "https://u:p@a/b"]
        {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.code, codes::IMAGE_ADDRESS_INVALID, "{bad}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
        let nfs = parse("nfs://10.10.32.10/SLES%2010/").unwrap_err();
        assert_eq!(
            (nfs.code, nfs.params[0].as_str()),
            (codes::IMAGE_ADDRESS_IS_NFS, "10.10.32.10:/SLES 10")
        );
        assert_eq!(shown(&url("https://a/b.iso?key=secret#x")), "https://a/b.iso");
    }

    #[test]
    fn a_redirection_never_leads_down() {
        let secure = url("https://a/x/y.iso");
        assert_eq!(redirected(&secure, "../z.iso").unwrap().as_str(), "https://a/z.iso");
        for bad in ["http://a/y.iso", "ftp://a/y.iso", "file:///etc/passwd", "//u:p@b/"] {
            assert!(redirected(&secure, bad).is_err(), "{bad}");
        }
        assert!(redirected(&url("http://a/"), "https://b/").is_ok());
    }

    #[test]
    fn what_is_inside_is_not_reached_under_any_name() {
        let own = ["10.1.2.3".parse().unwrap(), "fd00::3".parse().unwrap()];
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "255.255.255.255",
            "224.0.0.1",
            "10.1.2.3",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00::3",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::127.0.0.1",
            "::10.1.2.3",
        ] {
            assert!(!is_allowed(inside.parse().unwrap(), &own), "{inside}");
        }
        for outside in [
            "10.1.2.4",
            "192.168.1.1",
            "198.51.100.7",
            "2001:db8::1",
            "fd00::4",
            "64:ff9b::c633:6407",
        ] {
            assert!(is_allowed(outside.parse().unwrap(), &own), "{outside}");
        }
        // However it is written, it is the same host.
        for same in ["http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://0177.0.0.1/"]
        {
            assert_eq!(url(same).host_str(), Some("127.0.0.1"), "{same}");
        }
    }

    #[test]
    fn an_image_is_called_as_its_server_or_its_address_says() {
        let (given, cdn) = (url("https://a/get/debian%2012.iso?x=1"), url("https://cdn/4711"));
        assert_eq!(name(None, &given, &cdn), "debian 12.iso");
        assert_eq!(name(None, &url("https://a/latest"), &url("https://a/b.img")), "b.img");
        assert_eq!(name(None, &url("https://a/latest"), &cdn), "latest");
        for (said, expected) in [
            ("attachment; filename=\"x.iso\"", "x.iso"),
            ("attachment; filename=../../etc/x.iso", "x.iso"),
            ("attachment; filename=a.iso; filename*=UTF-8''%E5%B9%B2.iso", "干.iso"),
            ("attachment; filename=\"index.html\"", "debian 12.iso"),
            ("inline", "debian 12.iso"),
        ] {
            assert_eq!(name(Some(said), &given, &cdn), expected, "{said}");
        }
        assert_eq!(
            name_of_words(&["Fedora", "41 (Beta)/x", "", "boot"]),
            "Fedora-41--Beta--x-boot.iso"
        );
        assert!(names_image(&given) && !names_image(&cdn));
    }

    #[test]
    fn a_checksum_is_read_as_people_write_it() {
        let sum = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        assert_eq!(checksum(&format!(" sha256:{sum} ")).unwrap(), Some(sum.to_lowercase()));
        assert_eq!(checksum("").unwrap(), None);
        for bad in ["x", "d41d8cd98f00b204e9800998ecf8427e", &format!("{sum}0")] {
            assert!(checksum(bad).is_err(), "{bad}");
        }
    }
}
