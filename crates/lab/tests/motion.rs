//! Disks that move while a real guest writes to them, with real libvirt and QEMU.
//!
//! The second test needs havend, haven-guard and haven beside haven-lab: `cargo build --bins`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "parameter lists read alike")]

mod common;

use std::time::{Duration, Instant};

use common::{create, eventually, guest, lab, mount, product};
use haven_lab::config::EXPORTS;
use haven_lab::guest::stamps;
use haven_lab::probe::Prober;
use haven_lab::story::api::{Api, text};
use haven_lab::story::{Guest, Narrator};
use serde_json::json;

const BOOT: Duration = Duration::from_secs(120);
const COPY: &str = "/run/sr-mount/second/g1.qcow2";

/// What the order of a move rests on: when the guest stands still and the copy is ready, the copy on
/// storage has all that was acknowledged, whatever becomes of QEMU then.
#[test]
fn a_copy_has_all_on_storage_as_soon_as_its_guest_stands_still() {
    let Some(lab) = lab(1) else { return };
    let host = lab.host(1);
    mount(host);
    host.sh("mkdir -p /run/sr-mount/second && \
             mount -t nfs -o hard,retry=0 10.88.0.250:/export/second /run/sr-mount/second")
        .unwrap();
    let domain = guest(&lab, host, 1);
    create(host, &domain);
    let image = lab.config().export_dir().join("g1.qcow2");
    eventually(120, "stamps", || stamps::check(&image).is_ok_and(|found| found.stamps > 5));
    let xml = format!(
        "<disk type='file'><driver name='qemu' type='qcow2' cache='none' io='threads'/>\
         <source file='{COPY}'/></disk>"
    );
    host.sh(&format!(
        "qemu-img create -q -f qcow2 {COPY} 64M && cat > /run/copy.xml <<'END'\n{xml}\nEND\n\
         virsh -q blockcopy g1 vda --xml /run/copy.xml --reuse-external --transient-job \
         --synchronous-writes"
    ))
    .unwrap();
    eventually(60, "the copy is ready", || {
        host.sh("virsh -q dumpxml g1").unwrap().contains("ready='yes'")
    });
    // New clusters of the copy, whose places QEMU keeps in memory at first.
    let ready = stamps::check(&image).unwrap().stamps;
    eventually(60, "it writes on", || stamps::check(&image).unwrap().stamps > ready + 40);
    host.sh("virsh -q suspend g1").unwrap();
    host.sh("kill -9 $(cat /run/libvirt/qemu/g1.pid)").unwrap();
    eventually(30, "QEMU is gone", || host.sh("virsh -q list").unwrap().trim().is_empty());
    let copy = lab.config().dir_of_export(EXPORTS[1]).join("g1.qcow2");
    let (old, new) = (stamps::check(&image).unwrap(), stamps::check(&copy).unwrap());
    assert!(new.stamps > ready + 40 && new.missing == 0, "{new}");
    assert_eq!(new, old);
    host.sh(&format!("qemu-img compare {} {COPY}", domain.disk)).unwrap();
}

#[test]
fn a_guest_writes_on_while_its_disk_moves_and_nothing_is_lost() {
    let Some(lab) = product(1) else { return };
    let tell = Narrator::default();
    let pool = common::formed(&lab, &tell);
    let [second, third] = pool.add_more_storage().unwrap();
    let guest = Guest::new(1);
    let prober = Prober::start(&lab, &[guest.address()], Duration::from_millis(10)).unwrap();
    pool.create_guest(&guest).unwrap();
    let api = Api::log_in(lab.host(1)).unwrap();
    let vm = json!(api.named("VM", &guest.name).unwrap().0);
    let start = || {
        let begun = Instant::now();
        api.call("VM.start", &[vm.clone(), json!(false), json!(false)]).unwrap();
        prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    };
    start();
    let vbd = api.call("VM.get_VBDs", &[vm.clone()]).unwrap()[0].clone();
    let vdi = || api.call("VBD.get_VDI", &[vbd.clone()]).unwrap();
    let location = || {
        let record = api.call("VDI.get_record", &[vdi()]).unwrap();
        text(&record, "location").to_owned()
    };
    let old = lab.config().export_dir().join(location());
    eventually(60, "stamps", || stamps::check(&old).unwrap().stamps > 20);

    let image = |export: &str| lab.config().dir_of_export(export).join(location());
    let place = |name: &str| json!(api.named("SR", name).unwrap().0);
    let mut last = old;
    for (name, export) in [(second, EXPORTS[1]), (third, EXPORTS[2]), ("vms", EXPORTS[0])] {
        prober.forget_gaps();
        let begun = Instant::now();
        let moved = api.call("VDI.pool_migrate", &[vdi(), place(name), json!({})]).unwrap();
        let took = begun.elapsed();
        prober.answer_after(&guest.address(), Instant::now(), BOOT).unwrap();
        let silence = prober.seen(&guest.address()).unwrap().longest_gap;
        assert_eq!(vdi(), moved);
        let metrics = api.call("VM.get_metrics", &[vm.clone()]).unwrap();
        let noted = api.call("VM_metrics.get_other_config", &[metrics]).unwrap();
        eprintln!("figure lab_disk_move {} ms", took.as_millis());
        eprintln!("figure lab_disk_move_pause {} ms", text(&noted, "last_disk_move_pause_ms"));
        eprintln!("figure lab_disk_move_silence {} ms", silence.as_millis());
        eventually(30, "the old disk is deleted", || !last.exists());
        let new = image(export);
        let then = stamps::check(&new).unwrap();
        assert!(then.stamps > 20, "{then}");
        eventually(60, "it writes on, and all is there", || {
            let now = stamps::check(&new).unwrap();
            assert!(now.is_clean() && now.runs == 1, "{now}");
            now.stamps > then.stamps + 20 && now.missing == 0
        });
        last = new;
    }
    let new = last;
    // Power loss without a warning: what counts is what is on storage.
    api.call("VM.hard_shutdown", &[vm.clone()]).unwrap();
    let last = stamps::check(&new).unwrap();
    assert!(last.is_clean() && last.missing == 0, "{last}");
    start();
    eventually(60, "a second run on the new disk", || {
        let now = stamps::check(&new).unwrap();
        now.runs == 2 && now.missing == 0 && now.is_clean()
    });
}
