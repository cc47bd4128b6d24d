//! One host's inventory against the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use haven_cluster::Violation;
use haven_cluster::invariant::runs_once;
use haven_drivers::host_info::optical::Drive;
use haven_drivers::hypervisor::{DomainInfo, DomainState};
use haven_failover::Sight;
use haven_failover::divergence::{self, Differs, Known, Resolved};
use haven_failover::watch::{AfterEnd, after_end, restarts_after_end};
use haven_model::{
    ApiError, Holder, Host, HostMetrics, MessageClass, Pbd, Placement, Ref, Vm, VmPowerState,
    alerts,
};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use crate::guest_watch::{self, settings};
use crate::ha::wall_ms;
use crate::ops::vm::{migrate, state as vm_state};
use crate::ops::{host, host_drives, message, placement, rows};
use crate::orders::{Inventory, Order, OrderReply};
use crate::state::{AppState, now};

use super::{stuck, unknown};

/// Free memory is written when it changed by more than this, and by more than this part of all: each
/// write is a commit, and a host with much memory is never still.
const MEMORY_STEP_BYTES: i64 = 64 << 20;
const MEMORY_STEP_PARTS: i64 = 64;
/// `last_updated` is written at least this often, in seconds.
const UPDATED_S_MAX: i64 = 60;

/// What is to be corrected.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// The database says that it runs there; the host does not. With the number of its placement:
    /// what is found out about a VM counts only while nobody placed it anew.
    absent: Vec<(Ref<Vm>, u64)>,
    /// It runs there, paused or not, and the database says that it runs nowhere; with the number of
    /// its placement.
    found: Vec<(Ref<Vm>, bool, u64)>,
    /// It runs there and the database says that it runs elsewhere; with the number of its placement.
    elsewhere: Vec<(Ref<Vm>, Ref<Host>, u64)>,
    /// Between the host where it runs and this one: the end of a migration is still open.
    open: Vec<(Ref<Vm>, Ref<Host>)>,
    /// Running or paused, other than the database says.
    power: Vec<(Ref<Vm>, VmPowerState)>,
    /// It ran and stands still now, because of a disk.
    stuck: Vec<Ref<Vm>>,
    /// Repositories that are attached or not, other than the database says.
    storage: Vec<(Ref<Pbd>, bool)>,
    /// Free memory.
    memory: Option<(Ref<HostMetrics>, i64)>,
}

impl Difference {
    /// Nothing in it undoes what an operation has written, should the report be older than that.
    fn is_harmless(&self) -> bool {
        *self == Self { open: self.open.clone(), memory: self.memory, ..Self::default() }
    }

    /// What a newer inventory says, too.
    fn confirmed(mut self, newer: &Self) -> Self {
        self.absent.retain(|each| newer.absent.contains(each));
        self.found.retain(|each| newer.found.contains(each));
        self.elsewhere.retain(|each| newer.elsewhere.contains(each));
        self.power.retain(|each| newer.power.contains(each));
        self.stuck.retain(|each| newer.stuck.contains(each));
        self.storage.retain(|each| newer.storage.contains(each));
        self
    }
}

pub(super) async fn inventory(
    state: &Arc<AppState>,
    reporter: Ref<Host>,
    inventory: Inventory,
    crashed: BTreeSet<Uuid>,
) -> Result<(), ApiError> {
    let strangers = state.pool.read(|db| unknown::among(db, &inventory.domains)).await?;
    unknown::heard(state, reporter, &strangers).await?;
    let drives = inventory.drives.clone();
    correct(state, reporter, inventory, crashed).await?;
    optical(state, reporter, drives).await?;
    // Not before: one that is known now is also known to run.
    state.reports.unknown.only(reporter, &strangers);
    Ok(())
}

/// Which discs lie in the host's own drives. Said wrongly by a report that is older than another, it
/// is said right by the next.
async fn optical(
    state: &Arc<AppState>,
    reporter: Ref<Host>,
    drives: Option<Vec<Drive>>,
) -> Result<(), ApiError> {
    let Some(drives) = drives else { return Ok(()) };
    if !state.pool.read(|db| host_drives::differ(db, reporter, &drives)).await? {
        return Ok(());
    }
    state.pool.write(move |tx| host_drives::write(tx, reporter, &drives)).await
}

/// Asks a host for its drives.
///
/// # Errors
/// It does not answer.
pub async fn look_for_drives(state: &Arc<AppState>, asked: Ref<Host>) -> Result<(), ApiError> {
    let inventory = ask(state, asked).await?;
    optical(state, asked, inventory.drives).await
}

async fn correct(
    state: &Arc<AppState>,
    reporter: Ref<Host>,
    inventory: Inventory,
    crashed: BTreeSet<Uuid>,
) -> Result<(), ApiError> {
    let read = |db: &Image| (executing(db, &inventory), compare(db, reporter, &inventory));
    let (seen, found) = state.pool.read(read).await?;
    let mut found = found?;
    found.absent.retain(|(vm, _)| !state.reports.is_ending(Uuid::from_u128(vm.id().0)));
    state.reports.sees(reporter, seen);
    if found == Difference::default() {
        return Ok(());
    }
    for (vm, from) in &found.open {
        migrate::end(state, *vm, *from, reporter).await?;
    }
    // A report may be older than what an operation wrote meanwhile. Questions go out after that, so
    // what the answer says, too, is so; the life under which it is said counts with it.
    let (found, life) = match found.is_harmless() {
        true => (found, 0),
        false => {
            let newer = ask(state, reporter).await?;
            let again = state.pool.read(|db| compare(db, reporter, &newer)).await??;
            (found.confirmed(&again), newer.life)
        }
    };
    let with = state.clone();
    let astray = move |vm: &Ref<Vm>| {
        with.reports.is_seen(*vm, |host| host != reporter && with.is_member(host))
    };
    for (vm, other, number) in &found.elsewhere {
        diverged(state, (*vm, *number), reporter, *other).await?;
    }
    let lives = state.lives();
    state
        .pool
        .write(move |tx| {
            let holder = lives.holder(reporter);
            for (vm, number) in found.absent {
                // What an earlier life ran was lost with it: the failover manager restarts it.
                let held = placement::held_by(tx, vm, reporter);
                let speaks = |held| divergence::speaks_for(held, life);
                let own = lives.epoch == 0 || held.is_some_and(speaks);
                let same = placement::is_still(tx, vm, number);
                let holders = holders_of(tx, vm);
                let known = known(tx, vm, &holders);
                if same && own && divergence::may_have_ended(reporter, &known, astray(&vm)) {
                    ended(tx, vm, crashed.contains(&Uuid::from_u128(vm.id().0)))?;
                }
            }
            // A host outside the epoch is no holder that could ever be declared dead.
            let member = lives.epoch == 0 || holder.incarnation != 0;
            for (vm, paused, number) in found.found {
                let same = placement::is_still(tx, vm, number);
                let holders = holders_of(tx, vm);
                let free = divergence::is_free_for(reporter, &known(tx, vm, &holders));
                if member && same && idle(tx, vm) && free {
                    tracing::warn!(%vm, host = %reporter, "a VM runs that the database had halted");
                    placement::set(tx, vm, vec![holder])?;
                    vm_state::started(tx, vm, reporter, paused)?;
                }
            }
            follow(tx, reporter, found.power, found.stuck)?;
            for (pbd, attached) in found.storage {
                if tx.get(pbd).is_some() {
                    tx.update(pbd, |row: &mut Pbd| row.currently_attached = attached)?;
                }
            }
            if let Some((metrics, free)) = found.memory {
                tx.update(metrics, |row: &mut HostMetrics| {
                    row.memory_free = free;
                    row.last_updated = now();
                })?;
            }
            Ok(())
        })
        .await
}

/// Writes how VMs of a host are: running or paused, and stuck.
fn follow(
    tx: &mut Tx<'_>,
    reporter: Ref<Host>,
    power: Vec<(Ref<Vm>, VmPowerState)>,
    stand_still: Vec<Ref<Vm>>,
) -> Result<(), ApiError> {
    let there = |tx: &Tx<'_>, vm| idle(tx, vm) && resident(tx, vm) == Some(reporter);
    for (vm, power) in power {
        if there(tx, vm) {
            vm_state::set_power_state(tx, vm, power)?;
        }
    }
    for vm in stand_still {
        if there(tx, vm) {
            stuck::tell(tx, vm)?;
        }
    }
    Ok(())
}

fn idle(db: &Image, vm: Ref<Vm>) -> bool {
    db.get(vm).is_some_and(|row| row.current_operations.is_empty())
}

fn resident(db: &Image, vm: Ref<Vm>) -> Option<Ref<Host>> {
    db.get(vm).and_then(|row| row.resident_on.non_null())
}

/// What the database has of a VM; its holders are read first.
fn known<'k>(db: &Image, vm: Ref<Vm>, holders: &'k [Holder]) -> Known<'k> {
    Known { resident: resident(db, vm), holders, busy: !idle(db, vm) }
}

fn holders_of(db: &Image, vm: Ref<Vm>) -> Vec<Holder> {
    db.get(placement::of(vm)).map(|row| row.holders.clone()).unwrap_or_default()
}

/// What a host's domain of a VM is.
fn sight(domain: Option<&DomainInfo>) -> Sight {
    match domain.map(|domain| domain.state) {
        None => Sight::Nothing,
        Some(DomainState::Incoming) => Sight::Incoming,
        Some(_) => Sight::Here,
    }
}

/// The guest shut itself down (scenario 88), or its process died.
fn ended(tx: &mut Tx<'_>, vm: Ref<Vm>, crashed: bool) -> Result<(), ApiError> {
    let (_, pool) = rows::pool(tx)?;
    let (enabled, usual) = (pool.ha_enabled, pool.ha_reboot_vm_on_internal_shutdown);
    let row = tx.require(vm)?;
    let uuid = row.uuid.clone();
    tracing::info!(%vm, name = row.name_label, "a VM stopped by itself");
    let own = settings::restarts_after_own_end(row);
    let restarts = enabled && row.ha_always_run && restarts_after_end(crashed, own, usual);
    let before = settings::record(row);
    let mut record = before.clone();
    let after = after_end(restarts, settings::policy(row).as_ref(), &mut record, wall_ms());
    vm_state::halted(tx, vm)?;
    if record != before {
        settings::keep(tx, vm, &record)?;
    }
    if after != AfterEnd::Restart {
        vm_state::respect_stop(tx, vm)?;
    }
    if after == AfterEnd::GiveUp {
        guest_watch::left_alone(tx, vm, "guest_ends")?;
    }
    let about = (MessageClass::Vm, uuid);
    let data = serde_json::json!({ "case": "by_itself" });
    let body = message::body("The guest stopped by itself.", &data);
    message::insert(tx, alerts::VM_SHUTDOWN, about, body)?;
    Ok(())
}

fn compare(db: &Image, reporter: Ref<Host>, seen: &Inventory) -> Result<Difference, ApiError> {
    let mut found = Difference::default();
    let running = by_vm(db, &seen.domains);
    let row = db.require(reporter)?;
    let differs = |vm: Ref<Vm>, domain: Option<&DomainInfo>| {
        let holders = holders_of(db, vm);
        divergence::differs(reporter, sight(domain), &known(db, vm, &holders))
    };
    for vm in &row.resident_vms {
        let Some(vm_row) = db.get(*vm).filter(|row| !row.is_control_domain) else { continue };
        let domain = running.get(vm).copied();
        if differs(*vm, domain) == Differs::Absent {
            found.absent.push((*vm, placement::number(db, *vm)));
        }
        let Some(domain) = domain.filter(|_| vm_row.current_operations.is_empty()) else {
            continue;
        };
        found.power.extend(power(vm_row, domain).map(|state| (*vm, state)));
        if domain.disk_error && vm_row.power_state == VmPowerState::Running {
            found.stuck.push(*vm);
        }
    }
    for (vm, domain) in &running {
        let number = placement::number(db, *vm);
        match differs(*vm, Some(domain)) {
            Differs::Elsewhere(other) => found.elsewhere.push((*vm, other, number)),
            Differs::Found => found.found.push((*vm, domain.state == DomainState::Paused, number)),
            Differs::Absent | Differs::No => {}
        }
    }
    found.open = open_ends(db, reporter);
    for pbd in &row.pbds {
        let Some(pbd_row) = db.get::<Pbd>(*pbd) else { continue };
        let Some(sr) = db.get(pbd_row.sr) else { continue };
        if host_drives::is_drives(sr) {
            continue;
        }
        let attached = seen.attached.iter().any(|id| id.to_string() == sr.uuid);
        if attached != pbd_row.currently_attached && sr.current_operations.is_empty() {
            found.storage.push((*pbd, attached));
        }
    }
    if let Some(metrics) = db.get(row.metrics) {
        let free = i64::try_from(seen.memory_free).unwrap_or(i64::MAX);
        let old = now().unix_s() - metrics.last_updated.unix_s() > UPDATED_S_MAX;
        let step = MEMORY_STEP_BYTES.max(metrics.memory_total / MEMORY_STEP_PARTS);
        if old || metrics.memory_free.abs_diff(free) > step.unsigned_abs() {
            found.memory = Some((row.metrics, free));
        }
    }
    Ok(found)
}

/// VMs that this host may run besides the host where they do.
fn open_ends(db: &Image, reporter: Ref<Host>) -> Vec<(Ref<Vm>, Ref<Host>)> {
    db.iter::<Placement>()
        .filter(|(_, row)| {
            row.holders.len() > 1 && row.holders.iter().any(|holder| holder.host == reporter)
        })
        .filter(|(_, row)| idle(db, row.vm))
        .filter_map(|(_, row)| Some((row.vm, resident(db, row.vm)?)))
        .filter(|(_, from)| *from != reporter)
        .collect()
}

fn by_vm<'a>(db: &Image, domains: &'a [DomainInfo]) -> BTreeMap<Ref<Vm>, &'a DomainInfo> {
    let known = domains
        .iter()
        .filter_map(|domain| Some((db.find_uuid::<Vm>(&domain.uuid.to_string())?, domain)));
    known.collect()
}

/// VMs that execute on a host, or are paused there.
fn executing(db: &Image, seen: &Inventory) -> BTreeSet<Ref<Vm>> {
    let domains = by_vm(db, &seen.domains);
    let here = domains.iter().filter(|(_, domain)| sight(Some(domain)) == Sight::Here);
    here.map(|(vm, _)| *vm).collect()
}

fn power(row: &Vm, domain: &DomainInfo) -> Option<VmPowerState> {
    let power = match domain.state {
        DomainState::Running => VmPowerState::Running,
        DomainState::Paused => VmPowerState::Paused,
        _ => return None,
    };
    (row.power_state != power).then_some(power)
}

/// What runs on a host now.
async fn ask(state: &Arc<AppState>, asked: Ref<Host>) -> Result<Inventory, ApiError> {
    let reply = state.orders.send(host::id(asked), Order::Inventory).await;
    let reply = reply.map_err(|error| crate::ops::errors::order(asked, error))?;
    match reply {
        OrderReply::Inventory(inventory) => Ok(*inventory),
        _ => Err(ApiError::internal("an unexpected answer to an inventory")),
    }
}

/// A VM runs on a host although the database says another (scenario 97): if the other does not
/// run it, the database is corrected; if both do, a person must know at once.
async fn diverged(
    state: &Arc<AppState>,
    (vm, number): (Ref<Vm>, u64),
    here: Ref<Host>,
    there: Ref<Host>,
) -> Result<(), ApiError> {
    let holders = state.pool.read(|db| placement::holders(db, vm)).await?;
    if holders.contains(&here) && !holders.contains(&there) {
        // The host that it left was declared dead.
        return migrate::settle(state, vm).await;
    }
    let Ok(other) = ask(state, there).await else { return Ok(()) };
    let own = ask(state, here).await?;
    let sight_of = |db: &Image, seen: &Inventory| sight(by_vm(db, &seen.domains).get(&vm).copied());
    let (own, other) = state.pool.read(|db| (sight_of(db, &own), sight_of(db, &other))).await?;
    let uuid = Uuid::from_u128(vm.id().0);
    match divergence::resolve(own, other) {
        Resolved::Nothing => Ok(()),
        Resolved::Both => {
            if let Err(violation) = runs_once(uuid, [here, there]) {
                tell_of_two(state, uuid, [here, there], &violation).await;
            }
            Ok(())
        }
        Resolved::Here => {
            let holder = state.lives().holder(here);
            let follow = move |tx: &mut Tx<'_>| {
                if !idle(tx, vm) || !placement::is_still(tx, vm, number) {
                    return Ok(());
                }
                migrate::moved(tx, vm, here, holder)?;
                tell_of_elsewhere(tx, vm, (here, there))
            };
            state.pool.write(follow).await
        }
    }
}

/// The database followed, and why it was wrong is for a person to find out.
fn tell_of_elsewhere(
    tx: &mut Tx<'_>,
    vm: Ref<Vm>,
    (here, there): (Ref<Host>, Ref<Host>),
) -> Result<(), ApiError> {
    let name = |host: Ref<Host>| tx.get(host).map_or("?", |row| row.name_label.as_str()).to_owned();
    let (name, there_name) = (name(here), name(there));
    let row = tx.require(vm)?;
    let text = format!(
        "{} runs on {name}, and the database had it on {there_name}: the database says {name} now.",
        row.name_label
    );
    tracing::warn!(%vm, "{text}");
    let about = (MessageClass::Vm, row.uuid.clone());
    let hosts = [here.to_string(), there.to_string()];
    let data = serde_json::json!({ "case": "found_elsewhere", "hosts": hosts });
    message::insert(tx, alerts::ALARM, about, message::body(&text, &data)).map(drop)
}

/// Nothing is stopped: which of the two has the newer disks is for a person to find out.
async fn tell_of_two(
    state: &Arc<AppState>,
    vm: Uuid,
    [here, there]: [Ref<Host>; 2],
    violation: &Violation,
) {
    let invariant = violation.invariant.id();
    tracing::error!(%vm, invariant, "{}", violation.text);
    let text = format!("VM {vm} runs on two hosts at once: {here} and {there}.");
    let hosts = [here.to_string(), there.to_string()];
    let data = serde_json::json!({ "case": "two_hosts", "hosts": hosts, "invariant": invariant });
    let about = (MessageClass::Vm, vm.to_string());
    message::raise(state, alerts::ALARM, about, message::body(&text, &data)).await;
}

#[cfg(test)]
mod tests {
    use haven_pooldb::{Database, MemStore};

    use super::*;

    /// A report from before a shutdown: the VM would be shown as running, then as ended by itself,
    /// and the pool would start it against the administrator's will.
    #[test]
    fn a_report_that_is_older_than_an_operation_undoes_nothing() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let uuid = Uuid::from_u128(7);
        let mut here = Ref::NULL;
        db.transact(|tx| {
            here = tx.insert(Host::default())?;
            tx.insert_with(
                Ref::<Vm>::from_uuid(uuid),
                Vm { uuid: uuid.to_string(), ..Vm::default() },
            )
        })
        .unwrap();
        let domain = DomainInfo {
            uuid,
            state: DomainState::Running,
            memory_bytes: 0,
            cpu_time_ns: 0,
            disk_error: false,
        };
        let running = Inventory { domains: vec![domain], ..Inventory::default() };
        let (old, newer) = (
            compare(&db, here, &running).unwrap(),
            compare(&db, here, &Inventory::default()).unwrap(),
        );
        assert_eq!(old.found.len(), 1);
        assert!(!old.is_harmless());
        assert!(old.confirmed(&newer).is_harmless());
        let old = compare(&db, here, &running).unwrap();
        let confirmed = old.confirmed(&compare(&db, here, &running).unwrap());
        assert_eq!(confirmed.found.len(), 1, "it really runs");
    }
}
