//! What was asked for a VM, in its `other_config`, as clients of XenAPI keep such settings.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use haven_failover::watch::{RESETS_MAX, WatchPolicy, WatchRecord};
use haven_model::{ApiError, Ref, Vm, codes};
use haven_pooldb::Tx;

/// `on`: the guest is watched.
pub const WATCH_KEY: &str = "haven_watch";
/// Seconds without a sign of life after which it is reset.
pub const INTERVAL_KEY: &str = "haven_watch_interval_s";
/// Seconds after a boot in which nothing is judged.
pub const GRACE_KEY: &str = "haven_watch_grace_s";
/// Most resets within the window.
pub const RESETS_KEY: &str = "haven_watch_resets";
/// Seconds for which a reset counts.
pub const WINDOW_KEY: &str = "haven_watch_window_s";
/// What it has spent, and how it stands: Haven's own.
pub const STATE_KEY: &str = "haven_watch_state";
/// `restart` or `respect`: what follows when a protected guest shuts itself down; without it, what the pool's
/// `ha_reboot_vm_on_internal_shutdown` says.
pub const OWN_END_KEY: &str = "haven_own_shutdown";

/// A guest hangs when nothing moved in so many looks at least.
const LOOKS_MIN: u32 = 4;
const INTERVAL_S: RangeInclusive<u64> = 1..=3600;
const GRACE_S: RangeInclusive<u64> = 0..=3600;
const RESETS: RangeInclusive<u64> = 1..=RESETS_MAX as u64;
const WINDOW_S: RangeInclusive<u64> = 60..=604_800;

/// The numbers among the settings, with their bounds.
const NUMBERS: [(&str, RangeInclusive<u64>); 4] = [
    (INTERVAL_KEY, INTERVAL_S),
    (GRACE_KEY, GRACE_S),
    (RESETS_KEY, RESETS),
    (WINDOW_KEY, WINDOW_S),
];

fn number(row: &Vm, key: &str, range: &RangeInclusive<u64>) -> Option<u64> {
    row.other_config.get(key)?.parse().ok().filter(|number| range.contains(number))
}

/// Whether and how a VM is watched.
#[must_use]
pub fn policy(row: &Vm) -> Option<WatchPolicy> {
    if row.other_config.get(WATCH_KEY).is_none_or(|word| word != "on") {
        return None;
    }
    let usual = WatchPolicy::default();
    let ms = |key, range, usual| number(row, key, &range).map_or(usual, |s| s.saturating_mul(1000));
    let resets = number(row, RESETS_KEY, &RESETS).and_then(|count| u32::try_from(count).ok());
    Some(WatchPolicy {
        interval_ms: ms(INTERVAL_KEY, INTERVAL_S, usual.interval_ms),
        grace_ms: ms(GRACE_KEY, GRACE_S, usual.grace_ms),
        resets_max: resets.unwrap_or(usual.resets_max),
        window_ms: ms(WINDOW_KEY, WINDOW_S, usual.window_ms),
    })
}

/// A policy that can be kept by somebody who looks so often.
#[must_use]
pub(super) fn kept_by(policy: WatchPolicy, look: Duration) -> WatchPolicy {
    let least = u64::try_from((look * LOOKS_MIN).as_millis()).unwrap_or(u64::MAX);
    WatchPolicy { interval_ms: policy.interval_ms.max(least), ..policy }
}

/// What was written down of a VM; what cannot be read is as if it were new.
#[must_use]
pub fn record(row: &Vm) -> WatchRecord {
    let text = row.other_config.get(STATE_KEY);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Writes it down.
///
/// # Errors
/// The VM is gone.
pub fn keep(tx: &mut Tx<'_>, vm: Ref<Vm>, record: &WatchRecord) -> Result<(), ApiError> {
    let text = serde_json::to_string(record).map_err(ApiError::internal)?;
    tx.update(vm, |row: &mut Vm| {
        row.other_config.insert(STATE_KEY.to_owned(), text);
    })
}

/// The VM's own word on a guest that shuts itself down.
#[must_use]
pub fn restarts_after_own_end(row: &Vm) -> Option<bool> {
    match row.other_config.get(OWN_END_KEY).map(String::as_str) {
        Some("restart") => Some(true),
        Some("respect") => Some(false),
        _ => None,
    }
}

/// Whether what a client sets in `VM.other_config` can be meant.
///
/// # Errors
/// `INVALID_VALUE`, naming the key and what is possible.
pub fn check(config: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let words = [(WATCH_KEY, ["on", "off"]), (OWN_END_KEY, ["restart", "respect"])];
    for (key, possible) in words {
        if let Some(text) = config.get(key).filter(|text| !possible.contains(&text.as_str())) {
            return Err(invalid(key, text, &possible.join(", ")));
        }
    }
    for (key, range) in NUMBERS {
        let given = config.get(key);
        let good = |text: &&String| text.parse().is_ok_and(|number| range.contains(&number));
        if let Some(text) = given.filter(|text| !good(text)) {
            return Err(invalid(key, text, &format!("{} to {}", range.start(), range.end())));
        }
    }
    Ok(())
}

fn invalid(key: &str, text: &str, possible: &str) -> ApiError {
    let name = format!("other_config:{key}");
    ApiError::with(codes::INVALID_VALUE, &[&name, &format!("{text}; it is {possible}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(pairs: &[(&str, &str)]) -> Vm {
        let pairs = pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        Vm { other_config: pairs.collect(), ..Vm::default() }
    }

    #[test]
    fn a_vm_is_watched_only_when_that_is_asked_for_and_by_what_can_be_meant() {
        assert_eq!(policy(&vm(&[])), None);
        assert_eq!(policy(&vm(&[(WATCH_KEY, "off")])), None);
        assert_eq!(policy(&vm(&[(WATCH_KEY, "on")])), Some(WatchPolicy::default()));
        let own = vm(&[(WATCH_KEY, "on"), (INTERVAL_KEY, "60"), (RESETS_KEY, "0")]);
        let expected = WatchPolicy { interval_ms: 60_000, ..WatchPolicy::default() };
        assert_eq!(policy(&own), Some(expected));
        let looked = kept_by(expected, Duration::from_secs(30));
        assert_eq!(looked.interval_ms, 120_000, "four looks at least");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (key, text) in [
            (WATCH_KEY, "yes"),
            (OWN_END_KEY, "never"),
            (INTERVAL_KEY, "0"),
            (RESETS_KEY, "21"),
            (WINDOW_KEY, "an hour"),
        ] {
            let error = check(&vm(&[(key, text)]).other_config).unwrap_err();
            assert_eq!(error.code, codes::INVALID_VALUE);
            assert_eq!(error.params[0], format!("other_config:{key}"));
            assert!(error.params[1].starts_with(&format!("{text}; it is ")), "{error:?}");
        }
        let good = vm(&[(WATCH_KEY, "on"), (GRACE_KEY, "0"), ("folder", "/x")]);
        check(&good.other_config).unwrap();
    }

    #[test]
    fn what_was_written_down_is_read_again() {
        let mut row = vm(&[]);
        assert_eq!(record(&row), WatchRecord::default());
        let spent = WatchRecord { spent_ms: vec![7], heard: Some(3), ..WatchRecord::default() };
        row.other_config.insert(STATE_KEY.to_owned(), serde_json::to_string(&spent).unwrap());
        assert_eq!(record(&row), spent);
        row.other_config.insert(STATE_KEY.to_owned(), "{}".to_owned());
        assert_eq!(record(&row), WatchRecord::default());
    }
}
