//! Admission control: what a change would do to the pool's promise, before it is made.

use haven_model::{ApiError, MessageClass, Network, Ref, Sr, Vm, alerts, codes};
use haven_planner as planner;
use haven_planner::policy::Policy;
use haven_planner::{Budget, Change, Effect, Mode};
use haven_pooldb::{Image, Tx};

use super::ha_policy::{HaPolicy, Overcommitted};
use super::{message, rows, view};

/// What the pool promises: how many failures, and how the promise is guarded.
fn promise(db: &Image) -> Result<Option<(u32, HaPolicy)>, ApiError> {
    let (_, row) = rows::pool(db)?;
    let goal = u32::try_from(row.ha_host_failures_to_tolerate).unwrap_or(0);
    let policy = HaPolicy::of(row);
    let looks = row.ha_enabled && goal > 0 && policy.admission != Mode::Off;
    Ok(looks.then_some((goal, policy)))
}

/// Judges a change and, when it passes although it weakens the promise, raises the alert that says
/// so. `forced`: the caller insists.
///
/// # Errors
/// `HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN` with what is short, in words.
pub fn check(
    tx: &mut Tx<'_>,
    what: &str,
    changes: &[Change],
    forced: bool,
) -> Result<(), ApiError> {
    check_in(tx, &view::pool(tx), what, changes, forced)
}

/// The same for who has a view of the pool already.
///
/// # Errors
/// As [`check`].
pub fn check_in(
    tx: &mut Tx<'_>,
    before: &planner::Pool,
    what: &str,
    changes: &[Change],
    forced: bool,
) -> Result<(), ApiError> {
    let Some((goal, policy)) = promise(tx)? else { return Ok(()) };
    if let ([Change::Add { vm, host: Some(host) }], Policy::Failures) = (changes, &policy.policy)
        && planner::start_keeps(before, vm, *host, goal, Budget::QUICK)
    {
        return Ok(());
    }
    // A change that cannot even be thought of is refused by whoever makes it, for its own reason.
    let after = changes.iter().try_fold(before.clone(), |pool, change| pool.with(change));
    let Ok(after) = after else { return Ok(()) };
    settle(tx, what, judge((before, &after), goal, &policy, forced)?)
}

/// The same for a change that stands in the transaction already.
///
/// # Errors
/// As [`check`].
pub fn check_from(tx: &mut Tx<'_>, what: &str, before: &planner::Pool) -> Result<(), ApiError> {
    let Some((goal, policy)) = promise(tx)? else { return Ok(()) };
    let after = view::pool(tx);
    settle(tx, what, judge((before, &after), goal, &policy, false)?)
}

fn settle(tx: &mut Tx<'_>, what: &str, note: Option<String>) -> Result<(), ApiError> {
    let Some(note) = note else { return Ok(()) };
    let (_, pool) = rows::pool(tx)?;
    let about = (MessageClass::Pool, pool.uuid.clone());
    let data = serde_json::json!({ "case": "forced", "what": what });
    let body = message::body(&format!("{what}: {note}"), &data);
    message::insert(tx, alerts::HA_POOL_OVERCOMMITTED, about, body).map(|_| ())
}

/// What is to be said of a change that passes.
fn judge(
    (before, after): (&planner::Pool, &planner::Pool),
    goal: u32,
    policy: &HaPolicy,
    forced: bool,
) -> Result<Option<String>, ApiError> {
    let (effect, text) = weigh(before, after, goal, policy);
    let refused = match effect {
        Effect::Keeps | Effect::Indifferent => return Ok(None),
        Effect::Breaks => policy.admission == Mode::Enforce,
        Effect::Erodes => {
            policy.admission == Mode::Enforce && policy.overcommitted == Overcommitted::Block
        }
    };
    if refused && !forced {
        return Err(would_break(text));
    }
    Ok(Some(text))
}

/// The refusal with its reason.
#[must_use]
pub fn would_break(text: String) -> ApiError {
    ApiError::new(codes::HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN, vec![text])
}

fn weigh(
    before: &planner::Pool,
    after: &planner::Pool,
    goal: u32,
    policy: &HaPolicy,
) -> (Effect, String) {
    if policy.policy == Policy::Failures {
        let admission = planner::admit(before, after, goal, Budget::QUICK);
        let more = match (admission.effect, planner::further_short(&admission)) {
            (Effect::Erodes, Some(more)) => format!(" ({more} more than before)"),
            _ => String::new(),
        };
        return (admission.effect, format!("{admission}{more}"));
    }
    let report = |pool: &planner::Pool| {
        planner::policy::report(pool, &policy.policy, &policy.options, goal, Budget::QUICK)
    };
    let after = report(after);
    if after.satisfied {
        return (Effect::Keeps, String::new());
    }
    let before = report(before);
    let effect = match () {
        () if before.satisfied => Effect::Breaks,
        () if before.arithmetic != after.arithmetic => Effect::Erodes,
        () => Effect::Indifferent,
    };
    (effect, format!("insufficient resources to satisfy HA failover: {after}"))
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
/// `HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED`.
pub fn check_disk(db: &Image, vm: Ref<Vm>, sr: Ref<Sr>) -> Result<(), ApiError> {
    let id = uuid::Uuid::from_u128(sr.id().0);
    let reached = |host: &planner::Host| host.srs.contains(&id);
    match reaches(db, vm, reached)? {
        true => Ok(()),
        false => Err(ApiError::with(codes::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED, &[&sr])),
    }
}

/// Whether a protected VM may get an interface on this network: every live host must have it.
///
/// # Errors
/// `HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED`.
pub fn check_nic(db: &Image, vm: Ref<Vm>, network: Ref<Network>) -> Result<(), ApiError> {
    // Networks without a port are made wherever they are needed.
    if db.require(network)?.pifs.is_empty() {
        return Ok(());
    }
    let id = uuid::Uuid::from_u128(network.id().0);
    let present = |host: &planner::Host| host.networks.contains(&id);
    match reaches(db, vm, present)? {
        true => Ok(()),
        false => {
            Err(ApiError::with(codes::HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED, &[&network]))
        }
    }
}

fn reaches(
    db: &Image,
    vm: Ref<Vm>,
    reached: impl Fn(&planner::Host) -> bool,
) -> Result<bool, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let protected = db.require(vm)?.ha_restart_priority == "restart";
    if !pool.ha_enabled || !protected || HaPolicy::of(pool).admission != Mode::Enforce {
        return Ok(true);
    }
    Ok(view::pool(db).hosts.iter().filter(|host| host.live).all(reached))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_model::{Holder, Host, HostMetrics, Message, Pool};
    use haven_pooldb::{Database, MemStore};
    use uuid::Uuid;

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
        db.transact(move |tx| check(tx, "starting new", &[start(memory)], forced))?;
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
}
