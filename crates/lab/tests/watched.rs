//! Guests that are watched, real ones with real agents: one that hangs is reset while its budget lasts and
//! then left alone, one whose agent alone is silent is not, and of one without an agent people are told.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{eventually, product_config};
use haven_lab::guest::deed::Deed;
use haven_lab::guest::stamps;
use haven_lab::probe::Prober;
use haven_lab::story::api::{Api, text};
use haven_lab::story::{Guest, Narrator, Pool};
use haven_lab::{Lab, LabConfig};
use serde_json::{Value, json};

const BOOT: Duration = Duration::from_secs(120);
/// How often the coordinator looks here, so that nobody waits for minutes.
const LOOKS: &str = "watch_interval_ms = 1000\n";
/// How a guest is watched here: an interval of 8 s, a grace of 10 s after each boot.
const WATCH: [&str; 6] = ["--watch", "on", "--watch-interval", "8", "--watch-grace", "10"];

fn started(pool: &Pool<'_>, names: &[Guest]) -> Prober {
    let addresses: Vec<String> = names.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    for guest in names {
        pool.haven(pool.lab.host(1), &["vm", "start", &guest.name], "").unwrap();
    }
    for guest in names {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    prober
}

fn watch(pool: &Pool<'_>, guest: &Guest, resets: &str) {
    let args = [&["vm", "set", &guest.name][..], &WATCH[..], &["--watch-resets", resets]].concat();
    pool.haven(pool.lab.host(1), &args, "").unwrap();
}

/// Alerts of this case about this guest.
fn told(api: &Api, case: &str, guest: &Guest) -> usize {
    let all = api.records("message").unwrap();
    let about = |message: &Value| {
        let body = text(message, "body");
        body.contains(&format!("\"{case}\"")) && body.contains(&format!("\"{}\"", guest.name))
    };
    all.iter().filter(|(_, message)| about(message)).count()
}

/// What is written down of a guest that is watched.
fn record(api: &Api, guest: &Guest) -> Value {
    let (_, vm) = api.named("VM", &guest.name).unwrap();
    serde_json::from_str(text(&vm["other_config"], "haven_watch_state")).unwrap_or_default()
}

fn is_heard(api: &Api, guest: &Guest) -> bool {
    record(api, guest)["heard"].is_u64()
}

/// Starts of a guest that left their stamps on its disk, one after the other.
fn runs(pool: &Pool<'_>, api: &Api, guest: &Guest) -> usize {
    let (vm, _) = api.named("VM", &guest.name).unwrap();
    let vbds = api.call("VM.get_VBDs", &[json!(vm)]).unwrap();
    let vdi = api.call("VBD.get_VDI", &[vbds.as_array().unwrap()[0].clone()]).unwrap();
    let vdi = api.call("VDI.get_record", &[vdi]).unwrap();
    let image = pool.lab.config().export_dir().join(text(&vdi, "location"));
    let report = stamps::check(&image).unwrap();
    assert!(report.is_clean(), "{report}");
    report.runs
}

fn pool_config(hosts: u32) -> Option<LabConfig> {
    Some(LabConfig { havend_toml: LOOKS.to_owned(), ..product_config(hosts)? })
}

/// Rows 91, 93 and 94 of the list of faults.
#[test]
fn a_real_guest_that_hangs_is_reset_and_then_left_alone_and_others_are_not_touched() {
    let Some(config) = pool_config(1) else { return };
    let lab = Lab::up_attached(config).unwrap();
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let guests: Vec<Guest> = (1..=3).map(Guest::new).collect();
    let [hangs, mute, blind] = guests.as_slice() else { return };
    guests.iter().for_each(|guest| pool.create_guest(guest).unwrap());
    let api = Api::log_in(lab.host(1)).unwrap();
    let (vm, record_of) = api.named("VM", &blind.name).unwrap();
    let without = format!("{} lab.agent=off", text(&record_of, "PV_args"));
    api.call("VM.set_PV_args", &[json!(vm), json!(without)]).unwrap();
    let prober = started(&pool, &guests);
    watch(&pool, hangs, "1");
    watch(&pool, mute, "3");
    watch(&pool, blind, "3");
    for guest in [hangs, mute] {
        eventually(60, "its agent is heard", || is_heard(&api, guest));
    }
    lab.guest(mute.number, Deed::LoseAgent).unwrap();
    let silent = Instant::now();
    lab.guest(hangs.number, Deed::Hang).unwrap();
    tell.step("a guest hangs and is reset", || {
        eventually(60, "it is reset", || told(&api, "guest_reset", hangs) == 1);
        prober.answer_after(&hangs.address(), silent + Duration::from_secs(5), BOOT).map(drop)
    })
    .unwrap();
    let shown = api.records("message").unwrap();
    assert!(shown.iter().any(|(_, m)| text(m, "body").contains("It was reset, 1 of 1 times")));
    eventually(60, "its agent is heard again", || is_heard(&api, hangs));
    lab.guest(hangs.number, Deed::Hang).unwrap();
    tell.step("it hangs again and is left alone", || {
        eventually(60, "it is left alone", || told(&api, "guest_hangs", hangs) == 1);
        Ok(())
    })
    .unwrap();
    assert_eq!(record(&api, hangs)["standing"], "left_alone");
    eventually(30, "the blind one is told of", || told(&api, "guest_unmonitored", blind) == 1);
    // Three times the interval and more: its disk and its network went on.
    assert!(silent.elapsed() > Duration::from_secs(20));
    for guest in [mute, blind] {
        assert_eq!(told(&api, "guest_reset", guest), 0, "{}", guest.name);
        prober.answer_after(&guest.address(), Instant::now(), BOOT).unwrap();
        assert_eq!(runs(&pool, &api, guest), 1, "{}", guest.name);
    }
    assert_eq!(runs(&pool, &api, hangs), 2);

    // A panic of which the hypervisor is told ends in a reboot that costs as much as one of its own: once.
    let spent = || record(&api, mute)["spent_ms"].as_array().unwrap().len();
    assert_eq!(spent(), 0);
    for (count, deed) in [(1, Deed::Panic), (2, Deed::Reboot)] {
        tell.step(&format!("a guest boots again by itself: {}", deed.word()), || {
            lab.guest(mute.number, deed)?;
            eventually(60, "that counts", || spent() >= count);
            prober.answer_after(&mute.address(), Instant::now(), BOOT)?;
            eventually(60, "its agent is back with it", || is_heard(&api, mute));
            eventually(30, "it writes", || runs(&pool, &api, mute) == count + 1);
            Ok(())
        })
        .unwrap();
        assert_eq!(spent(), count, "each once");
    }
    assert_eq!(told(&api, "guest_reset", mute), 0, "nobody had to reset it");
}
