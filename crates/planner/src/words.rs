//! Numbers and lists as people read them.

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// Bytes in MiB, rounded up, with separators: `1,536 MiB`.
#[must_use]
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", thousands(bytes.div_ceil(MIB)))
}

/// A number with separators: `4,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 failure`, `2 failures`.
pub(crate) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists() {
        assert_eq!(mib(1536 << 20), "1,536 MiB");
        assert_eq!(mib((1 << 20) + 1), "2 MiB");
        assert_eq!(thousands(1_234_567), "1,234,567");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(list(&names), "a, b and c");
        assert_eq!(list(&names[..2]), "a and b");
    }
}
