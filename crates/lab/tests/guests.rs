//! Guests: they boot from the export, answer, stamp their disks; two writers are caught.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{create, eventually, guest, lab, mount};
use haven_lab::Host;
use haven_lab::guest::stamps;
use haven_lab::probe::Prober;

const BOOT: Duration = Duration::from_secs(90);

#[test]
fn a_guest_answers_migrates_and_has_one_writer() {
    let Some(lab) = lab(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    mount(one);
    mount(two);
    let domain = guest(&lab, one, 1);
    let prober = Prober::start(&lab, &[domain.address()], Duration::from_millis(5)).unwrap();
    let begun = Instant::now();
    create(one, &domain);
    let answered = prober.answer_after(&domain.address(), begun, BOOT).unwrap();
    eprintln!("figure guest_boot {} ms", (answered - begun).as_millis());
    let image = lab.config().export_dir().join("g1.qcow2");
    eventually(30, "stamps", || stamps::check(&image).unwrap().stamps > 5);

    prober.forget_gaps();
    migrate(one, two, "g1");
    let pause = prober.seen(&domain.address()).unwrap().longest_gap;
    eprintln!("figure migration_pause {} ms", pause.as_millis());
    assert!(pause < Duration::from_secs(5), "{pause:?}");
    assert!(two.sh("virsh -q list").unwrap().contains("g1"));
    migrate(two, one, "g1");
    let report = stamps::check(&image).unwrap();
    assert!(report.is_clean() && report.runs == 1, "{report}");

    // Power loss, and the guest starts elsewhere: a second run, still one writer.
    one.off().unwrap();
    let lost = Instant::now();
    create(two, &domain);
    prober.answer_after(&domain.address(), lost, BOOT).unwrap();
    eventually(30, "a second run", || stamps::check(&image).unwrap().runs == 2);
    assert!(stamps::check(&image).unwrap().is_clean());
    two.sh("virsh -q shutdown g1").unwrap();
    eventually(30, "it shut down", || two.sh("virsh -q list").unwrap().trim().is_empty());
}

fn migrate(from: Host<'_>, to: Host<'_>, name: &str) {
    let data = format!("tcp://{}", to.address());
    let output = Command::new("virsh")
        .args(["-q", "-c", &from.libvirt_uri().unwrap(), "migrate", "--live", name])
        .args([&to.libvirt_uri().unwrap(), &data])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_writers_are_caught() {
    let Some(lab) = lab(2) else { return };
    let (one, two) = (lab.host(1), lab.host(2));
    mount(one);
    mount(two);
    let domain = guest(&lab, one, 2);
    create(one, &domain);
    let image = lab.config().export_dir().join("g2.qcow2");
    eventually(90, "stamps", || stamps::check(&image).unwrap().stamps > 5);
    // The lab's storage has no locks between hosts: only the product prevents this.
    create(two, &domain);
    eventually(90, "the second writer shows", || !stamps::check(&image).unwrap().is_clean());
}
