//! Starting and stopping VMs.

use std::sync::Arc;
use std::time::Duration;

use haven_cluster::ids::EpochNumber;
use haven_drivers::hypervisor::StopMode;
use haven_model::alerts::AlertMeta;
use haven_model::{
    ApiError, Host, Ref, Task, Value, Vdi, Vm, VmOperations, VmPowerState, alerts, codes,
};
use haven_planner as planner;
use haven_pooldb::{Image, Tx};
use haven_tasks::TaskId;
use serde_json::{Value as Json, json};

use super::state::{self as vm_state, Undo};
use super::{booted, migrate};
use crate::dispatch::Call;
use crate::ops::rows::uuid;
use crate::ops::{
    admission, allowed, chain, errors, host, host_drives, news, placement, spec, view,
};
use crate::orders::{Order, OrderReply};
use crate::state::AppState;
use crate::tasks::Plan;

/// Longest wait for a guest that was asked to shut down.
const CLEAN_SHUTDOWN_MAX: Duration = Duration::from_secs(1200);

/// How a VM is to be started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Where; chosen by the planner when absent.
    pub host: Option<Ref<Host>>,
    /// Leave it paused.
    pub paused: bool,
    /// Start it even if the pool then tolerates fewer failures than it should.
    pub force: bool,
    /// From the saved memory.
    pub resume: bool,
    /// The failover manager does it: its plan was weighed as a whole.
    pub failover: bool,
}

/// `VM.start(vm, start_paused, force)`.
pub async fn start(call: Arc<Call>) -> Result<Value, ApiError> {
    let how = Start { paused: call.arg(1)?, force: call.arg(2)?, ..Start::default() };
    start_vm(&call.state, call.task_id(), call.arg(0)?, how).await
}

/// `VM.start_on(vm, host, start_paused, force)`.
pub async fn start_on(call: Arc<Call>) -> Result<Value, ApiError> {
    let how = Start {
        host: Some(call.arg(1)?),
        paused: call.arg(2)?,
        force: call.arg(3)?,
        ..Start::default()
    };
    start_vm(&call.state, call.task_id(), call.arg(0)?, how).await
}

/// `VM.resume(vm, start_paused, force)`.
pub async fn resume(call: Arc<Call>) -> Result<Value, ApiError> {
    let how = Start { paused: call.arg(1)?, force: call.arg(2)?, resume: true, ..Start::default() };
    start_vm(&call.state, call.task_id(), call.arg(0)?, how).await
}

/// `VM.resume_on(vm, host, start_paused, force)`.
pub async fn resume_on(call: Arc<Call>) -> Result<Value, ApiError> {
    let how = Start {
        host: Some(call.arg(1)?),
        paused: call.arg(2)?,
        force: call.arg(3)?,
        resume: true,
        ..Start::default()
    };
    start_vm(&call.state, call.task_id(), call.arg(0)?, how).await
}

/// Starts a VM: a place that is durable, then the order, then the record.
///
/// # Errors
/// `VM_BAD_POWER_STATE`, `OTHER_OPERATION_IN_PROGRESS`, no host can take it, or the order failed;
/// then the VM is halted (or suspended) as before.
pub async fn start_vm(
    state: &Arc<AppState>,
    task: TaskId,
    vm: Ref<Vm>,
    how: Start,
) -> Result<Value, ApiError> {
    let operation = match (how.resume, how.host.is_some()) {
        (false, false) => VmOperations::Start,
        (false, true) => VmOperations::StartOn,
        (true, false) => VmOperations::Resume,
        (true, true) => VmOperations::ResumeOn,
    };
    let disks = state.pool.read(|db| check(db, vm, operation)).await??;
    if state.reports.unknown.host_of(uuid::Uuid::from_u128(vm.id().0)).is_some() {
        // Its record has just come back, and its host has not reported since.
        return Err(ApiError::with(codes::VM_BAD_POWER_STATE, &[&vm, &"halted", &"running"]));
    }
    let mut plan = Plan::new(operation.as_str()).exclusive(vm);
    for (vdi, writes) in disks {
        // What is being read as a whole, for a copy, must not be written to.
        plan = if writes { plan.exclusive(vdi) } else { plan.shared(vdi) };
    }
    let plan = plan.step("find a place", 1).step("start on the host", 8).step("record", 1);
    let state = state.clone();
    let runner = state.runner()?.clone();
    runner
        .run(task, plan, move |mut op| async move {
            vm_state::vacate(&state, vm).await?;
            op.step_undo(&Undo::Abandon { vm }).await?;
            let place = reserve(&state, vm, operation, how).await?;
            op.step().await?;
            for (bridge, order) in place.bridges {
                let sent = state.orders.send(host::id(place.host), order).await;
                sent.map_err(|error| {
                    tracing::warn!(%bridge, %error, "a bridge could not be made");
                    errors::order(place.host, error)
                })?;
            }
            // Its holder is the life that the host had then: another one must not run it.
            let sent = state.orders.send_under(place.epoch, host::id(place.host), place.order);
            sent.await.map_err(|error| start_error(vm, place.host, error))?;
            op.step().await?;
            let (host, number) = (place.host, place.number);
            let resumed = how.resume;
            // What goes on from its memory waits until that is written off.
            let paused = how.paused || resumed;
            state
                .pool
                .write(move |tx| {
                    // The host may have died, and its VMs been given up, since it answered.
                    if !placement::is_still(tx, vm, number) {
                        return Err(placement::overtaken(host));
                    }
                    vm_state::started(tx, vm, host, paused)?;
                    let (alert, what) = match (resumed, how.failover) {
                        (true, _) => (alerts::VM_RESUMED, "resumed"),
                        (false, true) => (alerts::VM_STARTED, "restarted by high availability"),
                        (false, false) => (alerts::VM_STARTED, "started"),
                    };
                    let what = format!("{what} on host: {}", news::host(tx, host));
                    let mut data = json!({ "host": news::host_name(tx, host) });
                    if how.failover {
                        data["case"] = json!("failover");
                    }
                    news::of_vm(tx, alert, vm, (&what, data))
                })
                .await?;
            op.commit().await;
            let goes_on = match resumed && !how.paused {
                true => let_go(&state, vm, host, number).await,
                false => Ok(()),
            };
            if let Some(image) = place.image {
                super::suspend::drop_image(&state, image).await;
            }
            goes_on.map(|()| Value::void())
        })
        .await
}

/// Lets a VM execute that goes on from its memory: only now, when it is durable that the memory is
/// used up. One that had executed before could be given up, and go back to a memory which its
/// disks do not fit any more.
async fn let_go(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    on: Ref<Host>,
    number: u64,
) -> Result<(), ApiError> {
    let id = state.pool.read(|db| uuid(&db.require(vm)?.uuid)).await??;
    let sent = state.orders.send(host::id(on), Order::UnpauseVm { vm: id }).await;
    sent.map_err(|error| start_error(vm, on, error))?;
    state
        .pool
        .write(move |tx| match placement::is_still(tx, vm, number) {
            true => vm_state::set_power_state(tx, vm, VmPowerState::Running),
            false => Err(placement::overtaken(on)),
        })
        .await
}

fn start_error(vm: Ref<Vm>, host: Ref<Host>, error: crate::orders::OrderError) -> ApiError {
    use haven_drivers::hypervisor::HypervisorError;
    match error {
        crate::orders::OrderError::Hypervisor(HypervisorError::Failed { call, text }) => {
            ApiError::with(codes::FAILED_TO_START_EMULATOR, &[&vm, &call, &text])
        }
        other => errors::order(host, other),
    }
}

/// Whether the VM may be started at all; answers its disks, and whether it alone writes to them.
fn check(
    db: &Image,
    vm: Ref<Vm>,
    operation: VmOperations,
) -> Result<Vec<(Ref<Vdi>, bool)>, ApiError> {
    let row = db.require(vm)?;
    allowed::vm_operation(vm, row, operation)?;
    crate::recovery::check(db)?;
    let mut disks = Vec::new();
    for (vdi, vdi_row, vbd) in view::disks(db, row) {
        let writes = vbd.mode == haven_model::VbdMode::Rw && !vdi_row.sharable;
        if writes && let Some(other) = vm_state::user_of(db, vdi, vm) {
            return Err(ApiError::with(
                codes::VDI_IN_USE,
                &[&vdi, &format!("attached to VM {other}")],
            ));
        }
        let frozen = vdi_row.is_a_snapshot || !chain::children(db, vdi_row).is_empty();
        if vbd.mode == haven_model::VbdMode::Rw && frozen {
            // Writing to it would change every disk that shows its content.
            return Err(ApiError::with(codes::VDI_READONLY, &[&vdi]));
        }
        disks.push((vdi, writes));
    }
    Ok(disks)
}

struct Place {
    host: Ref<Host>,
    epoch: EpochNumber,
    /// Of the placement that was made durable.
    number: u64,
    order: Order,
    bridges: Vec<(String, Order)>,
    image: Option<Ref<Vdi>>,
}

/// Chooses the host and makes the choice durable.
async fn reserve(
    state: &Arc<AppState>,
    vm: Ref<Vm>,
    operation: VmOperations,
    how: Start,
) -> Result<Place, ApiError> {
    let mount = state.config.paths.sr_mount();
    let term = state.lives();
    state
        .pool
        .write(move |tx| {
            check(tx, vm, operation)?;
            if let Some(holder) = placement::holders(tx, vm).first() {
                return Err(placement::overtaken(*holder));
            }
            let pool = view::current(tx);
            let (host, tolerates) = choose(tx, &pool, vm, how)?;
            admit(tx, &pool, vm, (host, tolerates), how)?;
            let holder = term.holder(host);
            let number = placement::set(tx, vm, vec![holder])?;
            let cpu = (!how.resume).then(|| spec::boot_flags(tx, host)).transpose()?;
            tx.update(vm, |row: &mut Vm| {
                row.scheduled_to_be_resident_on = host;
                if let Some(cpu) = cpu {
                    row.last_boot_cpu_flags = cpu;
                    row.last_booted_record = booted::record(row);
                }
            })?;
            let spec = Box::new(spec::domain(tx, vm, &mount, term.epoch)?);
            let bridges = super::nics::bridges(tx, vm, host)?;
            let row = tx.require(vm)?;
            let image = row.suspend_vdi.non_null().filter(|_| how.resume);
            let order = match image {
                Some(image) => {
                    let path = spec::path(tx, tx.require(image)?, &mount)?;
                    Order::ResumeVm { spec, placement: number, path, paused: true }
                }
                None if how.resume => {
                    return Err(ApiError::internal("the VM has no saved memory"));
                }
                None => Order::StartVm { spec, placement: number, paused: how.paused },
            };
            let epoch = EpochNumber(term.epoch);
            Ok(Place { host, epoch, number, order, bridges, image })
        })
        .await
}

/// The host: the named one if it can, else the planner's, and what is tolerated with the VM there
/// for certain.
fn choose(
    tx: &Tx<'_>,
    pool: &planner::Pool,
    vm: Ref<Vm>,
    how: Start,
) -> Result<(Ref<Host>, u32), ApiError> {
    let wanted = view::vm(tx, vm, tx.require(vm)?);
    host_drives::present(tx, vm)?;
    let Some(host) = how.host else {
        let goal = admission::goal(tx);
        let found = planner::place(pool, &wanted, goal, planner::Budget::QUICK);
        return found
            .map(|found| (view::reference(found.host), found.tolerates))
            .map_err(|why| super::query::no_host(tx, vm, &why));
    };
    tx.require(host)?;
    let purpose = match how.failover {
        true => planner::Purpose::Failover,
        false => planner::Purpose::Ordinary,
    };
    super::query::fits_in(tx, pool, vm, &wanted, (host, purpose))?;
    Ok((host, 0))
}

/// With high availability on, a start must not break the promise.
fn admit(
    tx: &mut Tx<'_>,
    pool: &planner::Pool,
    vm: Ref<Vm>,
    (host, tolerates): (Ref<Host>, u32),
    how: Start,
) -> Result<(), ApiError> {
    // The failover manager's plan was weighed as a whole; and what placing the VM has proven needs
    // no second proof.
    if how.failover || admission::keeps(tx, tolerates) {
        return Ok(());
    }
    let wanted = Box::new(view::vm(tx, vm, tx.require(vm)?));
    let operation = match how.resume {
        true => planner::Operation::Resume,
        false => planner::Operation::Start,
    };
    let doing = admission::doing(operation, vm, &wanted.name);
    let host = Some(uuid(&tx.require(host)?.uuid)?);
    let change = planner::Change::Add { vm: wanted, host };
    admission::check_in(tx, pool, doing, &[change], how.force)
}

/// How a VM is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Ask.
    Clean,
    /// Pull the plug.
    Hard,
    /// Ask first, pull the plug when that fails.
    Either,
}

/// `VM.clean_shutdown(vm)`.
pub async fn clean_shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    stop_vm(&call.state, call.task_id(), call.arg(0)?, Stop::Clean).await
}

/// How long pulling the plug waits for a clean shutdown or reboot to let go of the VM.
const PREEMPT_WAIT_MS: u64 = 10_000;

/// `VM.hard_shutdown(vm)`. A clean shutdown or reboot that the guest does not react to is ended.
pub async fn hard_shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    let asked: Vec<Ref<Task>> = call
        .read(|db| {
            let running = db.require(vm)?.current_operations.iter();
            let asks = running.filter(|(_, operation)| {
                matches!(operation, VmOperations::CleanShutdown | VmOperations::CleanReboot)
            });
            Ok(asks.filter_map(|(task, _)| task.parse().ok()).collect())
        })
        .await?;
    for task in asked {
        call.state.runner()?.cancel(task).await;
    }
    stop_vm(&call.state, call.task_id(), call.arg(0)?, Stop::Hard).await
}

/// `VM.shutdown(vm)`.
pub async fn shutdown(call: Arc<Call>) -> Result<Value, ApiError> {
    stop_vm(&call.state, call.task_id(), call.arg(0)?, Stop::Either).await
}

/// Stops a VM.
///
/// # Errors
/// `VM_BAD_POWER_STATE`, or the guest did not react; then it runs on as before.
pub async fn stop_vm(
    state: &Arc<AppState>,
    task: TaskId,
    vm: Ref<Vm>,
    how: Stop,
) -> Result<Value, ApiError> {
    state.check_may_act()?;
    let operation = match how {
        Stop::Clean => VmOperations::CleanShutdown,
        Stop::Hard | Stop::Either => VmOperations::HardShutdown,
    };
    let may = move |db: &Image| {
        let row = db.require(vm)?;
        allowed::vm_operation(vm, row, operation)?;
        Ok::<_, ApiError>(row.power_state)
    };
    state.pool.read(may).await??;
    let plan = Plan::new(operation.as_str()).exclusive(vm).step("stop", 9).step("record", 1);
    let plan = if how == Stop::Hard { plan.wait_ms(PREEMPT_WAIT_MS) } else { plan };
    let (state, runner) = (state.clone(), state.runner()?.clone());
    let body = move |mut op: crate::tasks::Op| async move {
        op.step().await?;
        // It may have waited for its turn, and a resume come to its end meanwhile.
        if state.pool.read(may).await?? == VmPowerState::Suspended {
            vm_state::vacate(&state, vm).await?;
            return super::suspend::discard(&state, vm).await;
        }
        migrate::settle(&state, vm).await?;
        // Somebody wants it down: from now on nothing starts it again by itself.
        let intent = state.pool.write(move |tx| vm_state::respect_stop(tx, vm)).await?;
        let (host, id) = state.pool.read(|db| vm_state::residence(db, vm)).await??;
        let hard = Order::StopVm { vm: id, mode: StopMode::Hard };
        let clean = Order::StopVm { vm: id, mode: StopMode::Clean { timeout: CLEAN_SHUTDOWN_MAX } };
        let first = if how == Stop::Hard { hard.clone() } else { clean };
        let mut sent = tokio::select! {
            sent = state.orders.send(host::id(host), first) => {
                sent.map_err(|error| vm_state::stop_error(vm, host, error))
            }
            () = op.interrupted() => op.check_cancelled().map(|()| OrderReply::Done),
        };
        if how == Stop::Either && sent.is_err() {
            let again = state.orders.send(host::id(host), hard).await;
            sent = again.map_err(|error| vm_state::stop_error(vm, host, error));
        }
        if let Err(error) = sent {
            // It runs on, and stays as protected as it was; but not if only its writes are left.
            if error.code != codes::VM_WRITES_UNDER_WAY {
                state.pool.write(move |tx| vm_state::restore_intent(tx, vm, intent)).await?;
            }
            return Err(error);
        }
        op.step().await?;
        let told = match how {
            Stop::Clean => ("shut down", json!({})),
            _ => ("shut down forcibly", json!({ "case": "forced" })),
        };
        state
            .pool
            .write(move |tx| {
                vm_state::halted(tx, vm)?;
                news::of_vm(tx, alerts::VM_SHUTDOWN, vm, told)
            })
            .await?;
        Ok(Value::void())
    };
    runner.run(task, plan.cancellable(), body).await
}

/// `VM.clean_reboot(vm)`.
pub async fn clean_reboot(call: Arc<Call>) -> Result<Value, ApiError> {
    simple(&call, VmOperations::CleanReboot, |vm| Order::RebootVm { vm, clean: true }, None).await
}

/// `VM.hard_reboot(vm)`.
pub async fn hard_reboot(call: Arc<Call>) -> Result<Value, ApiError> {
    simple(&call, VmOperations::HardReboot, |vm| Order::RebootVm { vm, clean: false }, None).await
}

/// `VM.pause(vm)`.
pub async fn pause(call: Arc<Call>) -> Result<Value, ApiError> {
    let after = Some(VmPowerState::Paused);
    simple(&call, VmOperations::Pause, |vm| Order::PauseVm { vm }, after).await
}

/// `VM.unpause(vm)`.
pub async fn unpause(call: Arc<Call>) -> Result<Value, ApiError> {
    let after = Some(VmPowerState::Running);
    simple(&call, VmOperations::Unpause, |vm| Order::UnpauseVm { vm }, after).await
}

/// What is told of an operation.
fn told(operation: VmOperations) -> Option<(AlertMeta, (&'static str, Json))> {
    let forced = json!({ "case": "forced" });
    Some(match operation {
        VmOperations::CleanReboot => (alerts::VM_REBOOTED, ("rebooted cleanly", json!({}))),
        VmOperations::HardReboot => (alerts::VM_REBOOTED, ("rebooted forcibly", forced)),
        VmOperations::Pause => (alerts::VM_PAUSED, ("paused", json!({}))),
        VmOperations::Unpause => (alerts::VM_UNPAUSED, ("unpaused", json!({}))),
        _ => return None,
    })
}

/// One order to the host of a VM, then perhaps another power state.
async fn simple(
    call: &Call,
    operation: VmOperations,
    order: impl Fn(uuid::Uuid) -> Order,
    after: Option<VmPowerState>,
) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| allowed::vm_operation(vm, db.require(vm)?, operation)).await?;
    let state = call.state.clone();
    let plan = Plan::new(operation.as_str()).exclusive(vm).step(operation.as_str(), 1);
    let order = call.read(|db| uuid(&db.require(vm)?.uuid)).await.map(order)?;
    call.run(plan, move |mut op| async move {
        op.step().await?;
        migrate::settle(&state, vm).await?;
        let (host, _) = state.pool.read(|db| vm_state::residence(db, vm)).await??;
        if matches!(operation, VmOperations::CleanReboot | VmOperations::HardReboot) {
            state.expected.note(vm);
        }
        let reply = state.orders.send(host::id(host), order).await;
        let _: OrderReply = reply.map_err(|error| vm_state::stop_error(vm, host, error))?;
        state
            .pool
            .write(move |tx| {
                if let Some(power_state) = after {
                    vm_state::set_power_state(tx, vm, power_state)?;
                }
                match told(operation) {
                    Some((alert, what)) => news::of_vm(tx, alert, vm, what),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(Value::void())
    })
    .await
}

/// `VM.power_state_reset(vm)`: for a VM that certainly does not run, whatever the row says.
pub async fn power_state_reset(call: Arc<Call>) -> Result<Value, ApiError> {
    let vm: Ref<Vm> = call.arg(0)?;
    call.read(|db| db.require(vm).map(|_| ())).await?;
    let state = call.state.clone();
    let plan = Plan::new(VmOperations::PowerStateReset.as_str()).exclusive(vm).step("ask", 1);
    call.run(plan, move |mut op| async move {
        op.step().await?;
        // Each holder promises that the VM does not run there and will not; without that promise
        // a second instance could write to the same disks.
        super::state::abandon(&state, vm, false).await?;
        Ok(Value::void())
    })
    .await
}
