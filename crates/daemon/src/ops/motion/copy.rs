//! The copy of a disk under its guest.

use std::sync::Arc;
use std::time::Duration;

use haven_drivers::hypervisor::{CopyState, DiskCopy, DiskFormat, DomainChange};
use haven_model::{ApiError, codes};
use tokio::time::Instant;

use super::{Guest, Job, change, failed, look, rows};
use crate::ops::{errors, host, spec, vdi};
use crate::orders::{Order, OrderError, OrderReply};
use crate::state::AppState;
use crate::tasks::Op;

/// How often it is looked how far the copy is.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// So long a host may be silent about a copy until it counts as broken off: a daemon may restart.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// What a copy took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) bytes: u64,
    pub(super) began: Instant,
}

/// Makes the new volume, where the machine's host sees it.
pub(super) async fn prepare(state: &Arc<AppState>, job: Job) -> Result<Guest, ApiError> {
    let mount = state.config.paths.sr_mount();
    let (order, on) = state
        .pool
        .write(move |tx| {
            rows::begin(tx, job)?;
            let row = tx.require(job.mark.to)?;
            let size = u64::try_from(row.virtual_size).map_err(ApiError::internal)?;
            let vdi = crate::ops::rows::uuid(&row.uuid)?;
            let sr = spec::sr(tx, job.sr, job.mark.on)?;
            Ok((Order::CreateVolume { sr, vdi, size }, job.mark.on))
        })
        .await?;
    let reply = state.orders.send(host::id(on), order).await;
    vdi::settle(state, job.mark.to, reply.map_err(|error| errors::order(on, error))?).await?;
    let guest = state.pool.read(|db| rows::guest(db, job.mark, &mount)).await??;
    guest.ok_or_else(|| ApiError::with(codes::HOST_OFFLINE, &[&on]))
}

/// Copies until the copy has all and gets every write.
pub(super) async fn copy(
    state: &Arc<AppState>,
    op: &Op,
    (job, guest): (Job, &Guest),
) -> Result<Copied, ApiError> {
    let begin = DomainChange::CopyDisk(DiskCopy {
        target: guest.target.clone(),
        path: guest.to_path.clone(),
        format: DiskFormat::Qcow2,
        bandwidth_mib_s: job.bandwidth_mib_s,
    });
    let began = Instant::now();
    change(state, guest, begin).await.map_err(|error| refused(guest, error))?;
    let watched = state.moving_disks.watch(job.mark, guest.id);
    let mut heard = Instant::now();
    let mut last = CopyState::default();
    loop {
        op.check_cancelled()?;
        match look(state, guest).await {
            Ok(disk) => {
                heard = Instant::now();
                let Some(copy) = disk.copy.filter(|copy| copy.path == guest.to_path) else {
                    return Err(broke_off(state, job, &last).await);
                };
                if copy.ready {
                    return Ok(Copied { bytes: copy.total_bytes, began });
                }
                watched.note(&copy);
                progress(op, &copy).await;
                last = copy;
            }
            Err(error) if heard.elapsed() > SILENT_MAX || !is_silence(&error) => {
                return Err(failed(guest, error));
            }
            Err(error) => tracing::debug!(%error, "a host is silent about a copy"),
        }
        if !is_there(state, guest).await {
            return Err(ApiError::with(codes::HOST_OFFLINE, &[&guest.on]));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            () = op.interrupted() => {}
        }
    }
}

async fn is_there(state: &Arc<AppState>, guest: &Guest) -> bool {
    let on = state.pool.read(|db| db.get(guest.vm).map(|row| row.resident_on)).await;
    matches!(on, Ok(Some(on)) if on == guest.on)
}

/// The host may answer again, and the copy goes on meanwhile.
fn is_silence(error: &OrderError) -> bool {
    use haven_drivers::hypervisor::HypervisorError;
    matches!(
        error,
        OrderError::Unreachable { .. }
            | OrderError::OutcomeUnknown { .. }
            | OrderError::Hypervisor(
                HypervisorError::Deadline { .. } | HypervisorError::Disconnected(_)
            )
    )
}

/// The hypervisor does not copy the disk.
fn refused(guest: &Guest, error: OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError;
    match error {
        OrderError::Hypervisor(HypervisorError::Failed { text, .. }) => {
            ApiError::with(codes::SR_BACKEND_FAILURE, &[&"", &text, &""])
        }
        other => failed(guest, other),
    }
}

async fn progress(op: &Op, copy: &CopyState) {
    if copy.total_bytes > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
        op.progress(copy.done_bytes as f64 / copy.total_bytes as f64).await;
    }
}

/// The hypervisor does not say why a copy ended; the storage may.
async fn broke_off(state: &Arc<AppState>, job: Job, last: &CopyState) -> ApiError {
    let left = last.total_bytes.saturating_sub(last.done_bytes);
    let on = job.mark.on;
    let asked = state.pool.read(|db| spec::sr(db, job.sr, on)).await;
    if let Ok(Ok(sr)) = asked
        && let Ok(OrderReply::Space(space)) =
            state.orders.send(host::id(on), Order::SrSpace { sr }).await
    {
        let free = space.physical_size.saturating_sub(space.physical_utilisation);
        if free < left {
            return ApiError::with(codes::SR_FULL, &[&left, &free]);
        }
    }
    ApiError::new(codes::VDI_COPY_FAILED, Vec::new())
}
