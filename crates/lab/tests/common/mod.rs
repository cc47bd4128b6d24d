//! What the lab's tests share.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::PathBuf;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use haven_lab::guest::domain::DomainXml;
use haven_lab::guest::image;
use haven_lab::story::{Narrator, Pool};
use haven_lab::{Host, Lab, LabConfig};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the tests mount the export in a host.
pub(crate) const SR: &str = "/run/sr-mount/test";

/// Says that a test is left out, and why; whoever sets `CI` wants every test to have been run.
pub(crate) fn skip(why: &str) {
    let must_run = std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"));
    assert!(!must_run, "{why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether there can be a lab here; says why not.
fn is_possible() -> bool {
    let possible = rustix::process::geteuid().is_root() && PathBuf::from("/dev/fuse").exists();
    if !possible {
        skip("the lab needs root and /dev/fuse");
    }
    possible
}

/// A bare lab of its own, removed with the value; `None`, with a message, where labs cannot be.
pub(crate) fn lab(hosts: u32) -> Option<Lab> {
    is_possible().then(|| Lab::up_attached(config(hosts)).unwrap())
}

pub(crate) fn config(hosts: u32) -> LabConfig {
    let id = format!("t{}x{}", std::process::id() % 100_000, NEXT.fetch_add(1, Ordering::Relaxed));
    let mut config = LabConfig::new(&id, hosts).unwrap();
    config.dir = std::env::temp_dir().join(format!("haven-lab-{id}"));
    config.bare = true;
    config
}

/// The same with the product's daemons; needs them beside haven-lab: `cargo build --bins`.
pub(crate) fn product(hosts: u32) -> Option<Lab> {
    Some(Lab::up_attached(product_config(hosts)?).unwrap())
}

/// What [`product`] starts, to be changed before.
pub(crate) fn product_config(hosts: u32) -> Option<LabConfig> {
    is_possible().then(|| LabConfig { bare: false, ..config(hosts) })
}

/// The pool of a lab of the product, with shared storage.
pub(crate) fn formed<'lab>(lab: &'lab Lab, tell: &'lab Narrator) -> Pool<'lab> {
    let pool = Pool { lab, tell };
    pool.form().unwrap();
    pool.add_storage().unwrap();
    pool
}

pub(crate) fn mount(host: Host<'_>) {
    host.sh(&format!("mkdir -p {SR} && mount -t nfs -o hard,retry=0 10.88.0.250:/export/vms {SR}"))
        .unwrap();
}

/// Waits until `what` holds.
pub(crate) fn eventually(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < seconds, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

/// State letter of a process, seen from the machine.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A guest's domain, with its disk and the boot files in the export.
pub(crate) fn guest(lab: &Lab, host: Host<'_>, number: u8) -> DomainXml {
    let boot = lab.config().export_dir().join("boot");
    if !boot.exists() {
        image::build(&boot).unwrap();
    }
    let name = format!("g{number}");
    let disk = format!("{SR}/{name}.qcow2");
    host.sh(&format!("test -e {disk} || qemu-img create -q -f qcow2 {disk} 64M")).unwrap();
    DomainXml { name, number, disk, boot: format!("{SR}/boot") }
}

/// Starts a guest as a transient domain.
pub(crate) fn create(host: Host<'_>, domain: &DomainXml) {
    let xml = domain.render();
    let file = format!("/root/{}.xml", domain.name);
    host.sh(&format!("cat > {file} <<'END'\n{xml}\nEND\nvirsh -q create {file}")).unwrap();
}
