//! The stamps that a guest writes to its disk, and the check that it had one writer at a time.
//!
//! Ten times a second the guest reads the head block, writes a numbered stamp into a ring, and writes
//! the head. Each start of a guest is a *run* with an id of its own. Two guests on one disk show in
//! two ways: one finds another run in the head after it has written there itself, and says so in a
//! violation block; and in the ring a run appears again after another one.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Size of a stamp.
pub const BLOCK: u64 = 4096;
/// Place of the head block.
pub const HEAD: u64 = 1 << 20;
/// Place of the violation blocks.
pub const VIOLATIONS: u64 = HEAD + BLOCK;
/// Number of violation blocks.
pub const VIOLATIONS_MAX: u64 = 64;
/// Place of the ring.
pub const RING: u64 = 2 << 20;
/// Number of stamps in the ring.
pub const RING_MAX: u64 = 1024;
/// End of all that is written.
pub const END: u64 = RING + RING_MAX * BLOCK;
const MARK: &str = "HAVEN-STAMP";

/// One stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which start of the guest.
    pub run: String,
    /// Number, ascending over all runs.
    pub number: u64,
    /// The guest's monotonic clock in milliseconds.
    pub mono_ms: u64,
}

impl Stamp {
    /// As text, to be padded with zeros.
    pub fn to_text(&self) -> String {
        format!("{MARK} {} {} {}\n", self.run, self.number, self.mono_ms)
    }

    /// From the beginning of a block; `None` if there is no stamp.
    pub fn parse(block: &[u8]) -> Option<Self> {
        let line = block.split(|b| *b == b'\n').next()?;
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        if words.next()? != MARK {
            return None;
        }
        let run = words.next()?.to_owned();
        let number = words.next()?.parse().ok()?;
        Some(Self { run, number, mono_ms: words.next()?.parse().ok()? })
    }
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Stamps in the ring.
    pub stamps: usize,
    /// Different runs in the ring.
    pub runs: usize,
    /// Times that a run appears again after another.
    pub interleavings: usize,
    /// Violations that guests saw themselves.
    pub violations: usize,
    /// Numbers between the first and the last stamp that are not there: writes that were
    /// acknowledged to a guest and lost.
    pub missing: u64,
}

impl Report {
    /// There was one writer at a time.
    pub fn is_clean(&self) -> bool {
        self.interleavings == 0 && self.violations == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} stamps of {} runs, {} interleavings, {} violations, {} missing",
            self.stamps, self.runs, self.interleavings, self.violations, self.missing
        )
    }
}

/// Reads the stamps of a disk image, raw or qcow2, also while a guest runs on it.
pub fn check(image: &Path) -> Result<Report> {
    let name = format!("haven-stamps-{}-{:?}", std::process::id(), std::thread::current().id());
    let copy = std::env::temp_dir().join(name);
    let output = Command::new("qemu-img")
        .args(["dd", "-U", "-O", "raw", "bs=1M", "count=7"])
        .arg(format!("if={}", image.display()))
        .arg(format!("of={}", copy.display()))
        .output()
        .context("qemu-img (package qemu-utils)")?;
    if !output.status.success() {
        bail!("{}: {}", image.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let bytes = fs::read(&copy);
    fs::remove_file(&copy)?;
    Ok(evaluate(&bytes?))
}

/// Evaluates the first bytes of a disk.
pub fn evaluate(disk: &[u8]) -> Report {
    let mut stamps = blocks(disk, RING, RING_MAX);
    stamps.sort_by_key(|s| s.number);
    let violations = blocks(disk, VIOLATIONS, VIOLATIONS_MAX).len();
    let mut seen = BTreeSet::new();
    let mut interleavings = 0;
    let mut last = None;
    for stamp in &stamps {
        if last != Some(&stamp.run) && !seen.insert(&stamp.run) {
            interleavings += 1;
        }
        last = Some(&stamp.run);
    }
    let numbers: BTreeSet<u64> = stamps.iter().map(|stamp| stamp.number).collect();
    let all = numbers.first().zip(numbers.last()).map_or(0, |(first, last)| last - first + 1);
    let missing = all.saturating_sub(numbers.len() as u64);
    Report { stamps: stamps.len(), runs: seen.len(), interleavings, violations, missing }
}

fn blocks(disk: &[u8], from: u64, count: u64) -> Vec<Stamp> {
    (0..count)
        .filter_map(|n| {
            let start = usize::try_from(from + n * BLOCK).ok()?;
            let end = usize::try_from(from + (n + 1) * BLOCK).ok()?;
            Stamp::parse(disk.get(start..end)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(writers: &[(&str, u64)]) -> Vec<u8> {
        let mut disk = vec![0; usize::try_from(END).unwrap()];
        for (run, number) in writers {
            put(&mut disk, RING + number % RING_MAX * BLOCK, run, *number);
        }
        disk
    }

    fn put(disk: &mut [u8], at: u64, run: &str, number: u64) {
        let text = Stamp { run: run.into(), number, mono_ms: 1 }.to_text();
        let at = usize::try_from(at).unwrap();
        disk[at..at + text.len()].copy_from_slice(text.as_bytes());
    }

    #[test]
    fn one_run_after_another_is_clean() {
        let report = evaluate(&disk(&[("a", 1), ("a", 2), ("b", 3), ("b", 4)]));
        assert_eq!(report, Report { stamps: 4, runs: 2, ..Report::default() });
        assert!(report.is_clean());
    }

    #[test]
    fn a_run_that_comes_back_is_an_interleaving() {
        let report = evaluate(&disk(&[("a", 1), ("b", 2), ("a", 3), ("b", 4)]));
        assert_eq!(report.interleavings, 2);
        assert!(!report.is_clean());
    }

    #[test]
    fn a_stamp_that_was_lost_is_missed() {
        let lost = disk(&[("a", 7), ("a", 8), ("a", 10)]);
        assert_eq!(evaluate(&lost).missing, 1);
        // The ring begins anew.
        let whole: Vec<(&str, u64)> = (5..5 + RING_MAX).map(|number| ("a", number)).collect();
        assert_eq!(evaluate(&disk(&whole)).missing, 0);
    }

    #[test]
    fn a_guests_own_word_counts() {
        let mut disk = disk(&[("a", 1)]);
        put(&mut disk, VIOLATIONS, "a", 2);
        assert_eq!(evaluate(&disk).violations, 1);
    }
}
