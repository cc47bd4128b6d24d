//! A copy of the database that stands already in the area that a record names next.
//!
//! Owns: that a copy which may have been reported is never destroyed. Once the guard was told that an
//! area holds the copy, its proposal to make that area live may be accepted somewhere and be decided
//! by whoever comes later, long after this process. Until the record names another area, the same
//! life finds the same order again: after a restart of the daemon, or when no record came in time.
//! Emptying the area to fill it anew would leave, if the host died in the middle, a live area that
//! nobody can read.

use std::path::Path;

use haven_model::ApiError;
use haven_pooldb::{Database, Snapshot, StoreError};

use super::area::{MayWrite, Volume};
use super::metadata::Trouble;
use super::takeover::{self, Ha, Live, Parked};
use crate::coordinator;
use haven_failover::Held;

/// How a copy to an area begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// The copy stands: it has only to be reported (again).
    Stands(Database),
    /// The area may be emptied: it holds nothing that anybody can have reported.
    Empty(Parked),
}

/// What an area holds that is to have a copy.
#[derive(Debug)]
enum Found {
    /// That copy, whole.
    Same(Database),
    /// Something else that this life has copied there, whole: from another live area, or before a
    /// person chose.
    Other(Database),
    /// Nothing that anybody can have reported, or can read.
    Nothing,
}

/// Sees to it that `to`, where `present` is to be copied, holds it if it holds a copy of this life
/// already. Nothing but a whole copy is reported, so what is not whole, or not this life's, is free.
///
/// # Errors
/// The volume cannot be read: then nobody knows, and nothing is written. Or it cannot be written:
/// then it holds what it held.
pub(super) async fn look(ha: &Ha, live: &Live, present: Parked, to: u8) -> Result<Begin, ApiError> {
    let present = match copied_here(ha, live, present, to).await? {
        begun @ Begin::Stands(_) => return Ok(begun),
        Begin::Empty(present) => present,
    };
    let (path, me, may_write) = (takeover::metadata(ha)?, live.me().to_owned(), ha.may_write());
    let look = move || {
        let wanted = present.database.export();
        let found = wanted.and_then(|wanted| find(&path, (to, &me), &wanted, may_write));
        (present, found)
    };
    match takeover::blocking(look).await? {
        (present, Ok(Found::Same(database))) => {
            // Its store has last words, which are IO.
            drop(takeover::detached(present).await);
            Ok(Begin::Stands(database))
        }
        (present, Ok(Found::Other(standing))) => write_over(ha, present, standing, to).await,
        (present, Ok(Found::Nothing)) => Ok(Begin::Empty(present)),
        (present, Err(error)) => {
            takeover::park(ha, present).await;
            Err(takeover::store_failed(error))
        }
    }
}

/// Puts `present` in place of what stands in `to`, in one transaction of its store: whoever reads the
/// area, whenever the writer was cut off, finds the one or the other, whole.
async fn write_over(
    ha: &Ha,
    present: Parked,
    mut standing: Database,
    to: u8,
) -> Result<Begin, ApiError> {
    tracing::info!(area = to, "an earlier copy of this life is written over");
    let present = takeover::detached(present).await;
    let work = move || {
        let mut present = present;
        let moved = present.database.move_to(standing.detach()).map(drop);
        (present, moved)
    };
    match takeover::blocking(work).await? {
        (present, Ok(())) => Ok(Begin::Stands(present.database)),
        // Both do not fit there together: the pool cannot be left without a database for that. A volume
        // that has no room now may have some soon.
        (present, Err(error)) if Trouble::is_small_area(&error) => {
            tracing::warn!(area = to, %error, "there is no room for both copies: it is emptied");
            Ok(Begin::Empty(present))
        }
        (present, Err(error)) => {
            takeover::park(ha, present).await;
            Err(takeover::store_failed(error))
        }
    }
}

/// The copy was made by this very process, and its store is open still.
async fn copied_here(ha: &Ha, live: &Live, present: Parked, to: u8) -> Result<Begin, ApiError> {
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

/// What `area` holds, if `owner` wrote it. An error only if the volume fails.
fn find(
    path: &Path,
    (area, owner): (u8, &str),
    wanted: &Snapshot,
    may_write: MayWrite,
) -> Result<Found, StoreError> {
    let volume = Volume::open(path)?;
    // What is usual costs one small read: the area is another's, or blank.
    match volume.seal(area) {
        Ok(seal) if seal.owner == owner => {}
        Err(error @ StoreError::Io(_)) => return Err(error),
        Ok(_) | Err(_) => return Ok(Found::Nothing),
    }
    let standing = volume
        .write(area, Some(owner), may_write)
        .and_then(|store| Database::open(Box::new(store), coordinator::ids()));
    match standing.and_then(|standing| Ok((standing.export()?, standing))) {
        Ok((held, standing)) if held == *wanted => Ok(Found::Same(standing)),
        Ok((_, standing)) => Ok(Found::Other(standing)),
        Err(error @ StoreError::Io(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, area, "a copy that was whole is damaged: it is written anew");
            Ok(Found::Nothing)
        }
    }
}
