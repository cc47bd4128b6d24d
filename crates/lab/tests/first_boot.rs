//! W7: the disk that `VM.provision` makes is found and read by a real guest under QEMU, with the
//! means of cloud-init: util-linux's `blkid`, the kernel's ISO 9660, the labels of NoCloud.
//!
//! Needs havend, haven-guard and haven beside haven-lab: `cargo build --bins` builds them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod common;

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::product;
use haven_lab::Host;
use haven_lab::probe::Prober;
use haven_lab::story::{Guest, Narrator, Pool};

const BOOT: Duration = Duration::from_secs(120);
/// How long the guest may take to say what it read.
const ANSWER: Duration = Duration::from_secs(60);
/// The question is asked again after so long: a line may be lost while the console opens.
const AGAIN: Duration = Duration::from_secs(3);
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ana";
/// What leaves a console of `haven`.
const WAY_OUT: &[u8] = b"\x1d";

/// Types `words` at a guest's console until it says `end`; everything it said.
fn ask(host: Host<'_>, guest: &str, words: &str, end: &str) -> String {
    let mut command = host.command_in("/haven/haven").unwrap();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut console = piped.args(["vm", "console", guest]).spawn().unwrap();
    let (mut input, mut output) = (console.stdin.take().unwrap(), console.stdout.take().unwrap());
    let (sender, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = output.read(&mut bytes) {
            if count == 0 || sender.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let until = Instant::now() + ANSWER;
    let mut said = String::new();
    while !said.contains(end) && Instant::now() < until {
        writeln!(input, "{words}").unwrap();
        input.flush().unwrap();
        while let Ok(more) = heard.recv_timeout(AGAIN) {
            said.push_str(&String::from_utf8_lossy(&more));
            if said.contains(end) {
                break;
            }
        }
    }
    // It may have ended by itself.
    let _ = input.write_all(WAY_OUT);
    console.wait().unwrap();
    assert!(said.contains(end), "{said}");
    said
}

#[test]
fn a_guest_takes_name_user_and_keys_from_the_disk_of_its_first_boot() {
    let Some(lab) = product(1) else { return };
    let tell = Narrator::default();
    let pool = Pool { lab: &lab, tell: &tell };
    pool.form().unwrap();
    pool.add_storage().unwrap();
    let guest = Guest::new(1);
    let prober = Prober::start(&lab, &[guest.address()], Duration::from_millis(50)).unwrap();
    let seed = ["--user", "ana", "--ssh-key", KEY, "--hostname", "aula-1.example.org"];
    pool.create_guest_with(&guest, &seed).unwrap();
    let begun = Instant::now();
    pool.haven(lab.host(1), &["vm", "start", &guest.name], "").unwrap();
    prober.answer_after(&guest.address(), begun, BOOT).unwrap();
    let said = ask(lab.host(1), &guest.name, "seed", "SEED end");
    // The kernel's own name, after the guest has taken it from the disk.
    assert!(said.contains("SEED on /dev/vdb, hostname aula-1.example.org"), "{said}");
    assert!(said.contains("SEED user ana 1"), "{said}");
    for line in ["user-data: #cloud-config", "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ana\""] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // The disk of the machine itself is the first one, and was written meanwhile.
    assert_eq!(pool.check_disks().unwrap(), 1);
}
