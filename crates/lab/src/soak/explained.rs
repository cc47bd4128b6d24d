//! Which warnings which faults explain.
//!
//! Owns: the table of phrases. What a kind of fault does not explain fails the run, though another one
//! would. Nothing explains a panic, whatever its text has.

use super::faults::{Kind, LAN_FAULTS, Stops, Victim};
use super::journal;

/// What explains a warning.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// The machine that the lab runs on, whatever is struck.
    Machine,
    /// A host goes, and comes up again.
    HostLost,
    /// So does the coordinator.
    RoleLost,
    /// Storage is away or slow.
    Storage,
    /// The LAN is cut, also where another network keeps the host in: its daemon is not reached.
    Lan,
    /// This kind alone.
    Only(&'static str),
}

use Cause::{HostLost, Lan, Machine, Only, RoleLost, Storage};

/// Parts of warnings and errors, and what explains each.
const EXPECTED: &[(&str, &[Cause])] = &[
    ("no real-time priority", &[Machine]),
    ("memory is not locked", &[Machine]),
    // The guard says why it stops its host; its daemon sees it go.
    ("fencing this host:", &[HostLost]),
    ("resetting this machine:", &[HostLost]),
    ("the connection to the guard broke", &[HostLost]),
    // Power fencing.
    ("switching a host off that was put out", &[HostLost]),
    ("the host is off", &[HostLost]),
    // A host comes up, and libvirtd is not there yet.
    ("no event connection to the hypervisor", &[HostLost, Only("libvirtd_dies")]),
    ("the hypervisor does not answer", &[HostLost, Only("libvirtd_dies")]),
    // It is not reached, or it reaches nobody.
    ("hosts do not report any more", &[HostLost, Storage, Lan]),
    ("storage cannot be attached yet", &[HostLost, Storage]),
    // Who coordinated writes nothing any more, and the next one opens what there is.
    ("this host is no longer coordinator", &[RoleLost]),
    ("the pool database cannot be taken over yet", &[RoleLost]),
    // The daemon heard late that its permit goes on: it wrote nothing, and goes on when it has heard.
    ("this host may not act as coordinator now", &[RoleLost]),
    ("could not be written; it is opened anew", &[Only("storage_stalls_and_network_lost")]),
    ("an inventory could not be written down", &[Only("storage_stalls_and_network_lost")]),
    (
        "the failover manager could not do its work; it tries again",
        &[Only("storage_stalls_and_network_lost")],
    ),
    ("a restart failed; planning anew", &[Only("storage_stalls_and_network_lost")]),
    // Storage that stalls or fails is told of; what a stall of the volume is, its alert says.
    ("a call is stuck", &[Storage]),
    // Its agent is asked, and cannot answer.
    ("a call is stuck lane=\"agent\"", &[Only("guest_hangs")]),
    ("an operation on storage is stuck", &[Storage]),
    ("storage_lost", &[Storage]),
    ("storage_back", &[Storage]),
    ("the metadata volume takes too long to answer", &[Storage]),
    ("the metadata volume cannot be read or written", &[Storage]),
    ("a disk refused a write, and the VM stands still", &[Only("data_storage_of_one_host_fails")]),
    // A guest is reset for its own sake alone.
    ("The guest hung: no sign of life", &[Only("guest_hangs")]),
];

impl Cause {
    fn is_of(self, kind: &Kind) -> bool {
        let lost = kind.stops != Stops::Nobody;
        match self {
            Machine => true,
            HostLost => lost,
            RoleLost => {
                lost && (kind.victim == Victim::Coordinator || kind.stops == Stops::Anybody)
            }
            Storage => ["storage", "statefile"].iter().any(|word| kind.name.contains(word)),
            Lan => LAN_FAULTS.contains(&kind.name),
            Only(name) => kind.name == name,
        }
    }
}

/// Whether a fault of this kind explains the line.
pub(super) fn explains(kind: &Kind, line: &str) -> bool {
    causes(line).any(|cause| cause.is_of(kind))
}

/// Whether the loss of hosts, the coordinator among them, explains the line.
pub(crate) fn losses_explain(line: &str) -> bool {
    causes(line).any(|cause| matches!(cause, Machine | HostLost | RoleLost))
}

fn causes(line: &str) -> impl Iterator<Item = Cause> {
    let panics = journal::is_panic(line);
    let said = EXPECTED.iter().filter(move |(part, _)| !panics && line.contains(part));
    said.flat_map(|(_, causes)| causes.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::faults::{DATA, FAULTS, LONG, STATEFILES};
    use super::*;

    fn all() -> impl Iterator<Item = &'static Kind> {
        FAULTS.iter().chain(LONG).chain(STATEFILES).chain(DATA)
    }

    fn of(name: &str) -> &'static Kind {
        all().find(|kind| kind.name == name).unwrap()
    }

    #[test]
    fn one_fault_does_not_explain_what_another_one_does() {
        let fence = "<3>[12 ms] fencing this host: its permit is over";
        assert!(explains(of("network_lost"), fence));
        assert!(!explains(of("havend_dies"), fence) && !explains(of("storage_link_lost"), fence));
        // With a second heartbeat network nobody stops.
        let stays = Kind { stops: Stops::Nobody, ..*of("network_lost") };
        let unheard = "2026 WARN haven: hosts do not report any more";
        assert!(explains(&stays, unheard) && !explains(&stays, fence));
        assert!(!explains(of("havend_dies"), unheard));
        let stuck = "2026 WARN haven: an operation on storage is stuck";
        assert!(explains(of("storage_link_lost"), stuck));
        assert!(!explains(of("power_lost"), stuck));
        let libvirt = "2026 WARN haven: the hypervisor does not answer";
        assert!(explains(of("libvirtd_dies"), libvirt) && !explains(of("havend_dies"), libvirt));
        let role = "2026 WARN haven: this host is no longer coordinator";
        assert!(explains(of("all_lose_power"), role) && !explains(of("power_lost"), role));
        let restart = "2026 WARN haven: a restart failed; planning anew";
        let kinds: Vec<_> = all().filter(|kind| explains(kind, restart)).collect();
        assert_eq!(kinds.len(), 1, "{kinds:?}");
        assert!(losses_explain(role) && !losses_explain(stuck) && !losses_explain(restart));
        let reset = "2026 WARN haven: The guest hung: no sign of life for 20 s.";
        let asked = "2026 WARN haven: a call is stuck lane=\"agent\" stuck=1";
        assert!(explains(of("guest_hangs"), asked) && !explains(of("havend_dies"), asked));
        assert!(!explains(of("guest_hangs"), "2026 WARN haven: a call is stuck lane=\"vm\""));
        assert!(explains(of("guest_hangs"), reset) && !explains(of("power_lost"), reset));
        assert!(explains(of("havend_dies"), "<4>[1 ms] memory is not locked: no"));
        assert!(all().all(|kind| !explains(kind, "<3>[12 ms] invariant chain is broken")));
        let panic = "thread 'main' panicked at storage_lost.rs:1:2: the host is off";
        assert!(all().all(|kind| !explains(kind, panic)) && !losses_explain(panic));
    }

    /// A name that no fault has explains nothing.
    #[test]
    fn every_cause_is_of_a_kind() {
        for (text, causes) in EXPECTED {
            for cause in *causes {
                assert!(all().any(|kind| cause.is_of(kind)), "{text}: {cause:?}");
            }
        }
    }

    /// Texts change; one that nobody writes any more excuses nothing, and hides that its heir is told.
    #[test]
    fn what_is_expected_is_still_written() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut source = String::new();
        for name in ["daemon", "guard", "cluster", "drivers", "block_io"] {
            read_all(&crates.join(name).join("src"), &mut source);
        }
        // Put together from two texts when it is written; and a field follows its message.
        let written = |text: &str| {
            let message = text.split(" lane=").next().unwrap_or(text);
            source.contains(message.trim_start_matches("the metadata volume "))
        };
        for (text, _) in EXPECTED {
            assert!(written(text), "nobody writes: {text}");
        }
    }

    fn read_all(dir: &Path, into: &mut String) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_all(&path, into);
            } else {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
}
