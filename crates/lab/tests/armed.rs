//! What an armed pool of real daemons and guests tolerates without stopping anybody, and what a host
//! does that must give way.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use haven_lab::probe::Prober;
use haven_lab::protocol::{Direction, Link, Process};
use haven_lab::storage::faults::{Fault, StorageSwitch};
use haven_lab::story::api::{self, Api};
use haven_lab::story::{Guest, Narrator, Pool};
use haven_lab::{Lab, LabConfig};
use serde_json::Value;

const BOOT: Duration = Duration::from_secs(150);
const HOSTS: u32 = 3;
/// A silence that a loaded machine explains.
const UNNOTICED: Duration = Duration::from_secs(5);

/// A pool with a guest on each host, armed with these options besides.
fn armed(pool: &Pool<'_>, more: &[&str]) -> (Prober, Vec<Guest>) {
    let (prober, guests) = with_guests(pool);
    pool.enable_ha_with(&guests, "fast", more).unwrap();
    (prober, guests)
}

/// A guest on each host.
fn with_guests(pool: &Pool<'_>) -> (Prober, Vec<Guest>) {
    let guests: Vec<Guest> = (1..=3).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    for (guest, place) in guests.iter().zip(["h1", "h2", "h3"]) {
        pool.create_guest(guest).unwrap();
        let args = ["vm", "start", &guest.name, "--on", place];
        pool.haven(pool.lab.host(1), &args, "").unwrap();
    }
    for guest in &guests {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    (prober, guests)
}

fn longest_silence(prober: &Prober, guests: &[Guest]) -> Duration {
    let gaps = guests.iter().map(|g| prober.seen(&g.address()).unwrap().longest_gap);
    gaps.max().unwrap()
}

fn export(lab: &Lab, which: u8, fault: Fault) {
    for n in 1..=HOSTS {
        lab.host(n).storage_of(Some(which), StorageSwitch::all(fault)).unwrap();
    }
}

fn alerts(pool: &Pool<'_>) -> usize {
    let api = Api::log_in(pool.coordinator().unwrap()).unwrap();
    let all = api.records("message").unwrap();
    all.iter().filter(|(_, message)| message["name"] == "HA_STATEFILE_LOST").count()
}

fn silent_statefiles(pool: &Pool<'_>) -> usize {
    let status = api::get(pool.coordinator().unwrap(), "/haven/ha/status").unwrap();
    let files = status["statefiles"].as_array().unwrap();
    files.iter().filter(|file| file["state"] != "good").count()
}

/// Three statefiles on three repositories. One is lost: an alert. Two are: the network carries on,
/// and nothing is decided; a host that dies then is mourned when one of them is back.
#[test]
fn one_of_three_statefiles_may_be_lost_and_two_only_while_the_hosts_hear_each_other() {
    let Some(lab) = common::product(HOSTS) else { return };
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let [second, third] = pool.add_more_storage().unwrap();
    let more = ["--heartbeat-sr", second, "--heartbeat-sr", third];
    let (prober, guests) = armed(&pool, &more);
    assert_eq!(silent_statefiles(&pool), 0);

    for (which, how) in [(2, Fault::Stall), (1, Fault::Eio)] {
        let (before, told) = (lab.status().unwrap(), alerts(&pool));
        prober.forget_gaps();
        tell.step(&format!("export {which}: {how:?}, for all"), || {
            export(&lab, which, how);
            sleep(Duration::from_secs(15));
            Ok(())
        })
        .unwrap();
        assert_eq!(silent_statefiles(&pool), 1);
        let status = api::get(pool.coordinator().unwrap(), "/haven/ha/status").unwrap();
        assert!(status["problems"].to_string().contains("does not answer"), "{status}");
        assert!(alerts(&pool) > told, "nobody was alerted");
        assert!(longest_silence(&prober, &guests) < UNNOTICED);
        assert_eq!(pool.stopped_since(&before).unwrap(), Vec::<u32>::new());
        pool.change_something(pool.coordinator().unwrap()).unwrap();
        export(&lab, which, Fault::Ok);
        common::eventually(30, "it is good again", || silent_statefiles(&pool) == 0);
    }

    let before = lab.status().unwrap();
    prober.forget_gaps();
    tell.step("two of the three stall for all", || {
        export(&lab, 1, Fault::Stall);
        export(&lab, 2, Fault::Stall);
        sleep(Duration::from_secs(15));
        Ok(())
    })
    .unwrap();
    // The third is written, and not read: a round counts on a majority or not at all.
    assert!(silent_statefiles(&pool) >= 2);
    assert!(longest_silence(&prober, &guests) < UNNOTICED, "the hosts hear each other");
    assert_eq!(pool.stopped_since(&before).unwrap(), Vec::<u32>::new());

    let coordinator = pool.coordinator().unwrap();
    let victim = lab.host(coordinator.number() % HOSTS + 1);
    let there = pool.guests_on(&Api::log_in(coordinator).unwrap(), &guests, victim.number());
    assert!(!there.is_empty());
    let lost = Instant::now();
    victim.off().unwrap();
    sleep(Duration::from_secs(15));
    for guest in &there {
        let heard = prober.seen(&guest.address()).unwrap();
        assert!(heard.last < lost + Duration::from_secs(3), "it was started again: {heard:?}");
    }
    tell.step("one of them is back", || {
        export(&lab, 1, Fault::Ok);
        for guest in &there {
            prober.answer_after(&guest.address(), lost + Duration::from_secs(15), BOOT)?;
        }
        Ok(())
    })
    .unwrap();
    tell.step("all is well again", || pool.settle(&prober, &guests)).unwrap();
}

/// The heartbeat storage is lost for good, then another one while it still answers: the pool is armed
/// anew beside it under running guests, which notice nothing.
#[test]
fn statefiles_are_replaced_under_running_guests() {
    let Some(lab) = common::product(HOSTS) else { return };
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let [second, third] = pool.add_more_storage().unwrap();
    let (prober, guests) = with_guests(&pool);
    let args = ["ha", "enable", "--heartbeat-sr", second, "--profile", "fast", "--failures", "1"];
    pool.haven(lab.host(1), &args, "").unwrap();
    for guest in &guests {
        let args = ["vm", "set", &guest.name, "--ha", "restart"];
        pool.haven(lab.host(1), &args, "").unwrap();
    }
    pool.wait_for_members(lab.host(1), HOSTS).unwrap();
    let before = lab.status().unwrap();
    prober.forget_gaps();
    let generations =
        [("lost for good", third, Fault::Eio), ("good, and not wanted any more", "vms", Fault::Ok)];
    for (which, to, fault) in generations {
        let coordinator = pool.coordinator().unwrap();
        tell.step(&format!("the heartbeat storage is {which}; it becomes {to}"), || {
            export(&lab, 1, fault);
            // Until it is known: what was written lately counts as good.
            sleep(Duration::from_secs(7));
            let args = ["ha", "replace-statefile", "--heartbeat-sr", to, "--yes"];
            pool.haven(coordinator, &args, "")?;
            export(&lab, 1, Fault::Ok);
            pool.wait_for_members(coordinator, HOSTS)
        })
        .unwrap();
        assert_eq!(silent_statefiles(&pool), 0);
        pool.change_something(pool.coordinator().unwrap()).unwrap();
        assert!(longest_silence(&prober, &guests) < UNNOTICED, "a guest noticed");
        assert_eq!(pool.stopped_since(&before).unwrap(), Vec::<u32>::new());
    }
    tell.step("all is well again", || pool.settle(&prober, &guests)).unwrap();
}

fn log(lab: &Lab, n: u32, name: &str) -> String {
    std::fs::read_to_string(lab.host(n).logs().join(name)).unwrap_or_default()
}

/// Isolation response `shutdown`: the guests of the side that gives way shut down by themselves.
#[test]
fn guests_of_a_host_that_gives_way_shut_down_before_they_are_stopped() {
    let Some(lab) = common::product(HOSTS) else { return };
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let (prober, guests) = armed(&pool, &["--isolation-response", "shutdown"]);
    // With time to spare for a guest that is emulated on a busy machine.
    let slower = ["ha", "set", "--profile", "default"];
    pool.haven(pool.coordinator().unwrap(), &slower, "").unwrap();
    let coordinator = pool.coordinator().unwrap();
    let victim = coordinator.number() % HOSTS + 1;
    tell.step(&format!("h{victim} loses the LAN"), || {
        lab.host(victim).cut(Link::Lan, Direction::Both)
    })
    .unwrap();
    let asked = || log(&lab, victim, "havend.log").contains("a guest was asked to shut down");
    let until = Instant::now() + Duration::from_secs(90);
    while !asked() && Instant::now() < until {
        sleep(Duration::from_millis(200));
    }
    let said = log(&lab, victim, "havend.log");
    let why = || format!("{said}\n{}", log(&lab, victim, "haven-guard.log"));
    assert!(asked(), "its guests were not asked: {}", why());
    let asked = said.lines().filter(|line| line.contains("a guest was asked to shut down"));
    assert!(asked.clone().count() > 0);
    assert!(asked.clone().all(|line| line.contains("down=true")), "{said}");
    let guard = log(&lab, victim, "haven-guard.log");
    common::eventually(30, "the guard did the rest", || {
        log(&lab, victim, "haven-guard.log").contains("fencing this host")
    });
    assert!(guard.contains("AskingGuests"), "{guard}");
    assert_eq!(lab.status().unwrap()[victim as usize - 1].bites, 0);
    tell.step("all is well again", || pool.settle(&prober, &guests)).unwrap();
}

/// The programs in a directory of their own: what an upgrade replaces.
fn own_programs(config: &mut LabConfig) -> PathBuf {
    let dir = config.dir.join("programs");
    std::fs::create_dir_all(&dir).unwrap();
    for name in ["haven", "havend", "haven-guard", "haven-lab"] {
        install(&config.bin_dir.join(name), &dir.join(name));
    }
    config.bin_dir.clone_from(&dir);
    dir
}

/// As a package manager does: another file under the same name.
fn install(from: &Path, to: &Path) {
    let new = to.with_extension("new");
    std::fs::copy(from, &new).unwrap();
    std::fs::rename(new, to).unwrap();
}

fn epoch(pool: &Pool<'_>) -> Value {
    let status = api::get(pool.coordinator().unwrap(), "/haven/ha/status").unwrap();
    status["epoch"].clone()
}

/// `havend` is stopped, killed and replaced on every host, the coordinator too, while the API is
/// asked all the time and guests run: nobody fences, and no guest notices.
#[test]
fn restart_and_upgrade_of_the_daemons_stop_no_guest() {
    let Some(mut config) = common::product_config(HOSTS) else { return };
    let from = config.bin_dir.clone();
    let programs = own_programs(&mut config);
    let lab = Lab::up_attached(config).unwrap();
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let (prober, guests) = armed(&pool, &[]);
    let first = epoch(&pool);
    let before = lab.status().unwrap();
    prober.forget_gaps();
    // On disk from now on; each daemon becomes the new one when it is started next, and the guards
    // stay what they are until their hosts restart.
    for name in ["havend", "haven-guard"] {
        install(&from.join(name), &programs.join(name));
    }
    for (round, signal) in [(1, 15), (2, 9), (3, 15)] {
        for n in 1..=HOSTS {
            let what = format!("round {round}: havend of h{n} gets signal {signal}, under load");
            tell.step(&what, || {
                lab.host(n).kill(Process::Havend, signal)?;
                let until = Instant::now() + Duration::from_secs(2);
                while Instant::now() < until {
                    for host in pool.hosts() {
                        // Whoever restarts now refuses it; nobody may be stopped by it.
                        let _ = pool.change_something(host);
                    }
                }
                pool.wait_for_members(lab.host(n), HOSTS)
            })
            .unwrap();
        }
    }
    let silence = longest_silence(&prober, &guests);
    assert!(silence < UNNOTICED, "a guest was silent for {silence:?}");
    assert_eq!(pool.stopped_since(&before).unwrap(), Vec::<u32>::new());
    for n in 1..=HOSTS {
        assert!(!log(&lab, n, "haven-guard.log").contains("fencing this host"));
    }
    assert_eq!(epoch(&pool), first, "no epoch was decided for it");
    tell.step("all is well", || pool.settle(&prober, &guests)).unwrap();
}
