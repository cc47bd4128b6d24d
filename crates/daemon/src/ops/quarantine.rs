//! Hosts that get no further VMs because the guards hold something against them.
//!
//! Owns: the mark in a host's row. The failover manager alone sets it and takes it away, as the guard
//! of the coordinator sees it; it stands in the row so that planning, the command line and the next
//! coordinator go by the same.

use std::collections::BTreeMap;

use haven_model::{ApiError, Host, Ref};
use haven_pooldb::{Image, Tx};

/// Key of `host.other_config`; the value is [`Why::as_str`].
pub const KEY: &str = "haven_quarantine";

/// What is held against a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It lost the heartbeat storage: it is drained, and put out if the storage does not come back.
    Diskless,
    /// It came and went too often: it is not admitted until somebody vouches for it (`host.enable`).
    Flapping,
}

impl Why {
    /// As the row has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Diskless => "diskless",
            Self::Flapping => "flapping",
        }
    }
}

/// Whether a host gets no further VMs.
#[must_use]
pub fn holds(row: &Host) -> bool {
    row.other_config.contains_key(KEY)
}

/// The marks that are to be written so that just these hosts have one.
#[must_use]
pub fn outdated(
    db: &Image,
    wanted: &BTreeMap<Ref<Host>, Why>,
) -> Vec<(Ref<Host>, Option<&'static str>)> {
    let hosts = db.iter::<Host>().map(|(host, row)| {
        let should = wanted.get(&host).map(|why| why.as_str());
        (host, row.other_config.get(KEY).map(String::as_str), should)
    });
    hosts.filter(|(_, is, should)| is != should).map(|(host, _, should)| (host, should)).collect()
}

/// Writes marks, and takes away those that are none.
///
/// # Errors
/// The database refuses.
pub fn write(tx: &mut Tx<'_>, marks: &[(Ref<Host>, Option<&'static str>)]) -> Result<(), ApiError> {
    for (host, mark) in marks {
        // It may have left the pool meanwhile.
        if tx.get(*host).is_none() {
            continue;
        }
        tx.update(*host, |row: &mut Host| match mark {
            Some(mark) => drop(row.other_config.insert(KEY.to_owned(), (*mark).to_owned())),
            None => drop(row.other_config.remove(KEY)),
        })?;
    }
    Ok(())
}

/// Takes all marks away: without high availability nobody would.
///
/// # Errors
/// The database refuses.
pub fn clear(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    let marks = outdated(tx, &BTreeMap::new());
    write(tx, &marks)
}
