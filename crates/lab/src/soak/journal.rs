//! The log of every decision: what guards and daemons wrote, fault by fault.
//!
//! Owns: what is a decision, what is a fence, and which warnings are expected. A WARN or ERROR that
//! no line of [`EXPECTED`] explains fails the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Warnings and errors that faults explain: a part of the line.
const EXPECTED: &[&str] = &[
    // The guard says why it stops, and what it cannot have here.
    "fencing this host:",
    "resetting this machine:",
    "no real-time priority",
    "memory is not locked",
    "no gate_cgroups are configured",
    "a receiving thread is late",
    "cannot write to watchdog",
    // A host that is struck cannot reach what it needs, and is not reached.
    "the connection to the guard broke",
    "this host is no longer coordinator",
    "the pool database cannot be taken over yet",
    "could not be written; it is opened anew",
    // The daemon heard late that its permit goes on: it wrote nothing, and goes on when it has heard.
    "this host may not act as coordinator now",
    "an inventory could not be written down",
    "the failover manager could not do its work; it tries again",
    "a restart failed; planning anew",
    "a protected VM could not be restarted",
    "switching a host off that was put out",
    "the host is off",
    "no event connection to the hypervisor",
    "the hypervisor does not answer",
    "a call is stuck",
    "hosts do not report any more",
    // Storage that stalls or fails is told of; what a stall of the volume is, its alert says.
    "storage cannot be attached yet",
    "an operation on storage is stuck",
    "storage_lost",
    "storage_back",
    "the metadata volume takes too long to answer",
    "the metadata volume cannot be read or written",
    // A host that must give way says what becomes of its guests.
    "this host gives way: its guests shut down",
    "requests under way were cut off",
    "no far end for a tunnel",
];

/// Warnings that one kind of fault explains and no other: a guest is reset for its own sake alone.
const EXPLAINED_BY: &[(&str, &str)] = &[
    ("guest_hangs", "The guest hung: no sign of life"),
    ("data_storage_of_one_host_fails", "a disk refused a write, and the VM stands still"),
];

/// Whether this kind of fault explains a line that is not expected of others.
pub(crate) fn explains(kind: &str, line: &str) -> bool {
    EXPLAINED_BY.iter().any(|(of, part)| *of == kind && line.contains(part))
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    /// A decision or other news.
    News,
    /// A warning or error that is expected under faults.
    Explained,
    /// One that is not.
    Unexpected,
}

/// The grade of a line of havend (`2026-… WARN target: text`) or of the guard (`<4>[ms] text`).
pub(crate) fn grade(line: &str) -> Grade {
    let loud = line.starts_with("<3>")
        || line.starts_with("<4>")
        || line.split_whitespace().nth(1).is_some_and(|word| word == "WARN" || word == "ERROR");
    match loud {
        false => Grade::News,
        true if EXPECTED.iter().any(|part| line.contains(part)) => Grade::Explained,
        true => Grade::Unexpected,
    }
}

/// The guard of this line stops its host.
pub(crate) fn is_fence(line: &str) -> bool {
    line.contains("fencing this host:") || line.contains("resetting this machine:")
}

/// New lines of all hosts.
#[derive(Debug)]
pub(crate) struct Journal {
    logs: Vec<(u32, PathBuf)>,
    read: BTreeMap<PathBuf, u64>,
    out: File,
}

/// What was written since the last look.
#[derive(Debug, Default)]
pub(crate) struct Chapter {
    /// Hosts whose guards stopped them.
    pub(crate) fenced: Vec<u32>,
    /// Lines that nothing explains.
    pub(crate) unexpected: Vec<String>,
}

impl Journal {
    /// Follows the logs of hosts; all lines go into `out` too.
    pub(crate) fn new(hosts: &[(u32, PathBuf)], out: &Path) -> Result<Self> {
        let names = ["haven-guard.log", "havend.log"];
        let logs = hosts.iter().flat_map(|(n, dir)| names.map(|name| (*n, dir.join(name))));
        let out = File::create(out).with_context(|| out.display().to_string())?;
        Ok(Self { logs: logs.collect(), read: BTreeMap::new(), out })
    }

    /// Writes a headline, and everything that was logged since the last one.
    pub(crate) fn chapter(&mut self, title: &str) -> Result<Chapter> {
        let mut chapter = Chapter::default();
        writeln!(self.out, "\n== {title}")?;
        for (n, path) in &self.logs {
            let from = self.read.get(path).copied().unwrap_or(0);
            let Ok(text) = tail(path, from) else { continue };
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            self.read.insert(path.clone(), from + u64::try_from(whole)?);
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            for line in text.get(..whole).unwrap_or_default().lines() {
                writeln!(self.out, "h{n} {name} {line}")?;
                if is_fence(line) && !chapter.fenced.contains(n) {
                    chapter.fenced.push(*n);
                }
                if grade(line) == Grade::Unexpected {
                    chapter.unexpected.push(format!("h{n} {name}: {line}"));
                }
            }
        }
        Ok(chapter)
    }
}

fn tail(path: &Path, from: u64) -> Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // Colours of a terminal and torn characters do not belong into a journal.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_graded() {
        assert_eq!(grade("<6>[12 ms] Member, epoch 3: 3 members"), Grade::News);
        assert_eq!(grade("<3>[12 ms] fencing this host: its permit is over"), Grade::Explained);
        assert_eq!(grade("<3>[12 ms] invariant chain is broken"), Grade::Unexpected);
        let line = |level: &str, text: &str| format!("2026-11-21T15:00:00Z {level} haven: {text}");
        assert_eq!(grade(&line("INFO", "havend starts")), Grade::News);
        assert_eq!(grade(&line("WARN", "the connection to the guard broke")), Grade::Explained);
        assert_eq!(grade(&line("ERROR", "two coordinators")), Grade::Unexpected);
        let reset = line("WARN", "The guest hung: no sign of life for 20 s.");
        assert_eq!(grade(&reset), Grade::Unexpected);
        assert!(explains("guest_hangs", &reset) && !explains("power_lost", &reset));
    }

    /// Texts change; one that nobody writes any more excuses nothing, and hides that its heir is told.
    #[test]
    fn what_is_expected_is_still_written() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut source = String::new();
        for name in ["daemon", "guard", "cluster", "drivers", "block_io"] {
            read_all(&crates.join(name).join("src"), &mut source);
        }
        // Put together from two texts when it is written.
        let written = |text: &str| source.contains(text.trim_start_matches("the metadata volume "));
        for text in EXPECTED.iter().chain(EXPLAINED_BY.iter().map(|(_, text)| text)) {
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

    #[test]
    fn a_chapter_holds_what_is_new() {
        let dir = std::env::temp_dir().join(format!("haven-journal-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let log = dir.join("havend.log");
        std::fs::write(&log, "2026 INFO a\n2026 ERROR odd\ntorn").unwrap();
        let out = dir.join("out.log");
        let mut journal = Journal::new(&[(2, dir.clone())], &out).unwrap();
        let chapter = journal.chapter("one").unwrap();
        assert_eq!(chapter.unexpected, ["h2 havend: 2026 ERROR odd"]);
        assert!(journal.chapter("two").unwrap().unexpected.is_empty());
        std::fs::write(dir.join("haven-guard.log"), "<3>[1 ms] fencing this host: x\n").unwrap();
        assert_eq!(journal.chapter("three").unwrap().fenced, [2]);
        assert!(std::fs::read_to_string(&out).unwrap().contains("h2 havend 2026 INFO a"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
