//! Data storage that one host loses while the others have it, with real guests and a real mount.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{eventually, product};
use haven_lab::Lab;
use haven_lab::config::EXPORTS;
use haven_lab::guest::stamps::{self, Report};
use haven_lab::probe::Prober;
use haven_lab::storage::faults::{Fault, StorageSwitch};
use haven_lab::story::api::{Api, text};
use haven_lab::story::{Guest, Narrator, Pool};
use serde_json::json;

const BOOT: Duration = Duration::from_secs(120);
/// Export of the repository that is lost; the statefile is on another one.
const DATA: u8 = 1;

struct Setting<'lab> {
    pool: Pool<'lab>,
    prober: Prober,
    /// Its disk is on the data storage, and it runs on h2.
    on_data: Guest,
    /// Its disk is beside the statefile, and it runs on h2.
    beside: Guest,
}

/// Two armed hosts, with two guests on the second.
fn set_up<'lab>(lab: &'lab Lab, tell: &'lab Narrator) -> Setting<'lab> {
    let pool = common::formed(lab, tell);
    let [data, _] = pool.add_more_storage().unwrap();
    let (on_data, beside) = (Guest::new(1), Guest::new(2));
    pool.create_guest_on(data, &on_data, &[]).unwrap();
    pool.create_guest(&beside).unwrap();
    let guests = [on_data.clone(), beside.clone()];
    let addresses: Vec<String> = guests.iter().map(Guest::address).collect();
    let prober = Prober::start(lab, &addresses, Duration::from_millis(20)).unwrap();
    let begun = Instant::now();
    for guest in &guests {
        let args = ["vm", "start", &guest.name, "--on", "h2"];
        pool.haven(lab.host(1), &args, "").unwrap();
    }
    for guest in &guests {
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    }
    pool.enable_ha(&guests, "fast").unwrap();
    Setting { pool, prober, on_data, beside }
}

impl Setting<'_> {
    fn api(&self) -> Api {
        Api::log_in(self.pool.coordinator().unwrap()).unwrap()
    }

    fn told(&self, case: &str) -> bool {
        let all = self.api().records("message").unwrap();
        all.iter().any(|(_, message)| text(message, "body").contains(&format!("\"{case}\"")))
    }

    /// The repositories for which the guest on the data storage waits.
    fn waits_for(&self) -> String {
        let (_, vm) = self.api().named("VM", &self.on_data.name).unwrap();
        text(&vm["other_config"], "haven_waits_for_storage").to_owned()
    }

    fn image(&self, export: &str, guest: &Guest) -> PathBuf {
        let api = self.api();
        let (vm, _) = api.named("VM", &guest.name).unwrap();
        let vbds = api.call("VM.get_VBDs", &[json!(vm)]).unwrap();
        let vdi = api.call("VBD.get_VDI", &[vbds.as_array().unwrap()[0].clone()]).unwrap();
        let record = api.call("VDI.get_record", &[vdi]).unwrap();
        self.pool.lab.config().dir_of_export(export).join(text(&record, "location"))
    }

    fn data_disk(&self) -> Report {
        stamps::check(&self.image(EXPORTS[usize::from(DATA)], &self.on_data)).unwrap()
    }

    fn own_disk(&self) -> Report {
        stamps::check(&self.image(EXPORTS[0], &self.beside)).unwrap()
    }

    fn data(&self, n: u32, fault: Fault) {
        self.pool.lab.host(n).storage_of(Some(DATA), StorageSwitch::all(fault)).unwrap();
    }
}

/// The lab's mount is none of the kernel's NFS client, so no host of it can prove that it let go: where the
/// pool wants machines moved people are told that these stay, and nothing is ended. Row 52.
#[test]
fn data_storage_that_one_host_lost_is_told_and_nothing_is_ended_without_proof() {
    let Some(lab) = product(2) else { return };
    let tell = Narrator::default();
    let setting = set_up(&lab, &tell);
    let pool = &setting.pool;
    let before = lab.status().unwrap();
    let policy = ["ha", "policy", "storage_lost=move", "storage_lost_after_s=10"];
    pool.haven(lab.host(1), &policy, "").unwrap();
    setting.data(2, Fault::Stall);
    let lost = Instant::now();
    tell.step("h2 loses the data storage, and people are told", || {
        eventually(60, "the loss is told", || setting.told("storage_lost"));
        eventually(60, "so is why nobody is moved", || setting.told("storage_bound"));
        Ok(())
    })
    .unwrap();
    assert_eq!(setting.waits_for(), "second");
    let (data, own) = (setting.data_disk(), setting.own_disk().stamps);
    eventually(30, "the other guest of the host writes on", || setting.own_disk().stamps > own);
    assert_eq!(setting.data_disk(), data, "the storage is lost to this host");
    assert_eq!(pool.resident_on(&setting.api(), &setting.on_data.name).unwrap(), 2);
    assert!(lost.elapsed() > Duration::from_secs(10), "its time was over");
    assert!(!setting.told("storage_held") && !setting.told("storage_stuck"));
    tell.step("the path is mended, and the guest goes on where it was", || {
        setting.data(2, Fault::Ok);
        eventually(30, "it writes", || setting.data_disk().stamps > data.stamps);
        eventually(60, "that it is back is told", || setting.told("storage_back"));
        eventually(60, "nothing hinders it", || setting.waits_for().is_empty());
        Ok(())
    })
    .unwrap();
    let report = setting.data_disk();
    assert!(report.is_clean() && report.runs == 1 && report.missing == 0, "{report}");
    assert_eq!(pool.stopped_since(&before).unwrap(), Vec::<u32>::new());

    // What a person does who cannot wait: a host without power writes nothing.
    setting.data(2, Fault::Stall);
    eventually(60, "it is lost again", || setting.waits_for() == "second");
    let off = Instant::now();
    lab.host(2).off().unwrap();
    tell.step("h2 is switched off, and its guests start elsewhere", || {
        for guest in [&setting.on_data, &setting.beside] {
            setting.prober.answer_after(&guest.address(), off + Duration::from_secs(2), BOOT)?;
        }
        eventually(30, "it writes", || setting.data_disk().runs == 2);
        Ok(())
    })
    .unwrap();
    setting.data(2, Fault::Ok);
    let report = setting.data_disk();
    assert!(report.is_clean() && report.missing == 0, "{report}");
    assert!(setting.own_disk().is_clean());
}
