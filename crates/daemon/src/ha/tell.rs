//! Telling the other hosts' guards what the configuration is.
//!
//! Owns: who was told what, and whom there is no use in asking again yet. The lock on changing is held
//! meanwhile: a host that is off costs the time in which one gives up on it, and people wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use haven_cluster::control::{ArmConfig, GuardCommand};
use haven_cluster::ids::HostId;
use haven_cluster::keys::Keys;
use haven_model::codes;
use uuid::Uuid;

use super::takeover::Ha;
use super::{arm, pool_check, stock};
use crate::orders::{Order, OrderError, OrderResult};
use crate::reconcile;

/// Pause after the first failure; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_secs(2);
/// Longest pause: within it a host that cannot say that it is back, or fit, is noticed.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a coordinator remembers of telling the others.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Which configuration each host was told, and in which of its lives.
    configs: BTreeMap<HostId, (u64, ArmConfig)>,
    waits: BTreeMap<HostId, Wait>,
    /// Somebody waits: hosts that are off are left to whoever looks again and again.
    in_haste: bool,
}

/// A host that was asked in vain.
#[derive(Debug)]
struct Wait {
    why: String,
    /// It had not reported for long.
    silent: bool,
    pause: Duration,
    until: Instant,
}

impl Told {
    /// For somebody who waits.
    pub(super) fn in_haste() -> Self {
        Self { in_haste: true, ..Self::default() }
    }

    /// Whether there is no use in asking this host now. One that reports again is asked at once.
    pub(super) fn rests(&self, host: HostId, silent: bool, now: Instant) -> bool {
        let wait = self.waits.get(&host).filter(|wait| wait.silent == silent);
        wait.map_or(silent && self.in_haste, |wait| now < wait.until)
    }

    /// A host was asked in vain. Whether the reason is news.
    pub(super) fn fails(
        &mut self,
        host: HostId,
        (silent, why): (bool, &str),
        now: Instant,
    ) -> bool {
        let before = self.waits.remove(&host);
        let pause = before.as_ref().map_or(PAUSE_MIN, |wait| (wait.pause * 2).min(PAUSE_MAX));
        let news = before.is_none_or(|wait| wait.why != why);
        let wait = Wait { why: why.to_owned(), silent, pause, until: now + pause };
        self.waits.insert(host, wait);
        news
    }

    /// A host answered as it should.
    pub(super) fn works(&mut self, host: HostId) {
        self.waits.remove(&host);
    }

    /// Nothing is remembered of hosts that left.
    pub(super) fn keep(&mut self, member: impl Fn(HostId) -> bool) {
        self.configs.retain(|host, _| member(*host));
        self.waits.retain(|host, _| member(*host));
    }
}

/// Whether a host has not reported for long: it is off, or does not know who coordinates.
pub(super) fn is_silent(ha: &Ha, host: HostId) -> bool {
    ha.state.reports.is_silent(host.0, reconcile::silent_after(&ha.state.config))
}

/// Every other host gets the configuration, once in each of its lives; one whose guard is not
/// armed is armed by it. One that was off goes on with what it knew then, and hears nobody who came since:
/// it is no member before it is told. One that somebody sent away may know nothing: it was never armed, or
/// did not go down after all. It refuses for as long as it is about to.
pub(super) async fn tell(
    ha: &Ha,
    config: &ArmConfig,
    told: &mut Told,
    (lives, away): (&BTreeMap<Uuid, u64>, &[HostId]),
) {
    let me = ha.state.identity.host();
    let life = |host: HostId| lives.get(&host.0).copied().unwrap_or(0);
    let now = Instant::now();
    // Keys are told elsewhere (`rekey`).
    let said = ArmConfig { keys: Keys::one(String::new()), ..config.clone() };
    let news: Vec<HostId> = arm::hosts(config)
        .into_iter()
        .filter(|host| *host != me)
        .filter(|host| told.configs.get(host) != Some(&(life(*host), said.clone())))
        .filter(|host| !is_silent(ha, *host) || !told.rests(*host, true, now))
        .collect();
    // Nobody knows a life of it: its guard may never have been armed. Who was sent away probably was.
    let unknown = |host: &HostId| life(*host) == 0 && !away.contains(host);
    let order = |arms: bool, host: HostId| {
        let own = pool_check::for_host(config, host);
        let command = if arms { GuardCommand::Arm(own) } else { GuardCommand::Reconfigure(own) };
        Order::Guard(Box::new(command))
    };
    let mut answers = stock::ask_all(ha, &news, |host| order(unknown(&host), host)).await;
    for (code, arms) in [(codes::HA_IS_ENABLED, false), (codes::HA_NOT_ENABLED, true)] {
        let other = answers.extract_if(.., |(_, answer)| is_refused(answer, code));
        let other: Vec<HostId> = other.map(|(host, _)| host).collect();
        answers.extend(stock::ask_all(ha, &other, |host| order(arms, host)).await);
    }
    for (host, answer) in answers {
        match answer {
            Ok(_) => {
                told.works(host);
                told.configs.insert(host, (life(host), said.clone()));
            }
            Err(error) => {
                let silent = is_silent(ha, host);
                if told.fails(host, (silent, &error.to_string()), Instant::now()) {
                    tracing::debug!(host = %host.0, %error, "a guard was not told yet");
                }
            }
        }
    }
}

/// Its guard is armed by another configuration already, or is not armed at all.
fn is_refused(answer: &OrderResult, with: &str) -> bool {
    matches!(answer, Err(OrderError::Failed { code, .. }) if code == with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_asked_in_vain_is_asked_less_often_until_it_reports() {
        let (host, begin) = (HostId(Uuid::from_u128(1)), Instant::now());
        let mut told = Told::default();
        assert!(!told.rests(host, true, begin));
        let mut now = begin;
        for pause_s in [2, 4, 8, 16, 30, 30] {
            told.fails(host, (true, "it is off"), now);
            assert!(told.rests(host, true, now + Duration::from_secs(pause_s) - PAUSE_MIN / 2));
            assert!(!told.rests(host, false, now), "it reports");
            now += Duration::from_secs(pause_s);
            assert!(!told.rests(host, true, now));
        }
        told.fails(host, (true, "it is off"), now);
        told.works(host);
        assert!(!told.rests(host, true, now));
        told.fails(host, (true, "it is off"), now);
        told.keep(|member| member != host);
        assert!(!told.rests(host, true, now));
    }

    #[test]
    fn a_reason_is_said_once() {
        let (host, now) = (HostId(Uuid::from_u128(1)), Instant::now());
        let mut told = Told::default();
        let said = ["no watchdog", "no watchdog", "it is off", "no watchdog"];
        assert_eq!(said.map(|why| told.fails(host, (false, why), now)), [true, false, true, true]);
    }

    #[test]
    fn nobody_who_waits_waits_for_a_host_that_is_off() {
        let (host, now) = (HostId(Uuid::from_u128(1)), Instant::now());
        let told = Told::in_haste();
        assert!(told.rests(host, true, now) && !told.rests(host, false, now));
    }
}
