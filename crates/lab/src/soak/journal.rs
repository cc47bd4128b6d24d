//! The log of every decision: what guards and daemons wrote, fault by fault.
//!
//! Owns: what is a decision, what is a fence, and what is loud. A WARN or ERROR that the fault does not
//! explain ([`super::explained`]) fails the run, and so does a panic, which none explains.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Whether a line of havend (`2026-… WARN target: text`) or of the guard (`<4>[ms] text`) is a warning, an
/// error, or a panic.
pub(crate) fn is_loud(line: &str) -> bool {
    is_panic(line)
        || line.starts_with("<3>")
        || line.starts_with("<4>")
        || line.split_whitespace().nth(1).is_some_and(|word| word == "WARN" || word == "ERROR")
}

/// A thread of the process panicked: Rust's own message, which has no level.
pub(crate) fn is_panic(line: &str) -> bool {
    line.contains("thread '") && line.contains("panicked at")
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
    /// Warnings and errors.
    pub(crate) loud: Vec<String>,
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
                if is_loud(line) {
                    chapter.loud.push(format!("h{n} {name}: {line}"));
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
    fn warnings_and_errors_are_loud() {
        assert!(!is_loud("<6>[12 ms] Member, epoch 3: 3 members"));
        assert!(is_loud("<3>[12 ms] invariant chain is broken"));
        let line = |level: &str| format!("2026-11-21T15:00:00Z {level} haven: havend starts");
        assert!(!is_loud(&line("INFO")) && is_loud(&line("WARN")) && is_loud(&line("ERROR")));
        assert!(is_loud(
            "thread 'tokio-runtime-worker' (77) panicked at crates/daemon/src/a.rs:1:2:"
        ));
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
        assert_eq!(chapter.loud, ["h2 havend: 2026 ERROR odd"]);
        assert!(journal.chapter("two").unwrap().loud.is_empty());
        std::fs::write(dir.join("haven-guard.log"), "<3>[1 ms] fencing this host: x\n").unwrap();
        assert_eq!(journal.chapter("three").unwrap().fenced, [2]);
        assert!(std::fs::read_to_string(&out).unwrap().contains("h2 havend 2026 INFO a"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
