//! The run: who dies when, and what whoever comes next says.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::writer::{Desk, found, look, write};
use crate::config::LabConfig;
use crate::dice::Dice;
use crate::lab::Lab;
use crate::protocol::{Power, Process};
use crate::soak::explained::losses_explain;
use crate::soak::journal::Journal;
use crate::story::api::Api;
use crate::story::{Narrator, Pool, figure, wait_for};

const KILL: i32 = 9;
/// Until somebody coordinates after a death: also after that of all hosts.
const TAKEOVER_WAIT: Duration = Duration::from_secs(120);
/// Until all writers were answered; and until the last call of a writer came back.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);
/// The blow falls within so many microseconds after every writer was answered.
const SPREAD_US: u64 = 150_000;
/// In one of so many rounds a second blow falls on whoever takes over,
const AGAIN_EVERY: u64 = 4;
/// within so many microseconds.
const AGAIN_SPREAD_US: u64 = 800_000;

/// What is run.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Kills {
    /// How many times the coordinator dies.
    #[arg(long, default_value_t = 200)]
    pub points: u32,
    /// In one round of so many its whole host loses its power; 0: never.
    #[arg(long, default_value_t = 20)]
    pub power_every: u32,
    /// In one round of so many all hosts lose their power at once; 0: never.
    #[arg(long, default_value_t = 67)]
    pub site_every: u32,
    /// Writers that write all the time.
    #[arg(long, default_value_t = 6)]
    pub writers: usize,
    /// fast, default or conservative.
    #[arg(long, default_value = "fast")]
    pub profile: String,
    /// Chooses the moments.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Daemon,
    Host,
    Site,
}

/// What was counted.
#[derive(Debug, Default)]
struct Tally {
    points: u32,
    under_way: u32,
    hosts: u32,
    sites: u32,
    again: u32,
    reopened: Vec<Duration>,
    wrong: Vec<String>,
}

/// Runs in a lab of its own and removes it.
pub fn kills(mut config: LabConfig, plan: &Kills) -> Result<()> {
    config.steady_restarts = true;
    Pool::check_programs(&config.bin_dir)?;
    Lab::remove_stopped(&config)?;
    let tell = Narrator::default();
    let lab = tell.step("power on", || Lab::up_attached(config))?;
    let pool = Pool { lab: &lab, tell: &tell };
    strike(&pool, plan)
}

/// Forms a pool in a lab, arms it, and strikes. Prints figures.
///
/// # Errors
/// A write that was acknowledged is lost, nobody takes over, or a daemon warns of what nothing
/// explains.
pub fn strike(pool: &Pool<'_>, plan: &Kills) -> Result<()> {
    pool.form()?;
    pool.add_repository()?;
    pool.enable_ha(&[], &plan.profile)?;
    found(&Api::log_in(pool.coordinator()?)?, plan.writers)?;
    let logs: Vec<(u32, PathBuf)> = pool.hosts().map(|host| (host.number(), host.logs())).collect();
    let log = log_file(plan.seed);
    let mut journal = Journal::new(&logs, &log)?;
    journal.chapter("the pool is formed and armed")?;
    let desk = Desk::new(plan.writers);
    let mut tally = Tally::default();
    let begun = Instant::now();
    let outcome = thread::scope(|scope| {
        for writer in 0..plan.writers {
            let desk = &desk;
            scope.spawn(move || write(pool.lab, desk, writer));
        }
        let mut run = Run { pool, desk: &desk, dice: Dice(plan.seed), tally: &mut tally };
        let outcome = (1..=plan.points).try_for_each(|round| run.round(round, plan));
        let outcome = outcome.and_then(|()| run.judge());
        desk.open.store(0, Ordering::SeqCst);
        desk.over.store(true, Ordering::SeqCst);
        outcome
    });
    let mut unexpected = journal.chapter("the end")?.loud;
    unexpected.retain(|line| !losses_explain(line));
    report(pool.tell, &mut tally, &desk, begun.elapsed(), &unexpected)?;
    pool.tell.say(&format!("the log of every decision: {}", log.display()));
    outcome.with_context(|| format!("seed {}, after {} deaths", plan.seed, tally.points))?;
    if !tally.wrong.is_empty() || !unexpected.is_empty() {
        bail!(
            "seed {}: {} acknowledged writes lost, {} unexpected lines",
            plan.seed,
            tally.wrong.len(),
            unexpected.len()
        );
    }
    Ok(())
}

fn log_file(seed: u64) -> PathBuf {
    std::env::temp_dir().join(format!("haven-kills-{}-{seed}.log", std::process::id()))
}

struct Run<'a> {
    pool: &'a Pool<'a>,
    desk: &'a Desk,
    dice: Dice,
    tally: &'a mut Tally,
}

impl Run<'_> {
    /// Writers write, the coordinator dies, another one or its successor is asked.
    fn round(&mut self, round: u32, plan: &Kills) -> Result<()> {
        self.judge()?;
        let blow = blow(round, plan);
        if blow != Blow::Daemon {
            // One failure at a time is what a pool of three is for.
            self.all_in()?;
        }
        let coordinator = self.pool.coordinator()?;
        self.desk.open.store(usize::try_from(coordinator.number())?, Ordering::SeqCst);
        self.all_answered()?;
        thread::sleep(Duration::from_micros(self.dice.below(SPREAD_US)));
        self.tally.under_way += u32::from(self.desk.busy.load(Ordering::SeqCst) > 0);
        match blow {
            Blow::Daemon => coordinator.kill(Process::Havend, KILL)?,
            Blow::Host => coordinator.off()?,
            Blow::Site => self.pool.hosts().try_for_each(|host| host.off())?,
        }
        let died = Instant::now();
        self.tally.points += 1;
        self.close()?;
        self.tally.hosts += u32::from(blow == Blow::Host);
        self.tally.sites += u32::from(blow == Blow::Site);
        if blow == Blow::Site {
            self.pool.hosts().try_for_each(|host| host.on())?;
        }
        if blow == Blow::Daemon && self.dice.below(AGAIN_EVERY) == 0 {
            thread::sleep(Duration::from_micros(self.dice.below(AGAIN_SPREAD_US)));
            // It may be on its way down or up: then there is nobody to kill.
            self.tally.again += u32::from(coordinator.kill(Process::Havend, KILL).is_ok());
        }
        self.successor()?;
        self.tally.reopened.push(died.elapsed());
        if blow == Blow::Daemon { Ok(()) } else { self.all_in() }
    }

    /// Somebody acts as coordinator.
    fn successor(&self) -> Result<()> {
        wait_for("a coordinator", TAKEOVER_WAIT, || self.pool.coordinator().map(Some)).map(drop)
    }

    /// Every host is on and a member.
    fn all_in(&self) -> Result<()> {
        for host in self.pool.hosts() {
            if host.status()?.power == Power::Off {
                host.on()?;
            }
        }
        wait_for("all hosts are members", TAKEOVER_WAIT, || {
            let coordinator = self.pool.coordinator()?;
            for host in self.pool.hosts() {
                // A host that is struck often is in quarantine until somebody vouches for it.
                let name = format!("h{}", host.number());
                self.pool.haven(coordinator, &["host", "enable", &name], "")?;
            }
            self.pool.wait_for_members(coordinator, self.pool.lab.config().hosts).map(Some)
        })
    }

    /// Every writer was answered at least once.
    fn all_answered(&self) -> Result<()> {
        let writers = self.desk.writers();
        let before: Vec<u64> = (0..writers).map(|writer| self.answers(writer)).collect();
        let until = Instant::now() + ANSWER_WAIT;
        while (0..).zip(&before).any(|(writer, before)| self.answers(writer) == *before) {
            if Instant::now() > until {
                bail!("a writer is not answered for {} s", ANSWER_WAIT.as_secs());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn answers(&self, writer: usize) -> u64 {
        self.desk.ledger(writer).map_or(0, |ledger| ledger.answers)
    }

    /// Nobody writes any more.
    fn close(&self) -> Result<()> {
        self.desk.open.store(0, Ordering::SeqCst);
        let until = Instant::now() + 2 * ANSWER_WAIT;
        while self.desk.busy.load(Ordering::SeqCst) > 0 {
            if Instant::now() > until {
                bail!("the call of a writer does not return");
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// What the coordinator has, against what was acknowledged.
    fn judge(&mut self) -> Result<()> {
        self.close()?;
        let writers = self.desk.writers();
        let all = wait_for("the coordinator's networks", TAKEOVER_WAIT, || {
            look(&Api::log_in(self.pool.coordinator()?)?, writers).map(Some)
        })?;
        for (writer, seen) in all.iter().enumerate() {
            let Some(mut ledger) = self.desk.ledger(writer) else { continue };
            for wrong in ledger.judge(seen) {
                let line = format!("death {}: writer {writer}: {wrong}", self.tally.points);
                self.pool.tell.say(&format!("LOST: {line}"));
                self.tally.wrong.push(line);
            }
        }
        Ok(())
    }
}

fn blow(round: u32, plan: &Kills) -> Blow {
    let each = |every: u32| every > 0 && round.is_multiple_of(every);
    match (each(plan.site_every), each(plan.power_every)) {
        (true, _) => Blow::Site,
        (_, true) => Blow::Host,
        _ => Blow::Daemon,
    }
}

fn report(
    tell: &Narrator,
    tally: &mut Tally,
    desk: &Desk,
    took: Duration,
    unexpected: &[String],
) -> Result<()> {
    for line in unexpected {
        tell.say(&format!("UNEXPECTED: {line}"));
    }
    figure("kill_points", f64::from(tally.points), "count");
    figure("kill_points_with_calls_under_way", f64::from(tally.under_way), "count");
    figure("kill_points_power_of_the_host", f64::from(tally.hosts), "count");
    figure("kill_points_power_of_all", f64::from(tally.sites), "count");
    figure("kills_in_takeover", f64::from(tally.again), "count");
    figure("acknowledged_writes", f64::from(u32::try_from(desk.answers())?), "writes");
    figure("acknowledged_writes_lost", f64::from(u32::try_from(tally.wrong.len())?), "writes");
    tally.reopened.sort_unstable();
    if let (Some(median), Some(worst)) =
        (tally.reopened.get(tally.reopened.len() / 2), tally.reopened.last())
    {
        figure("coordinator_again_median_s", median.as_secs_f64(), "s");
        figure("coordinator_again_worst_s", worst.as_secs_f64(), "s");
    }
    figure("unexpected_lines", f64::from(u32::try_from(unexpected.len())?), "lines");
    figure("kills_took_s", took.as_secs_f64(), "s");
    Ok(())
}
