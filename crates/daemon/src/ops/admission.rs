//! Admission control: what a change would do to the pool's promise, before it is made.
//!
//! A refusal has two parameters after its code: an English sentence, and one JSON object with the
//! constraint that binds and the sentence in every language ([`told::data`]). The alert about a
//! change that passes has the same behind its sentence.

use std::collections::BTreeSet;

use haven_model::{ApiError, Class, Network, Ref, Sr, Vm, codes};
use haven_planner as planner;
use haven_planner::policy::Policy;
use haven_planner::{Binding, Budget, Change, Doing, Effect, Mode, Named, Objection, Operation};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use super::ha_policy::{HaPolicy, Overcommitted};
use super::{rows, told, view};

/// What the pool promises: how many failures, and how the promise is guarded.
fn promise(db: &Image) -> Result<Option<(u32, HaPolicy)>, ApiError> {
    let (_, row) = rows::pool(db)?;
    let goal = u32::try_from(row.ha_host_failures_to_tolerate).unwrap_or(0);
    let policy = HaPolicy::of(row);
    let looks = row.ha_enabled && goal > 0 && policy.admission != Mode::Off;
    Ok(looks.then_some((goal, policy)))
}

/// What somebody is about to do, and to what.
#[must_use]
pub fn doing<C: Class>(operation: Operation, to: Ref<C>, name: &str) -> Doing {
    Doing { operation, object: Named { id: view::id(to), name: name.to_owned() } }
}

/// Judges a change and, when it passes although it weakens the promise, raises the alert that says
/// so. `forced`: the caller insists.
///
/// # Errors
/// `HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN` with what is short, in words and as data.
pub fn check(
    tx: &mut Tx<'_>,
    doing: Doing,
    changes: &[Change],
    forced: bool,
) -> Result<(), ApiError> {
    check_in(tx, &view::current(tx), doing, changes, forced)
}

/// The same for who has a view of the pool already.
///
/// # Errors
/// As [`check`].
pub fn check_in(
    tx: &mut Tx<'_>,
    before: &planner::Pool,
    doing: Doing,
    changes: &[Change],
    forced: bool,
) -> Result<(), ApiError> {
    let Some((goal, policy)) = promise(tx)? else { return Ok(()) };
    if before.movers().is_empty()
        && let ([Change::Add { vm, host: Some(host) }], Policy::Failures) =
            (changes, &policy.policy)
        && planner::start_keeps(before, vm, *host, goal, Budget::QUICK)
    {
        return Ok(());
    }
    // A change that cannot even be thought of is refused by whoever makes it, for its own reason.
    let after = changes.iter().try_fold(before.clone(), |pool, change| pool.with(change));
    let Ok(after) = after else { return Ok(()) };
    let passed = judge(doing, (before, &after), goal, &policy)?;
    settle(tx, passed, forced)
}

/// The same for a change that stands in the transaction already.
///
/// # Errors
/// As [`check`].
pub fn check_from(tx: &mut Tx<'_>, doing: Doing, before: &planner::Pool) -> Result<(), ApiError> {
    let after = view::pool(tx);
    check_between(tx, doing, before, &after)
}

/// The same for who knows what the pool will be.
///
/// # Errors
/// As [`check`].
pub fn check_between(
    tx: &mut Tx<'_>,
    doing: Doing,
    before: &planner::Pool,
    after: &planner::Pool,
) -> Result<(), ApiError> {
    let Some((goal, policy)) = promise(tx)? else { return Ok(()) };
    let verdict = judge(doing, (before, after), goal, &policy)?;
    settle(tx, verdict, false)
}

/// What there is to be said against a change, and whether that refuses it.
#[derive(Debug, Default)]
pub struct Verdict {
    objection: Option<Objection>,
    refused: bool,
}

/// What a pool that is `before` says to its being `after`, without writing anything.
///
/// # Errors
/// There is no pool.
pub fn look(
    db: &Image,
    doing: Doing,
    before: &planner::Pool,
    after: &planner::Pool,
) -> Result<Verdict, ApiError> {
    match promise(db)? {
        Some((goal, policy)) => judge(doing, (before, after), goal, &policy),
        None => Ok(Verdict::default()),
    }
}

impl Verdict {
    /// Nothing if the change may be made.
    ///
    /// # Errors
    /// `HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN`.
    pub fn refuse(&self) -> Result<(), ApiError> {
        match &self.objection {
            Some(objection) if self.refused => Err(would_break(objection)),
            _ => Ok(()),
        }
    }
}

/// Refuses, or writes the alert of what passes nevertheless.
///
/// # Errors
/// `HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN`.
pub fn settle(tx: &mut Tx<'_>, verdict: Verdict, forced: bool) -> Result<(), ApiError> {
    if !forced {
        verdict.refuse()?;
    }
    match &verdict.objection {
        Some(objection) => told::passed(tx, objection),
        None => Ok(()),
    }
}

fn judge(
    doing: Doing,
    (before, after): (&planner::Pool, &planner::Pool),
    goal: u32,
    policy: &HaPolicy,
) -> Result<Verdict, ApiError> {
    let Some(objection) = weigh_moving(&doing, (before, after), goal, policy) else {
        return Ok(Verdict::default());
    };
    let refused = policy.admission == Mode::Enforce
        && (objection.effect == Effect::Breaks || policy.overcommitted == Overcommitted::Block);
    Ok(Verdict { objection: Some(objection), refused })
}

/// So many moves under way are weighed in every way in which they may end.
const MOVES_MAX: usize = 3;

/// A VM that moves takes room on two hosts, and what it takes for so long would hide what a change
/// takes for good: the change must be fine wherever the VMs that move end up. Of more than a few, all
/// arrive or none does, or they go on for ever.
fn weigh_moving(
    doing: &Doing,
    (before, after): (&planner::Pool, &planner::Pool),
    goal: u32,
    policy: &HaPolicy,
) -> Option<Objection> {
    let movers: BTreeSet<Uuid> = before.movers().union(&after.movers()).copied().collect();
    let as_it_is = || weigh(doing.clone(), before, after, goal, policy);
    let ends = |arrived: &BTreeSet<Uuid>| {
        weigh(doing.clone(), &before.settled(arrived), &after.settled(arrived), goal, policy)
    };
    let mut found: Vec<Objection> = match movers.len() {
        0 => return as_it_is(),
        few @ 1..=MOVES_MAX => {
            (0..1_u32 << few).filter_map(|set| ends(&subset(&movers, set))).collect()
        }
        _ => [ends(&BTreeSet::new()), ends(&movers), as_it_is()].into_iter().flatten().collect(),
    };
    let breaks = found.iter().position(|objection| objection.effect == Effect::Breaks);
    (!found.is_empty()).then(|| found.swap_remove(breaks.unwrap_or(0)))
}

/// Those of `all` whose bit is set.
fn subset(all: &BTreeSet<Uuid>, set: u32) -> BTreeSet<Uuid> {
    let chosen = all.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0);
    chosen.map(|(_, vm)| *vm).collect()
}

/// The refusal with its reason.
#[must_use]
pub fn would_break(objection: &Objection) -> ApiError {
    let params = vec![objection.to_string(), told::data(objection, objection).to_string()];
    ApiError::new(codes::HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN, params)
}

/// What is to be said against a change; nothing if it does not matter to the promise.
fn weigh(
    doing: Doing,
    before: &planner::Pool,
    after: &planner::Pool,
    goal: u32,
    policy: &HaPolicy,
) -> Option<Objection> {
    if policy.policy == Policy::Failures {
        let admission = planner::admit(before, after, goal, Budget::QUICK);
        let matters = matches!(admission.effect, Effect::Breaks | Effect::Erodes);
        return matters.then(|| Objection::of(doing, &admission));
    }
    let report = |pool: &planner::Pool| {
        planner::policy::report(pool, &policy.policy, &policy.options, goal, Budget::QUICK)
    };
    let after = report(after);
    if after.satisfied {
        return None;
    }
    let before = report(before);
    let effect = match () {
        () if before.satisfied => Effect::Breaks,
        () if before.arithmetic != after.arithmetic => Effect::Erodes,
        () => return None,
    };
    Some(Objection {
        doing,
        effect,
        goal,
        before: before.really.failures,
        after: after.really.failures,
        further: 0,
        binding: Binding::Policy(Box::new(after)),
    })
}

/// The number of failures for which a start or restart keeps room: what is promised.
#[must_use]
pub fn goal(db: &Image) -> u32 {
    let Ok((_, row)) = rows::pool(db) else { return 0 };
    if row.ha_enabled { u32::try_from(row.ha_host_failures_to_tolerate).unwrap_or(0) } else { 0 }
}

/// Whether so many failures, tolerated for certain, are what is promised, in a pool that counts
/// failures.
#[must_use]
pub fn keeps(db: &Image, tolerates: u32) -> bool {
    let Ok((_, row)) = rows::pool(db) else { return false };
    let goal = goal(db);
    goal > 0 && tolerates >= goal && HaPolicy::of(row).policy == Policy::Failures
}

/// Whether what breaks the promise is refused.
#[must_use]
pub fn enforces(db: &Image) -> bool {
    rows::pool(db).is_ok_and(|(_, row)| HaPolicy::of(row).admission == Mode::Enforce)
}

/// Whether a protected VM may get a disk on this repository: every live host must reach it.
///
/// # Errors
/// `HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED`; where admission only warns, an answer to be settled.
pub fn check_disk(db: &Image, vm: Ref<Vm>, sr: Ref<Sr>) -> Result<Verdict, ApiError> {
    let need = Change::Need { vm: view::id(vm), sr: Some(view::id(sr)), network: None };
    let refusal = || ApiError::with(codes::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, &[&sr]);
    reaches(db, vm, (Operation::AddDisk, need), refusal)
}

/// Whether a protected VM may get an interface on this network: every live host must have it.
///
/// # Errors
/// `HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED`; where admission only warns, an answer to be
/// settled.
pub fn check_nic(db: &Image, vm: Ref<Vm>, network: Ref<Network>) -> Result<Verdict, ApiError> {
    // Networks without a port are made wherever they are needed.
    if db.require(network)?.pifs.is_empty() {
        return Ok(Verdict::default());
    }
    let need = Change::Need { vm: view::id(vm), sr: None, network: Some(view::id(network)) };
    let code = codes::HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED;
    reaches(db, vm, (Operation::AddNic, need), || ApiError::with(code, &[&network]))
}

fn reaches(
    db: &Image,
    vm: Ref<Vm>,
    (operation, need): (Operation, Change),
    refusal: impl FnOnce() -> ApiError,
) -> Result<Verdict, ApiError> {
    let (_, row) = rows::pool(db)?;
    let (wanted, mode) = (db.require(vm)?, HaPolicy::of(row).admission);
    if !row.ha_enabled || wanted.ha_restart_priority != "restart" {
        return Ok(Verdict::default());
    }
    let before = view::current(db);
    match planner::widen(&before, &need, mode) {
        // What is halted counts when it is started.
        planner::Widened::Everywhere | planner::Widened::Passes(None) => Ok(Verdict::default()),
        planner::Widened::Refused => Err(refusal()),
        planner::Widened::Passes(Some(after)) => {
            look(db, doing(operation, vm, &wanted.name_label), &before, &after)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_model::{Holder, Host, HostMetrics, Message, Pool};
    use haven_pooldb::{Database, MemStore};

    use super::*;
    use crate::ops::placement;

    const GIB: i64 = 1 << 30;

    /// Two hosts of 9 GiB, one protected VM of 4 GiB on the first, one failure promised.
    fn database(settings: &[(&str, &str)]) -> Database {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let pairs = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let ha_configuration: BTreeMap<String, String> = pairs.collect();
        db.transact(move |tx| {
            for host in [1, 2] {
                let metrics =
                    HostMetrics { live: true, memory_total: 9 * GIB, ..Default::default() };
                let metrics = tx.insert(metrics)?;
                let name_label = format!("host{host}");
                let cpu_info = [("cpu_count", "8"), ("speed", "2000.0")];
                let cpu_info = cpu_info.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
                let row = Host { metrics, enabled: true, name_label, cpu_info, ..Host::default() };
                tx.insert_with(Ref::from_u128(host), row)?;
            }
            let on: Ref<Host> = Ref::from_u128(1);
            let row = Vm {
                name_label: "db".to_owned(),
                memory_static_max: 4 * GIB,
                vcpus_max: 1,
                ha_always_run: true,
                ha_restart_priority: "restart".to_owned(),
                resident_on: on,
                ..Vm::default()
            };
            let vm = tx.insert(row)?;
            placement::set(tx, vm, vec![Holder { host: on, incarnation: 1 }])?;
            tx.insert(Pool {
                ha_enabled: true,
                ha_host_failures_to_tolerate: 1,
                ha_configuration,
                ..Pool::default()
            })
            .map(|_| ())
        })
        .unwrap();
        db
    }

    /// A further VM of so many bytes on the second host.
    fn start(memory: u64) -> Change {
        let vm = planner::Vm {
            id: Uuid::from_u128(77),
            name: "new".to_owned(),
            memory,
            ..planner::Vm::default()
        };
        Change::Add { vm: Box::new(vm), host: Some(Uuid::from_u128(2)) }
    }

    fn alerts_after(db: &mut Database, memory: u64, forced: bool) -> Result<usize, ApiError> {
        db.transact(move |tx| {
            let doing = doing(Operation::Start, Ref::<Vm>::from_u128(77), "new");
            check(tx, doing, &[start(memory)], forced)
        })?;
        Ok(db.iter::<Message>().count())
    }

    #[test]
    fn a_start_that_breaks_the_promise_is_refused_in_words_and_changes_nothing() {
        let mut db = database(&[]);
        assert_eq!(alerts_after(&mut db, 2 << 30, false).unwrap(), 0);
        let error = alerts_after(&mut db, 6 << 30, false).unwrap_err();
        assert_eq!(error.code, codes::HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN);
        let text = error.params.first().unwrap();
        assert!(text.starts_with("insufficient resources to satisfy HA failover: "), "{text}");
        assert!(text.contains(" MiB short after host1 fails: db needs "), "{text}");
        assert_eq!(db.iter::<Message>().count(), 0);
    }

    #[test]
    fn force_and_the_mode_warn_let_it_pass_and_say_so_and_off_does_not_look() {
        assert_eq!(alerts_after(&mut database(&[]), 6 << 30, true).unwrap(), 1);
        let mut warned = database(&[("admission", "warn")]);
        assert_eq!(alerts_after(&mut warned, 6 << 30, false).unwrap(), 1);
        let mut off = database(&[("admission", "off")]);
        assert_eq!(alerts_after(&mut off, 6 << 30, false).unwrap(), 0);
    }

    #[test]
    fn an_overcommitted_pool_reports_each_further_step_or_blocks_it() {
        let over = |settings: &[(&str, &str)]| {
            let mut db = database(settings);
            db.transact(|tx| {
                let (vm, _) = tx.iter::<Vm>().next().ok_or_else(|| ApiError::internal("none"))?;
                tx.update(vm, |row: &mut Vm| row.memory_static_max = 9 * GIB)
            })
            .unwrap();
            db
        };
        let mut reports = over(&[]);
        assert_eq!(alerts_after(&mut reports, 1 << 30, false).unwrap(), 1);
        assert_eq!(alerts_after(&mut reports, 1 << 30, false).unwrap(), 2);
        let mut blocks = over(&[("overcommitted", "block")]);
        assert!(alerts_after(&mut blocks, 1 << 30, false).is_err());
    }

    #[test]
    fn other_policies_are_guarded_in_their_own_arithmetic() {
        let mut db = database(&[("policy", "percentage"), ("reserve_memory_percent", "40")]);
        assert_eq!(alerts_after(&mut db, 2 << 30, false).unwrap(), 0);
        let error = alerts_after(&mut db, 8 << 30, false).unwrap_err();
        assert!(error.params[0].contains("% of the memory"), "{error}");
    }

    /// Two moves may end differently: what is fine if both arrive, and if neither does, need not be.
    #[test]
    fn a_start_is_weighed_wherever_each_machine_on_its_way_ends_up() {
        let id = |number: u128| Uuid::from_u128(number);
        let host = |number| planner::Host {
            id: id(number),
            enabled: true,
            live: true,
            memory_total: 10,
            memory_free: 10,
            ..planner::Host::default()
        };
        let mut before =
            planner::Pool { hosts: (1..=5).map(host).collect(), ..planner::Pool::default() };
        let place = |pool: &mut planner::Pool, number: u128, memory: u64, on: &[u128]| {
            let protection =
                if number == 30 { planner::Protection::Restart } else { planner::Protection::None };
            let vm = planner::Vm { id: id(number), memory, protection, ..planner::Vm::default() };
            pool.vms.push(vm);
            on.iter().for_each(|host| pool.occupy(id(number), id(*host)));
        };
        for (number, memory, on) in [(11, 2, 1), (12, 5, 2), (13, 5, 3), (14, 2, 4)] {
            place(&mut before, number, memory, &[on]);
        }
        let judged = |before: &planner::Pool| {
            let mut after = before.clone();
            place(&mut after, 30, 6, &[5]);
            let doing = doing(Operation::Start, Ref::<Vm>::from_u128(30), "new");
            weigh_moving(&doing, (before, &after), 1, &HaPolicy::default())
        };
        place(&mut before, 21, 4, &[1, 2]);
        let mut still = before.clone();
        place(&mut still, 22, 4, &[3]);
        assert_eq!(judged(&still), None, "one moves: it fits, whether it arrives or not");
        place(&mut before, 22, 4, &[3, 4]);
        let effect = judged(&before).map(|objection| objection.effect);
        assert_eq!(effect, Some(Effect::Breaks));
    }
}
