//! Live migration within the pool.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::EpochNumber;
use haven_drivers::hypervisor::{MigratePace, MigrateStats};
use haven_failover::migration::{self, Part};
use haven_failover::{Found, Migration, Search};
use haven_model::{
    ApiError, Holder, Host, Ref, Value, Vm, VmMetrics, VmOperations, VmPowerState, alerts, codes,
};
use haven_planner as planner;
use haven_tasks::TaskId;
use serde_json::json;
use uuid::Uuid;

use super::disks::{self, Moved};
use super::moving::Watched;
use super::search::{self, Sought};
use super::state::{self as vm_state, Undo};
use super::way::{self, Way};
use crate::dispatch::Call;
use crate::ops::options::{self, Options};
use crate::ops::{admission, allowed, errors, host, motion, news, placement, view};
use crate::orders::{Order, OrderReply, Via};
use crate::state::AppState;
use crate::tasks::{Op, Plan};

/// How often progress is asked for.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Keys of `VM_metrics.other_config` that keep what the last migration measured.
const DOWNTIME_KEY: &str = "last_migration_downtime_ms";
const ELAPSED_KEY: &str = "last_migration_elapsed_ms";
const BYTES_KEY: &str = "last_migration_bytes";

/// `VM.pool_migrate(vm, host, options)`.
pub async fn pool_migrate(call: Arc<Call>) -> Result<Value, ApiError> {
    let options: Options = call.arg_or(2, Options::new())?;
    if options.get("live").is_some_and(|live| live == "false") {
        return Err(ApiError::not_allowed("only live migration is possible (live=true)"));
    }
    let mut how = How::read(&options)?;
    let (vm, to) = (call.arg(0)?, call.arg(1)?);
    let disks = match options.get(disks::OPTION).cloned() {
        Some(sr) => call.read(move |db| disks::all(db, (vm, to), &sr)).await?,
        None => Vec::new(),
    };
    if let Some(network) = options.get(way::OPTION).cloned() {
        how.way = Way::Only(call.read(move |db| way::network(db, &network)).await?);
    }
    migrate_with(&call.state, call.task_id(), vm, (to, how), disks).await
}

/// What a person may ask of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Even if the pool then tolerates fewer failures than it should.
    pub forced: bool,
    /// How fast, and at whose cost.
    pub pace: MigratePace,
    /// On which network.
    pub way: Way,
}

impl How {
    /// Of the options of `VM.pool_migrate`: `force`, `compress`, `auto_converge` (true or false),
    /// `bandwidth` (MiB/s, 0 for no limit). `network` needs the database.
    fn read(given: &Options) -> Result<Self, ApiError> {
        let pace = MigratePace {
            bandwidth_mib_s: options::bandwidth_mib_s(given)?,
            compress: options::flag(given, "compress", false)?,
            slow_guest: options::flag(given, "auto_converge", true)?,
        };
        Ok(Self { forced: options::flag(given, "force", false)?, pace, way: Way::Usual })
    }
}

/// Moves a VM to another host while it runs.
///
/// # Errors
/// It does not run, the host cannot take it, or the move failed; then it runs where it was.
pub async fn migrate(
    state: &Arc<AppState>,
    task: TaskId,
    vm: Ref<Vm>,
    at: (Ref<Host>, How),
) -> Result<Value, ApiError> {
    migrate_with(state, task, vm, at, Vec::new()).await
}

/// The same with disks that go to other repositories first.
///
/// # Errors
/// As [`migrate`]; disks that have moved by then stay where they are.
pub async fn migrate_with(
    state: &Arc<AppState>,
    task: TaskId,
    vm: Ref<Vm>,
    (to, how): (Ref<Host>, How),
    disks: Vec<Moved>,
) -> Result<Value, ApiError> {
    let operation = VmOperations::PoolMigrate;
    let ((from, id), via) = state
        .pool
        .read(|db| {
            allowed::vm_operation(vm, db.require(vm)?, operation)?;
            db.require(to)?;
            let residence = vm_state::residence(db, vm)?;
            way::via(db, (residence.0, to), how.way).map(|via| (residence, via))
        })
        .await??;
    if from == to && disks.is_empty() {
        return Ok(Value::void());
    }
    let plan = disks::plan(Plan::new(operation.as_str()).exclusive(vm), &disks);
    let steps = if from == to { &[][..] } else { &migration::STEPS };
    let plan = steps.iter().fold(plan, |plan, (name, weight)| plan.step(name, *weight));
    let plan = plan.cancellable();
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let job = Job { vm, id, from, to, how, via, disks };
    runner.run(task, plan, move |mut op| async move { carry_out(&state, &mut op, job).await }).await
}

/// A migration that was asked for.
struct Job {
    vm: Ref<Vm>,
    id: Uuid,
    from: Ref<Host>,
    to: Ref<Host>,
    how: How,
    via: Option<Via>,
    disks: Vec<Moved>,
}

/// Does the parts of a migration, in the order of `haven_failover::Migration`.
async fn carry_out(state: &Arc<AppState>, op: &mut Op, job: Job) -> Result<Value, ApiError> {
    let Job { vm, id, from, to, how, via, disks } = job;
    let mut migration = Migration::default();
    let mut placed = (EpochNumber(0), 0);
    let mut stats = MigrateStats::default();
    while let Some(part) = migration.part() {
        match part {
            Part::Settle => {
                settle(state, vm).await?;
                disks::carry(state, op, &disks, how).await?;
                if from == to {
                    op.commit().await;
                    return Ok(Value::void());
                }
            }
            Part::Begin { undo: true } => {
                op.step_undo(&Undo::EndMigration { vm, from, to }).await?;
            }
            Part::Begin { undo: false } => op.step().await?,
            Part::Reserve => placed = reserve(state, vm, from, (to, how.forced)).await?,
            Part::Prepare => prepare(state, (vm, id), (from, to), placed).await?,
            Part::Send => {
                let (to_id, placement, pace) = (host::id(to), placed.1, how.pace);
                let order = Order::MigrateVm { vm: id, to: to_id, placement, pace, via };
                stats = copy(state, op, (id, order), from, to).await?;
            }
            Part::Arrived => arrived(state, vm, to, stats).await?,
            Part::Commit => op.commit().await,
            Part::CloseWay => {
                let finish = Order::FinishMigrateIn { vm: id, placement: placed.1 };
                if let Err(error) = state.orders.send(host::id(to), finish).await {
                    tracing::warn!(%error, "the destination closes its way in by itself later");
                }
            }
        }
        migration.done();
    }
    Ok(Value::void())
}

/// Has the destination expect the VM, with the networks that it needs.
async fn prepare(
    state: &Arc<AppState>,
    (vm, id): (Ref<Vm>, Uuid),
    (from, to): (Ref<Host>, Ref<Host>),
    (epoch, placement): (EpochNumber, u64),
) -> Result<(), ApiError> {
    let bridges = state.pool.read(|db| super::nics::bridges(db, vm, to)).await??;
    let prepare = Order::PrepareMigrateIn { vm: id, placement, from: host::id(from) };
    for order in bridges.into_iter().map(|(_, order)| order).chain([prepare]) {
        // The holder is the life that the host had then: another one must not take it in.
        let sent = state.orders.send_under(epoch, host::id(to), order).await;
        sent.map_err(|error| errors::order(to, error))?;
    }
    Ok(())
}

/// Names both hosts as holders, before either may run the VM on the other's behalf.
async fn reserve(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    from: Ref<Host>,
    (to, forced): (Ref<Host>, bool),
) -> Result<(EpochNumber, u64), ApiError> {
    let lives = state.lives();
    let epoch = EpochNumber(lives.epoch);
    let number = state
        .pool
        .write(move |tx| {
            let row = tx.require(vm)?;
            if row.resident_on != from {
                return Err(ApiError::internal("the VM has moved meanwhile"));
            }
            let wanted = view::vm(tx, vm, row);
            let pool = view::current(tx);
            super::query::fits_in(tx, &pool, vm, &wanted, (to, planner::Purpose::Ordinary))?;
            let there = Uuid::from_u128(to.id().0);
            let change = planner::Change::Move { vm: wanted.id, host: there };
            let doing = admission::doing(planner::Operation::Migrate, vm, &wanted.name);
            admission::check_in(tx, &pool, doing, &[change], forced)?;
            tx.update(vm, |row: &mut Vm| row.scheduled_to_be_resident_on = to)?;
            placement::set(tx, vm, vec![lives.holder(from), lives.holder(to)])
        })
        .await?;
    Ok((epoch, number))
}

/// The migration itself, with its progress; cancelling stops it at the source.
async fn copy(
    state: &Arc<AppState>,
    op: &Op,
    (id, order): (Uuid, Order),
    from: Ref<Host>,
    to: Ref<Host>,
) -> Result<MigrateStats, ApiError> {
    let sent = state.orders.send(host::id(from), order);
    tokio::pin!(sent);
    let watched = state.moving.watch(id);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    let mut cancelling = false;
    loop {
        tokio::select! {
            reply = &mut sent => {
                return match reply {
                    Ok(OrderReply::Migrated(stats)) => Ok(stats),
                    Ok(_) => Err(ApiError::internal("an unexpected answer of the source")),
                    Err(error) => {
                        op.check_cancelled()?;
                        Err(failed(from, to, error))
                    }
                };
            }
            () = op.interrupted(), if !cancelling => {
                cancelling = true;
                let cancel = Order::CancelJob { vm: id };
                if let Err(error) = state.orders.send(host::id(from), cancel).await {
                    tracing::warn!(%error, "a migration could not be cancelled");
                }
            }
            _ = ticks.tick() => report(state, op, (id, &watched), from).await,
        }
    }
}

fn failed(from: Ref<Host>, to: Ref<Host>, error: crate::orders::OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError;
    match error {
        crate::orders::OrderError::Hypervisor(HypervisorError::Failed { text, .. }) => {
            ApiError::with(codes::VM_MIGRATE_FAILED, &[&"", &from, &to, &text])
        }
        crate::orders::OrderError::Failed { code, text } if code == codes::VM_MIGRATE_FAILED => {
            ApiError::with(codes::VM_MIGRATE_FAILED, &[&"", &from, &to, &text])
        }
        other => errors::order(from, other),
    }
}

async fn report(
    state: &Arc<AppState>,
    op: &Op,
    (id, watched): (Uuid, &Watched<'_>),
    from: Ref<Host>,
) {
    let reply = state.orders.send(host::id(from), Order::MigrateProgress { vm: id }).await;
    if let Ok(OrderReply::Progress(Some(progress))) = reply {
        watched.note(progress);
        let total = progress.processed_bytes.saturating_add(progress.remaining_bytes);
        if total > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
            op.progress(progress.processed_bytes as f64 / total as f64).await;
        }
    }
}

async fn arrived(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    to: Ref<Host>,
    stats: MigrateStats,
) -> Result<(), ApiError> {
    state
        .pool
        .write(move |tx| {
            // The life that took the guest in, which may be over by now.
            let holder = placement::held_by(tx, vm, to).ok_or_else(|| placement::overtaken(to))?;
            moved(tx, vm, to, holder)?;
            let metrics = tx.require(vm)?.metrics;
            if tx.get(metrics).is_none() {
                return Ok(());
            }
            tx.update(metrics, |row: &mut VmMetrics| {
                let notes = [
                    (DOWNTIME_KEY, stats.downtime_ms),
                    (ELAPSED_KEY, stats.elapsed_ms),
                    (BYTES_KEY, stats.processed_bytes),
                ];
                for (key, value) in notes {
                    row.other_config.insert(key.to_owned(), value.to_string());
                }
                row.last_updated = crate::state::now();
            })
        })
        .await
}

/// Writes that a VM runs on `to` and nowhere else.
///
/// # Errors
/// A row is gone.
pub fn moved(
    tx: &mut haven_pooldb::Tx<'_>,
    vm: Ref<Vm>,
    to: Ref<Host>,
    holder: Holder,
) -> Result<(), ApiError> {
    placement::set(tx, vm, vec![holder])?;
    let from = tx.require(vm)?.resident_on;
    if from != to && !from.is_null() {
        let what = format!("migrated from {} to {}", news::host(tx, from), news::host(tx, to));
        let data = json!({ "from": news::host_name(tx, from), "to": news::host_name(tx, to) });
        news::of_vm(tx, alerts::VM_MIGRATED, vm, (&what, data))?;
    }
    tx.update(vm, |row: &mut Vm| {
        row.resident_on = to;
        row.scheduled_to_be_resident_on = Ref::NULL;
    })?;
    vm_state::consoles(tx, vm, to)
}

/// Ends a migration of the VM whose end nobody saw, if there is one, and moves of its disks: until then nobody knows which
/// of the two hosts an order about the VM is for, and the other one must not be forgotten.
///
/// # Errors
/// A host that may run it does not answer.
pub async fn settle(state: &Arc<AppState>, vm: Ref<Vm>) -> Result<(), ApiError> {
    let read = |db: &haven_pooldb::Image| -> Result<_, ApiError> {
        let on = db.require(vm)?.resident_on.non_null();
        let holders = placement::holders(db, vm);
        let other = holders.iter().copied().find(|host| Some(*host) != on);
        Ok(on.zip(other).map(|(on, other)| (on, other, holders.contains(&on))))
    };
    match state.pool.read(read).await?? {
        Some((from, to, true)) => end(state, vm, from, to).await?,
        // The host that it left was declared dead.
        Some((_, to, false)) => find_at(state, vm, to).await?,
        None => {}
    }
    motion::settle(state, vm).await
}

/// Finds out whether a VM arrived at the one host that may still run it, and writes it.
async fn find_at(state: &Arc<AppState>, vm: Ref<Vm>, at: Ref<Host>) -> Result<(), ApiError> {
    let read = |db: &haven_pooldb::Image| -> Result<_, ApiError> {
        let id = crate::ops::rows::uuid(&db.require(vm)?.uuid)?;
        Ok((id, placement::number(db, vm), placement::held_by(db, vm, at)))
    };
    let (id, number, held) = state.pool.read(read).await??;
    let Some(held) = held else { return Ok(()) };
    let sought = Sought::alone(id, number, held);
    let found = search::find(state, sought, Search::of_survivor()).await?;
    write(state, vm, number, (found == Found::Alone).then_some(held)).await
}

/// Finds out where a VM runs after a migration that did not come to its end, and writes it
/// (scenarios 84 and 85).
///
/// # Errors
/// A host that may run it does not answer: both stay holders.
pub async fn end(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    from: Ref<Host>,
    to: Ref<Host>,
) -> Result<(), ApiError> {
    let read = |db: &haven_pooldb::Image| -> Result<_, ApiError> {
        let row = db.require(vm)?;
        let halted = matches!(row.power_state, VmPowerState::Halted | VmPowerState::Suspended);
        let uuid = crate::ops::rows::uuid(&row.uuid)?;
        let held = |host| placement::held_by(db, vm, host);
        Ok((uuid, halted, held(from).zip(held(to)), placement::number(db, vm)))
    };
    let Ok((id, halted, held, number)) = state.pool.read(read).await? else { return Ok(()) };
    let Some((source, destination)) = held.filter(|_| !halted) else { return Ok(()) };
    let sought = Sought { id, number, source, destination };
    let found = match search::find(state, sought, Search::of_two()).await? {
        Found::Source => Some(source),
        Found::Destination => Some(destination),
        Found::Alone | Found::Nowhere => None,
    };
    write(state, vm, number, found).await
}

/// Writes where the VM was found to run, unless somebody knew more meanwhile: a host died while it was
/// asked, and its VMs were given up.
async fn write(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    number: u64,
    found: Option<Holder>,
) -> Result<(), ApiError> {
    state
        .pool
        .write(move |tx| match found {
            _ if !placement::is_still(tx, vm, number) => Ok(()),
            Some(holder) => moved(tx, vm, holder.host, holder),
            None => vm_state::halted(tx, vm),
        })
        .await
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
        assert_eq!(read(&[("live", "true"), ("copy", "no")]), Ok(How::default()));
        let all = [
            ("force", "true"),
            ("compress", "true"),
            ("auto_converge", "false"),
            ("bandwidth", "80"),
        ];
        let pace = MigratePace { bandwidth_mib_s: 80, compress: true, slow_guest: false };
        assert_eq!(read(&all), Ok(How { forced: true, pace, way: Way::Usual }));
        for bad in ["fast", "-1", "1.5", "1048577"] {
            assert_eq!(read(&[("bandwidth", bad)]).unwrap_err().params, ["bandwidth", bad]);
        }
        assert_eq!(read(&[("compress", "yes")]).unwrap_err().code, "INVALID_VALUE");
    }
}
