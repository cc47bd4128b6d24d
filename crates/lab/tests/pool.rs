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
use haven_lab::story::api::Api;
use haven_lab::story::{Bench, Guest, Narrator, Pool, bench};

const BOOT: Duration = Duration::from_secs(120);

/// The story of `make demo`, measured: form, migrate, lose a host, lose the coordinator.
#[test]
fn a_pool_outlives_a_host_and_its_coordinator() {
    let Some(config) = common::product_config(3) else { return };
    let size = Bench { profile: "fast".to_owned(), migrations: 2, losses: 1 };
    bench(config, size).unwrap();
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
    pool.enable_ha(&guests, "fast").unwrap();
    (prober, guests)
}

/// Whom a fault strikes.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// A host with a guest that does not coordinate.
    Member,
    /// The coordinator.
    Coordinator,
}

/// What fails, for how long, and whether guests may notice.
struct Case {
    what: &'static str,
    victim: Victim,
    seconds: u64,
    guests_notice: bool,
    strike: fn(&Lab, u32),
}

const fn case(
    what: &'static str,
    victim: Victim,
    seconds: u64,
    guests_notice: bool,
    strike: fn(&Lab, u32),
) -> Case {
    Case { what, victim, seconds, guests_notice, strike }
}

use Victim::{Coordinator, Member};

const FAULTS: [Case; 13] = [
    case("havend of a member dies", Member, 3, false, |lab, n| {
        lab.host(n).kill(Process::Havend, 9).unwrap();
    }),
    case("havend of the coordinator dies", Coordinator, 3, false, |lab, n| {
        lab.host(n).kill(Process::Havend, 9).unwrap();
    }),
    case("libvirtd of a member dies", Member, 3, false, |lab, n| {
        lab.host(n).kill(Process::Libvirtd, 9).unwrap();
    }),
    case("a member loses its storage link", Member, 10, false, |lab, n| {
        lab.host(n).cut(Link::Sto, Direction::Both).unwrap();
    }),
    case("the storage stalls for all", Member, 8, false, |lab, _| {
        (1..=HOSTS).for_each(|n| lab.host(n).storage(Fault::Stall).unwrap());
    }),
    case(
        "the storage network and the coordinator's network fail",
        Coordinator,
        12,
        true,
        |lab, n| {
            (1..=HOSTS).for_each(|n| lab.host(n).storage(Fault::Stall).unwrap());
            lab.host(n).cut(Link::Lan, Direction::Both).unwrap();
        },
    ),
    case("the guard of a member dies", Member, 10, true, |lab, n| {
        lab.host(n).kill(Process::Guard, 9).unwrap();
    }),
    case("the guard of the coordinator is stopped", Coordinator, 10, true, |lab, n| {
        lab.host(n).kill(Process::Guard, 19).unwrap();
    }),
    case("a member hears nobody", Member, 12, true, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::In).unwrap();
    }),
    case("nobody hears a member", Member, 12, true, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::Out).unwrap();
    }),
    case("a member freezes", Member, 12, true, |lab, n| lab.host(n).freeze().unwrap()),
    case("a member loses network and storage", Member, 12, true, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::Both).unwrap();
        lab.host(n).cut(Link::Sto, Direction::Both).unwrap();
    }),
    case("all hosts lose their power", Coordinator, 2, true, |lab, _| {
        (1..=HOSTS).for_each(|n| lab.host(n).off().unwrap());
    }),
];

const HOSTS: u32 = 3;
/// A silence that a loaded machine explains.
const UNNOTICED: Duration = Duration::from_secs(5);

/// The host to strike; a member gets a guest if it has none.
fn victim(pool: &Pool<'_>, prober: &Prober, guests: &[Guest], kind: Victim) -> u32 {
    let coordinator = pool.coordinator().unwrap();
    if matches!(kind, Coordinator) {
        return coordinator.number();
    }
    let api = Api::log_in(coordinator).unwrap();
    let number = coordinator.number() % HOSTS + 1;
    if pool.guests_on(&api, guests, number).is_empty() {
        pool.migrate(prober, &guests[0], number).unwrap();
    }
    number
}

/// One fault after the other, each healed after a while; after each the pool must be whole again,
/// and no disk may have had two writers.
#[test]
fn guests_never_run_twice_whatever_fails() {
    let Some(lab) = common::product(3) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    let (prober, guests) = protected(&pool);
    for Case { what, victim: kind, seconds, guests_notice, strike } in FAULTS {
        let number = victim(&pool, &prober, &guests, kind);
        tell.step(&format!("{what} (h{number})"), || {
            prober.forget_gaps();
            strike(&lab, number);
            std::thread::sleep(Duration::from_secs(seconds));
            pool.settle(&prober, &guests)
        })
        .unwrap();
        let gaps = guests.iter().map(|g| prober.seen(&g.address()).unwrap().longest_gap);
        let longest = gaps.max().unwrap();
        tell.say(&format!("longest silence of a guest: {:.1} s", longest.as_secs_f64()));
        assert!(guests_notice || longest < UNNOTICED, "{what}: a guest was silent for {longest:?}");
    }
}

/// What fencing is for, and that its absence would be seen: on a host whose watchdog never bites, the
/// guard is stopped. The pool proves by the guard's silence that the guests there are gone, as it
/// may, and starts them elsewhere; here they are not gone, and their disks have two writers.
#[test]
fn without_fencing_two_writers_are_caught() {
    let Some(mut config) = common::product_config(3) else { return };
    config.watchdog_bites = false;
    let lab = Lab::up_attached(config).unwrap();
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    let (prober, guests) = protected(&pool);
    let number = victim(&pool, &prober, &guests, Member);
    pool.check_disks().unwrap();
    lab.host(number).kill(Process::Guard, 19).unwrap();
    let until = Instant::now() + BOOT;
    let caught = loop {
        match pool.check_disks() {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < until, "two writers, and nobody noticed"),
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    tell.say(&format!("caught: {caught:#}"));
}
