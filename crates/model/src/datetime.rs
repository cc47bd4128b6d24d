//! Points in time as XenAPI writes them: whole seconds, UTC, `20250102T03:04:05Z`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY_S: i64 = 86_400;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DateTime(pub i64);

impl DateTime {
    /// What XenAPI uses for "never".
    pub const EPOCH: Self = Self(0);

    /// Seconds since the epoch.
    #[must_use]
    pub const fn unix_s(self) -> i64 {
        self.0
    }
}

/// The text is neither `20250102T03:04:05Z` nor RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date and time")]
pub struct BadDateTime(pub String);

/// Year, month and day of a day number (Howard Hinnant's civil calendar algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Day number of a civil date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * mp + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY_S));
        let s = self.0.rem_euclid(DAY_S);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        write!(f, "{year:04}{month:02}{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes `count` digits off the front of `text`.
fn digits(text: &mut &[u8], count: usize) -> Option<i64> {
    let (head, tail) = text.split_at_checked(count)?;
    let mut n = 0;
    for byte in head {
        n = n * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    *text = tail;
    Some(n)
}

/// Takes one optional separator off the front of `text`.
fn skip(text: &mut &[u8], separator: u8) {
    if let Some((first, rest)) = text.split_first()
        && *first == separator
    {
        *text = rest;
    }
}

/// Offset from UTC in seconds; no suffix means UTC.
fn offset(mut text: &[u8]) -> Option<i64> {
    match text.split_first() {
        None => Some(0),
        Some((b'Z' | b'z', [])) => Some(0),
        Some((sign @ (b'+' | b'-'), rest)) => {
            text = rest;
            let hours = digits(&mut text, 2)?;
            skip(&mut text, b':');
            let minutes = if text.is_empty() { 0 } else { digits(&mut text, 2)? };
            let seconds = hours * 3600 + minutes * 60;
            text.is_empty().then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        Some(_) => None,
    }
}

fn parse(text: &str) -> Option<i64> {
    let mut t = text.trim().as_bytes();
    let year = digits(&mut t, 4)?;
    skip(&mut t, b'-');
    let month = digits(&mut t, 2)?;
    skip(&mut t, b'-');
    let day = digits(&mut t, 2)?;
    let [b'T' | b't' | b' ', rest @ ..] = t else { return None };
    t = rest;
    let hour = digits(&mut t, 2)?;
    skip(&mut t, b':');
    let minute = digits(&mut t, 2)?;
    skip(&mut t, b':');
    let second = digits(&mut t, 2)?;
    if let [b'.', rest @ ..] = t {
        let fraction = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        t = rest.get(fraction..)?;
    }
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let local = days(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    in_range.then_some(local - offset(t)?)
}

impl FromStr for DateTime {
    type Err = BadDateTime;
    fn from_str(text: &str) -> Result<Self, BadDateTime> {
        parse(text).map(Self).ok_or_else(|| BadDateTime(text.to_owned()))
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::DateTime;

    #[test]
    fn known_instants() {
        for (s, text) in [
            (0, "19700101T00:00:00Z"),
            (1_735_787_045, "20250102T03:04:05Z"),
            (951_782_400, "20000229T00:00:00Z"),
            (-1, "19691231T23:59:59Z"),
        ] {
            assert_eq!(DateTime(s).to_string(), text);
            assert_eq!(text.parse(), Ok(DateTime(s)));
        }
    }

    #[test]
    fn other_spellings() {
        for text in [
            "2025-01-02T03:04:05Z",
            "2025-01-02T04:04:05+01:00",
            "20250102T03:04:05",
            "2025-01-02 03:04:05.678Z",
        ] {
            assert_eq!(text.parse(), Ok(DateTime(1_735_787_045)), "{text}");
        }
        for text in ["", "2025", "20251302T00:00:00Z", "20250102T03:04:05ZZ", "é0250102"] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_round_trips() {
        for day in -200_000..200_000 {
            let t = DateTime(day * 86_400 + 12_345);
            if day > -719_000 && t.0 < 253_402_300_800 {
                assert_eq!(t.to_string().parse(), Ok(t));
            }
        }
    }
}
