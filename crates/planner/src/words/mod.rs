//! Numbers, lists and sentences as people read them, in each language.
//!
//! Owns: how an answer becomes a sentence. The answers themselves are data; whoever shows them asks
//! for the words with [`Say`]. Never decides anything.

mod texts;

use haven_model::Language;

pub(crate) use texts::{Part, sentence};

/// An answer that can be said in words.
pub trait Say {
    /// The words, in a language.
    fn say(&self, language: Language) -> String;
}

/// `Display` is what is said in English.
macro_rules! said_in_english {
    ($($what:ty),+) => {$(
        impl std::fmt::Display for $what {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::words::Say::say(self, haven_model::Language::English))
            }
        }
    )+};
}
pub(crate) use said_in_english;

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// Bytes in MiB, rounded up, with separators: `1,536 MiB`.
#[must_use]
pub fn mib(bytes: u64) -> String {
    amount(bytes, Language::English)
}

/// The same as a language writes it.
pub(crate) fn amount(bytes: u64, language: Language) -> String {
    format!("{} MiB", thousands(bytes.div_ceil(MIB), language))
}

/// A number with separators: `4,000`; in Spanish `4000`, and `40.000`.
pub(crate) fn thousands(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let separator = match language {
        Language::English | Language::Chinese => ',',
        Language::Spanish if digits.len() < 5 => return digits,
        Language::Spanish => '.',
    };
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[String], language: Language) -> String {
    let [first @ .., last] = names else { return String::new() };
    let before = first.iter().cloned().reduce(|before, next| joined(language, before, &next));
    match before {
        None => last.clone(),
        Some(before) => {
            let last = Part::from(last.as_str());
            sentence(language, "list-last", &[("before", before.into()), ("last", last)])
        }
    }
}

/// `a`, `a, b`, `a, b, c`.
pub(crate) fn row(parts: impl IntoIterator<Item = String>, language: Language) -> String {
    let joined = |before, next: String| joined(language, before, &next);
    parts.into_iter().reduce(joined).unwrap_or_default()
}

fn joined(language: Language, before: String, next: &str) -> String {
    sentence(language, "list", &[("before", before.into()), ("next", next.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists() {
        assert_eq!(mib(1536 << 20), "1,536 MiB");
        assert_eq!(mib((1 << 20) + 1), "2 MiB");
        assert_eq!(thousands(1_234_567, Language::English), "1,234,567");
        assert_eq!(thousands(1_234, Language::Spanish), "1234");
        assert_eq!(thousands(1_234_567, Language::Spanish), "1.234.567");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(list(&names, Language::English), "a, b and c");
        assert_eq!(list(&names[..2], Language::Spanish), "a y b");
        assert_eq!(list(&names, Language::Chinese), "a、b和c");
        assert_eq!(list(&names[..1], Language::English), "a");
        assert_eq!(list(&[], Language::English), "");
        assert_eq!(row(names, Language::English), "a, b, c");
    }
}
