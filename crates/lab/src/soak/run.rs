//! The run: one fault after the other, and what it comes to.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use haven_cluster::timing::{Profile, Timing};

use super::bmc::Bmc;
use super::explained::explains;
use super::faults::{DATA, FAULTS, GUESTS, Kind, LAN_FAULTS, LONG, STATEFILES, Stops, Victim};
use super::journal::Journal;
use super::report::{Tally, is_late, report};
use crate::config::LabConfig;
use crate::dice::Dice;
use crate::lab::Lab;
use crate::probe::Prober;
use crate::protocol::HostStatus;
use crate::story::api::Api;
use crate::story::{Guest, Moment, Narrator, Phases, Pool};

/// How guests are watched: soon enough that a fault which makes one hang does not take minutes, and never for
/// other faults.
const WATCH: [&str; 10] = [
    "--watch",
    "on",
    "--watch-interval",
    "20",
    "--watch-grace",
    "30",
    "--watch-resets",
    "20",
    "--watch-window",
    "60",
];
const BOOT_WAIT: Duration = Duration::from_secs(180);
/// Name of the network of the hosts' second link.
const STORAGE_NETWORK: &str = "Pool-wide network associated with eth1";
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
/// Longest quiet time between two faults.
const PAUSE_S_MAX: u64 = 5;

/// What is run.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "options of a command line")]
pub struct Soak {
    /// fast, default or conservative.
    #[arg(long, default_value = "fast")]
    pub profile: String,
    /// How many faults.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub faults: u32,
    /// Chooses them, their victims and their lengths.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Give the hosts power control, and let the pool use it.
    #[arg(long)]
    pub fencing: bool,
    /// Send heartbeats over the storage network too: a host that only loses the LAN stays.
    #[arg(long)]
    pub two_networks: bool,
    /// Keep heartbeats on three repositories: one may be lost, and two while hosts hear each other.
    #[arg(long)]
    pub three_statefiles: bool,
    /// Keep the guests' disks on another repository than the statefile.
    #[arg(long, conflicts_with = "three_statefiles")]
    pub data_storage: bool,
    /// Every kind that must stop no host, once, instead of chance; the long ones by --only.
    #[arg(long)]
    pub tolerated: bool,
    /// Every kind once, instead of chance; the long ones by --only.
    #[arg(long, conflicts_with = "tolerated")]
    pub each: bool,
    /// Only faults whose name contains this; also the long ones.
    #[arg(long)]
    pub only: Option<String>,
}

impl Soak {
    /// The time-outs of its profile.
    pub(super) fn timing(&self) -> Timing {
        Timing::of(match self.profile.as_str() {
            "fast" => Profile::Fast,
            "conservative" => Profile::Conservative,
            _ => Profile::Default,
        })
    }

    /// Name of the log of every decision: no run overwrites another one's.
    fn journal(&self, lab: &str) -> String {
        let options = [
            (self.fencing, "-fencing"),
            (self.two_networks, "-two-networks"),
            (self.three_statefiles, "-three-statefiles"),
            (self.data_storage, "-data-storage"),
            (self.tolerated, "-tolerated"),
            (self.each, "-each"),
        ];
        let options: String = options.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let (profile, seed, process) = (&self.profile, self.seed, std::process::id());
        format!("haven-soak-{lab}-{profile}{options}-{seed}-{process}.log")
    }
}

/// Runs in a lab of its own and removes it.
pub fn soak(config: LabConfig, plan: &Soak) -> Result<()> {
    let tell = Narrator::default();
    let kinds = kinds(plan)?;
    Pool::check_programs(&config.bin_dir)?;
    Lab::remove_stopped(&config)?;
    let journal = std::env::temp_dir().join(plan.journal(&config.id));
    let lab = tell.step("power on", || Lab::up_attached(config))?;
    let pool = Pool { lab: &lab, tell: &tell };
    let guests: Vec<Guest> = (1..=GUESTS).map(Guest::new).collect();
    let prober = begin(&pool, &guests, plan)?;
    let bmc = if plan.fencing { Some(power_control(&pool)?) } else { None };
    let hosts: Vec<_> = pool.hosts().map(|host| (host.number(), host.logs())).collect();
    let mut journal_file = Journal::new(&hosts, &journal)?;
    journal_file.chapter("the pool is formed and armed")?;
    let mut run = Run {
        pool: &pool,
        prober: &prober,
        guests: &guests,
        journal: journal_file,
        tally: Tally::default(),
        bmc: bmc.as_ref(),
        two_networks: plan.two_networks,
        timing: plan.timing(),
    };
    let mut dice = Dice(plan.seed);
    let in_turn = plan.tolerated || plan.each;
    let faults = if in_turn { u32::try_from(kinds.len())? } else { plan.faults };
    let outcome = (0..faults).try_for_each(|number| {
        let count = u64::try_from(kinds.len())?;
        let index = if in_turn { u64::from(number) } else { dice.below(count) };
        let kind = kinds.get(usize::try_from(index)?).context("no fault")?;
        run.one(number, kind, &mut dice)
    });
    let broken = run.pool.check_disks();
    tell.say(&format!("the log of every decision: {}", journal.display()));
    let table = report(&run.tally, plan, bmc.as_ref(), broken.is_ok())?;
    table.iter().for_each(|row| tell.say(row));
    outcome.with_context(|| format!("seed {}", plan.seed))?;
    broken?;
    run.tally.verdict().with_context(|| format!("seed {}", plan.seed))
}

fn kinds(plan: &Soak) -> Result<Vec<Kind>> {
    let statefiles = if plan.three_statefiles { STATEFILES } else { &[] };
    let data = if plan.data_storage { DATA } else { &[] };
    let short = FAULTS.iter().chain(statefiles).chain(data);
    let all: Vec<Kind> = match plan.only {
        Some(_) => short.chain(LONG).copied().collect(),
        None => short.copied().collect(),
    };
    let wanted = |kind: &&Kind| {
        plan.only.as_ref().is_none_or(|only| kind.name.contains(only))
            && (!plan.tolerated || matches!(stops(kind, plan.two_networks), Stops::Nobody))
    };
    let found: Vec<Kind> = all.iter().filter(wanted).copied().collect();
    if found.is_empty() {
        let names: Vec<&str> = all.iter().map(|kind| kind.name).collect();
        bail!("no fault is called {:?}; there are {}", plan.only, names.join(", "));
    }
    Ok(found)
}

/// Who may stop: with a second heartbeat network, nobody for the loss of the LAN.
fn stops(kind: &Kind, two_networks: bool) -> Stops {
    let tolerated = two_networks && LAN_FAULTS.contains(&kind.name);
    if tolerated { Stops::Nobody } else { kind.stops }
}

fn begin(pool: &Pool<'_>, guests: &[Guest], plan: &Soak) -> Result<Prober> {
    pool.form()?;
    pool.add_storage()?;
    let others = match plan.three_statefiles || plan.data_storage {
        true => Some(pool.add_more_storage()?),
        false => None,
    };
    let disks = others.filter(|_| plan.data_storage).map(|[second, _]| second);
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, PROBE_INTERVAL)?;
    let begun = Instant::now();
    let hosts: Vec<_> = pool.hosts().collect();
    for (guest, host) in guests.iter().zip(hosts.iter().cycle()) {
        match disks {
            Some(on) => pool.create_guest_on(on, guest, &[])?,
            None => pool.create_guest(guest)?,
        }
        let place = format!("h{}", host.number());
        pool.haven(pool.lab.host(1), &["vm", "start", &guest.name, "--on", &place], "")?;
    }
    for guest in guests {
        prober.answer_after(&guest.address(), begun, BOOT_WAIT)?;
    }
    let mut more = Vec::new();
    if plan.two_networks {
        more.extend(["--heartbeat-network", STORAGE_NETWORK]);
    }
    if plan.three_statefiles {
        more.extend(others.into_iter().flatten().flat_map(|sr| ["--heartbeat-sr", sr]));
    }
    pool.enable_ha_with(guests, &plan.profile, &more)?;
    for guest in guests {
        let args = [&["vm", "set", &guest.name][..], &WATCH[..]].concat();
        pool.haven(pool.lab.host(1), &args, "")?;
    }
    Ok(prober)
}

/// Every host is switched by the lab's own agent; the pool is told so as a person would.
pub(super) fn power_control(pool: &Pool<'_>) -> Result<Bmc> {
    let bmc = Bmc::start(pool.lab)?;
    for host in pool.hosts() {
        let (name, plug) = (format!("h{}", host.number()), format!("plug={}", host.number()));
        let args = ["host", "fencing", "set", &name, "--agent", "fence_lab", "-p", &plug];
        pool.tell.step(&format!("haven {}", args.join(" ")), || {
            pool.haven(pool.lab.host(1), &args, "")
        })?;
        let answers = pool.haven(pool.lab.host(1), &["host", "fencing", "test", &name], "")?;
        let on = answers.as_array().is_some_and(|all| {
            !all.is_empty() && all.iter().all(|answer| answer.get("power") == Some(&"on".into()))
        });
        if !on {
            bail!("haven host fencing test {name}: {answers}");
        }
    }
    Ok(bmc)
}

struct Run<'a> {
    pool: &'a Pool<'a>,
    prober: &'a Prober,
    guests: &'a [Guest],
    journal: Journal,
    tally: Tally,
    bmc: Option<&'a Bmc>,
    two_networks: bool,
    timing: Timing,
}

impl Run<'_> {
    fn one(&mut self, number: u32, kind: &Kind, dice: &mut Dice) -> Result<()> {
        let length = kind.seconds.0 + dice.below(kind.seconds.1 - kind.seconds.0 + 1);
        thread::sleep(Duration::from_secs(dice.below(PAUSE_S_MAX + 1)));
        let victim = self.victim(kind.victim, dice)?;
        if kind.stops == Stops::Victim {
            self.man(victim)?;
        }
        let title = format!("fault {}: {} (h{victim}, {length} s)", number + 1, kind.name);
        let before = self.pool.lab.status()?;
        let moment = Moment::now();
        let prober = self.prober;
        prober.forget_gaps();
        let done = self.pool.tell.step(&title, || {
            (kind.strike)(self.pool.lab, victim)?;
            thread::sleep(Duration::from_secs(length));
            let held = |n| self.bmc.is_some_and(|bmc| bmc.holds_off(n));
            self.pool.settle_but(prober, self.guests, held)
        });
        self.tally.faults += 1;
        self.count(kind, victim, moment, &before, &title)?;
        done
    }

    fn victim(&self, kind: Victim, dice: &mut Dice) -> Result<u32> {
        let coordinator = self.pool.coordinator()?.number();
        if kind == Victim::Coordinator {
            return Ok(coordinator);
        }
        let hosts = self.pool.lab.config().hosts;
        let step = 1 + u32::try_from(dice.below(u64::from(hosts - 1)))?;
        Ok((coordinator - 1 + step) % hosts + 1)
    }

    /// Moves a guest to a host that runs none: its loss would show nothing.
    fn man(&self, host: u32) -> Result<()> {
        let api = Api::log_in(self.pool.coordinator()?)?;
        if !self.pool.guests_on(&api, self.guests, host).is_empty() {
            return Ok(());
        }
        let guest = self.guests.first().context("no guest")?;
        self.pool.migrate(self.prober, guest, host).map(drop)
    }

    fn count(
        &mut self,
        kind: &Kind,
        victim: u32,
        moment: Moment,
        before: &[HostStatus],
        title: &str,
    ) -> Result<()> {
        let chapter = self.journal.chapter(title)?;
        let kind = &Kind { stops: stops(kind, self.two_networks), ..*kind };
        self.tally.needless_by.entry(kind.name).or_default();
        let mut stopped = chapter.fenced;
        for (old, new) in before.iter().zip(self.pool.lab.status()?) {
            let restarted = new.bites > old.bites || new.boots > old.boots;
            if restarted && !stopped.contains(&new.host) {
                stopped.push(new.host);
            }
        }
        let needless = stopped.iter().filter(|host| match kind.stops {
            Stops::Nobody => true,
            Stops::Victim => **host != victim,
            Stops::Anybody => false,
        });
        for host in needless {
            self.tally.needless += 1;
            *self.tally.needless_by.entry(kind.name).or_default() += 1;
            self.pool.tell.say(&format!("NEEDLESS: h{host} stopped"));
        }
        for line in chapter.loud.into_iter().filter(|line| !explains(kind, line)) {
            self.pool.tell.say(&format!("UNEXPECTED: {line}"));
            self.tally.unexpected.push(line);
        }
        let gaps = self.guests.iter().filter_map(|g| self.prober.seen(&g.address()));
        let longest = gaps.map(|seen| seen.longest_gap).max().unwrap_or_default();
        let known = self.tally.silences.entry(kind.name).or_default();
        *known = longest.max(*known);
        let restarted = self.guests.iter().map(|guest| self.pool.phases(guest, moment));
        let restarted: Vec<Phases> = restarted.filter(|phases| phases.started.is_some()).collect();
        let bound = kind.bound(&self.timing);
        for late in restarted.iter().filter(|phases| is_late(phases, bound)) {
            self.pool.tell.say(&format!("LATE: {}", late.line()));
            self.tally.late.push(format!("{}: {}", kind.name, late.line()));
        }
        let row = self.tally.restarts.entry(kind.name).or_default();
        row.faults += 1;
        row.bound = bound;
        row.phases.extend(restarted);
        Ok(())
    }
}
