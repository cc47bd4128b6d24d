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
    let Some((goal, policy)) = promise(tx)? else { return Ok(()) };
    let before = view::pool(tx);
    // A change that cannot even be thought of is refused by whoever makes it, for its own reason.
    let after = changes.iter().try_fold(before.clone(), |pool, change| pool.with(change));
    let Ok(after) = after else { return Ok(()) };
    settle(tx, what, judge((&before, &after), goal, &policy, forced)?)
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
    message::insert(tx, alerts::HA_POOL_OVERCOMMITTED, about, format!("{what}: {note}")).map(|_| ())
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
