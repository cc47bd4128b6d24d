//! What the rows say of storage that hosts have lost.
//!
//! Owns: the mark in the row that attaches a repository to a host, by which planning, the command line and the
//! next coordinator go; and the reason in the row of a VM that cannot run because of it. The failover manager
//! alone writes both.

use std::collections::{BTreeMap, BTreeSet};

use haven_model::{ApiError, Pbd, Ref, Vm};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::view;

/// Key of `PBD.other_config`: the host has lost the repository, or has not had it back for long.
pub const LOST: &str = "haven_lost";
/// Key of `VM.other_config`: the repositories without which it cannot run, by name.
pub const WAITS_FOR: &str = "haven_waits_for_storage";

/// Whether its host has lost the repository.
#[must_use]
pub fn is_lost(row: &Pbd) -> bool {
    row.other_config.contains_key(LOST)
}

/// Hosts with the repositories that they have lost.
#[must_use]
pub fn lost(db: &Image) -> BTreeSet<(Uuid, Uuid)> {
    let rows = db.iter::<Pbd>().filter(|(_, row)| is_lost(row));
    rows.map(|(_, row)| (view::id(row.host), view::id(row.sr))).collect()
}

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    pbds: Vec<(Ref<Pbd>, bool)>,
    vms: Vec<(Ref<Vm>, Option<String>)>,
}

impl Outdated {
    /// The rows say it already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to be written so that just these are marked.
#[must_use]
pub fn outdated(
    db: &Image,
    lost: &BTreeSet<(Uuid, Uuid)>,
    waits: &BTreeMap<Ref<Vm>, String>,
) -> Outdated {
    let pbds = db.iter::<Pbd>().map(|(pbd, row)| {
        (pbd, is_lost(row), lost.contains(&(view::id(row.host), view::id(row.sr))))
    });
    let vms =
        db.iter::<Vm>().map(|(vm, row)| (vm, row.other_config.get(WAITS_FOR), waits.get(&vm)));
    Outdated {
        pbds: pbds.filter(|(_, is, be)| is != be).map(|(pbd, _, be)| (pbd, be)).collect(),
        vms: vms.filter(|(_, is, be)| is != be).map(|(vm, _, be)| (vm, be.cloned())).collect(),
    }
}

/// Writes it.
///
/// # Errors
/// The database refuses.
pub fn write(tx: &mut Tx<'_>, outdated: &Outdated) -> Result<(), ApiError> {
    for (pbd, lost) in &outdated.pbds {
        // It may have gone meanwhile.
        if tx.get(*pbd).is_some() {
            tx.update(*pbd, |row: &mut Pbd| match lost {
                true => drop(row.other_config.insert(LOST.to_owned(), "yes".to_owned())),
                false => drop(row.other_config.remove(LOST)),
            })?;
        }
    }
    for (vm, reason) in &outdated.vms {
        if tx.get(*vm).is_some() {
            tx.update(*vm, |row: &mut Vm| match reason {
                Some(reason) => {
                    drop(row.other_config.insert(WAITS_FOR.to_owned(), reason.clone()));
                }
                None => drop(row.other_config.remove(WAITS_FOR)),
            })?;
        }
    }
    Ok(())
}

/// Takes all marks away: without high availability nobody would.
///
/// # Errors
/// The database refuses.
pub fn clear(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    let all = outdated(tx, &BTreeSet::new(), &BTreeMap::new());
    write(tx, &all)
}
