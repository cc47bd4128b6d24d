//! `make bench-lab`: figures of a pool in the lab, one line each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::api::Api;
use super::failover::Phases;
use super::narrator::{Narrator, figure};
use super::pool::{Guest, Pool};
use crate::config::LabConfig;
use crate::lab::{Host, Lab};
use crate::probe::Prober;

const GUESTS: u8 = 3;
const BOOT_WAIT: Duration = Duration::from_secs(120);
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
const API_CALLS: u32 = 200;
/// How often the client of `migration_lost_pings` asks.
const PING_INTERVAL: Duration = Duration::from_millis(100);
/// How long the daemons are watched while nobody asks them anything.
const IDLE: Duration = Duration::from_secs(10);
/// `USER_HZ` of Linux.
const CLOCK_TICKS_PER_S: f64 = 100.0;

/// What is measured, and how often.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Profile of the time-outs: `fast`, `default` or `conservative`.
    pub profile: String,
    /// Live migrations.
    pub migrations: u32,
    /// Losses of a host.
    pub losses: u32,
}

/// Measures in a lab of its own and removes it.
pub fn bench(config: LabConfig, size: Bench) -> Result<()> {
    let tell = Narrator::default();
    Pool::check_programs(&config.bin_dir)?;
    Lab::remove_stopped(&config)?;
    let begun = Instant::now();
    let lab = tell.step("power on", || Lab::up_attached(config))?;
    ms("lab_hosts_up", begun.elapsed());
    let pool = Pool { lab: &lab, tell: &tell };
    let begun = Instant::now();
    pool.form()?;
    ms("pool_formed", begun.elapsed());
    pool.add_storage()?;
    let guests: Vec<Guest> = (1..=GUESTS).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(&lab, &addresses, PROBE_INTERVAL)?;
    boot(&pool, &prober, &guests)?;
    api_latency(&pool)?;
    let begun = Instant::now();
    pool.enable_ha(&guests, &size.profile)?;
    ms("ha_armed", begun.elapsed());
    footprint(&pool)?;
    migrations(&pool, &prober, &guests, size.migrations)?;
    losses(&pool, &prober, &guests, &size)?;
    let (_, took) = tell.step("the coordinator loses its power", || pool.lose_coordinator())?;
    figure(&format!("coordinator_failover_{}_s", size.profile), took.as_secs_f64(), "s");
    pool.check_disks()?;
    figure("double_writers", 0.0, "disks");
    drop(prober);
    let begun = Instant::now();
    lab.down()?;
    ms("lab_down", begun.elapsed());
    Ok(())
}

fn ms(name: &str, value: Duration) {
    figure(name, value.as_secs_f64() * 1000.0, "ms");
}

/// Prints median and worst of a series.
fn series(name: &str, mut values: Vec<Duration>) {
    values.sort_unstable();
    if let (Some(median), Some(worst)) = (values.get(values.len() / 2), values.last()) {
        ms(&format!("{name}_median"), *median);
        ms(&format!("{name}_worst"), *worst);
    }
}

fn boot(pool: &Pool<'_>, prober: &Prober, guests: &[Guest]) -> Result<()> {
    let first = pool.lab.host(1);
    let mut boots = Vec::new();
    let mut starts = Vec::new();
    for guest in guests {
        pool.create_guest(guest)?;
        let begun = Instant::now();
        pool.haven(first, &["vm", "start", &guest.name], "")?;
        starts.push(begun.elapsed());
        let answered = prober.answer_after(&guest.address(), begun, BOOT_WAIT)?;
        boots.push(answered - begun);
    }
    series("vm_start_returns", starts);
    series("vm_start_to_answer", boots);
    Ok(())
}

fn api_latency(pool: &Pool<'_>) -> Result<()> {
    let api = Api::log_in(pool.coordinator()?)?;
    let mut all = Vec::new();
    for _ in 0..API_CALLS {
        let begun = Instant::now();
        api.records("host")?;
        all.push(begun.elapsed());
    }
    series("api_host_get_all_records", all);
    Ok(())
}

fn migrations(pool: &Pool<'_>, prober: &Prober, guests: &[Guest], count: u32) -> Result<()> {
    let guest = guests.first().context("no guest")?;
    let hosts = pool.lab.config().hosts;
    let (mut totals, mut silences, mut pauses) = (Vec::new(), Vec::new(), Vec::new());
    let mut lost_pings = 0;
    for _ in 0..count {
        let here = pool.resident_on(&Api::log_in(pool.coordinator()?)?, &guest.name)?;
        let to = here % hosts + 1;
        let (total, silence) = pool
            .tell
            .step(&format!("{} to h{to}", guest.name), || pool.migrate(prober, guest, to))?;
        totals.push(total);
        silences.push(silence);
        pauses.push(pool.migration_pause(guest)?);
        // Of a client that asks so often, all that fall into the silence but one.
        lost_pings = lost_pings.max(silence.as_millis() / PING_INTERVAL.as_millis());
    }
    series("migration_total", totals);
    series("migration_gap", silences);
    series("migration_pause", pauses);
    figure("migration_lost_pings_worst", lost_pings as f64, "pings");
    Ok(())
}

/// Memory and processor time of guard and havend on a member that runs guests and is asked nothing.
fn footprint(pool: &Pool<'_>) -> Result<()> {
    let coordinator = pool.coordinator()?;
    let member = pool.hosts().find(|h| h.number() != coordinator.number());
    let member = member.context("one host only")?;
    for (program, name) in [("haven-guard", "guard"), ("havend", "havend_member")] {
        let before = usage(member, program)?;
        std::thread::sleep(IDLE);
        let after = usage(member, program)?;
        figure(&format!("{name}_rss_mib"), after.0 / 1024.0, "MiB");
        let cpu = (after.1 - before.1) / CLOCK_TICKS_PER_S / IDLE.as_secs_f64() * 100.0;
        figure(&format!("{name}_idle_cpu"), cpu, "%");
    }
    Ok(())
}

/// Resident memory in KiB and processor time in clock ticks.
fn usage(host: Host<'_>, program: &str) -> Result<(f64, f64)> {
    let script = format!(
        "p=$(pgrep -o -x {program}) && awk '/^VmRSS/ {{ print $2 }}' /proc/$p/status && \
         sed 's/.*) //' /proc/$p/stat | awk '{{ print $12 + $13 }}'"
    );
    let text = host.sh(&script)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(rss)), Some(Ok(ticks))) => Ok((rss, ticks)),
        _ => bail!("h{}: {program} does not run: {text}", host.number()),
    }
}

fn losses(pool: &Pool<'_>, prober: &Prober, guests: &[Guest], size: &Bench) -> Result<()> {
    let mut all: Vec<Phases> = Vec::new();
    let mut first_starts: Vec<Duration> = Vec::new();
    for _ in 0..size.losses {
        let coordinator = pool.coordinator()?;
        let api = Api::log_in(coordinator)?;
        let members = pool.hosts().filter(|h| h.number() != coordinator.number());
        let counts = members.map(|h| (h, pool.guests_on(&api, guests, h.number())));
        let (victim, mut lost) = counts.max_by_key(|(_, g)| g.len()).context("one host only")?;
        if lost.is_empty() {
            let guest = guests.first().context("no guest")?;
            pool.migrate(prober, guest, victim.number())?;
            lost.push(guest.clone());
        }
        let what = format!("h{} loses its power, with {} guests", victim.number(), lost.len());
        let phases = pool.tell.step(&what, || pool.lose_host(prober, victim, &lost))?;
        phases.iter().for_each(|p| pool.tell.say(&p.line()));
        first_starts.extend(phases.iter().filter_map(|p| p.started).min());
        all.extend(phases);
        pool.tell.step("it comes back", || {
            victim.on()?;
            pool.wait_for_members(coordinator, pool.lab.config().hosts)
        })?;
    }
    if all.is_empty() {
        bail!("nothing was lost");
    }
    first_starts.sort_unstable();
    let name = format!("failover_power_loss_{}", size.profile);
    if let (Some(median), Some(worst)) =
        (first_starts.get(first_starts.len() / 2), first_starts.last())
    {
        figure(&format!("{name}_median_s"), median.as_secs_f64(), "s");
        figure(&format!("{name}_worst_s"), worst.as_secs_f64(), "s");
        figure(&format!("{name}_runs"), first_starts.len() as f64, "runs");
    }
    let phase = |get: fn(&Phases) -> Option<Duration>| all.iter().filter_map(get).collect();
    series("failover_detected", phase(|p| p.detected));
    series("failover_fenced", phase(|p| p.fenced));
    series("failover_placed", phase(|p| p.placed));
    series("failover_started", phase(|p| p.started));
    series("failover_guest_answers", phase(|p| Some(p.answers)));
    Ok(())
}
