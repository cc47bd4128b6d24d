//! The product in the lab: whatever fails, guests run again, and never twice.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use haven_lab::Lab;
use haven_lab::probe::Prober;
use haven_lab::protocol::{Direction, Link, Process};
use haven_lab::storage::faults::Fault;
use haven_lab::story::{Bench, Guest, Narrator, Pool, bench};

const BOOT: Duration = Duration::from_secs(120);

fn config() -> Option<haven_lab::LabConfig> {
    // Says why if there can be no lab here.
    common::lab(1)?;
    let mut config = common::config(3);
    config.bare = false;
    Some(config)
}

/// The story of `make demo`, measured: form, migrate, lose a host, lose the coordinator.
#[test]
fn a_pool_outlives_a_host_and_its_coordinator() {
    let Some(config) = config() else { return };
    bench(config, Bench { migrations: 2, losses: 1 }).unwrap();
}

/// A pool with three protected guests, two of them on h2.
fn protected(pool: &Pool<'_>) -> (Prober, Vec<Guest>) {
    pool.form().unwrap();
    pool.add_storage().unwrap();
    let guests: Vec<Guest> = (1..=3).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    for (guest, place) in guests.iter().zip(["h1", "h2", "h2"]) {
        pool.create_guest(guest).unwrap();
        let args = ["vm", "start", &guest.name, "--on", place];
        pool.haven(pool.lab.host(1), &args, "").unwrap();
    }
    for guest in &guests {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    pool.enable_ha(&guests).unwrap();
    (prober, guests)
}

/// One fault after the other, each healed after a while; after each the pool must be whole again
/// and no disk may have had two writers.
#[test]
fn guests_never_run_twice_whatever_fails() {
    type Strike = fn(&Lab);
    let Some(config) = config() else { return };
    let lab = Lab::up_attached(config).unwrap();
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    let (prober, guests) = protected(&pool);
    let faults: [(&str, u64, Strike); 9] = [
        ("havend of h2 dies", 3, |lab| lab.host(2).kill(Process::Havend, 9).unwrap()),
        ("libvirtd of h2 dies", 3, |lab| lab.host(2).kill(Process::Libvirtd, 9).unwrap()),
        ("the guard of h2 dies", 10, |lab| lab.host(2).kill(Process::Guard, 9).unwrap()),
        ("the guard of h1 is stopped", 10, |lab| lab.host(1).kill(Process::Guard, 19).unwrap()),
        ("h3 hears nobody", 10, |lab| lab.host(3).cut(Link::Lan, Direction::In).unwrap()),
        ("h2 loses its network", 12, |lab| lab.host(2).cut(Link::Lan, Direction::Both).unwrap()),
        ("h1 loses its storage link", 12, |lab| {
            lab.host(1).cut(Link::Sto, Direction::Both).unwrap();
        }),
        ("all storage stalls for a while", 8, |lab| {
            (1..=3).for_each(|n| lab.host(n).storage(Fault::Stall).unwrap());
        }),
        ("h2 freezes", 12, |lab| lab.host(2).freeze().unwrap()),
    ];
    for (what, seconds, strike) in faults {
        tell.step(what, || {
            strike(&lab);
            std::thread::sleep(Duration::from_secs(seconds));
            pool.settle(&prober, &guests)
        })
        .unwrap();
    }
}
