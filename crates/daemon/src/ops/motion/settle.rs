//! How a move ends: by what the database says, whoever comes to it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use haven_drivers::hypervisor::{DiskState, DomainChange, HypervisorError};
use haven_model::{ApiError, Ref, Vbd, Vdi, Vm};
use haven_pooldb::Image;
use haven_tasks::TaskId;

use super::{Guest, Mark, change, failed, look, rows, send};
use crate::ops::{chain, placement};
use crate::orders::{Order, OrderError};
use crate::state::{AppState, fresh};
use crate::tasks::Plan;

/// Steps in which a guest is brought to where the database says: one to end the copy, one to find
/// out that it failed, one to see the result.
const STEPS_MAX: u32 = 6;

/// Pause between them after the first.
const STEP_PAUSE: Duration = Duration::from_millis(100);

/// Ends a move, and deletes the disk that the machine does not have. Nothing happens when it is
/// ended already.
///
/// # Errors
/// The host of the machine does not answer: it is not ended.
pub async fn end(state: &Arc<AppState>, mark: Mark) -> Result<(), ApiError> {
    let open = state.pool.read(|db| is_open(db, mark)).await?;
    if open {
        let (_, lost) = decided(state, mark).await?;
        discard(state, lost);
    }
    Ok(())
}

fn is_open(db: &Image, mark: Mark) -> bool {
    let marked = |disk| db.get(disk).and_then(rows::mark_of) == Some(mark);
    marked(mark.from) || marked(mark.to)
}

/// Ends the moves of a machine's disks that nobody works on any more.
///
/// # Errors
/// As [`end`].
pub async fn settle(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let open = |db: &Image| {
        let vbds = db.get(vm).map(|row| row.vbds.clone()).unwrap_or_default();
        let disks = vbds.iter().filter_map(|vbd| db.get::<Vbd>(*vbd)).map(|vbd| vbd.vdi);
        disks.filter_map(|disk| db.get(disk).and_then(rows::mark_of)).collect::<Vec<Mark>>()
    };
    for mark in state.pool.read(open).await? {
        tracing::warn!(disk = %mark.from, %vm, "a move of a disk was left open; it is ended now");
        end(state, mark).await?;
    }
    Ok(())
}

/// Brings the guest to the disk that the database names. Answers whether that is the new one, and
/// the other one.
///
/// # Errors
/// As [`end`].
pub(super) async fn decided(
    state: &Arc<AppState>,
    mark: Mark,
) -> Result<(bool, Ref<Vdi>), ApiError> {
    let mount = state.config.paths.sr_mount();
    let both = |db: &Image| db.get(mark.from).is_some() && db.get(mark.to).is_some();
    let guest = state
        .pool
        .read(|db| if both(db) { rows::guest(db, mark, &mount) } else { Ok(None) })
        .await??;
    if let Some(guest) = guest {
        follow(state, mark, &guest).await?;
    }
    state.pool.write(move |tx| Ok((rows::has_moved(tx, mark), rows::decide(tx, mark)?))).await
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The guest leaves the old disk.
    Pivot,
    /// The copy is given up.
    Abort,
    /// The guest has the disk that the database does not name, and the database follows it.
    Rename,
    /// The guest is where the database says.
    Done,
    /// It is in neither of the two.
    Lost,
}

fn next(disk: &DiskState, guest: &Guest, moved: bool) -> Next {
    let (old, new) = (disk.path == guest.from_path, disk.path == guest.to_path);
    let copies = disk.copy.as_ref().is_some_and(|copy| copy.path == guest.to_path);
    match copies {
        _ if !old && !new => Next::Lost,
        false if new == moved => Next::Done,
        false => Next::Rename,
        true if new => Next::Lost,
        true if !moved => Next::Abort,
        // The copy is certainly equal to the disk only while the guest stands still.
        true if disk.executes => Next::Rename,
        true => Next::Pivot,
    }
}

async fn follow(state: &Arc<AppState>, mark: Mark, guest: &Guest) -> Result<(), ApiError> {
    let mut touched = false;
    for _ in 0..STEPS_MAX {
        let disk = match look(state, guest).await {
            Ok(disk) => disk,
            Err(OrderError::Hypervisor(HypervisorError::NotRunning(_))) => return Ok(()),
            Err(error) => return Err(failed(guest, error)),
        };
        let moved = state.pool.read(|db| rows::has_moved(db, mark)).await?;
        match next(&disk, guest, moved) {
            Next::Pivot => match end_copy(state, guest, true).await {
                Err(OrderError::Hypervisor(HypervisorError::Failed { text, .. })) => {
                    tracing::warn!(vm = %guest.id, text, "the guest stays in its old disk");
                    name(state, mark, (guest, false)).await?;
                }
                other => other.map_err(|error| failed(guest, error))?,
            },
            Next::Abort => match end_copy(state, guest, false).await {
                // It ended by itself; the next look tells.
                Err(OrderError::Hypervisor(HypervisorError::Failed { .. })) => {}
                other => other.map_err(|error| failed(guest, error))?,
            },
            Next::Rename => {
                name(state, mark, (guest, disk.path == guest.to_path)).await?;
            }
            Next::Done => return resume(state, mark, guest, (&disk, touched)).await,
            Next::Lost => {
                let text = format!("disk {} of {} is at {}", guest.target, guest.id, disk.path);
                return Err(ApiError::internal(text));
            }
        }
        if touched {
            tokio::time::sleep(STEP_PAUSE).await;
        }
        touched = true;
    }
    Err(ApiError::internal("the copy of a disk does not end"))
}

async fn end_copy(state: &Arc<AppState>, guest: &Guest, pivot: bool) -> Result<(), OrderError> {
    let target = guest.target.clone();
    change(state, guest, DomainChange::EndCopy { target, pivot }).await
}

/// The database names the disk that the guest has; not if its host was buried meanwhile, and the
/// machine was started anew with the disk that was named until now.
async fn name(
    state: &Arc<AppState>,
    mark: Mark,
    (guest, new): (&Guest, bool),
) -> Result<(), ApiError> {
    let (vm, number, on) = (guest.vm, guest.placement, guest.on);
    state
        .pool
        .write(move |tx| {
            if !placement::is_still(tx, vm, number) || tx.require(vm)?.resident_on != on {
                return Err(placement::overtaken(on));
            }
            match (rows::has_moved(tx, mark), new) {
                (true, false) => rows::exchange(tx, mark.to, mark.from),
                (false, true) => rows::exchange(tx, mark.from, mark.to),
                _ => Ok(()),
            }
        })
        .await
}

/// A guest that was paused for the switch goes on; one that was started anew is not touched.
async fn resume(
    state: &Arc<AppState>,
    mark: Mark,
    guest: &Guest,
    (disk, touched): (&DiskState, bool),
) -> Result<(), ApiError> {
    let same = state.pool.read(|db| placement::number(db, guest.vm) == mark.placement).await?;
    if !mark.runs || disk.executes || !(same || touched) {
        return Ok(());
    }
    let unpause = Order::UnpauseVm { vm: guest.id };
    send(state, guest, unpause).await.map(|_| ()).map_err(|error| failed(guest, error))
}

/// Has a disk deleted that was left behind, while the operation ends: its storage may hang, and the
/// machine is not to wait for it.
pub(super) fn discard(state: &Arc<AppState>, lost: Ref<Vdi>) {
    let state = state.clone();
    tokio::spawn(async move { delete(&state, lost).await });
}

/// Deletes a disk that was left behind. If that fails, it is tried again later.
async fn delete(state: &Arc<AppState>, lost: Ref<Vdi>) {
    let left = state.pool.read(|db| db.get(lost).is_some_and(|row| is_free(db, row))).await;
    if !left.unwrap_or(false) {
        return;
    }
    let deleted = chain::delete(state, lost).await;
    let gone = state.pool.read(|db| db.get(lost).is_none()).await.unwrap_or(true);
    if let Err(error) = deleted
        && !gone
    {
        tracing::warn!(%error, vdi = %lost, "a disk that a move left behind is not deleted yet");
    }
}

fn is_free(db: &Image, row: &Vdi) -> bool {
    rows::is_left(row) && row.vbds.iter().all(|vbd| db.get(*vbd).is_none())
}

/// Ends what earlier operations left: moves, and the deletion of what they left behind. Called now
/// and then.
pub async fn sweep(state: Arc<AppState>) {
    let Ok((open, left)) = state.pool.read(unfinished).await else { return };
    for (mark, vm) in open {
        let plan = Plan::new("pool_migrate").exclusive(mark.from).exclusive(mark.to);
        let plan = vm.into_iter().fold(plan, Plan::exclusive).step("end a move", 1);
        let with = state.clone();
        alone(&state, plan, async move { end(&with, mark).await }).await;
    }
    for disk in left {
        let plan = Plan::new("destroy").exclusive(disk).step("delete the volume", 1);
        let with = state.clone();
        alone(&state, plan, async move {
            delete(&with, disk).await;
            Ok(())
        })
        .await;
    }
}

/// A move that nobody works on, with its machine.
type Open = (Mark, Option<Ref<Vm>>);

/// Moves that nobody works on, and disks that are to be deleted.
fn unfinished(db: &Image) -> (Vec<Open>, Vec<Ref<Vdi>>) {
    let (mut open, mut left) = (Vec::new(), Vec::new());
    for (disk, row) in db.iter::<Vdi>().filter(|(_, row)| row.current_operations.is_empty()) {
        if let Some(mark) = rows::mark_of(row) {
            let vm = db.get(mark.vbd).map(|device| device.vm);
            let busy =
                vm.and_then(|vm| db.get(vm)).is_some_and(|vm| !vm.current_operations.is_empty());
            if !busy && !open.contains(&(mark, vm)) {
                open.push((mark, vm));
            }
        } else if is_free(db, row) {
            left.push(disk);
        }
    }
    (open, left)
}

/// Runs `work` with what it needs for itself; not if somebody has it.
async fn alone(
    state: &Arc<AppState>,
    plan: Plan,
    work: impl Future<Output = Result<(), ApiError>> + Send + 'static,
) {
    let Ok(runner) = state.runner() else { return };
    let ran = runner.run(TaskId(fresh()), plan, move |mut op| async move {
        op.step().await?;
        work.await.map(|()| haven_model::Value::void())
    });
    if let Err(error) = ran.await {
        tracing::info!(%error, "a move that was left open is not ended yet");
    }
}

#[cfg(test)]
mod tests {
    use haven_drivers::hypervisor::CopyState;
    use haven_model::Host;

    use super::*;

    fn guest() -> Guest {
        Guest {
            vm: Ref::NULL,
            on: Ref::<Host>::NULL,
            id: uuid::Uuid::nil(),
            placement: 0,
            target: "vda".to_owned(),
            from_path: "/old".to_owned(),
            to_path: "/new".to_owned(),
        }
    }

    /// All that a host can say of a disk, and what the database can.
    #[test]
    fn a_guest_follows_the_database_only_while_it_stands_still() {
        let judge = |path: &str, copies: bool, executes: bool, moved: bool| {
            let copy = CopyState { path: "/new".to_owned(), ..CopyState::default() };
            let copy = copies.then_some(copy);
            next(&DiskState { path: path.to_owned(), executes, copy }, &guest(), moved)
        };
        for executes in [true, false] {
            assert_eq!(judge("/old", true, executes, false), Next::Abort);
            assert_eq!(judge("/old", false, executes, false), Next::Done);
            assert_eq!(judge("/new", false, executes, true), Next::Done);
            assert_eq!(judge("/old", false, executes, true), Next::Rename);
            assert_eq!(judge("/new", false, executes, false), Next::Rename);
            assert_eq!(judge("/else", false, executes, true), Next::Lost);
        }
        assert_eq!(judge("/old", true, false, true), Next::Pivot);
        assert_eq!(judge("/old", true, true, true), Next::Rename, "it writes there");
    }
}
