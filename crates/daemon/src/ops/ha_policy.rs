//! How room for failovers is reserved and restarts are done: the keys of `pool.ha_configuration`
//! besides those of heartbeats.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use haven_failover::reminder;
use haven_failover::storage::{self, Response};
use haven_model::{ApiError, Language, Pool, codes};
use haven_planner as planner;
use haven_planner::policy::{self, Options, Policy};
use haven_planner::{Mode, Ready, Rules, Say};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{rows, view};
use crate::state::AppState;

/// Seconds that a restart group waits for its VMs, unless the pool says otherwise.
const RESTART_TIMEOUT_S: u64 = 600;
/// The longest that may be asked for.
const RESTART_TIMEOUT_S_MAX: u64 = 3600;
/// Starts on one host at the same moment, unless the pool says otherwise.
const STARTS_PER_HOST: u64 = 3;
/// The most that may be asked for.
const STARTS_PER_HOST_MAX: u64 = 32;

/// Seconds that machines hang on lost storage before they are ended, where the pool wants that.
const STORAGE_LOST_AFTER_S: u64 = 180;
/// What may be asked for.
const STORAGE_LOST_AFTER_S_RANGE: std::ops::RangeInclusive<u64> = 10..=3600;

/// Keys that stay when high availability is turned off and on again.
pub const KEYS: &[&str] = &[
    "admission",
    "overcommitted",
    "policy",
    "reserve_cpu_percent",
    "reserve_memory_percent",
    "failover_hosts",
    "vcpus_per_100_cpus",
    "restart_ready",
    "restart_timeout_s",
    "starts_per_host",
    "remind_hours",
    "storage_lost",
    "storage_lost_after_s",
];

/// What admission control does when the pool is overcommitted already and a change makes it worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overcommitted {
    /// Lets it pass, and says by how much.
    #[default]
    Report,
    /// Refuses it.
    Block,
}

/// The policy of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaPolicy {
    /// What admission control does.
    pub admission: Mode,
    /// The same when the pool is overcommitted already.
    pub overcommitted: Overcommitted,
    /// How room is reserved.
    pub policy: Policy,
    /// Advanced options.
    pub options: Options,
    /// Virtual processors for a hundred physical ones; `None`: not counted.
    pub vcpus_per_100_cpus: Option<u32>,
    /// When a restarted VM counts as started.
    pub ready: Ready,
    /// Seconds that a restart group waits for its VMs.
    pub restart_timeout_s: u64,
    /// Starts on one host at the same moment.
    pub starts_per_host: usize,
    /// Hours between two reminders that high availability is off; 0: none.
    pub remind_hours: u64,
    /// What is done about storage that one host has lost.
    pub lost_storage: storage::Policy,
}

impl Default for HaPolicy {
    fn default() -> Self {
        Self {
            admission: Mode::default(),
            overcommitted: Overcommitted::default(),
            policy: Policy::default(),
            options: Options::default(),
            vcpus_per_100_cpus: None,
            ready: Ready::default(),
            restart_timeout_s: RESTART_TIMEOUT_S,
            starts_per_host: usize::try_from(STARTS_PER_HOST).unwrap_or(1),
            remind_hours: reminder::EVERY_HOURS,
            lost_storage: storage::Policy {
                response: Response::default(),
                after: Duration::from_secs(STORAGE_LOST_AFTER_S),
            },
        }
    }
}

fn invalid(key: &str, value: &str) -> ApiError {
    ApiError::with(codes::INVALID_VALUE, &[&key, &value])
}

fn not_among(key: &str, value: &str, words: &str) -> ApiError {
    invalid(key, &format!("{value}; it is one of {words}"))
}

fn number(
    map: &BTreeMap<String, String>,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, ApiError> {
    let Some(text) = map.get(key) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .map(Some)
        .ok_or_else(|| invalid(key, &format!("{text}; it is {} to {}", range.start(), range.end())))
}

impl HaPolicy {
    /// The policy in a configuration map.
    ///
    /// # Errors
    /// `INVALID_VALUE` or `HA_BAD_ADVANCED_OPTION`, naming the key.
    pub fn read(map: &BTreeMap<String, String>) -> Result<Self, ApiError> {
        let word = |key: &str| map.get(key).map(String::as_str);
        let options = Options::among(map)
            .map_err(|error| ApiError::with(codes::HA_BAD_ADVANCED_OPTION, &[&error]))?;
        let admission = match word("admission") {
            None => Mode::default(),
            Some(text) => Mode::from_word(text)
                .ok_or_else(|| not_among("admission", text, "enforce, warn, off"))?,
        };
        let overcommitted = match word("overcommitted") {
            None | Some("report") => Overcommitted::Report,
            Some("block") => Overcommitted::Block,
            Some(other) => return Err(not_among("overcommitted", other, "report, block")),
        };
        let ready = match word("restart_ready") {
            None | Some("started") => Ready::Started,
            Some("agent") => Ready::AgentAnswers,
            Some(other) => return Err(not_among("restart_ready", other, "started, agent")),
        };
        let response = match word("storage_lost") {
            None | Some("tell") => Response::Tell,
            Some("off") => Response::Off,
            Some("move") => Response::Move,
            Some(other) => return Err(not_among("storage_lost", other, "off, tell, move")),
        };
        let after_s = number(map, "storage_lost_after_s", STORAGE_LOST_AFTER_S_RANGE)?;
        let after = Duration::from_secs(after_s.unwrap_or(STORAGE_LOST_AFTER_S));
        let ratio = number(map, "vcpus_per_100_cpus", 1..=100_000)?;
        let timeout_s = number(map, "restart_timeout_s", 1..=RESTART_TIMEOUT_S_MAX)?;
        let per_host = number(map, "starts_per_host", 1..=STARTS_PER_HOST_MAX)?;
        let remind_hours = number(map, "remind_hours", 0..=reminder::EVERY_HOURS_MAX)?;
        Ok(Self {
            admission,
            overcommitted,
            policy: kind(map)?,
            options,
            vcpus_per_100_cpus: ratio.and_then(|ratio| u32::try_from(ratio).ok()),
            ready,
            restart_timeout_s: timeout_s.unwrap_or(RESTART_TIMEOUT_S),
            starts_per_host: usize::try_from(per_host.unwrap_or(STARTS_PER_HOST)).unwrap_or(1),
            remind_hours: remind_hours.unwrap_or(reminder::EVERY_HOURS),
            lost_storage: storage::Policy { response, after },
        })
    }

    /// The policy of a pool. What cannot be read (it was checked when it was set) counts as unset.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let mut policy = Self::read(&pool.ha_configuration).unwrap_or_default();
        // XenAPI's own switch: what it allows is not refused.
        if pool.ha_allow_overcommit && policy.admission == Mode::Enforce {
            policy.admission = Mode::Warn;
        }
        policy
    }

    /// How restarts are planned so that so many further failures are survived.
    #[must_use]
    pub fn rules(&self, keep: u32) -> Rules {
        Rules { keep, ready: self.ready, timeout_s: self.restart_timeout_s, ..Rules::default() }
    }
}

fn kind(map: &BTreeMap<String, String>) -> Result<Policy, ApiError> {
    let percent = |key: &str| -> Result<u32, ApiError> {
        let found = number(map, key, 0..=99)?;
        Ok(found.and_then(|percent| u32::try_from(percent).ok()).unwrap_or(25))
    };
    match map.get("policy").map(String::as_str) {
        None | Some("failures") => Ok(Policy::Failures),
        Some("slots") => Ok(Policy::Slots),
        Some("percentage") => Ok(Policy::Percentage {
            cpu: percent("reserve_cpu_percent")?,
            memory: percent("reserve_memory_percent")?,
        }),
        Some("failover-hosts") => {
            let text = map.get("failover_hosts").map(String::as_str).unwrap_or_default();
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let hosts: Result<BTreeSet<Uuid>, ApiError> = words
                .map(|word| word.parse().map_err(|_| invalid("failover_hosts", word)))
                .collect();
            let hosts = hosts?;
            if hosts.is_empty() {
                return Err(invalid("failover_hosts", text));
            }
            Ok(Policy::FailoverHosts { hosts })
        }
        Some(other) => {
            Err(not_among("policy", other, "failures, slots, percentage, failover-hosts"))
        }
    }
}

/// Whether a key is one of these.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    KEYS.contains(&key) || policy::is_option(key)
}

/// A new configuration with the policy that was there before, where it says nothing else.
#[must_use]
pub fn merged(
    before: &BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = before
        .iter()
        .filter(|(key, _)| is_ours(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    map.extend(new);
    map
}

/// `POST /haven/ha/policy {key: value, …}`: sets keys, or with `null` removes them: all or none.
///
/// # Errors
/// The first key or value that is wrong; nothing has changed then.
pub async fn set(
    state: &Arc<AppState>,
    asked: &Json,
    language: Language,
) -> Result<Json, ApiError> {
    let pairs = asked.as_object().cloned().unwrap_or_default();
    state.check_may_act()?;
    state
        .pool
        .write(move |tx| {
            let (pool, row) = rows::pool(tx)?;
            let mut map = row.ha_configuration.clone();
            for (key, value) in pairs {
                match value {
                    Json::Null => map.remove(&key),
                    Json::String(text) => map.insert(key.clone(), text),
                    other => map.insert(key.clone(), other.to_string()),
                };
                if !is_ours(&key) {
                    // The nearest key, or all that there are, in the words of the error.
                    let pair = [(key.as_str(), "")];
                    return Err(match Options::read(pair) {
                        Err(error) => ApiError::with(codes::HA_BAD_ADVANCED_OPTION, &[&error]),
                        Ok(_) => invalid(&key, ""),
                    });
                }
            }
            let policy = HaPolicy::read(&map)?;
            check_hosts(tx, &policy)?;
            tx.update(pool, |row: &mut Pool| row.ha_configuration = map)
        })
        .await?;
    super::pool_ha::refresh_plan(state).await?;
    show(state, language).await
}

fn check_hosts(db: &Image, policy: &HaPolicy) -> Result<(), ApiError> {
    let Policy::FailoverHosts { hosts } = &policy.policy else { return Ok(()) };
    hosts
        .iter()
        .try_for_each(|host| db.require(view::reference::<haven_model::Host>(*host)).map(|_| ()))
}

/// `GET /haven/ha/policy`: the policy with its arithmetic.
///
/// # Errors
/// This host is not the coordinator.
pub async fn show(state: &Arc<AppState>, language: Language) -> Result<Json, ApiError> {
    let (map, pool, policy, goal) = state
        .pool
        .read(|db| {
            let (_, row) = rows::pool(db)?;
            let map: BTreeMap<String, String> = row
                .ha_configuration
                .iter()
                .filter(|(key, _)| is_ours(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let goal = u32::try_from(row.ha_host_failures_to_tolerate).unwrap_or(0);
            Ok::<_, ApiError>((map, view::pool(db), HaPolicy::of(row), goal))
        })
        .await??;
    let work = move || {
        let report =
            policy::report(&pool, &policy.policy, &policy.options, goal, planner::Budget::THOROUGH);
        json!({
            "policy": policy.policy.word(),
            "admission": policy.admission.word(),
            "settings": map,
            "satisfied": report.satisfied,
            "text": report.say(language),
            "arithmetic": report.arithmetic.say(language),
            "warning": report.warning.as_ref().map(|warning| warning.say(language)),
            "tolerates": report.really.failures,
            "report": report,
            "options": policy::OPTIONS
                .iter()
                .map(|option| json!({ "key": option.key, "value": option.value, "text": option.text }))
                .collect::<Vec<_>>(),
        })
    };
    super::what_if::blocking(work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_checked_and_named() {
        assert_eq!(HaPolicy::read(&BTreeMap::new()).unwrap(), HaPolicy::default());
        for (key, value) in [
            ("admission", "maybe"),
            ("policy", "hope"),
            ("restart_timeout_s", "0"),
            ("vcpus_per_100_cpus", "many"),
            ("overcommitted", "ignore"),
        ] {
            let error = HaPolicy::read(&map(&[(key, value)])).unwrap_err();
            assert_eq!((error.code, error.params[0].as_str()), (codes::INVALID_VALUE, key));
            assert!(error.params[1].starts_with(&format!("{value}; it is ")), "{error:?}");
        }
        let nobody = HaPolicy::read(&map(&[("policy", "failover-hosts")])).unwrap_err();
        assert_eq!(nobody.code, codes::INVALID_VALUE);
    }

    /// C65: the error names the key, and the right one.
    #[test]
    fn a_wrong_option_is_refused_with_the_right_one() {
        let error = HaPolicy::read(&map(&[("das.slotmeminmb", "512")])).unwrap_err();
        assert_eq!(error.code, codes::HA_BAD_ADVANCED_OPTION);
        assert_eq!(
            error.params,
            ["Bad HA advanced option key: das.slotmeminmb. Did you mean das.slotMemInMB?"]
        );
    }

    #[test]
    fn a_new_configuration_keeps_the_policy() {
        let before = map(&[("profile", "fast"), ("admission", "warn"), ("das.vmCpuMinMHz", "64")]);
        let after = merged(&before, map(&[("profile", "default")]));
        let kept = map(&[("profile", "default"), ("admission", "warn"), ("das.vmCpuMinMHz", "64")]);
        assert_eq!(after, kept);
    }
}
