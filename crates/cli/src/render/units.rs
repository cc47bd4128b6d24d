//! Sizes and times as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

const UNITS: [(&str, u64); 4] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// `512MiB`, `1.5G`, `1073741824`. K, M, G and T are powers of 1024, whatever follows them.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1_u64 << 40,
        _ => return Err(format!("`{unit}` is no unit of size: use KiB, MiB, GiB or TiB")),
    };
    let not_a_size = || format!("`{text}` is no size: write for instance 512MiB or 20GiB");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(not_a_size);
    }
    let (whole, fraction) = number.split_once('.').ok_or_else(not_a_size)?;
    let whole: u64 = whole.parse().map_err(|_| not_a_size())?;
    let fraction_digits = u32::try_from(fraction.len()).map_err(|_| not_a_size())?;
    let scale = 10_u64.checked_pow(fraction_digits).ok_or_else(not_a_size)?;
    let fraction: u64 = fraction.parse().map_err(|_| not_a_size())?;
    let part = u128::from(fraction) * u128::from(factor) / u128::from(scale);
    let bytes = u128::from(whole) * u128::from(factor) + part;
    u64::try_from(bytes).map_err(|_| not_a_size())
}

/// `90`, `90s`, `5m`, `2h`, in seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    factor
        .and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is no time: write for instance 30s, 5m or 2h"))
}

/// `key=value`.
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

/// Bytes with a unit, to one decimal.
pub(crate) fn show_bytes(bytes: i64) -> String {
    let Ok(bytes) = u64::try_from(bytes) else { return "-".to_owned() };
    let Some((unit, size)) = UNITS.iter().rev().find(|(_, size)| bytes >= *size) else {
        return format!("{bytes} B");
    };
    let tenths = (u128::from(bytes) * 10 + u128::from(*size) / 2) / u128::from(*size);
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// The time of day.
pub(crate) fn clock_utc() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    show_clock(since.as_secs())
}

fn show_clock(unix_seconds: u64) -> String {
    let day = unix_seconds % 86_400;
    format!("{:02}:{:02}:{:02}Z", day / 3600, day / 60 % 60, day % 60)
}

/// `20261120T11:02:03Z` as `2026-11-20 11:02:03`; the epoch is "never".
pub(crate) fn show_time(wire: &str) -> String {
    match (wire.get(0..4), wire.get(4..6), wire.get(6..8), wire.get(9..17)) {
        (Some("1970"), ..) => "-".to_owned(),
        (Some(year), Some(month), Some(day), Some(time)) if wire.len() >= 18 => {
            format!("{year}-{month}-{day} {time}")
        }
        _ => wire.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, parse_pair, parse_seconds, show_bytes, show_clock, show_time};

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1K", 1024),
            ("512MiB", 512 << 20),
            ("1.5 GB", 3 << 29),
            ("2t", 2 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "1X", "-1", "1.5.5G", "99999999999T", "1.", ".5G"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (3 << 29, "1.5 GiB"),
            (256 << 20, "256 MiB"),
            (-1, "-"),
        ] {
            assert_eq!(show_bytes(bytes), text);
        }
    }

    #[test]
    fn times_and_pairs() {
        assert_eq!(parse_seconds("90"), Ok(90));
        assert_eq!(parse_seconds("2h"), Ok(7200));
        assert!(parse_seconds("2 weeks").is_err());
        assert!(parse_seconds("").is_err());
        assert_eq!(parse_pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_pair("=b").is_err());
        assert_eq!(show_time("20261120T11:02:03Z"), "2026-11-20 11:02:03");
        assert_eq!(show_clock(86_400 + 11 * 3600 + 2 * 60 + 3), "11:02:03Z");
        assert_eq!(show_time("19700101T00:00:00Z"), "-");
    }
}
