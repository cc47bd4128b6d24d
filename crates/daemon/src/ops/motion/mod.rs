//! Disks of running machines that go to another repository.
//!
//! A disk is copied while its guest writes to it. When the copy has all, the guest is paused; both
//! disks are equal then and stay so. Only now the database names the copy, durably, and only then
//! the guest is told to go on in it (docs/decisions/0012). Whoever finds a move that nobody works on
//! any more ends it by what the database says: [`settle`].
//!
//! Owns: the marks in `VDI.sm_config` that say that a disk is on its way, and their end. Never
//! touches a guest that does not run where the mark says.

mod copy;
mod rows;
mod settle;
mod switch;
pub mod watch;

use std::sync::Arc;

use haven_drivers::hypervisor::{DiskState, DomainChange};
use haven_model::{ApiError, Field, Host, Ref, Sr, Value, Vbd, Vdi, Vm, codes};
use haven_pooldb::Image;
use uuid::Uuid;

use super::options::{self, Options};
use super::vm::state::Undo;
use super::{errors, host};
use crate::dispatch::Call;
use crate::orders::{Order, OrderError, OrderReply};
use crate::state::{AppState, fresh};
use crate::tasks::{Op, Plan};

pub use haven_tasks::Mark;
pub use rows::{check, is_moving};
pub use settle::{end, settle, sweep};

/// A move that somebody asked for, and that can be made.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub(super) mark: Mark,
    pub(super) vm: Ref<Vm>,
    pub(super) sr: Ref<Sr>,
    /// MiB a second, 0 for no limit.
    pub(super) bandwidth_mib_s: u64,
    /// Even if the pool then tolerates fewer failures than it should.
    pub(super) forced: bool,
}

/// A machine's disk as its host knows it.
#[derive(Clone, Debug)]
struct Guest {
    vm: Ref<Vm>,
    on: Ref<Host>,
    id: Uuid,
    /// The number of its placement when it was read: what its host says counts only under that.
    placement: u64,
    target: String,
    from_path: String,
    to_path: String,
}

/// What may be said of a move beside where the disk goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// MiB a second, 0 for no limit.
    pub bandwidth_mib_s: u64,
    /// Even if the pool then tolerates fewer failures than it should.
    pub forced: bool,
}

impl How {
    /// Of the options of `VDI.pool_migrate`: `bandwidth` (MiB/s), `force`.
    ///
    /// # Errors
    /// `INVALID_VALUE`.
    pub fn read(given: &Options) -> Result<Self, ApiError> {
        let bandwidth_mib_s = options::bandwidth_mib_s(given)?;
        Ok(Self { bandwidth_mib_s, forced: options::flag(given, "force", false)? })
    }
}

/// `VDI.pool_migrate` of a disk that a running machine has. Answers the new disk, as XenServer does.
pub async fn pool_migrate(
    call: Arc<Call>,
    (vbd, from, sr): (Ref<Vbd>, Ref<Vdi>, Ref<Sr>),
) -> Result<Value, ApiError> {
    let how = How::read(&call.arg_or(2, Options::new())?)?;
    let found = call.read(|db| check(db, vbd, (from, sr))).await?;
    let to = Ref::<Vdi>::from_uuid(fresh());
    let mut plan = Plan::new("pool_migrate").exclusive(found.vm).exclusive(from).exclusive(to);
    for other in found.others {
        plan = plan.exclusive(other);
    }
    let plan = steps(plan, 16).cancellable();
    let state = call.state.clone();
    call.run(plan, move |mut op| async move {
        super::vm::migrate::settle(&state, found.vm).await?;
        carry(&state, &mut op, (vbd, from, to), (sr, how)).await?;
        op.commit().await;
        Ok(to.to_value())
    })
    .await
}

/// The steps of one disk's move, of which the copy has this weight.
#[must_use]
pub fn steps(plan: Plan, weight: u32) -> Plan {
    let plan = plan.step("make the new volume", 1).step("copy the disk", weight);
    plan.step("switch the machine over", 1)
}

/// Moves one disk of a running machine, whose objects the operation holds.
///
/// # Errors
/// The machine runs with the old disk then; where that could not be made sure of yet, whoever ends
/// the move does.
pub async fn carry(
    state: &Arc<AppState>,
    op: &mut Op,
    (vbd, from, to): (Ref<Vbd>, Ref<Vdi>, Ref<Vdi>),
    (sr, how): (Ref<Sr>, How),
) -> Result<(), ApiError> {
    let job = state.pool.read(|db| rows::job(db, (vbd, from, to), (sr, how))).await??;
    op.step_undo(&Undo::EndMove { mark: job.mark }).await?;
    let guest = copy::prepare(state, job).await?;
    op.step().await?;
    let copied = copy::copy(state, op, (job, &guest)).await?;
    op.step().await?;
    switch::switch(state, (job, &guest), copied).await
}

/// Sends an order about a guest, as long as the database says that it runs there: who waits for a
/// host that died keeps the machine from being restarted.
async fn send(
    state: &Arc<AppState>,
    guest: &Guest,
    order: Order,
) -> Result<OrderReply, OrderError> {
    let left = async {
        loop {
            tokio::time::sleep(copy::LOOK_INTERVAL).await;
            let on = state.pool.read(|db| db.get(guest.vm).map(|row| row.resident_on)).await;
            if !matches!(on, Ok(Some(on)) if on == guest.on) {
                return;
            }
        }
    };
    let gone = || OrderError::Unreachable {
        host: host::id(guest.on).0,
        text: "the machine does not run there any more".to_owned(),
    };
    tokio::select! {
        reply = state.orders.send(host::id(guest.on), order) => reply,
        () = left => Err(gone()),
    }
}

/// Where the disk of a guest is.
async fn look(state: &Arc<AppState>, guest: &Guest) -> Result<DiskState, OrderError> {
    let order = Order::DiskState { vm: guest.id, target: guest.target.clone() };
    match send(state, guest, order).await? {
        OrderReply::Disk(disk) => Ok(*disk),
        _ => Err(OrderError::failed("INTERNAL_ERROR", "an unexpected answer about a disk")),
    }
}

/// Changes a guest.
async fn change(
    state: &Arc<AppState>,
    guest: &Guest,
    change: DomainChange,
) -> Result<(), OrderError> {
    let order = Order::ChangeVm { vm: guest.id, change: Box::new(change) };
    send(state, guest, order).await.map(|_| ())
}

/// The API error of an order about a guest.
fn failed(guest: &Guest, error: OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError;
    match error {
        OrderError::Hypervisor(HypervisorError::NotRunning(_)) => {
            ApiError::with(codes::VM_BAD_POWER_STATE, &[&guest.vm, &"running", &"halted"])
        }
        other => errors::order(guest.on, other),
    }
}

/// The device by which a running machine has a disk, if one has.
#[must_use]
pub fn plugged(db: &Image, disk: Ref<Vdi>) -> Option<Ref<Vbd>> {
    let row = db.get(disk)?;
    let mut all = row.vbds.iter().copied();
    all.find(|vbd| {
        let vbd = db.get(*vbd).filter(|vbd| vbd.currently_attached);
        vbd.and_then(|vbd| db.get(vbd.vm)).is_some_and(|vm| vm.resident_on.non_null().is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let read = |given: &[(&str, &str)]| {
            let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            How::read(&given.collect())
        };
        assert_eq!(read(&[("live", "true")]), Ok(How::default()));
        let all = [("bandwidth", "80"), ("force", "true")];
        assert_eq!(read(&all), Ok(How { bandwidth_mib_s: 80, forced: true }));
        for bad in ["fast", "-1", "1048577"] {
            assert_eq!(read(&[("bandwidth", bad)]).unwrap_err().params, ["bandwidth", bad]);
        }
        assert_eq!(read(&[("force", "yes")]).unwrap_err().code, "INVALID_VALUE");
    }
}
