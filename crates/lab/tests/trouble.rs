//! Trouble that only real guests and real daemons show: disks that are full, daemons that are
//! killed in the middle of something. The whole list is docs/troubles.md.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{eventually, product};
use haven_lab::Host;
use haven_lab::guest::stamps;
use haven_lab::probe::Prober;
use haven_lab::protocol::Process;
use haven_lab::storage::faults::Fault;
use haven_lab::story::api::{Api, get, text};
use haven_lab::story::{Guest, Narrator, Pool};
use serde_json::{Value, json};

const BOOT: Duration = Duration::from_secs(120);
/// A silence that a loaded machine explains.
const UNNOTICED: Duration = Duration::from_secs(8);

/// Guests 1 to `count`, running on the hosts in turn.
fn run_guests(pool: &Pool<'_>, count: u8) -> (Prober, Vec<Guest>) {
    pool.add_storage().unwrap();
    let guests: Vec<Guest> = (1..=count).map(Guest::new).collect();
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(pool.lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    let hosts: Vec<Host<'_>> = pool.hosts().collect();
    for (guest, host) in guests.iter().zip(hosts.iter().cycle()) {
        pool.create_guest(guest).unwrap();
        let args = ["vm", "start", &guest.name, "--on", &format!("h{}", host.number())];
        pool.haven(pool.lab.host(1), &args, "").unwrap();
    }
    for guest in &guests {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    (prober, guests)
}

/// What `haven` says when it is refused: its code, and the whole.
fn refusal(pool: &Pool<'_>, host: Host<'_>, args: &[&str], stdin: &str) -> String {
    format!("{:#}", pool.haven(host, args, stdin).unwrap_err())
}

fn power_state(api: &Api, guest: &Guest) -> String {
    text(&api.named("VM", &guest.name).unwrap().1, "power_state").to_owned()
}

/// The image of a guest's only disk.
fn image(pool: &Pool<'_>, api: &Api, guest: &Guest) -> std::path::PathBuf {
    let (vm, _) = api.named("VM", &guest.name).unwrap();
    let vbds = api.call("VM.get_VBDs", &[json!(vm)]).unwrap();
    let vdi = api.call("VBD.get_VDI", &[vbds.as_array().unwrap()[0].clone()]).unwrap();
    let record = api.call("VDI.get_record", &[vdi]).unwrap();
    pool.lab.config().export_dir().join(text(&record, "location"))
}

/// The shared storage is full: guests that want more of it stand still and are told of, nothing
/// new is made, high availability is refused; with room again all goes on where it was.
#[test]
fn guests_on_full_storage_stand_still_and_go_on_when_there_is_room() {
    let Some(lab) = product(2) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    pool.form().unwrap();
    let (prober, guests) = run_guests(&pool, 2);
    let first = lab.host(1);
    let api = Api::log_in(first).unwrap();
    let disks = api.records("VDI").unwrap().len();
    pool.hosts().for_each(|host| host.storage(Fault::Enospc).unwrap());
    for guest in &guests {
        // The disk of a guest grows with every block that it has not written before.
        eventually(60, "the guest stands still", || power_state(&api, guest) == "Paused");
        let told = api.records("message").unwrap();
        assert!(
            told.iter().any(|(_, message)| {
                let body = text(message, "body");
                body.contains(&guest.name) && body.contains("stands still") && body.contains("vms")
            }),
            "{told:?}"
        );
    }
    let create = ["vm", "create", "--template", "Linux", "--name", "more", "--sr", "vms"];
    let said = refusal(&pool, first, &create, "");
    assert!(said.contains("SR_FULL"), "{said}");
    let said = refusal(&pool, first, &["ha", "enable", "--heartbeat-sr", "vms"], "");
    assert!(said.contains("HA_SR_NO_SPACE"), "{said}");
    assert_eq!(api.records("VDI").unwrap().len(), disks, "nothing was made by halves");
    assert!(api.named("VM", "more").is_err());
    pool.hosts().for_each(|host| host.storage(Fault::Ok).unwrap());
    for guest in &guests {
        eventually(60, "the guest goes on", || power_state(&api, guest) == "Running");
        prober.answer_after(&guest.address(), Instant::now(), BOOT).unwrap();
        let image = image(&pool, &api, guest);
        let then = stamps::check(&image).unwrap().stamps;
        eventually(60, "writes go on", || stamps::check(&image).unwrap().stamps > then);
        let report = stamps::check(&image).unwrap();
        assert!(report.is_clean() && report.runs == 1, "{report}");
    }
    pool.haven(first, &create, "").unwrap();
}

/// The own disk of a host is full: a coordinator takes no change and says so, a new host does not
/// join; with room again both work, without a restart, and the same token serves.
#[test]
fn a_host_whose_own_disk_is_full_refuses_in_words_and_recovers() {
    let Some(lab) = product(2) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    let (first, second) = (lab.host(1), lab.host(2));
    pool.hosts().for_each(|host| pool.wait_for_havend(host).unwrap());
    second.disk(Fault::Enospc).unwrap();
    let not_written = |said: String| {
        assert!(said.contains("DATABASE_WRITE_FAILED") && said.contains("No space left"), "{said}");
    };
    let init = ["pool", "init", "--name", "small", "--password-stdin"];
    let said = refusal(&pool, second, &init, "correct horse\n");
    not_written(said);
    assert_eq!(text(&get(second, "/haven/status").unwrap(), "role"), "unconfigured");
    pool.haven(first, &init, "correct horse\n").unwrap();
    let made = pool.haven(first, &["pool", "token"], "").unwrap();
    let token = format!("{}\n", text(&made, "token"));
    let said = refusal(&pool, second, &["pool", "join", "-"], &token);
    not_written(said);
    let api = Api::log_in(first).unwrap();
    assert_eq!(api.records("host").unwrap().len(), 1, "it was not admitted");
    second.disk(Fault::Ok).unwrap();
    pool.haven(second, &["pool", "join", "-"], &token).unwrap();
    pool.wait_for_live(first, 2).unwrap();

    let api = Api::log_in(first).unwrap();
    first.disk(Fault::Enospc).unwrap();
    // What the database file has grown to is used up first.
    let mut refused = None;
    for number in 0..100 {
        let (pool_ref, _) = api.records("pool").unwrap().remove(0);
        let long = format!("{number} {}", "x".repeat(100_000));
        let params = [json!(pool_ref), json!(format!("key{number}")), json!(long)];
        if let Err(error) = api.call("pool.add_to_other_config", &params) {
            refused = Some((number, format!("{error:#}")));
            break;
        }
    }
    let (number, said) = refused.unwrap();
    not_written(said);
    let keys = || {
        let (_, record) = api.records("pool").unwrap().remove(0);
        record["other_config"].as_object().unwrap().len()
    };
    let before = keys();
    eventually(5, "reads go on", || !api.records("host").unwrap().is_empty());
    first.disk(Fault::Ok).unwrap();
    let (pool_ref, _) = api.records("pool").unwrap().remove(0);
    let again = [json!(pool_ref), json!(format!("key{number}")), json!("short")];
    api.call("pool.add_to_other_config", &again).unwrap();
    assert_eq!(keys(), before + 1, "what was refused had left nothing");
    // What was acknowledged is on disk.
    first.kill(Process::Havend, 9).unwrap();
    let back = || Api::log_in(first).map(Some);
    let api = haven_lab::story::wait_for("havend is back", BOOT, back).unwrap();
    let (_, record) = api.records("pool").unwrap().remove(0);
    assert_eq!(record["other_config"].as_object().unwrap().len(), before + 1);
}

/// Armed, disarmed and armed again under running guests, which notice nothing; then it protects.
#[test]
fn a_pool_is_armed_disarmed_and_armed_again_under_running_guests() {
    let Some(lab) = product(3) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    pool.form().unwrap();
    let (prober, guests) = run_guests(&pool, 3);
    prober.forget_gaps();
    for _ in 0..2 {
        pool.enable_ha(&guests, "fast").unwrap();
        pool.change_something(pool.coordinator().unwrap()).unwrap();
        pool.haven(lab.host(1), &["ha", "disable"], "").unwrap();
        pool.migrate(&prober, &guests[1], 3).unwrap();
        pool.migrate(&prober, &guests[1], 2).unwrap();
    }
    pool.enable_ha(&guests, "fast").unwrap();
    for guest in &guests {
        let gap = prober.seen(&guest.address()).unwrap().longest_gap;
        assert!(gap < UNNOTICED, "{} was silent for {gap:?}", guest.name);
        let report = stamps::check(&image(&pool, &Api::log_in(lab.host(1)).unwrap(), guest));
        let report = report.unwrap();
        assert!(report.is_clean() && report.runs == 1, "{report}");
    }
    let lost = pool.guests_on(&Api::log_in(lab.host(1)).unwrap(), &guests, 2);
    assert_eq!(lost.len(), 1);
    pool.lose_host(&prober, lab.host(2), &lost).unwrap();
    pool.settle(&prober, &guests).unwrap();
}

/// What somebody has the pool do while a daemon is killed.
const DEEDS: [&[&str]; 8] = [
    &["vm", "migrate", "g1"],
    &["xe", "vm-snapshot", "vm=g2", "new-name-label=moment"],
    &["vm", "stop", "--force", "g3"],
    &["vm", "start", "g3"],
    &["ha", "disable"],
    &["vm", "reboot", "--force", "g2"],
    &["ha", "enable", "--heartbeat-sr", "vms", "--profile", "fast", "--failures", "1"],
    &["vm", "set", "g1", "--ha", "best-effort"],
];
const VICTIMS: [Process; 3] = [Process::Havend, Process::Guard, Process::Libvirtd];

/// Chance by seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// kill -9 of any daemon of any host at any moment of anything: guests survive it or are fenced and
/// restarted, no disk has two writers, and what the pool says is what is so.
///
/// `HAVEN_KILLS=50 HAVEN_SEED=7 cargo nextest run -p haven-lab -E 'test(killed)'` for longer.
#[test]
fn daemons_are_killed_at_any_moment_and_the_pool_stays_true() {
    let Some(lab) = product(3) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    pool.form().unwrap();
    let (prober, guests) = run_guests(&pool, 3);
    pool.enable_ha(&guests, "fast").unwrap();
    let mut dice = Dice(number("HAVEN_SEED", 0x5EED) | 1);
    let rounds = usize::try_from(number("HAVEN_KILLS", 8)).unwrap();
    for deed in DEEDS.into_iter().cycle().take(rounds) {
        let victim = lab.host(1 + u32::try_from(dice.below(3)).unwrap());
        let process = VICTIMS[dice.below(VICTIMS.len())];
        let after = Duration::from_millis(u64::try_from(dice.below(1500)).unwrap());
        let title = format!("haven {}; {process:?} of h{} dies", deed.join(" "), victim.number());
        tell.step(&format!("{title} after {} ms", after.as_millis()), || {
            let mut doing = begin(&pool, deed, &mut dice);
            std::thread::sleep(after);
            let killed = victim.kill(process, 9);
            end(&mut doing);
            killed?;
            whole(&pool, &prober, &guests)
        })
        .unwrap();
        assert_told_truly(&pool, &guests);
    }
}

/// Starts a deed; whether it succeeds is of no matter.
fn begin(pool: &Pool<'_>, deed: &[&str], dice: &mut Dice) -> std::process::Child {
    let mut command = pool.coordinator().unwrap().command_in("/haven/haven").unwrap();
    command.args(deed);
    if deed[1] == "migrate" {
        command.args(["--to", &format!("h{}", 1 + dice.below(3))]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A client may wait for its task longer than we do.
fn end(doing: &mut std::process::Child) {
    let until = Instant::now() + Duration::from_secs(60);
    while doing.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            doing.kill().unwrap();
            doing.wait().unwrap();
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the pool is whole again, with what a person would do about it.
fn whole(pool: &Pool<'_>, prober: &Prober, guests: &[Guest]) -> anyhow::Result<()> {
    let coordinator = haven_lab::story::wait_for("a coordinator", BOOT, || {
        let coordinator = pool.coordinator()?;
        pool.change_something(coordinator).map(|()| Some(coordinator))
    })?;
    pool.wait_for_live(coordinator, pool.lab.config().hosts)?;
    haven_lab::story::wait_for("no task is pending", BOOT, || {
        let api = Api::log_in(pool.coordinator()?)?;
        let tasks = api.records("task")?;
        let open = tasks.iter().filter(|(_, task)| text(task, "status") == "pending").count();
        Ok((open == 0).then_some(()))
    })?;
    let api = Api::log_in(pool.coordinator()?)?;
    for guest in guests.iter().filter(|guest| power_state(&api, guest) == "Halted") {
        // A hypervisor that has just died is not there at once.
        haven_lab::story::wait_for("it starts", BOOT, || {
            if power_state(&api, guest) == "Running" {
                return Ok(Some(()));
            }
            let args = ["vm", "start", &guest.name];
            pool.haven(pool.coordinator()?, &args, "").map(|_| Some(()))
        })?;
    }
    pool.settle(prober, guests)
}

/// The database against what libvirt says on each host.
fn assert_told_truly(pool: &Pool<'_>, guests: &[Guest]) {
    let api = Api::log_in(pool.coordinator().unwrap()).unwrap();
    for guest in guests {
        let (_, vm) = api.named("VM", &guest.name).unwrap();
        assert_eq!(text(&vm, "power_state"), "Running", "{}", guest.name);
        assert_eq!(vm["current_operations"], json!({}), "{}", guest.name);
        let here = pool.resident_on(&api, &guest.name).unwrap();
        let name = format!("haven-{}", text(&vm, "uuid"));
        for host in pool.hosts() {
            let runs = host.sh("virsh -q list --name").unwrap().contains(&name);
            assert_eq!(runs, host.number() == here, "{} on h{}", guest.name, host.number());
        }
    }
    let disks: Vec<(String, Value)> = api.records("VDI").unwrap();
    assert!(disks.iter().all(|(_, disk)| disk["missing"] != json!(true)), "{disks:?}");
}
