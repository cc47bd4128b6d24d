//! A drill is the failure itself: a host that beats is put out on purpose.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use haven_lab::probe::Prober;
use haven_lab::story::api::{self, Api};
use haven_lab::story::{Guest, Narrator};

const BOOT: Duration = Duration::from_secs(150);
const HOSTS: u32 = 3;

/// W12: the host that is put out stops its guests by itself, they boot anew on others, the pool
/// records that the drill passed, and the host comes back. Nobody writes to a disk twice.
#[test]
fn a_host_that_is_put_out_gives_its_guests_up_and_comes_back() {
    let Some(lab) = common::product(HOSTS) else { return };
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let guests: Vec<Guest> = (1..=2).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    for (guest, place) in guests.iter().zip(["h2", "h3"]) {
        pool.create_guest(guest).unwrap();
        pool.haven(lab.host(1), &["vm", "start", &guest.name, "--on", place], "").unwrap();
    }
    for guest in &guests {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    pool.enable_ha_with(&guests, "fast", &[]).unwrap();
    let coordinator = pool.coordinator().unwrap();
    let victim = lab.host(if coordinator.number() == 2 { 3 } else { 2 });
    let session = Api::log_in(coordinator).unwrap();
    let there = pool.guests_on(&session, &guests, victim.number());
    assert!(!there.is_empty());

    let last = || {
        api::get(pool.coordinator().unwrap(), "/haven/ha/status").unwrap()["drill"]["last"].clone()
    };
    common::eventually(30, "a rehearsal passes", || {
        pool.haven(coordinator, &["ha", "drill"], "").is_ok() && last()["passed"] == true
    });
    let name = format!("h{}", victim.number());
    let own = format!("h{}", coordinator.number());
    let refused = pool.haven(coordinator, &["ha", "drill", "--host", &own, "--yes"], "");
    assert!(refused.is_err(), "the coordinator cannot put itself out");
    tell.step(&format!("haven ha drill --host {name}"), || {
        pool.haven(coordinator, &["ha", "drill", "--host", &name, "--yes"], "").map(drop)
    })
    .unwrap();
    common::eventually(90, "the drill ends", || last()["kind"] == "host");
    assert_eq!(last()["passed"], true, "{}", last());
    let after = Instant::now();
    for guest in &there {
        prober.answer_after(&guest.address(), after, BOOT).unwrap();
    }
    eprintln!("{}", last());
    tell.step("all is well again", || pool.settle(&prober, &guests)).unwrap();
}
