//! Which database is the newest: what a take-over reads, and what it takes when that is lost.
//!
//! Owns: that no older database is opened in silence. What the live area holds must be whole, under
//! its seal, of the life that may have written it, and no older than any copy of a member. If it is
//! not, a copy that is as new as the seal says is as good; anything else only a person may choose.

use haven_model::{ApiError, codes};
use haven_pooldb::{Database, MemStore, Snapshot, StoreError};

use super::area::Volume;
use super::metadata::{Trouble, complain};
use super::takeover::{self, Ha, Live, Office, Parked};
use crate::{backup, coordinator, copies};
use haven_failover::Held;

/// The newest database, without writing a byte to the volume.
pub(super) async fn find(ha: &Ha, live: &Live) -> Result<Parked, ApiError> {
    if let Some(chosen) = chosen(ha, live).await? {
        return Ok(chosen);
    }
    match in_live_area(ha, live).await {
        Ok(database) => Ok(parked(live, witnessed(ha, live, database).await?)),
        Err(Unread::Damaged(error)) => instead(ha, live, error).await,
        Err(Unread::Failed(error)) => Err(error),
    }
}

/// Why the live area was not read.
pub(super) enum Unread {
    /// What it holds is not what was written, or the volume fails.
    Damaged(StoreError),
    /// Nobody looked.
    Failed(ApiError),
}

/// What the live area holds, whole, without a byte written there.
pub(super) async fn in_live_area(ha: &Ha, live: &Live) -> Result<Database, Unread> {
    let path = takeover::metadata(ha).map_err(Unread::Failed)?;
    let (area, owner) = (live.area, live.owner.clone());
    let keep = backup::keeper(&ha.state.config.paths);
    let read = move || {
        let store = Volume::open(&path)?.read(area, owner.as_deref())?;
        Database::open_keeping(store, coordinator::ids(), keep)
    };
    let read = takeover::blocking(read).await.map_err(Unread::Failed)?;
    read.map_err(Unread::Damaged)
}

fn parked(live: &Live, database: Database) -> Parked {
    Parked { database, home: Held::Nothing, like: Some(live.area), office: Office::New }
}

/// What a person chose instead of the live area.
pub(super) async fn chosen(ha: &Ha, live: &Live) -> Result<Option<Parked>, ApiError> {
    let Some(chosen) = ha.chosen(live).await? else { return Ok(None) };
    Ok(Some(parked(live, in_memory(&chosen)?)))
}

fn in_memory(snapshot: &Snapshot) -> Result<Database, ApiError> {
    let store = Box::new(MemStore::default());
    Ok(Database::create(store, coordinator::ids(), snapshot)?)
}

/// The database, if no member has a newer copy: what a copy holds was acknowledged once.
pub(super) async fn witnessed(
    ha: &Ha,
    live: &Live,
    database: Database,
) -> Result<Database, ApiError> {
    let standings = copies::ask(&ha.state, &live.members).await;
    let found = database.generation();
    match ha.witnessed(live, &standings).await {
        Some(known) if known > found => {
            tracing::debug!(known, found, "a copy is newer than the volume");
            complain(ha, Trouble::RolledBack, "a copy of a host is newer than the volume");
            Err(ApiError::with(codes::DATABASE_ROLLED_BACK, &[&found, &known]))
        }
        _ => Ok(database),
    }
}

/// What may be taken instead of a live area that is lost: what a person chose, or the copy of a
/// member that is as new as the area's seal says. Whatever was acknowledged was sealed before.
pub(super) async fn instead(ha: &Ha, live: &Live, error: StoreError) -> Result<Parked, ApiError> {
    if let Some(chosen) = chosen(ha, live).await? {
        return Ok(chosen);
    }
    // What stops the volume from being read at all may be over in a moment.
    complain(ha, Trouble::from(&error), &error.to_string());
    let (path, area) = (takeover::metadata(ha)?, live.area);
    let sealed = takeover::blocking(move || Volume::open(&path)?.certain_seal(area)).await?;
    let sealed = sealed.ok().filter(|seal| live.owner.as_ref().is_none_or(|o| *o == seal.owner));
    let Some(seal) = sealed else { return Err(error.into()) };
    let standings = copies::ask(&ha.state, &live.members).await;
    let Some((host, generation)) = copies::newest(&standings) else { return Err(error.into()) };
    // A newer one says that the volume was rolled back besides: then nobody knows what is lacking.
    let known = ha.witnessed(live, &standings).await;
    if generation != seal.generation || known > Some(seal.generation) {
        return Err(error.into());
    }
    let copy = copies::fetch(&ha.state, host).await?;
    if copy.generation != seal.generation {
        return Err(error.into());
    }
    tracing::warn!(%error, host = %host.0, generation = copy.generation,
        "the live area is damaged; the copy of a host is as new as its seal, and is taken");
    Ok(parked(live, in_memory(&copy)?))
}
