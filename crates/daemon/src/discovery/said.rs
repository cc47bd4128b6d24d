//! What a host says of itself.

use uuid::Uuid;

/// Longest name and version that is said or taken, in characters.
const CHARS_MAX: usize = 48;
/// Letters of a SHA-256, hexadecimal.
const SHA256_CHARS: usize = 64;

/// Whether it is in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In none.
    Free,
    /// It coordinates one.
    Pool {
        /// `pool.uuid`.
        uuid: Uuid,
        /// `pool.name_label`.
        name: String,
        /// SHA-256 of the pool's CA, as join tokens have it; empty: not said.
        ca: String,
    },
}

/// What a host says of itself; all texts are clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// Haven's version there.
    pub version: String,
    /// Port of its API.
    pub port: u16,
    /// SHA-256 of the certificate that its API shows; empty: not said.
    pub fingerprint: String,
    /// Whether it is in a pool.
    pub standing: Standing,
}

/// A text of a stranger: any script, but nothing that moves, hides or turns around what stands beside it.
pub(super) fn clean(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control() && !is_format(*c));
    let short: String = shown.take(CHARS_MAX).collect();
    short.trim().to_owned()
}

/// Marks of direction and such that show nothing.
const fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// A fingerprint, or nothing.
pub(super) fn fingerprint(text: &str) -> String {
    let good = text.len() == SHA256_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { text.to_ascii_lowercase() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_is_shown_and_nothing_that_deceives() {
        for name in ["host1", "干净的主机", "Servidor de María", "سيرفر", "मेज़बान"]
        {
            assert_eq!(clean(name), name);
        }
        assert_eq!(clean("  a\u{1b}[31m\nb\u{202e}c\u{200b} "), "a[31mbc");
        assert_eq!(clean(&"é".repeat(500)).chars().count(), CHARS_MAX);
        assert_eq!(clean("\u{0}\u{7}"), "");
    }

    #[test]
    fn a_fingerprint_is_one_or_nothing() {
        assert_eq!(fingerprint(&"AB".repeat(32)), "ab".repeat(32));
        for other in ["", "ab", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(fingerprint(other), "");
        }
    }
}
