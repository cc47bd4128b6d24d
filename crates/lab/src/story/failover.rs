//! What happens to guests when their host or their coordinator dies, with times.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::api::{Api, text};
use super::narrator::wait_for;
use super::pool::{Guest, Pool};
use crate::config::EXPORTS;
use crate::guest::stamps;
use crate::lab::Host;
use crate::probe::Prober;
use crate::protocol::Power;
use crate::storage::faults::Fault;

/// Longest wait for a guest on another host.
const RESTART_WAIT: Duration = Duration::from_secs(120);
/// Longest wait for another coordinator.
const COORDINATOR_WAIT: Duration = Duration::from_secs(90);
/// Where the pool notes the phases of a restart.
const TIMES_KEY: &str = "haven_restart_times";

/// Where the pool notes the pause of a VM's last migration.
const DOWNTIME_KEY: &str = "last_migration_downtime_ms";

/// Phases of one guest's restart, since the loss of power.
#[derive(Clone, Debug, Default)]
pub struct Phases {
    /// Name of the guest.
    pub guest: String,
    /// An epoch without the host was decided.
    pub detected: Option<Duration>,
    /// Its guests certainly run no more.
    pub fenced: Option<Duration>,
    /// A host was chosen.
    pub placed: Option<Duration>,
    /// The guest's first instruction may run.
    pub started: Option<Duration>,
    /// The guest answered.
    pub answers: Duration,
}

impl Phases {
    /// For a person.
    pub fn line(&self) -> String {
        let show = |phase: Option<Duration>| match phase {
            Some(at) => format!("{:.1} s", at.as_secs_f64()),
            None => "?".to_owned(),
        };
        format!(
            "{}: detected {}, fenced {}, placed {}, started {}, answers {:.1} s after the loss",
            self.guest,
            show(self.detected),
            show(self.fenced),
            show(self.placed),
            show(self.started),
            self.answers.as_secs_f64()
        )
    }
}

/// A moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    mono: Instant,
    wall: Duration,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { mono: Instant::now(), wall }
    }

    fn since_ms(&self, wall_ms: u64) -> Option<Duration> {
        Duration::from_millis(wall_ms).checked_sub(self.wall)
    }
}

impl Pool<'_> {
    /// Migrates a guest; returns the whole time and the longest silence that a client saw.
    pub fn migrate(&self, prober: &Prober, guest: &Guest, to: u32) -> Result<(Duration, Duration)> {
        let coordinator = self.coordinator()?;
        let target = self.host_name(&Api::log_in(coordinator)?, to)?;
        prober.forget_gaps();
        let begun = Instant::now();
        self.haven(coordinator, &["vm", "migrate", &guest.name, "--to", &target], "")?;
        let took = begun.elapsed();
        prober.answer_after(&guest.address(), Instant::now(), RESTART_WAIT)?;
        let seen = prober.seen(&guest.address()).context("the guest never answered")?;
        Ok((took, seen.longest_gap))
    }

    /// Pause of the guest in its last migration, as the hypervisor measured it.
    pub fn migration_pause(&self, guest: &Guest) -> Result<Duration> {
        let api = Api::log_in(self.coordinator()?)?;
        let (_, vm) = api.named("VM", &guest.name)?;
        let metrics = api.records("VM_metrics")?;
        let own = metrics.iter().find(|(reference, _)| reference == text(&vm, "metrics"));
        let other = own.and_then(|(_, record)| record.get("other_config"));
        let noted = text(other.context("VM_metrics.other_config")?, DOWNTIME_KEY);
        Ok(Duration::from_millis(noted.parse().context("no migration was measured")?))
    }

    /// Guests that run on host `n`.
    pub fn guests_on(&self, api: &Api, guests: &[Guest], n: u32) -> Vec<Guest> {
        let runs_there = |g: &&Guest| self.resident_on(api, &g.name).ok() == Some(n);
        guests.iter().filter(runs_there).cloned().collect()
    }

    /// Takes the power from a host and waits until its guests answer again, elsewhere.
    pub fn lose_host(
        &self,
        prober: &Prober,
        victim: Host<'_>,
        lost: &[Guest],
    ) -> Result<Vec<Phases>> {
        let moment = Moment::now();
        victim.off()?;
        let mut all = Vec::new();
        for guest in lost {
            let answered =
                prober.answer_after(&guest.address(), moment.mono + SETTLE, RESTART_WAIT)?;
            let mut phases = self.phases(guest, moment);
            phases.answers = answered - moment.mono;
            all.push(phases);
        }
        Ok(all)
    }

    /// The pool's own notes; phases that it did not note stay empty.
    pub fn phases(&self, guest: &Guest, moment: Moment) -> Phases {
        let noted = || -> Result<Value> {
            let api = Api::log_in(self.coordinator()?)?;
            let (_, vm) = api.named("VM", &guest.name)?;
            let other = vm.get("other_config").context("other_config")?;
            Ok(serde_json::from_str(text(other, TIMES_KEY))?)
        };
        // Soon after the start the coordinator may not have written them yet.
        let times =
            wait_for("times", Duration::from_secs(3), || noted().map(Some)).unwrap_or_default();
        let at = |key: &str| times.get(key).and_then(Value::as_u64);
        let phase = |key: &str| at(key).and_then(|ms| moment.since_ms(ms));
        Phases {
            guest: guest.name.clone(),
            detected: phase("put_out_ms"),
            fenced: phase("dead_ms"),
            placed: phase("placed_ms"),
            started: phase("started_ms"),
            answers: Duration::ZERO,
        }
    }

    /// Takes the power from the coordinator; returns the next one, and when it took a change.
    pub fn lose_coordinator(&self) -> Result<(u32, Duration)> {
        let victim = self.coordinator()?;
        let begun = Instant::now();
        victim.off()?;
        let what = format!("a change of the pool without h{}", victim.number());
        let next = wait_for(&what, COORDINATOR_WAIT, || {
            let next = self.coordinator()?;
            if next.number() == victim.number() {
                bail!("h{} is off", victim.number());
            }
            self.change_something(next)?;
            Ok(Some(next.number()))
        })?;
        Ok((next, begun.elapsed()))
    }

    /// A small change through the API: a coordinator that must not act refuses it.
    pub fn change_something(&self, at: Host<'_>) -> Result<()> {
        let api = Api::log_in(at)?;
        let (pool, _) = api.records("pool")?.into_iter().next().context("no pool record")?;
        let text = format!("changed at h{}", at.number());
        api.call("pool.set_name_description", &[json!(pool), json!(text)]).map(drop)
    }

    /// Heals everything and waits until the pool is whole: all hosts members, all guests answer, no
    /// disk had two writers.
    pub fn settle(&self, prober: &Prober, guests: &[Guest]) -> Result<()> {
        self.settle_but(prober, guests, |_| false)
    }

    /// The same; hosts of which `held` says so are switched on by somebody else.
    pub fn settle_but(
        &self,
        prober: &Prober,
        guests: &[Guest],
        held: impl Fn(u32) -> bool,
    ) -> Result<()> {
        for host in self.hosts() {
            host.heal(None)?;
            host.storage(Fault::Ok)?;
            host.disk(Fault::Ok)?;
            match host.status()?.power {
                Power::Frozen => host.thaw()?,
                Power::Off if held(host.number()) => {}
                Power::Off => host.on()?,
                Power::On => {}
            }
        }
        let coordinator =
            wait_for("a coordinator", COORDINATOR_WAIT, || self.coordinator().map(Some))?;
        for host in self.hosts() {
            // A host that is struck often is in quarantine until somebody vouches for it.
            self.haven(coordinator, &["host", "enable", &format!("h{}", host.number())], "")?;
        }
        self.wait_for_members(coordinator, self.lab.config().hosts)?;
        let now = Instant::now();
        for guest in guests {
            prober.answer_after(&guest.address(), now, RESTART_WAIT)?;
        }
        self.check_disks().map(drop)
    }

    /// Checks that no guest's disk ever had two writers at a time.
    pub fn check_disks(&self) -> Result<usize> {
        let mut checked = 0;
        for export in EXPORTS {
            for image in images(&self.lab.config().dir_of_export(export))? {
                let report = stamps::check(&image)?;
                if !report.is_clean() {
                    bail!("{}: {report}", image.display());
                }
                checked += usize::from(report.stamps > 0);
            }
        }
        Ok(checked)
    }
}

/// Answers on their way when the power goes are not answers of a restarted guest.
const SETTLE: Duration = Duration::from_millis(500);

fn images(dir: &std::path::Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "qcow2") {
            found.push(path);
        }
    }
    Ok(found)
}
