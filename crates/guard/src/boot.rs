//! What a guard must settle before it takes part: which incarnation it is, when its machine
//! started, and that no earlier guard of this boot left promises behind.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use haven_block_io::{Ledger, LedgerError};
use haven_cluster::ids::{Incarnation, Instant};

/// Ticks per second in `/proc/<pid>/stat`, fixed by the kernel's interface.
const TICKS_PER_SECOND: u64 = 100;

/// Makes the next incarnation durable, above all earlier ones and above `above`.
pub(crate) fn next_incarnation(
    ledger: &Path,
    above: Incarnation,
) -> Result<Incarnation, LedgerError> {
    let mut ledger = Ledger::open(ledger)?;
    let last = last(&ledger)?;
    let next = last.max(above.0).saturating_add(1);
    ledger.write(&next.to_string())?;
    Ok(Incarnation(next))
}

/// Raises the ledger so that the next incarnation is above `above`.
pub(crate) fn raise_to(ledger: &Path, above: Incarnation) -> Result<(), LedgerError> {
    let mut ledger = Ledger::open(ledger)?;
    if last(&ledger)? < above.0 {
        ledger.write(&above.0.to_string())?;
    }
    Ok(())
}

fn last(ledger: &Ledger) -> Result<u64, LedgerError> {
    match ledger.payload() {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| LedgerError::Damaged {
            path: ledger.path().to_owned(),
            what: "not a number",
        }),
    }
}

/// When this machine started: the start of its first process. On real hosts about 0; a host that
/// is a namespace shares the clock of the machine around it.
pub(crate) fn booted_at() -> Instant {
    let stat = std::fs::read_to_string("/proc/1/stat").unwrap_or_default();
    Instant(start_ticks(&stat).unwrap_or(0).saturating_mul(1_000_000_000 / TICKS_PER_SECOND))
}

fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Differs between starts and machines; spreads retries, and tells a copy of this host from it.
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incarnations_only_grow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guard/incarnation");
        assert_eq!(next_incarnation(&path, Incarnation(0)).unwrap(), Incarnation(1));
        assert_eq!(next_incarnation(&path, Incarnation(0)).unwrap(), Incarnation(2));
        raise_to(&path, Incarnation(9)).unwrap();
        raise_to(&path, Incarnation(4)).unwrap();
        assert_eq!(next_incarnation(&path, Incarnation(0)).unwrap(), Incarnation(10));
        std::fs::write(&path, "12").unwrap();
        assert!(next_incarnation(&path, Incarnation(0)).is_err());
    }

    #[test]
    fn the_start_of_init_is_read() {
        let stat = "1 (init) S 0 1 1 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 1234 99";
        assert_eq!(start_ticks(stat), Some(1234));
        assert!(booted_at().0 <= haven_block_io::boottime_ns());
    }
}
