//! Power fencing while armed: a host that is put out and silent is switched off, so that nobody has
//! to wait until it certainly switched itself off.
//!
//! Owns: whom to switch off and when, and what is done when that fails. Never decides who is put
//! out or dead: the guard names the lives, and waits by itself for those for whom this fails.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use haven_cluster::control::{DeathProof, GuardCommand, GuardState};
use haven_cluster::ids::{HostId, Instant as BootTime, Life};
use haven_cluster::timing::Timing;
use haven_drivers::power::VerifiedOff;
use haven_model::{ApiError, Host, MessageClass, Ref, alerts};
use haven_pooldb::{Database, MemStore};
use tokio_util::sync::CancellationToken;

use super::stock;
use super::takeover::Ha;
use crate::ops::fencing::{self, HostPower};
use crate::ops::message;
use crate::replica::Replica;

/// How often the lives are looked at besides changes of the guard's state.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// First pause after a failed attempt.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// Longest pause between attempts.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Longest wait, after the proof was given, for the guard to count the life as dead.
const DEAD_WAIT: Duration = Duration::from_secs(60);

/// What became of one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// Seen at this time; nothing was tried yet.
    Waiting(Instant),
    /// Somebody works on it; it failed so often before.
    Busy(u32),
    /// It failed so often; not again before that time.
    Failed(u32, Instant),
}

/// The end of an attempt.
type End = (Life, bool);

/// Runs until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let mut cases: BTreeMap<Life, Case> = BTreeMap::new();
    let mut states = ha.link.watch();
    let (ends, mut ended) = tokio::sync::mpsc::channel::<End>(64);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            Some((life, done)) = ended.recv() => note_end(&mut cases, life, done),
        }
        let Some(state) = states.borrow_and_update().clone() else { continue };
        let Some(arm) = stock::arm_config(&ha) else { continue };
        for life in due(&mut cases, &state, arm.timing, Instant::now()) {
            let failures = match cases.get(&life) {
                Some(Case::Failed(failures, _)) => *failures,
                _ => 0,
            };
            cases.insert(life, Case::Busy(failures));
            let (ha, ends) = (ha.clone(), ends.clone());
            tokio::spawn(async move {
                let done = fence(&ha, life).await;
                // A manager that is gone ends with the daemon.
                let _stopped: Result<(), _> = ends.send((life, done)).await;
            });
        }
    }
}

fn note_end(cases: &mut BTreeMap<Life, Case>, life: Life, done: bool) {
    let failures = match cases.get(&life) {
        Some(Case::Busy(failures) | Case::Failed(failures, _)) => failures + 1,
        Some(Case::Waiting(_)) | None => 1,
    };
    let pause = RETRY_FIRST.saturating_mul(1 << failures.min(8)).min(RETRY_MAX);
    // Done for good: the guard names it no more, or nothing is set up for it.
    let pause = if done { RETRY_MAX } else { pause };
    cases.insert(life, Case::Failed(failures, Instant::now() + pause));
}

/// Lives to switch off now; forgets those of which the guard speaks no more.
fn due(
    cases: &mut BTreeMap<Life, Case>,
    state: &GuardState,
    timing: Timing,
    now: Instant,
) -> Vec<Life> {
    let busy = |case: &Case| matches!(case, Case::Busy(_));
    cases.retain(|life, case| busy(case) || state.to_power_off.contains(life));
    let mut found = Vec::new();
    for life in &state.to_power_off {
        let case = *cases.entry(*life).or_insert(Case::Waiting(now));
        let ripe = match case {
            Case::Busy(_) => false,
            Case::Failed(_, until) => now >= until,
            Case::Waiting(since) => {
                let grace = Duration::from_millis(u64::from(timing.t_lease_ms));
                silent(state, *life, timing) || now >= since + grace
            }
        };
        if ripe {
            found.push(*life);
        }
    }
    found
}

/// A host that still beats on the disk reads that it is out, and stops its VMs by itself sooner
/// than any device could: it gets the time of a lease to do so, and stays on.
fn silent(state: &GuardState, life: Life, timing: Timing) -> bool {
    let peer = state.peers.iter().find(|peer| peer.host == life.host);
    peer.is_none_or(|peer| peer.disk_ms.is_none_or(|ms| ms >= u64::from(timing.t_put_ms)))
}

/// Switches a host off and gives the guard the proof. `true`: nothing is left to do.
async fn fence(ha: &Ha, life: Life) -> bool {
    let host = Ref::<Host>::from_uuid(life.host.0);
    let power = match set_up(ha, host).await {
        Ok(power) if power.settings.is_empty() => return true,
        Ok(power) => power,
        Err(_) if !ha.state.pool.is_open() && !ha.state.agent().replica().is_there() => {
            tracing::info!(%host, "whether it can be switched off is known with the database");
            return false;
        }
        Err(error) => {
            tracing::warn!(%host, %error, "what is set up to switch this host off cannot be read");
            return false;
        }
    };
    tracing::warn!(%host, incarnation = life.incarnation.0, "switching a host off that was put out");
    let agents = ha.state.agent().power().clone();
    let began = BootTime(haven_block_io::boottime_ns());
    let settings = power.settings.clone();
    let off = tokio::task::spawn_blocking(move || agents.off(&settings)).await;
    let proven = match off {
        Ok(Ok(off)) => prove(ha, life, began, &off).await.map(|()| off),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match proven {
        Ok(off) => {
            tracing::warn!(%host, agents = ?off.agents, was_on = off.was_on, "the host is off");
            if off.was_on && !power.stay_off {
                switch_on_again(ha, life, power).await;
            }
            true
        }
        Err(why) => {
            tracing::error!(%host, why, "the host could not be proven off; the pool waits for it");
            let about = (MessageClass::Host, life.host.0.to_string());
            let text = format!(
                "Power fencing failed ({why}). Its VMs start elsewhere as soon as it certainly \
                 stopped them by itself."
            );
            if ha.state.may_act() {
                let data = serde_json::json!({ "case": "not_proven_off", "why": why.to_string() });
                let text = message::body(&text, &data);
                message::raise(&ha.state, alerts::HA_HOST_FAILED, about, text).await;
            }
            false
        }
    }
}

/// Tells the guard, unless the host is heard after it was reported off: then the device lies.
async fn prove(ha: &Ha, life: Life, began: BootTime, off: &VerifiedOff) -> Result<(), String> {
    let now = haven_block_io::boottime_ns();
    let age = u64::try_from(off.checked.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let checked = BootTime(now.saturating_sub(age));
    if let Some(state) = ha.link.state()
        && shows_life(&state, life, age / 1_000_000)
    {
        return Err("the device reports off, but the host is heard".to_owned());
    }
    let proof = DeathProof::PoweredOff { began, checked };
    let told = ha.link.request(GuardCommand::ProvenDead { life, proof }).await;
    told.map_err(|refusal| format!("{}: {}", refusal.code, refusal.text))
}

/// The life gave a sign within so many milliseconds.
fn shows_life(state: &GuardState, life: Life, within_ms: u64) -> bool {
    let peer = state.peers.iter().find(|peer| peer.host == life.host);
    let peer = peer.filter(|peer| peer.incarnation == life.incarnation);
    let youngest = peer.and_then(|peer| peer.heard_ms.iter().flatten().chain(&peer.disk_ms).min());
    youngest.is_some_and(|ms| *ms < within_ms)
}

/// What is set up for a host: in the database, or, before this host has taken it over, in its copy.
async fn set_up(ha: &Ha, host: Ref<Host>) -> Result<HostPower, ApiError> {
    if ha.state.pool.is_open() {
        return ha.state.pool.read(|db| fencing::of_host(db, host)).await?;
    }
    let copy = ha.state.agent().replica().clone();
    let read = move || in_copy(&copy, host);
    tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?
}

fn in_copy(copy: &Replica, host: Ref<Host>) -> Result<HostPower, ApiError> {
    let copy = copy.load().map_err(ApiError::internal)?;
    let store = Box::new(MemStore::default());
    let database = Database::create(store, crate::coordinator::ids(), &copy);
    let database = database.map_err(ApiError::internal)?;
    fencing::of_host(&database, host)
}

/// A host that hung may be well after a reset: it comes back as a new life, and is admitted.
async fn switch_on_again(ha: &Ha, life: Life, power: HostPower) {
    let dead = |host: HostId| {
        move |state: &super::LinkState| {
            let lives = state.iter().flat_map(|state| &state.dead);
            lives.into_iter().any(|dead| dead.host == host && dead.incarnation >= life.incarnation)
        }
    };
    let mut states = ha.link.watch();
    let is_dead = states.wait_for(dead(life.host));
    let seen = tokio::time::timeout(DEAD_WAIT, is_dead).await.is_ok_and(|seen| seen.is_ok());
    if !seen {
        tracing::warn!(host = %life.host.0, "the guard does not count the host as dead yet");
        return;
    }
    let agents = ha.state.agent().power().clone();
    let on = tokio::task::spawn_blocking(move || agents.on(&power.settings)).await;
    match on {
        Ok(Ok(())) => tracing::info!(host = %life.host.0, "the host is switched on again"),
        other => tracing::warn!(host = %life.host.0, ?other, "the host could not be switched on"),
    }
}

#[cfg(test)]
mod tests {
    use haven_cluster::control::{GuardPhase, PeerView};
    use haven_cluster::ids::{EpochNumber, Incarnation};
    use haven_cluster::timing::Profile;
    use uuid::Uuid;

    use super::*;

    fn life() -> Life {
        Life { host: HostId(Uuid::from_u128(2)), incarnation: Incarnation(7) }
    }

    fn state(disk_ms: u64, heard_ms: u64) -> GuardState {
        GuardState {
            sequence: 1,
            phase: GuardPhase::Member,
            to_power_off: vec![life()],
            peers: vec![PeerView {
                host: life().host,
                incarnation: life().incarnation,
                heard_ms: vec![Some(heard_ms), None],
                disk_ms: Some(disk_ms),
                confirmed: EpochNumber(1),
                member: false,
                quarantined: false,
                dead_in_ms: Some(1),
            }],
            ..GuardState::idle()
        }
    }

    #[test]
    fn a_silent_host_is_switched_off_at_once_and_one_that_beats_gets_its_lease() {
        let timing = Timing::of(Profile::Default);
        let now = Instant::now();
        let mut cases = BTreeMap::new();
        assert_eq!(due(&mut cases, &state(6_000, 6_000), timing, now), [life()]);
        let mut cases = BTreeMap::new();
        assert!(due(&mut cases, &state(300, 6_000), timing, now).is_empty());
        let late = now + Duration::from_secs(11);
        assert_eq!(due(&mut cases, &state(300, 6_000), timing, late), [life()]);
        cases.insert(life(), Case::Busy(0));
        assert!(due(&mut cases, &state(6_000, 6_000), timing, late).is_empty());
    }

    #[test]
    fn a_failure_is_tried_again_later_and_a_dead_life_is_forgotten() {
        let timing = Timing::of(Profile::Fast);
        let mut cases = BTreeMap::from([(life(), Case::Busy(0))]);
        note_end(&mut cases, life(), false);
        let now = Instant::now();
        assert!(due(&mut cases, &state(6_000, 6_000), timing, now).is_empty());
        let later = now + RETRY_MAX;
        assert_eq!(due(&mut cases, &state(6_000, 6_000), timing, later), [life()]);
        let quiet = GuardState { to_power_off: Vec::new(), ..state(1, 1) };
        assert!(due(&mut cases, &quiet, timing, later).is_empty());
        assert!(cases.is_empty());
    }

    #[test]
    fn a_host_that_is_heard_after_it_was_reported_off_is_not_off() {
        assert!(shows_life(&state(20_000, 200), life(), 500));
        assert!(shows_life(&state(200, 20_000), life(), 500));
        assert!(!shows_life(&state(900, 20_000), life(), 500));
        let next = Life { incarnation: Incarnation(8), ..life() };
        assert!(!shows_life(&state(1, 1), next, 500), "another life of the host");
    }
}
