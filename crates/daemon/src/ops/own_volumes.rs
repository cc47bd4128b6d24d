//! The volumes on which high availability stands, statefile and metadata: what nobody may do to them
//! and to their repository.
//!
//! While it is on, nothing takes them away, their rows neither: a row that is gone would hide from
//! every other check where they lie. At no time are they disks: guards write them past any driver.

use haven_failover::volumes::{self, Doing, Objection};
use haven_model::{ApiError, Ref, Sr, Vdi, VdiType, codes};
use haven_pooldb::Image;

use super::rows;

/// Whether disks of this kind are the pool's own.
#[must_use]
pub fn is_own(kind: VdiType) -> bool {
    matches!(kind, VdiType::HaStatefile | VdiType::RedoLog)
}

/// A repository may go from the pool or from a host.
///
/// # Errors
/// `HA_IS_ENABLED` for the one of the statefile.
pub fn keep_sr(db: &Image, sr: Ref<Sr>) -> Result<(), ApiError> {
    let (_, pool) = rows::pool(db)?;
    let used = |vdi: &Ref<Vdi>| pool.ha_statefiles.contains(&vdi.to_string());
    let used = db.require(sr)?.vdis.iter().any(used);
    volumes::repository(pool.ha_enabled, used).map_err(refusal)
}

/// The row of a disk may go.
///
/// # Errors
/// `HA_IS_ENABLED` for the volumes of high availability while it is on.
pub fn keep(db: &Image, vdi: Ref<Vdi>) -> Result<(), ApiError> {
    may(db, vdi, Doing::Remove)
}

/// It is a disk: it may be read, written, copied, moved and given to a VM.
///
/// # Errors
/// `HA_IS_ENABLED` as [`keep`]; `OPERATION_NOT_ALLOWED` for the same volumes while it is off.
pub fn usable(db: &Image, vdi: Ref<Vdi>) -> Result<(), ApiError> {
    may(db, vdi, Doing::Use)
}

fn may(db: &Image, vdi: Ref<Vdi>, doing: Doing) -> Result<(), ApiError> {
    let row = db.require(vdi)?;
    let (_, pool) = rows::pool(db)?;
    let own = is_own(row.r#type);
    let named = |vdi: &Ref<Vdi>| pool.ha_statefiles.contains(&vdi.to_string());
    let beside = own && db.require(row.sr)?.vdis.iter().any(named);
    volumes::volume(doing, own, (pool.ha_enabled, beside)).map_err(refusal)
}

fn refusal(objection: Objection) -> ApiError {
    match objection {
        Objection::Armed => ApiError::new(codes::HA_IS_ENABLED, Vec::new()),
        Objection::NoDisk => ApiError::not_allowed(
            "statefile and metadata volumes belong to high availability and are no disks",
        ),
    }
}

/// A disk of this kind can be made, or used, by hand.
///
/// # Errors
/// `OPERATION_NOT_ALLOWED`.
pub fn a_disk(kind: VdiType) -> Result<(), ApiError> {
    if is_own(kind) { Err(refusal(Objection::NoDisk)) } else { Ok(()) }
}
