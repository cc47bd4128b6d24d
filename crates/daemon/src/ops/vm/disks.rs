//! Disks that go to another repository before their machine goes to another host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_model::{ApiError, Host, Pbd, Ref, Sr, Vbd, VbdType, Vdi, Vm, codes};
use haven_planner as planner;
use haven_pooldb::Image;

use super::migrate::How;
use super::query;
use crate::ops::{motion, view};
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

/// The option of `VM.pool_migrate`: reference or uuid of the repository for all disks.
pub const OPTION: &str = "disks_to";
/// How much of the work one disk is, beside the memory.
const WEIGHT: u32 = 16;

/// One disk that moves.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    vbd: Ref<Vbd>,
    from: Ref<Vdi>,
    to: Ref<Vdi>,
    sr: Ref<Sr>,
}

/// The disks of a machine that are not in this repository yet.
///
/// # Errors
/// There is no such repository, a disk cannot go there, or the destination does not have it.
pub fn all(db: &Image, (vm, to): (Ref<Vm>, Ref<Host>), text: &str) -> Result<Vec<Moved>, ApiError> {
    let by_ref = text.parse::<Ref<Sr>>().ok().filter(|sr| db.get(*sr).is_some());
    let sr = by_ref
        .or_else(|| db.find_uuid::<Sr>(text))
        .ok_or_else(|| ApiError::uuid_invalid::<Sr>(text))?;
    let devices = view::disks(db, db.require(vm)?).into_iter();
    let disks = devices.filter(|(_, _, device)| device.r#type != VbdType::Cd);
    let wanted = disks.map(|(disk, _, _)| (disk, sr)).collect();
    some(db, (vm, to), &wanted)
}

/// Those of these disks that are not where they shall be.
///
/// # Errors
/// As [`all`].
pub fn some(
    db: &Image,
    (vm, to): (Ref<Vm>, Ref<Host>),
    wanted: &BTreeMap<Ref<Vdi>, Ref<Sr>>,
) -> Result<Vec<Moved>, ApiError> {
    let row = db.require(vm)?;
    let mut moves = Vec::new();
    let mut srs = BTreeSet::new();
    for vbd in &row.vbds {
        let disk = db.require(*vbd)?.vdi;
        let Some(old) = db.get(disk) else { continue };
        match wanted.get(&disk).filter(|sr| **sr != old.sr) {
            Some(sr) => {
                if !has(db, to, *sr) {
                    return Err(not_there(db, *sr));
                }
                motion::check(db, *vbd, (disk, *sr))?;
                let to = Ref::<Vdi>::from_uuid(fresh());
                moves.push(Moved { vbd: *vbd, from: disk, to, sr: *sr });
                srs.insert(view::id(*sr));
            }
            None => drop(srs.insert(view::id(old.sr))),
        }
    }
    if !moves.is_empty() && row.resident_on != to {
        let wanted = planner::Vm { affinity: None, srs, ..view::vm(db, vm, row) };
        query::fits(db, vm, &wanted, (to, planner::Purpose::Ordinary))?;
    }
    Ok(moves)
}

fn has(db: &Image, host: Ref<Host>, sr: Ref<Sr>) -> bool {
    let pbds = db.get(sr).map(|row| row.pbds.clone()).unwrap_or_default();
    let mut here = pbds.into_iter().filter_map(|pbd| db.get::<Pbd>(pbd));
    here.any(|pbd| pbd.host == host && pbd.currently_attached)
}

/// Disks go first, under the machine where it runs: both hosts need their repository.
fn not_there(db: &Image, sr: Ref<Sr>) -> ApiError {
    let name = db.get(sr).map(|row| row.name_label.clone()).unwrap_or_default();
    let text = format!(
        "the destination does not have {name}, and the disks go first: move them to storage that both \
         hosts have, and then, if you like, from there to storage of the destination alone"
    );
    ApiError::with(codes::OPERATION_NOT_ALLOWED, &[&text])
}

/// What an operation needs for these disks.
#[must_use]
pub fn plan(plan: Plan, disks: &[Moved]) -> Plan {
    disks.iter().fold(plan, |plan, disk| {
        motion::steps(plan.exclusive(disk.from).exclusive(disk.to), WEIGHT)
    })
}

/// Moves them, one after another.
///
/// # Errors
/// One cannot move; those before it have.
pub async fn carry(
    state: &Arc<AppState>,
    op: &mut Op,
    disks: &[Moved],
    how: How,
) -> Result<(), ApiError> {
    let said = motion::How { bandwidth_mib_s: how.pace.bandwidth_mib_s, forced: how.forced };
    for disk in disks {
        motion::carry(state, op, (disk.vbd, disk.from, disk.to), (disk.sr, said)).await?;
    }
    Ok(())
}
