//! The instant at which a machine goes on in the copy of its disk.

use std::sync::Arc;
use std::time::Duration;

use haven_model::{ApiError, Ref, Vm, VmMetrics, codes};
use tokio::time::Instant;

use super::copy::Copied;
use super::{Guest, Job, Mark, failed, look, rows, send, settle};
use crate::ops::placement;
use crate::orders::Order;
use crate::state::{AppState, now};

/// A guest that took so long to pause and to be looked at goes on with its old disk.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Times that the end of a decided move is tried before whoever comes later ends it.
const END_ATTEMPTS_MAX: u32 = 5;
/// Pause between them.
const END_RETRY: Duration = Duration::from_millis(500);
/// Keys of `VM_metrics.other_config` that keep what the last move of a disk measured.
const PAUSE_KEY: &str = "last_disk_move_pause_ms";
const ELAPSED_KEY: &str = "last_disk_move_ms";
const BYTES_KEY: &str = "last_disk_move_bytes";

/// Pauses the guest, writes that its disk is the copy, and has it go on there. The old disk is
/// deleted.
pub(super) async fn switch(
    state: &Arc<AppState>,
    (job, guest): (Job, &Guest),
    copied: Copied,
) -> Result<(), ApiError> {
    let paused = Instant::now();
    if job.mark.runs {
        let pause = Order::PauseVm { vm: guest.id };
        send(state, guest, pause).await.map_err(|error| failed(guest, error))?;
    }
    // The guest does not write, and the hypervisor has flushed: what is ready now is equal, and
    // stays so until somebody lets the guest go on.
    let disk = look(state, guest).await.map_err(|error| failed(guest, error))?;
    let equal = disk.copy.is_some_and(|copy| copy.ready && copy.path == guest.to_path);
    if disk.executes || disk.path != guest.from_path || !equal {
        return Err(ApiError::new(codes::VDI_COPY_FAILED, Vec::new()));
    }
    if paused.elapsed() > PAUSE_MAX {
        return Err(ApiError::with(codes::CANNOT_CONTACT_HOST, &[&guest.on]));
    }
    let (mark, vm) = (job.mark, job.vm);
    state.pool.write(move |tx| decide(tx, mark, vm)).await?;
    let lost = finish(state, mark).await?;
    let pause = paused.elapsed();
    let noted = state.pool.write(move |tx| note(tx, vm, copied, pause)).await;
    if let Err(error) = noted {
        tracing::warn!(%error, "what a move measured was not written down");
    }
    settle::discard(state, lost);
    Ok(())
}

/// From here on the machine has the new disk.
fn decide(tx: &mut haven_pooldb::Tx<'_>, mark: Mark, vm: Ref<Vm>) -> Result<(), ApiError> {
    let same = placement::number(tx, vm) == mark.placement;
    if !same || tx.require(vm)?.resident_on != mark.on || tx.require(mark.vbd)?.vdi != mark.from {
        return Err(placement::overtaken(mark.on));
    }
    rows::exchange(tx, mark.from, mark.to)
}

/// Has the guest follow; answers the disk that was left behind.
async fn finish(state: &Arc<AppState>, mark: Mark) -> Result<Ref<haven_model::Vdi>, ApiError> {
    let mut attempt = 1;
    loop {
        match settle::decided(state, mark).await {
            Ok((true, lost)) => return Ok(lost),
            Ok((false, lost)) => {
                settle::discard(state, lost);
                return Err(ApiError::new(codes::VDI_COPY_FAILED, Vec::new()));
            }
            Err(error) if attempt >= END_ATTEMPTS_MAX => return Err(error),
            Err(error) => tracing::warn!(%error, "a machine has not gone on in its new disk yet"),
        }
        attempt += 1;
        tokio::time::sleep(END_RETRY).await;
    }
}

fn note(
    tx: &mut haven_pooldb::Tx<'_>,
    vm: Ref<Vm>,
    copied: Copied,
    pause: Duration,
) -> Result<(), ApiError> {
    let metrics = tx.require(vm)?.metrics;
    if tx.get(metrics).is_none() {
        return Ok(());
    }
    tx.update(metrics, |row: &mut VmMetrics| {
        let notes = [
            (PAUSE_KEY, pause.as_millis()),
            (ELAPSED_KEY, copied.began.elapsed().as_millis()),
            (BYTES_KEY, u128::from(copied.bytes)),
        ];
        for (key, value) in notes {
            row.other_config.insert(key.to_owned(), value.to_string());
        }
        row.last_updated = now();
    })
}
