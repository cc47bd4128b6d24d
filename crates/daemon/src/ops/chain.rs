//! Disks as chains of volumes: how a disk is frozen, and when a volume may go.
//!
//! A disk's row says in `location` which volume holds what is written last; `sm_config:backing`
//! names the volume below it. A snapshot freezes the present volume: the disk goes on in a new,
//! empty one above. Three rules keep that safe at every moment, whoever fails:
//!
//! 1. The new volume exists before a row names it. Over a volume that is still written it shows
//!    what is written there, so a restart from it is right in any case.
//! 2. The row names it, durably, before the guest writes into it. So no restart ever begins below
//!    what a guest has written.
//! 3. A frozen volume belongs to an unmanaged row ("base copy") until the guest has left it for
//!    certain; only then a snapshot may claim it.

use std::sync::Arc;

use haven_drivers::hypervisor::{DiskOverlay, DomainChange, HypervisorError};
use haven_drivers::storage::error::CHAIN_TOO_LONG;
use haven_model::{ApiError, Host, Ref, Sr, Vdi, Vm, codes};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::vm::state::Undo;
use super::{errors, host, spec, vdi};
use crate::orders::{Order, OrderError};
use crate::state::{AppState, fresh};
use crate::tasks::Op;

/// Key of `VDI.sm_config`: file name of the volume below.
pub const BACKING_KEY: &str = "backing";
/// Key of `VDI.sm_config`: nothing was written since the disk was frozen, so that a clone can
/// share the volume below instead of freezing it once more.
pub const PRISTINE_KEY: &str = "pristine";
/// Name of a volume that only others need.
pub const BASE_NAME: &str = "base copy";
/// Volumes in a chain: every one costs a read of what was never written.
pub const CHAIN_MAX: usize = 30;

/// The volume that a disk is in.
///
/// # Errors
/// It is no volume of Haven's, such as a CD image.
pub fn volume(row: &Vdi) -> Result<Uuid, ApiError> {
    let stem = row.location.split('.').next().unwrap_or_default();
    Uuid::try_parse(stem)
        .map_err(|_| ApiError::internal(format!("{:?} is not the name of a volume", row.location)))
}

/// File name of a volume.
#[must_use]
pub fn file(volume: Uuid) -> String {
    format!("{volume}.qcow2")
}

/// The disk in this file of a repository.
#[must_use]
pub fn at(db: &Image, sr: Ref<Sr>, location: &str) -> Option<Ref<Vdi>> {
    let all = db.get(sr)?.vdis.iter().copied();
    let mut found = all.filter(|vdi| db.get(*vdi).is_some_and(|row| row.location == location));
    found.next()
}

/// Disks that show the content of this one's volume.
#[must_use]
pub fn children(db: &Image, row: &Vdi) -> Vec<Ref<Vdi>> {
    let all = db.get(row.sr).map(|sr| sr.vdis.as_slice()).unwrap_or_default().iter().copied();
    let above = |vdi: &Ref<Vdi>| {
        db.get(*vdi).is_some_and(|other| other.sm_config.get(BACKING_KEY) == Some(&row.location))
    };
    all.filter(above).collect()
}

/// How many volumes a disk is spread over.
#[must_use]
pub fn depth(db: &Image, row: &Vdi) -> usize {
    let mut below = row.sm_config.get(BACKING_KEY);
    let mut depth = 1;
    while let Some(location) = below.filter(|_| depth <= CHAIN_MAX) {
        depth += 1;
        let base = at(db, row.sr, location).and_then(|vdi| db.get(vdi));
        below = base.and_then(|base| base.sm_config.get(BACKING_KEY));
    }
    depth
}

/// Whether a disk can be frozen.
///
/// # Errors
/// Its image has no chain, or the chain is too long.
pub fn freezable(db: &Image, disk: Ref<Vdi>) -> Result<(), ApiError> {
    let row = db.require(disk)?;
    let raw = row.sm_config.get(spec::FORMAT_KEY).is_some_and(|format| format == "raw");
    if raw || volume(row).is_err() {
        return Err(ApiError::with(codes::SR_OPERATION_NOT_SUPPORTED, &[&row.sr]));
    }
    if depth(db, row) >= CHAIN_MAX {
        let text = format!(
            "the disk {} has {CHAIN_MAX} volumes in a chain: delete snapshots, or copy it",
            row.name_label
        );
        return Err(ApiError::with(CHAIN_TOO_LONG, &[&"", &text, &""]));
    }
    Ok(())
}

/// The row below a disk whose whole content is there: a snapshot itself, or what was frozen when
/// nothing was written since.
///
/// # Errors
/// The disk is gone.
pub fn still(db: &Image, disk: Ref<Vdi>) -> Result<Option<Ref<Vdi>>, ApiError> {
    let row = db.require(disk)?;
    if row.is_a_snapshot || !children(db, row).is_empty() {
        return Ok(Some(disk));
    }
    if !row.sm_config.contains_key(PRISTINE_KEY) {
        return Ok(None);
    }
    Ok(row.sm_config.get(BACKING_KEY).and_then(|below| at(db, row.sr, below)))
}

/// Notes that nothing was written since a disk was frozen.
///
/// # Errors
/// The disk is gone.
pub fn note_pristine(tx: &mut Tx<'_>, disk: Ref<Vdi>) -> Result<(), ApiError> {
    tx.update(disk, |row: &mut Vdi| {
        row.sm_config.insert(PRISTINE_KEY.to_owned(), "true".to_owned());
    })
}

/// A disk is written to.
///
/// # Errors
/// The disk is gone.
pub fn forget_pristine(tx: &mut Tx<'_>, disk: Ref<Vdi>) -> Result<(), ApiError> {
    tx.update(disk, |row: &mut Vdi| {
        row.sm_config.remove(PRISTINE_KEY);
    })
}

/// A VM may write to its disks from now on.
///
/// # Errors
/// The database refuses.
pub fn touched(tx: &mut Tx<'_>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let Some(row) = tx.get(vm) else { return Ok(()) };
    let disks = super::view::disks(tx, row).into_iter();
    let pristine = disks.filter(|(_, row, _)| row.sm_config.contains_key(PRISTINE_KEY));
    let pristine: Vec<Ref<Vdi>> = pristine.map(|(disk, _, _)| disk).collect();
    for disk in pristine {
        tx.update(disk, |row: &mut Vdi| {
            row.sm_config.remove(PRISTINE_KEY);
        })?;
    }
    Ok(())
}

/// A VM that writes to the disks while they are frozen.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its host.
    pub on: Ref<Host>,
    /// Its uuid.
    pub id: Uuid,
    /// Where its memory is saved too.
    pub memory: Option<String>,
    /// Ask its agent to quiet its file systems.
    pub quiesce: bool,
}

/// A disk that was frozen.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// The disk, which goes on in a new volume.
    pub disk: Ref<Vdi>,
    /// The row of its content until now: unmanaged, until somebody claims it.
    pub base: Ref<Vdi>,
}

/// One disk on its way.
#[derive(Clone, Debug)]
struct Step {
    disk: Ref<Vdi>,
    base: Ref<Vdi>,
    top: Uuid,
    target: String,
}

/// Freezes disks at one instant. `targets` are the names that the writer's devices have.
///
/// # Errors
/// Nothing is frozen then; where it is not known whether the guest has moved on, the disks stay
/// one volume longer, which changes nothing for anybody.
pub async fn freeze(
    state: &Arc<AppState>,
    op: &mut Op,
    disks: Vec<(Ref<Vdi>, String)>,
    writer: Option<Writer>,
) -> Result<Vec<Frozen>, ApiError> {
    let mut steps = Vec::new();
    for (disk, target) in disks {
        let (base, top) = (Ref::<Vdi>::from_uuid(fresh()), fresh());
        let sr = state.pool.read(|db| db.require(disk).map(|row| row.sr)).await??;
        op.step_undo(&Undo::DropVolume { sr, volume: top }).await?;
        overlay(state, disk, top).await?;
        steps.push(Step { disk, base, top, target });
    }
    op.step().await?;
    let moved = steps.clone();
    state.pool.write(move |tx| moved.iter().try_for_each(|step| go_on(tx, step))).await?;
    if let Some(writer) = writer
        && let Err(error) = pivot(state, &steps, &writer).await
    {
        if certain(&error) {
            let back = steps.clone();
            state.pool.write(move |tx| back.iter().try_for_each(|step| go_back(tx, step))).await?;
        }
        return Err(errors::order(writer.on, error));
    }
    Ok(steps.into_iter().map(|step| Frozen { disk: step.disk, base: step.base }).collect())
}

/// Makes an empty volume over the one that a disk is in.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn overlay(state: &Arc<AppState>, disk: Ref<Vdi>, top: Uuid) -> Result<(), ApiError> {
    let here = state.this_host();
    let (on, order) = state
        .pool
        .read(|db| {
            freezable(db, disk)?;
            let row = db.require(disk)?;
            let (on, sr) = spec::sr_host(db, row.sr, here)?;
            let size = u64::try_from(row.virtual_size).map_err(ApiError::internal)?;
            Ok::<_, ApiError>((on, Order::OverlayVolume { sr, base: volume(row)?, to: top, size }))
        })
        .await??;
    state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
    Ok(())
}

fn go_on(tx: &mut Tx<'_>, step: &Step) -> Result<(), ApiError> {
    let old = tx.require(step.disk)?.clone();
    let base = Vdi {
        name_label: BASE_NAME.to_owned(),
        location: old.location.clone(),
        managed: false,
        read_only: true,
        allowed_operations: Vec::new(),
        physical_utilisation: old.physical_utilisation,
        sm_config: old.sm_config.clone(),
        ..vdi::new_row(step.base, old.sr, old.virtual_size)
    };
    tx.insert_with(step.base, base)?;
    claim(tx, step.disk, &file(step.top), Some(&old.location))
}

fn go_back(tx: &mut Tx<'_>, step: &Step) -> Result<(), ApiError> {
    if tx.require(step.disk)?.location != file(step.top) {
        return Ok(());
    }
    let base = tx.require(step.base)?.clone();
    tx.remove(step.base)?;
    let below = base.sm_config.get(BACKING_KEY).cloned();
    claim(tx, step.disk, &base.location, below.as_deref())
}

/// Says which volume a disk is in, and what lies below it. A scan may have found the volume
/// before it was claimed; that row goes.
///
/// # Errors
/// A row is gone.
pub fn claim(
    tx: &mut Tx<'_>,
    disk: Ref<Vdi>,
    location: &str,
    below: Option<&str>,
) -> Result<(), ApiError> {
    let sr = tx.require(disk)?.sr;
    if let Some(found) = at(tx, sr, location).filter(|found| *found != disk)
        && tx.get(found).is_some_and(|row| row.vbds.is_empty())
    {
        tx.remove(found)?;
    }
    tx.update(disk, |row: &mut Vdi| {
        row.location = location.to_owned();
        row.sm_config.insert(spec::FORMAT_KEY.to_owned(), "qcow2".to_owned());
        row.sm_config.remove(PRISTINE_KEY);
        match below {
            Some(below) => row.sm_config.insert(BACKING_KEY.to_owned(), below.to_owned()),
            None => row.sm_config.remove(BACKING_KEY),
        };
    })
}

/// Has the guest go on in the new volumes.
async fn pivot(state: &Arc<AppState>, steps: &[Step], writer: &Writer) -> Result<(), OrderError> {
    let mount = state.config.paths.sr_mount();
    let found = state.pool.read(|db| {
        let disk = |step: &Step| {
            let path = spec::path(db, db.require(step.disk)?, &mount)?;
            Ok(DiskOverlay { target: step.target.clone(), path })
        };
        steps.iter().map(disk).collect::<Result<Vec<_>, ApiError>>()
    });
    let internal = |error: ApiError| OrderError::failed("INTERNAL_ERROR", error.explain());
    let disks = found.await.map_err(internal)?.map_err(internal)?;
    let (memory, quiesce) = (writer.memory.clone(), writer.quiesce);
    let change = Box::new(DomainChange::Snapshot { disks, memory, quiesce });
    let order = Order::ChangeVm { vm: writer.id, change };
    state.orders.send(host::id(writer.on), order).await.map(|_| ())
}

/// The guest writes where it wrote before.
fn certain(error: &OrderError) -> bool {
    match error {
        OrderError::Hypervisor(error) => matches!(
            error,
            HypervisorError::Failed { .. }
                | HypervisorError::NotRunning(_)
                | HypervisorError::Cancelled
        ),
        OrderError::Refused(_) | OrderError::UnknownHost(_) | OrderError::NotCoordinator => true,
        _ => false,
    }
}

/// Undo of a volume that was being made: deletes it unless a disk is in it.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn drop_volume(state: &Arc<AppState>, sr: Ref<Sr>, volume: Uuid) -> Result<(), ApiError> {
    let here = state.this_host();
    let found = state
        .pool
        .read(|db| {
            if at(db, sr, &file(volume)).is_some() {
                return Ok(None);
            }
            spec::sr_host(db, sr, here).map(Some)
        })
        .await??;
    let Some((on, sr)) = found else { return Ok(()) };
    let order = Order::DestroyVolume { sr, vdi: volume };
    state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
    Ok(())
}

/// What becomes of a disk that nobody wants any more.
enum Fate {
    /// Others need its volume: it becomes a base copy.
    Kept,
    /// Its volume can go; below it may be a base copy that nobody needs then.
    Goes { on: Ref<Host>, order: Order, below: Option<Ref<Vdi>> },
}

/// Deletes a disk, or hides it while others need its volume; with it all base copies below that
/// nobody needs any more.
///
/// # Errors
/// No host has the repository attached, or it failed.
pub async fn delete(state: &Arc<AppState>, disk: Ref<Vdi>) -> Result<(), ApiError> {
    let here = state.this_host();
    let mut next = Some(disk);
    for _ in 0..=CHAIN_MAX {
        let Some(disk) = next.take() else { return Ok(()) };
        let fate = state.pool.write(move |tx| judge(tx, disk, here)).await?;
        let Fate::Goes { on, order, below } = fate else { return Ok(()) };
        state.orders.send(host::id(on), order).await.map_err(|error| errors::order(on, error))?;
        state
            .pool
            .write(move |tx| {
                let Some(row) = tx.get(disk) else { return Ok(()) };
                for vbd in row.vbds.clone() {
                    tx.remove(vbd)?;
                }
                tx.remove(disk)
            })
            .await?;
        next = state
            .pool
            .read(|db| {
                let base = below?;
                let row = db.get(base)?;
                (!row.managed && children(db, row).is_empty()).then_some(base)
            })
            .await?;
    }
    Ok(())
}

fn judge(tx: &mut Tx<'_>, disk: Ref<Vdi>, here: Ref<Host>) -> Result<Fate, ApiError> {
    let row = tx.require(disk)?.clone();
    if children(tx, &row).is_empty() {
        let (on, sr) = spec::sr_host(tx, row.sr, here)?;
        let below = row.sm_config.get(BACKING_KEY).and_then(|location| at(tx, row.sr, location));
        // What is no volume of Haven's has none to delete.
        let vdi = volume(&row).or_else(|_| super::rows::uuid(&row.uuid))?;
        return Ok(Fate::Goes { on, order: Order::DestroyVolume { sr, vdi }, below });
    }
    for vbd in row.vbds {
        tx.remove(vbd)?;
    }
    tx.update(disk, |row: &mut Vdi| {
        row.name_label = BASE_NAME.to_owned();
        row.name_description.clear();
        row.managed = false;
        row.is_a_snapshot = false;
        row.snapshot_of = Ref::NULL;
        row.allowed_operations = Vec::new();
    })?;
    Ok(Fate::Kept)
}

/// Makes a disk above another one's volume: a clone that takes no space at first.
///
/// # Errors
/// As [`overlay`].
pub async fn branch(
    state: &Arc<AppState>,
    op: &mut Op,
    base: Ref<Vdi>,
    to: Ref<Vdi>,
    row: Vdi,
) -> Result<(), ApiError> {
    let top = Uuid::from_u128(to.id().0);
    op.step_undo(&Undo::DropVolume { sr: row.sr, volume: top }).await?;
    overlay(state, base, top).await?;
    state
        .pool
        .write(move |tx| {
            let below = tx.require(base)?.location.clone();
            if let Some(found) = at(tx, row.sr, &file(top)) {
                tx.remove(found)?;
            }
            tx.insert_with(to, row)?;
            claim(tx, to, &file(top), Some(&below))
        })
        .await
}
