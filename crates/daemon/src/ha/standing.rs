//! A copy of the database that stands already in the area that a record names next.
//!
//! Owns: that a copy which may have been reported is never destroyed. Once the guard was told that an
//! area holds the copy, its proposal to make that area live may be accepted somewhere and be decided
//! by whoever comes later, long after this process. Until the record names another area, the same
//! life finds the same order again: after a restart of the daemon, or when no record came in time.
//! Emptying the area to fill it anew would leave, if the host died in the middle, a live area that
//! nobody can read.

use haven_pooldb::{Database, Snapshot, StoreError};

use super::area::Volume;
use super::decide::Held;
use super::takeover::{self, Ha, Live, Parked};
use crate::coordinator;

/// How a copy to an area begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// The copy stands: it has only to be reported (again).
    Stands(Database),
    /// The area may be emptied: it holds nothing that anybody can have reported.
    Empty(Parked),
}

/// Looks what `to` holds, before `present`, which is like the live area, is copied there. Nothing but
/// a whole copy is reported, so what is not whole, or not this life's, or not the same, is free.
///
/// # Errors
/// The volume cannot be read: then nobody knows, and nothing is written.
pub(super) async fn look(
    ha: &Ha,
    live: &Live,
    present: Parked,
    to: u8,
) -> Result<Begin, haven_model::ApiError> {
    let present = match copied_here(ha, live, present, to).await? {
        begun @ Begin::Stands(_) => return Ok(begun),
        Begin::Empty(present) => present,
    };
    let (path, me, may_write) = (takeover::metadata(ha)?, live.me().to_owned(), ha.may_write());
    let look = move || {
        let wanted = present.database.export();
        let standing = wanted.and_then(|wanted| {
            let volume = Volume::open(&path)?;
            if !same(&volume, to, &me, &wanted)? {
                return Ok(None);
            }
            let store = volume.write(to, Some(&me), may_write)?;
            Database::open(Box::new(store), coordinator::ids()).map(Some)
        });
        (present, standing)
    };
    match takeover::blocking(look).await? {
        (present, Ok(Some(database))) => {
            // Its store has last words, which are IO.
            drop(takeover::detached(present).await);
            Ok(Begin::Stands(database))
        }
        (present, Ok(None)) => Ok(Begin::Empty(present)),
        (present, Err(error)) => {
            takeover::park(ha, present).await;
            Err(takeover::store_failed(error))
        }
    }
}

/// The copy was made by this very process, and its store is open still.
async fn copied_here(
    ha: &Ha,
    live: &Live,
    present: Parked,
    to: u8,
) -> Result<Begin, haven_model::ApiError> {
    if present.home != Held::Area(to) || present.database.is_doubtful() {
        return Ok(Begin::Empty(present));
    }
    let (path, generation) = (takeover::metadata(ha)?, present.database.generation());
    // By its path: another volume may be there by now.
    let seal = takeover::blocking(move || Volume::open(&path)?.seal(to)).await?;
    match seal {
        Ok(seal) if seal.owner == live.me() && seal.generation == generation => {
            Ok(Begin::Stands(present.database))
        }
        Err(error @ StoreError::Io(_)) => {
            takeover::park(ha, present).await;
            Err(takeover::store_failed(error))
        }
        _ => Ok(Begin::Empty(takeover::detached(present).await)),
    }
}

/// Whether `area` holds `wanted`, whole, as `owner` wrote it. An error only if the volume fails.
fn same(volume: &Volume, area: u8, owner: &str, wanted: &Snapshot) -> Result<bool, StoreError> {
    // What is usual costs one small read: the area is another's, or blank.
    let seal = match volume.seal(area) {
        Ok(seal) => seal,
        Err(error @ StoreError::Io(_)) => return Err(error),
        Err(_) => return Ok(false),
    };
    if seal.owner != owner || seal.generation != wanted.generation {
        return Ok(false);
    }
    let read = volume.read(area, Some(owner));
    let held = read.and_then(|store| Database::open(store, coordinator::ids())?.export());
    match held {
        Ok(held) => Ok(held == *wanted),
        Err(error @ StoreError::Io(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, area, "a copy that was whole is damaged: it is written anew");
            Ok(false)
        }
    }
}
