//! Other keys for the guards while the pool is armed: `pool.rotate_secret`.
//!
//! Owns: asking the hosts, and telling each its steps; which, is [`haven_failover::rekey`]'s to say. A
//! change belongs to nobody: whoever coordinates looks again and again ([`look`]), and leads what it finds
//! to an end. A host that was off meanwhile is told as soon as its daemon answers, and is no member before.

use std::collections::BTreeMap;
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand};
use haven_cluster::ids::HostId;
use haven_cluster::keys::{KeyStep, Keys, KeysView, NumberedKey, Rekey, Secret};
use haven_failover::rekey::{
    Advice, Holder, Holds, Objection, Stage, advise, may_begin, next_number, take_back,
};
use haven_model::{ApiError, Host, MessageClass, Ref, Value, alerts, codes};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::takeover::Ha;
use super::tell::is_silent;
use super::{arm, stock};
use crate::agent::permit::PermitGate;
use crate::ops::{errors, message, rows};
use crate::orders::{Order, OrderError, OrderReply, OrderResult, Refusal};
use crate::tasks::Op;

/// Longest wait for members that do not answer, or are not ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before the hosts are asked again: a guard says what it holds with its next beat.
const AGAIN: Duration = Duration::from_millis(200);
/// Longest wait for the state that follows on a guard's answer, and how often it is looked for.
const PUSH_MAX: Duration = Duration::from_secs(2);
const PUSH_LOOK: Duration = Duration::from_millis(20);
/// Longest look of a coordinator that found a change that another one began.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What a coordinator remembers of the keys.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// All members, in these lives, held these keys when it looked last.
    settled: Option<(BTreeMap<Uuid, u64>, KeysView)>,
    /// Since when members have been waited for.
    waits: Option<Instant>,
    /// People were told of that.
    told: bool,
}

/// What the hosts say of their guards' keys.
struct Survey {
    generation: Uuid,
    own: Keys,
    others: Vec<Holder>,
}

/// Other keys for all guards.
///
/// # Errors
/// The pool is not armed, a member does not answer or is too old, or does not come to hold the new key in
/// time.
pub async fn rotate(ha: &Ha, mut op: Op) -> Result<Value, ApiError> {
    let _changing = ha.change(codes::HA_ENABLE_IN_PROGRESS).await?;
    let Some(survey) = survey(ha).await? else {
        return Err(ApiError::with(codes::HA_NOT_ENABLED, &[]));
    };
    let view = survey.own.view().ok_or_else(|| ApiError::internal("the key is none"))?;
    may_begin(&view, &survey.others).map_err(objection)?;
    op.step().await?;
    begin(ha, &survey).await?;
    let (began, mut reached) = (Instant::now(), Stage::Accept);
    loop {
        let Some(survey) = self::survey(ha).await? else { return Err(ha.state.not_coordinator()) };
        let advice = advise(ha.state.identity.host(), &survey.own, &survey.others);
        let (stage, waits) = match &advice {
            Advice::Settled => break,
            Advice::Tell(stage, steps) => (*stage, steps.iter().map(|(host, _)| *host).collect()),
            Advice::Wait(stage, silent) => (*stage, silent.clone()),
            Advice::Renew => return Err(ApiError::with(codes::KEY_CHANGE_RUNNING, &[])),
        };
        while reached < stage {
            reached = if reached == Stage::Accept { Stage::Send } else { Stage::Drop };
            op.step().await?;
        }
        if began.elapsed() > PATIENCE {
            return Err(late(ha, &survey, waits.first().copied()).await);
        }
        if let Advice::Tell(_, steps) = advice {
            tell(ha, survey.generation, steps).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
    tracing::info!("all guards hold another key, alone");
    Ok(Value::void())
}

fn objection(why: Objection) -> ApiError {
    let host = |host: HostId| Ref::<Host>::from_uuid(host.0);
    match why {
        Objection::Silent(silent) => ApiError::with(codes::CANNOT_CONTACT_HOST, &[&host(silent)]),
        Objection::TooOld(old) => ApiError::with(codes::GUARD_TOO_OLD, &[&host(old)]),
        Objection::UnderWay => ApiError::with(codes::KEY_CHANGE_RUNNING, &[]),
    }
}

/// A member was not ready in time: while not all accept the new key it is taken back, after that the
/// change goes on as soon as it can.
async fn late(ha: &Ha, survey: &Survey, host: Option<HostId>) -> ApiError {
    let host = Ref::<Host>::from_uuid(host.unwrap_or_else(|| ha.state.identity.host()).0);
    match back(ha, survey).await {
        true => ApiError::with(codes::KEY_CHANGE_TAKEN_BACK, &[&host]),
        false => ApiError::with(codes::KEY_CHANGE_WAITS, &[&host]),
    }
}

/// Takes a change back that not all members accept; whether it did.
async fn back(ha: &Ha, survey: &Survey) -> bool {
    let Some(step) = take_back(&survey.own) else { return false };
    let me = ha.state.identity.host();
    let refused = tell(ha, survey.generation, vec![(me, step)]).await;
    refused.is_empty()
}

/// This host's guard accepts a new key besides: from now on the change goes on by itself.
async fn begin(ha: &Ha, survey: &Survey) -> Result<(), ApiError> {
    let view = survey.own.view().ok_or_else(|| ApiError::internal("the key is none"))?;
    let number = next_number(&view, &survey.others);
    let key = NumberedKey { number, secret: Secret::of(rand::random()) };
    let me = ha.state.identity.host();
    tracing::info!(number, "the guards' key is changed");
    let refused = tell(ha, survey.generation, vec![(me, KeyStep::Accept(key))]).await;
    match refused.into_iter().next() {
        Some((_, error)) => Err(errors::order(Ref::from_uuid(me.0), error)),
        None => Ok(()),
    }
}

/// Asks all hosts of the arming; `None`: the pool is not armed, or this host does not coordinate it.
async fn survey(ha: &Ha) -> Result<Option<Survey>, ApiError> {
    let Some(arm) = stock::arm_config(ha).filter(|_| ha.link.armed().is_some()) else {
        return Ok(None);
    };
    ha.state.check_may_act()?;
    let arm = pushed(ha, arm).await;
    let Some(own) = own_keys(ha, &arm).await else { return Ok(None) };
    let me = ha.state.identity.host();
    let lives = ha.link.state().as_deref().map(haven_failover::lives).unwrap_or_default();
    let member = |host: &HostId| lives.contains_key(&host.0);
    let hosts: Vec<HostId> = arm::hosts(&arm).into_iter().filter(|host| *host != me).collect();
    let asked: Vec<HostId> =
        hosts.iter().copied().filter(|host| member(host) || !is_silent(ha, *host)).collect();
    let answers = stock::ask_all(ha, &asked, |_| Order::GuardKeys).await;
    let said = |host: HostId| {
        let answer = answers.iter().find(|(asked, _)| *asked == host);
        answer.and_then(|(_, answer)| holds(answer))
    };
    let holder = |host: HostId| Holder { host, member: member(&host), said: said(host) };
    let others = hosts.into_iter().map(holder).collect();
    Ok(Some(Survey { generation: arm.generation, own, others }))
}

/// What a host answered. One that does not know the question is older than such changes.
fn holds(answer: &OrderResult) -> Option<Holds> {
    match answer {
        Ok(OrderReply::Keys(holds)) => Some(*holds),
        Err(OrderError::Refused(Refusal::Invalid(_))) => Some(Holds::default()),
        _ => None,
    }
}

/// The arming, once the guard has pushed what it answered: the answer to a step comes before the state.
async fn pushed(ha: &Ha, arm: Box<ArmConfig>) -> Box<ArmConfig> {
    let began = Instant::now();
    let mut arm = arm;
    while began.elapsed() < PUSH_MAX {
        let held = ha.link.state().and_then(|state| state.keys);
        if held.is_none() || held == arm.keys.view() {
            break;
        }
        tokio::time::sleep(PUSH_LOOK).await;
        arm = stock::arm_config(ha).unwrap_or(arm);
    }
    arm
}

/// What this host's guard holds. Its daemon may have ended between the note and the deed: then the guard
/// does first what was noted.
async fn own_keys(ha: &Ha, arm: &ArmConfig) -> Option<Keys> {
    let held = ha.link.state()?.keys;
    let Some(held) = held else { return Some(arm.keys.clone()) };
    if let Some(keys) = arm.keys.seen_as(&held) {
        return Some(keys);
    }
    let me = ha.state.identity.host();
    let only = KeyStep::Only(arm.keys.view()?.sends.id);
    tell(ha, arm.generation, vec![(me, only)]).await;
    None
}

/// Tells hosts their steps, all at the same time; who refused, or did not answer.
async fn tell(
    ha: &Ha,
    generation: Uuid,
    steps: Vec<(HostId, KeyStep)>,
) -> Vec<(HostId, OrderError)> {
    let hosts: Vec<HostId> = steps.iter().map(|(host, _)| *host).collect();
    let order = |host: HostId| {
        let step = steps.iter().find(|(to, _)| *to == host).map(|(_, step)| step.clone());
        let step = step.unwrap_or(KeyStep::Only(0));
        Order::Guard(Box::new(GuardCommand::Rekey(Box::new(Rekey { generation, step }))))
    };
    let answers = stock::ask_all(ha, &hosts, order).await;
    let refused = answers.into_iter().filter_map(|(host, answer)| Some((host, answer.err()?)));
    refused.inspect(|(host, error)| tracing::debug!(host = %host.0, %error, "not yet")).collect()
}

/// Looks whether all hosts hold one key, and leads them there. The caller holds the lock on changing.
pub(super) async fn look(ha: &Ha, known: &mut Known) -> Result<(), ApiError> {
    if ha.link.armed().is_none() || !ha.state.may_act() {
        *known = Known::default();
        return Ok(());
    }
    let state = ha.link.state();
    let keys = state.as_deref().and_then(|state| state.keys);
    let lives = state.as_deref().map(haven_failover::lives).unwrap_or_default();
    let now = keys.map(|keys| (lives, keys));
    if now.is_none() || now == known.settled && outside(ha).is_empty() {
        return Ok(());
    }
    let began = Instant::now();
    while began.elapsed() < LOOK_MAX {
        let Some(survey) = survey(ha).await? else { return Ok(()) };
        match advise(ha.state.identity.host(), &survey.own, &survey.others) {
            Advice::Settled => {
                *known = Known { settled: now, ..Known::default() };
                return Ok(());
            }
            Advice::Tell(stage, steps) => {
                tracing::info!(?stage, hosts = steps.len(), "guards are told about their keys");
                tell(ha, survey.generation, steps).await;
            }
            Advice::Renew => begin(ha, &survey).await?,
            Advice::Wait(stage, silent) => {
                return waits(ha, known, (&survey, stage), &silent).await;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// Hosts whose daemons report though their guards are no members: they may hold an older key.
fn outside(ha: &Ha) -> Vec<HostId> {
    let lives = ha.link.state().as_deref().map(haven_failover::lives).unwrap_or_default();
    let hosts = stock::arm_config(ha).map(|arm| arm::hosts(&arm)).unwrap_or_default();
    let out = |host: &HostId| !lives.contains_key(&host.0) && !is_silent(ha, *host);
    hosts.into_iter().filter(out).collect()
}

/// Members do not answer: people hear of it, and what not all accept is taken back.
async fn waits(
    ha: &Ha,
    known: &mut Known,
    (survey, stage): (&Survey, Stage),
    silent: &[HostId],
) -> Result<(), ApiError> {
    let since = *known.waits.get_or_insert_with(Instant::now);
    if since.elapsed() < PATIENCE || known.told {
        return Ok(());
    }
    let taken_back = stage == Stage::Accept && back(ha, survey).await;
    known.told = true;
    let (case, text) = match taken_back {
        true => (
            "key_change_taken_back",
            "The change of the heartbeats' key was taken back: not all hosts took the new one in time.",
        ),
        false => (
            "key_change_waits",
            "The change of the heartbeats' key waits for hosts that do not answer. It goes on by itself.",
        ),
    };
    let hosts: Vec<String> = silent.iter().map(|host| host.0.to_string()).collect();
    let data = json!({ "case": case, "hosts": hosts });
    let pool = ha.state.pool.read(|db| rows::pool(db).map(|(_, pool)| pool.uuid.clone())).await??;
    let about = (MessageClass::Pool, pool);
    message::raise(&ha.state, alerts::ALARM, about, message::body(text, &data)).await;
    Ok(())
}
