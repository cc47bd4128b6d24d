//! What an administrator does to a guest while it runs, with real libvirt and real guests.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "parameter lists read alike")]

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{eventually, product};
use haven_lab::Lab;
use haven_lab::guest::stamps;
use haven_lab::probe::Prober;
use haven_lab::story::api::{Api, text};
use haven_lab::story::{Guest, Narrator, Pool};
use serde_json::{Value, json};

const BOOT: Duration = Duration::from_secs(120);
/// A silence that a snapshot may cause on a loaded machine.
const PAUSE: Duration = Duration::from_secs(10);

/// A running guest and a client.
struct Bench<'lab> {
    pool: Pool<'lab>,
    api: Api,
    guest: Guest,
    vm: Value,
    prober: Prober,
}

impl<'lab> Bench<'lab> {
    fn new(lab: &'lab Lab, tell: &'lab Narrator) -> Self {
        let pool = common::formed(lab, tell);
        let guest = Guest::new(1);
        let prober = Prober::start(lab, &[guest.address()], Duration::from_millis(10)).unwrap();
        pool.create_guest(&guest).unwrap();
        let api = Api::log_in(lab.host(1)).unwrap();
        let (vm, _) = api.named("VM", &guest.name).unwrap();
        let bench = Self { pool, api, guest, vm: json!(vm), prober };
        bench.start();
        bench
    }

    fn call(&self, method: &str, params: &[Value]) -> Value {
        let begun = Instant::now();
        let value = self.api.call(method, params).unwrap();
        let name = method.to_lowercase().replace('.', "_");
        eprintln!("figure lab_{name} {} ms", begun.elapsed().as_millis());
        value
    }

    fn vm(&self, message: &str) -> Value {
        self.call(&format!("VM.{message}"), &[self.vm.clone()])
    }

    fn start(&self) {
        let begun = Instant::now();
        self.call("VM.start", &[self.vm.clone(), json!(false), json!(false)]);
        self.answers_since(begun);
    }

    fn answers_since(&self, begun: Instant) {
        self.prober.answer_after(&self.guest.address(), begun, BOOT).unwrap();
    }

    fn silence(&self) -> Duration {
        self.prober.seen(&self.guest.address()).unwrap().longest_gap
    }

    /// The interface of a host that has an address which begins so.
    fn wire(&self, (host, record): &(String, Value), address: &str) -> Wire<'lab> {
        let pifs = self.api.records("PIF").unwrap();
        let mine = |pif: &Value| text(pif, "host") == *host && text(pif, "IP").starts_with(address);
        let (_, pif) = pifs.iter().find(|(_, pif)| mine(pif)).unwrap();
        let number = text(record, "name_label").trim_start_matches('h').parse().unwrap();
        Wire {
            host: self.pool.lab.host(number),
            device: text(pif, "device").to_owned(),
            network: text(pif, "network").to_owned(),
        }
    }

    /// The image that the VM's disk is in now.
    fn image(&self, vm: &Value) -> PathBuf {
        let vbds = self.api.call("VM.get_VBDs", &[vm.clone()]).unwrap();
        let vbd = vbds.as_array().unwrap()[0].clone();
        let vdi = self.api.call("VBD.get_VDI", &[vbd]).unwrap();
        let record = self.api.call("VDI.get_record", &[vdi]).unwrap();
        self.pool.lab.config().export_dir().join(text(&record, "location"))
    }
}

/// An interface of a host.
struct Wire<'lab> {
    host: haven_lab::Host<'lab>,
    device: String,
    network: String,
}

impl Wire<'_> {
    /// Bytes that came so far.
    fn received(&self) -> u64 {
        let path = format!("/sys/class/net/{}/statistics/rx_bytes", self.device);
        self.host.sh(&format!("cat {path}")).unwrap().trim().parse().unwrap()
    }
}

#[test]
fn a_running_guest_is_snapshotted_moved_and_brought_back() {
    let Some(lab) = product(2) else { return };
    let tell = Narrator::default();
    let bench = Bench::new(&lab, &tell);
    eventually(60, "stamps", || stamps::check(&bench.image(&bench.vm)).unwrap().stamps > 5);

    bench.prober.forget_gaps();
    let args = [bench.vm.clone(), json!("before"), json!([])];
    let snapshot = bench.call("VM.snapshot", &args);
    bench.answers_since(Instant::now());
    eprintln!("figure lab_snapshot_pause {} ms", bench.silence().as_millis());
    assert!(bench.silence() < PAUSE, "{:?}", bench.silence());
    // The frozen image is not written any more, the other one is.
    let frozen = bench.image(&snapshot);
    let then = std::fs::metadata(&frozen).unwrap().modified().unwrap();
    let upper = bench.image(&bench.vm);
    assert_ne!(upper, frozen);
    eventually(60, "stamps go on", || {
        let report = stamps::check(&upper).unwrap();
        report.stamps > 10 && report.is_clean() && report.runs == 1
    });
    assert_eq!(std::fs::metadata(&frozen).unwrap().modified().unwrap(), then);

    // The chain goes with the guest.
    let hosts = bench.api.records("host").unwrap();
    let here = bench.api.call("VM.get_resident_on", &[bench.vm.clone()]).unwrap();
    let other = hosts.iter().find(|(host, _)| json!(host) != here).unwrap();
    // Its memory goes over the network that is asked for, and not over the other one.
    let (lan, fast) = (bench.wire(other, "10.77."), bench.wire(other, "10.88."));
    let (before, network) = (lan.received() + fast.received(), &fast.network);
    let lan_before = lan.received();
    let options = json!({ "live": "true", "network": network });
    bench.call("VM.pool_migrate", &[bench.vm.clone(), json!(other.0), options]);
    bench.answers_since(Instant::now());
    let over_lan = lan.received() - lan_before;
    let all = lan.received() + fast.received() - before;
    eprintln!("figure lab_migration_over_lan_kib {} KiB of {} KiB", over_lan >> 10, all >> 10);
    assert!(over_lan < all / 4, "{over_lan} of {all} bytes came over the LAN");
    // Restarted it is a second run.
    bench.vm("hard_shutdown");
    bench.start();
    eventually(60, "a second run", || stamps::check(&upper).unwrap().runs == 2);

    // Back: the second run never happened.
    bench.call("VM.revert", &[snapshot]);
    assert_eq!(stamps::check(&bench.image(&bench.vm)).unwrap().runs, 1);
    assert!(!upper.exists(), "what was given up is deleted");
    bench.start();
    let now = bench.image(&bench.vm);
    eventually(60, "a run of its own", || {
        let report = stamps::check(&now).unwrap();
        report.runs == 2 && report.is_clean()
    });
}

#[test]
fn a_checkpoint_brings_a_guest_back_in_the_middle_of_its_work() {
    let Some(lab) = product(1) else { return };
    let tell = Narrator::default();
    let bench = Bench::new(&lab, &tell);
    eventually(60, "stamps", || stamps::check(&bench.image(&bench.vm)).unwrap().stamps > 5);
    let checkpoint = bench.call("VM.checkpoint", &[bench.vm.clone(), json!("running")]);
    bench.answers_since(Instant::now());
    bench.vm("hard_shutdown");
    for _ in 0..2 {
        bench.call("VM.revert", &[checkpoint.clone()]);
        let begun = Instant::now();
        bench.call("VM.resume", &[bench.vm.clone(), json!(false), json!(false)]);
        bench.answers_since(begun);
        let image = bench.image(&bench.vm);
        let then = stamps::check(&image).unwrap().stamps;
        eventually(60, "it goes on where it was", || {
            let report = stamps::check(&image).unwrap();
            report.stamps > then && report.runs == 1 && report.is_clean()
        });
    }
}

#[test]
fn disks_and_interfaces_come_and_go_while_a_guest_runs() {
    let Some(lab) = product(1) else { return };
    let tell = Narrator::default();
    let bench = Bench::new(&lab, &tell);
    let sr = bench.api.named("SR", "vms").unwrap().0;
    let disk = bench.call(
        "VDI.create",
        &[json!({
            "name_label": "more", "SR": sr, "virtual_size": 64 << 20, "type": "user",
            "sharable": false, "read_only": false, "other_config": {},
        })],
    );
    let vbd = bench.call(
        "VBD.create",
        &[json!({
            "VM": bench.vm, "VDI": disk, "userdevice": "1", "bootable": false, "mode": "RW",
            "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
        })],
    );
    let host = lab.host(1);
    let virsh = |command: &str| host.sh(&format!("virsh -q {command} $(virsh -q list --name)"));
    bench.call("VBD.plug", &[vbd.clone()]);
    assert!(virsh("domblklist").unwrap().contains("vdb"));
    bench.call("VDI.resize_online", &[disk.clone(), json!(128 << 20)]);
    let network = bench.call("network.create", &[json!({ "name_label": "inner" })]);
    let vif = bench.call(
        "VIF.create",
        &[json!({
            "VM": bench.vm, "network": network, "device": "1", "MAC": "", "MTU": 1500,
            "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
        })],
    );
    bench.call("VIF.plug", &[vif.clone()]);
    assert_eq!(virsh("domiflist").unwrap().lines().count(), 2);
    // The guest has to let go of both.
    bench.call("VIF.unplug", &[vif]);
    assert_eq!(virsh("domiflist").unwrap().lines().count(), 1);
    bench.call("VBD.unplug", &[vbd.clone()]);
    assert!(!virsh("domblklist").unwrap().contains("vdb"));
    bench.call("VBD.destroy", &[vbd]);
    bench.call("VDI.destroy", &[disk]);
    assert!(bench.silence() < PAUSE);
}

#[test]
fn a_guest_goes_out_as_a_file_and_comes_back_as_another() {
    let Some(lab) = product(1) else { return };
    let tell = Narrator::default();
    let bench = Bench::new(&lab, &tell);
    eventually(60, "stamps", || stamps::check(&bench.image(&bench.vm)).unwrap().stamps > 5);
    bench.vm("hard_shutdown");
    let host = lab.host(1);
    let curl = "curl -sS --fail-with-body --unix-socket /run/haven/havend.sock";
    let uuid = bench.vm("get_uuid");
    let get = format!("'http://local/export?uuid={}'", uuid.as_str().unwrap());
    host.sh(&format!("{curl} {get} -o ~/g1.xva && tar tf ~/g1.xva | head -3")).unwrap();
    host.sh(&format!("{curl} -T ~/g1.xva 'http://local/import?restore=true'")).unwrap();
    let all = bench.api.records("VM").unwrap();
    let copies = all
        .into_iter()
        .filter(|(vm, row)| text(row, "name_label") == bench.guest.name && json!(vm) != bench.vm);
    let (copy, row) = copies.into_iter().next().unwrap();
    assert_ne!(text(&row, "uuid"), uuid.as_str().unwrap());
    let (old, new) = (bench.image(&bench.vm), bench.image(&json!(copy)));
    let same = std::process::Command::new("qemu-img").arg("compare").args([&old, &new]).status();
    assert!(same.unwrap().success(), "the disks are the same");
    // Half a file leaves nothing behind.
    let broken = "head -c 2000000 ~/g1.xva > ~/half.xva";
    let put = format!("{broken} && {curl} -T ~/half.xva http://local/import");
    assert!(host.sh(&put).is_err());
    let names = bench.api.records("VM").unwrap().into_iter();
    assert_eq!(names.filter(|(_, row)| text(row, "name_label") == bench.guest.name).count(), 2);
    let begun = Instant::now();
    bench.call("VM.start", &[json!(copy), json!(false), json!(false)]);
    bench.answers_since(begun);
}
