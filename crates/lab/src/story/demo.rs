//! `make demo`: a pool of three hosts, and what happens when two of them die.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::api::Api;
use super::narrator::Narrator;
use super::pool::{Guest, PASSWORD, Pool};
use crate::config::LabConfig;
use crate::lab::{Host, Lab};
use crate::probe::Prober;

const GUESTS: u8 = 4;
const BOOT_WAIT: Duration = Duration::from_secs(120);
const PROBE_INTERVAL: Duration = Duration::from_millis(5);
/// Where the pool is reached from the machine, unless the port is taken.
const PORT: u16 = 8443;
/// On which host each guest starts: none on the coordinator but the first.
const PLACES: [u32; GUESTS as usize] = [1, 2, 2, 3];

/// Tells the story; the pool goes on when it is told.
pub fn demo(config: LabConfig) -> Result<()> {
    let tell = Narrator::default();
    Pool::check_programs(&config.bin_dir)?;
    let dir = config.dir.clone();
    Lab::remove_stopped(&config)?;
    tell.chapter("Three hosts, each with its own libvirtd, networks, storage link and watchdog");
    let lab = tell.step("power on", || Lab::up(config))?;
    let told = story(&Pool { lab: &lab, tell: &tell });
    if told.is_err() {
        tell.say(&format!(
            "The hosts are still on. Their logs: {}/hosts/h*/shared/log. `make demo-down` ends them.",
            dir.display()
        ));
    }
    told
}

fn story(pool: &Pool<'_>) -> Result<()> {
    let tell = pool.tell;
    tell.chapter("One pool");
    pool.form()?;
    pool.add_storage()?;
    tell.chapter("Four guests");
    let guests: Vec<Guest> = (1..=GUESTS).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, PROBE_INTERVAL)?;
    start_guests(pool, &prober, &guests)?;
    tell.chapter("High availability");
    pool.enable_ha(&guests, "fast")?;
    tell.chapter("A guest moves while it runs");
    let moving = guests.last().context("no guest")?;
    let (took, silence) = tell
        .step(&format!("haven vm migrate {} --to h2", moving.name), || {
            pool.migrate(&prober, moving, 2)
        })?;
    tell.say(&format!(
        "{} moved in {:.1} s, paused for {} ms; a client missed its answers for {} ms",
        moving.name,
        took.as_secs_f64(),
        pool.migration_pause(moving)?.as_millis(),
        silence.as_millis()
    ));
    lose_a_host(pool, &prober, &guests)?;
    lose_the_coordinator(pool, &prober, &guests)?;
    hosts_return(pool)?;
    let disks = pool.check_disks()?;
    tell.say(&format!("{disks} disks checked: none ever had two writers at a time"));
    say_where(pool)
}

fn start_guests(pool: &Pool<'_>, prober: &Prober, guests: &[Guest]) -> Result<()> {
    let first = pool.lab.host(1);
    for guest in guests {
        pool.create_guest(guest)?;
    }
    let begun = Instant::now();
    let api = Api::log_in(first)?;
    for (guest, place) in guests.iter().zip(PLACES) {
        let host = pool.host_name(&api, place)?;
        pool.tell.step(&format!("haven vm start {} --on h{place}", guest.name), || {
            pool.haven(first, &["vm", "start", &guest.name, "--on", &host], "")
        })?;
    }
    pool.tell.step("all guests answer", || {
        guests
            .iter()
            .try_for_each(|guest| prober.answer_after(&guest.address(), begun, BOOT_WAIT).map(drop))
    })
}

fn lose_a_host(pool: &Pool<'_>, prober: &Prober, guests: &[Guest]) -> Result<()> {
    let tell = pool.tell;
    tell.chapter("The host with most guests loses its power");
    let coordinator = pool.coordinator()?;
    let api = Api::log_in(coordinator)?;
    let counts = pool.hosts().map(|h| (h, pool.guests_on(&api, guests, h.number())));
    let (victim, lost) =
        counts.max_by_key(|(_, guests)| guests.len()).context("the lab has no hosts")?;
    let names: Vec<&str> = lost.iter().map(|g| g.name.as_str()).collect();
    let what = format!("h{} off, with {}; until they answer", victim.number(), names.join(", "));
    let all = tell.step(&what, || pool.lose_host(prober, victim, &lost))?;
    for phases in &all {
        tell.say(&phases.line());
    }
    Ok(())
}

fn lose_the_coordinator(pool: &Pool<'_>, prober: &Prober, guests: &[Guest]) -> Result<()> {
    let tell = pool.tell;
    tell.chapter("The coordinator loses its power");
    let before = pool.coordinator()?;
    let lost = pool.guests_on(&Api::log_in(before)?, guests, before.number());
    let begun = Instant::now();
    let (next, took) = tell
        .step(&format!("h{} off; until the pool takes a change", before.number()), || {
            pool.lose_coordinator()
        })?;
    tell.say(&format!("h{next} coordinates, {:.1} s after the loss", took.as_secs_f64()));
    let settled = begun + Duration::from_secs(1);
    tell.step(&format!("{} guests of h{} answer again", lost.len(), before.number()), || {
        lost.iter()
            .try_for_each(|g| prober.answer_after(&g.address(), settled, BOOT_WAIT).map(drop))
    })
}

fn hosts_return(pool: &Pool<'_>) -> Result<()> {
    pool.tell.chapter("The hosts come back");
    for host in pool.hosts() {
        if host.status()?.init_pid.is_none() {
            pool.tell.step(&format!("h{} on", host.number()), || host.on())?;
        }
    }
    let coordinator = pool.coordinator()?;
    pool.tell.step("they are members again", || {
        pool.wait_for_members(coordinator, pool.lab.config().hosts)
    })
}

fn say_where(pool: &Pool<'_>) -> Result<()> {
    // The coordinator first: the others would send a client on to an address of the lab.
    let first = pool.coordinator()?.number();
    let mut hosts: Vec<Host<'_>> = pool.hosts().collect();
    hosts.sort_by_key(|h| h.number() != first);
    let targets: Vec<SocketAddr> =
        hosts.iter().map(|h| format!("{}:443", h.address()).parse()).collect::<Result<_, _>>()?;
    let own = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let forwarded = (PORT..PORT + 10).find(|p| pool.lab.forward(own(*p), targets.clone()).is_ok());
    let tell = pool.tell;
    tell.chapter("The pool goes on");
    if let Some(port) = forwarded {
        tell.say(&format!("API:      https://127.0.0.1:{port}  (user root, password {PASSWORD})"));
    }
    let program = pool.lab.config().program();
    let program = program.display();
    tell.say(&format!("a host:   sudo {program} sh 1            then: haven vm list"));
    tell.say(&format!(
        "faults:   sudo {program} --help          off, freeze, cut, storage, kill …"
    ));
    tell.say("the end:  make demo-down");
    Ok(())
}
