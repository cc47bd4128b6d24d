//! A trial of a directory that may become a repository: can files be made there, how fast, and do
//! other hosts see them?
//!
//! Owns: files named `.haven-test-…`, which it removes again. Never touches another.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::error::{SR_UNAVAILABLE, system};
use super::{SrTest, StorageError, TestPart};

/// Start of the names of these files.
const PREFIX: &str = ".haven-test-";
/// Synchronous writes that are timed, and their size in bytes.
const WRITES: u64 = 9;
const WRITE_BYTES: usize = 4096;
/// The sample that is written for the throughput: at most so much, in pieces, for so long.
const SAMPLE_BYTES_MAX: u64 = 64 << 20;
const PIECE_BYTES: usize = 1 << 20;
const SAMPLE_TIME_MAX: Duration = Duration::from_secs(1);
/// A mark that a broken-off test has left is taken away after this.
const MARK_AGE_MAX: Duration = Duration::from_secs(3600);

/// Does this part of the test in a directory.
///
/// # Errors
/// A file could not be made, written or removed there.
pub(super) fn run(root: &Path, part: TestPart, test: Uuid) -> Result<SrTest, StorageError> {
    let mark = root.join(format!("{PREFIX}{test}"));
    let there = mark.exists();
    if part == TestPart::Clear {
        match fs::remove_file(&mark) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("removing the test file", &cause));
            }
            _ => return Ok(SrTest { same_place: there, ..SrTest::default() }),
        }
    }
    let (kept, sample) = match part {
        TestPart::Mark => {
            remove_old_marks(root);
            (Some(&mark), mark.clone())
        }
        _ => (None, root.join(format!("{PREFIX}{}", Uuid::new_v4()))),
    };
    let measured = measure(&sample);
    if kept.is_none() || measured.is_err() {
        // The result is what counts; what stays behind is removed by a later test.
        let _ = fs::remove_file(&sample);
    }
    let (write_us, mib_per_s, clock_ms) =
        measured.map_err(|cause| failed("writing a test file", &cause))?;
    Ok(SrTest {
        write_us: Some(write_us),
        mib_per_s: Some(mib_per_s),
        clock_ms: Some(clock_ms),
        same_place: there || kept.is_some(),
        ..SrTest::default()
    })
}

fn failed(what: &str, cause: &std::io::Error) -> StorageError {
    system(SR_UNAVAILABLE, what, cause)
}

/// What broken-off tests have left. A failure is no reason to fail the present test.
fn remove_old_marks(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let changed = entry.metadata().and_then(|about| about.modified());
        let age = changed.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if ours && age > MARK_AGE_MAX {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Microseconds of a small synchronous write, MiB per second, and how far the clock there is ahead
/// in milliseconds.
fn measure(path: &PathBuf) -> std::io::Result<(u64, u64, i64)> {
    let small = rustix::fs::OFlags::DSYNC.bits();
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(small.cast_signed())
        .open(path)?;
    let mut times = Vec::new();
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&[0x5a; WRITE_BYTES])?;
        times.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    drop(file);
    let clock = millis(fs::metadata(path)?.modified()?) - millis(SystemTime::now());
    let throughput = sample(path)?;
    // The mark is small.
    File::options().write(true).open(path)?.set_len(WRITE_BYTES as u64)?;
    Ok((times.get(times.len() / 2).copied().unwrap_or_default(), throughput, clock))
}

fn sample(path: &Path) -> std::io::Result<u64> {
    let mut file = File::options().append(true).open(path)?;
    let piece = vec![0xa5; PIECE_BYTES];
    let begun = Instant::now();
    let mut written = 0_u64;
    while written < SAMPLE_BYTES_MAX && begun.elapsed() < SAMPLE_TIME_MAX {
        file.write_all(&piece)?;
        file.sync_data()?;
        written += PIECE_BYTES as u64;
    }
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
    Ok(written.saturating_mul(1_000_000) / micros / (1 << 20))
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_mark_is_found_by_who_sees_the_same_place_and_taken_away() {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let test = Uuid::new_v4();
        let first = run(here.path(), TestPart::Mark, test).unwrap();
        assert!(first.same_place && first.write_us.is_some() && first.mib_per_s.is_some());
        assert_eq!(left(here.path()), 1);
        assert!(run(here.path(), TestPart::Find, test).unwrap().same_place);
        assert!(!run(elsewhere.path(), TestPart::Find, test).unwrap().same_place);
        assert_eq!((left(here.path()), left(elsewhere.path())), (1, 0), "only the mark stays");
        assert!(run(here.path(), TestPart::Clear, test).unwrap().same_place);
        assert_eq!(left(here.path()), 0);
        run(here.path(), TestPart::Clear, test).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_says_so_and_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("not-there");
        let error = run(&missing, TestPart::Mark, Uuid::new_v4()).unwrap_err();
        assert_eq!(error.code, SR_UNAVAILABLE);
        assert!(error.text.contains("writing a test file"), "{error}");
        assert_eq!(left(dir.path()), 0);
    }
}
