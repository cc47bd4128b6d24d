//! Arming the pool.
//!
//! Owns: how each step is done; in which order, and what a failure of each leaves, says
//! [`haven_failover::arming`]. From the moment at which any
//! guard could be armed until an epoch is decided nothing is acknowledged, and `host.json` of the
//! coordinator says "armed": should its daemon end in between, [`super::resume`] goes on from
//! there, and whatever was founded without it is ended by a decided epoch.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use haven_cluster::control::{ArmConfig, GuardCommand, GuardRefusal, GuardState, HostSpec};
use haven_cluster::ids::HostId;
use haven_cluster::keys::Secret;
use haven_failover::arming::{self, Answer, Arming, End, Step, Told, Unfit};
use haven_model::{ApiError, Host, Pool, Ref, Sr, Vdi, codes};
use haven_pooldb::Tx;
use tokio::time::timeout;

use super::area;
use super::disarm;
use super::pool_check::{self, Wishes};
use super::takeover::{self, Ha};
use super::volumes::{self, Volume};
use super::{promise, stock};
use crate::agent::permit::PermitGate;
use crate::identity::Member;
use crate::ops::{errors, rows};
use crate::orders::{
    Order, OrderError, OrderReply, OrderResult, PreflightFinding, PreflightRequest,
    PreflightSubject,
};
use crate::state::fresh;

/// Waits of the guards besides the time-outs: the first decision on slow storage.
const FORM_WAIT: Duration = Duration::from_secs(20);

/// Arms the pool: `pool.enable_ha`. Any failure leaves it off everywhere; where a host cannot be
/// asked, it is turned off as soon as the pool can decide that.
///
/// # Errors
/// What is in the way, as a catalogue error.
pub async fn enable(
    ha: &Ha,
    srs: Vec<Ref<Sr>>,
    config: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let _changing = ha.change(codes::HA_ENABLE_IN_PROGRESS).await?;
    if ha.link.armed().is_some() {
        return Err(ApiError::with(codes::HA_IS_ENABLED, &[]));
    }
    let asked = srs;
    for sr in &ha.state.pool.read(|db| pool_check::wanted(db, &asked)).await? {
        // What is free may have been looked at long ago.
        if let Err(error) = crate::ops::sr::measure(&ha.state, *sr).await {
            tracing::warn!(%error, %sr, "how much is free on a repository is not known");
        }
    }
    let srs = ha.state.pool.read(|db| pool_check::check(db, &asked)).await??;
    let wishes = ha.state.pool.read(|db| pool_check::wishes(db, &config)).await??;
    ha.state.pool.read(|db| super::mtu::check(db, &config)).await??;
    let volumes = volumes::make(ha, &srs).await?;
    let arm = compose(ha, &volumes, &wishes).await?;
    let me = ha.state.identity.host();
    let others = hosts(&arm).into_iter().filter(|host| *host != me).collect();
    let mut arming = Arming::new(others);
    let work = Work { ha, arm: &arm, volumes: &volumes, wishes: &wishes, config: &config };
    let end = work.through(&mut arming).await;
    if end == End::Armed {
        tracing::info!(hosts = arm.hosts.len(), "high availability is on");
        return Ok(());
    }
    if end == End::Halved {
        tracing::error!(
            "the pool may be armed by halves: whoever coordinates it turns high availability off as \
             soon as enough hosts are back"
        );
    }
    Err(arming.why().unwrap_or_else(|| ApiError::internal("an arming ended without a reason")))
}

/// What the steps of an arming work on.
struct Work<'a> {
    ha: &'a Ha,
    arm: &'a ArmConfig,
    volumes: &'a [Volume],
    wishes: &'a Wishes,
    config: &'a BTreeMap<String, String>,
}

impl Work<'_> {
    /// Does what the arming asks for, one step after the other. The caller holds the lock on changing.
    async fn through(&self, arming: &mut Arming<ApiError>) -> End {
        let mut resting = None;
        loop {
            let step = arming.step().clone();
            match step {
                Step::End(end) => {
                    self.ha.leaving.store(false, Ordering::SeqCst);
                    return end;
                }
                // Whatever the guard decides while it leaves, nothing is opened under it.
                Step::LeaveOthers(_) => self.ha.leaving.store(true, Ordering::SeqCst),
                Step::Act => self.ha.leaving.store(false, Ordering::SeqCst),
                Step::Note => {
                    resting.get_or_insert_with(|| self.ha.link.rest());
                }
                _ => {}
            }
            let answer = self.step(&step).await;
            if let Some(error) = failure(&step, &answer) {
                tracing::error!(%error, ?step, "high availability could not be turned on");
            }
            arming.answer(answer, arming::founded(self.ha.link.state().as_deref()));
        }
    }

    async fn step(&self, step: &Step) -> Answer<ApiError> {
        let Self { ha, arm, .. } = self;
        let me = ha.state.identity.host();
        match step {
            Step::Check => {
                let all = hosts(arm);
                let unfit = preflight_of(ha, arm, (&all, &all), self.wishes.without_watchdog).await;
                let silent = |error: &ApiError| error.code == codes::HOST_OFFLINE;
                let unfit = unfit.into_iter().map(|(_, error)| match silent(&error) {
                    true => Unfit::Silent(error),
                    false => Unfit::Lacks(error),
                });
                Answer::Checked(unfit.collect())
            }
            Step::Prepare => Answer::Done(prepare(ha, arm).await),
            Step::Note => Answer::Done(stock::remember_arm(ha, arm)),
            Step::ArmOthers(others) => {
                let answers = arm_others(ha, arm, others).await;
                Answer::Told(answers.into_iter().map(|(host, a)| (host, told(host, a))).collect())
            }
            Step::ArmSelf => {
                let own = GuardCommand::Arm(pool_check::for_host(arm, me));
                Answer::Done(ha.link.request(own).await.map_err(refused))
            }
            Step::Form => Answer::Done(wait_formed(ha, arm).await),
            Step::Record => Answer::Done(record(ha, arm, self.volumes, self.config.clone()).await),
            Step::LeaveOthers(touched) => {
                let answers = disarm::ask_to_leave(ha, touched).await;
                Answer::Told(answers.into_iter().map(|(host, a)| (host, told(host, a))).collect())
            }
            Step::LeaveSelf => Answer::Done(disarm::own_end(ha).await),
            Step::Act => Answer::Done(disarm::wait_acting(ha, arm).await),
            Step::Disarm => Answer::Done(disarm::decided(ha).await),
            Step::End(_) => Answer::Done(Ok(())),
        }
    }
}

/// What went wrong in a step.
fn failure<'a>(step: &Step, answer: &'a Answer<ApiError>) -> Option<&'a ApiError> {
    match answer {
        // Said to who asked.
        Answer::Checked(_) => None,
        Answer::Done(result) => result.as_ref().err().filter(|_| *step != Step::Prepare),
        Answer::Told(answers) => answers.iter().find_map(|(_, told)| match told {
            Told::Done => None,
            Told::Refused(error) | Told::Unknown(error) => Some(error),
        }),
    }
}

/// The statefiles are formatted, and the database lies on the metadata volume.
async fn prepare(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let metadata = area::metadata_path(arm)
        .ok_or_else(|| ApiError::internal("a statefile without a directory"))?;
    let me = ha.state.identity.host();
    let format = GuardCommand::Format(pool_check::for_host(arm, me));
    ha.link.request(format).await.map_err(refused)?;
    takeover::stage(ha, arm, metadata).await
}

fn refused(refusal: GuardRefusal) -> ApiError {
    ApiError::from_wire(&refusal.code, vec![refusal.text])
}

async fn compose(ha: &Ha, volumes: &[Volume], wishes: &Wishes) -> Result<ArmConfig, ApiError> {
    let pool = ha.state.identity.pool();
    let members = pool.map(|pool| pool.members).unwrap_or_default();
    let tolerate = ha
        .state
        .pool
        .read(|db| rows::pool(db).map(|(_, pool)| pool.ha_host_failures_to_tolerate))
        .await??;
    let tolerate = u32::try_from(tolerate).unwrap_or(0).max(1);
    let statefiles = volumes.iter().map(|volume| volume.spec.clone()).collect();
    let key = Secret::of(rand::random());
    let me = ha.state.identity.host();
    Ok(pool_check::arm_config(&members, me, statefiles, wishes, (fresh(), key, tolerate)))
}

/// The hosts `which` check themselves, all at the same time, and that they reach `peers`; who cannot be
/// armed, and why.
pub(super) async fn preflight_of(
    ha: &Ha,
    arm: &ArmConfig,
    (which, peers): (&[HostId], &[HostId]),
    without_watchdog: bool,
) -> Vec<(HostId, ApiError)> {
    let peers = arm.hosts.iter().filter(|spec| peers.contains(&spec.host));
    let peers = peers.filter_map(|spec| Some(spec.addresses.first()?.ip())).collect();
    let beats = |spec: &HostSpec| spec.addresses.iter().map(SocketAddr::ip).collect();
    let request = PreflightRequest {
        statefiles: arm.statefiles.clone(),
        wall_ms: super::wall_ms(),
        peers,
        without_watchdog,
        bite_ms: arm.timing.t_wd_ms,
        heartbeats: arm.hosts.iter().map(|spec| (spec.host.0, beats(spec))).collect(),
        reach: Vec::new(),
    };
    let order = |_| Order::HaPreflight(Box::new(request.clone()));
    let answers = stock::ask_all(ha, which, order).await.into_iter();
    answers.filter_map(|(host, answer)| Some((host, unfit(ha, host, answer)?))).collect()
}

/// Why a host cannot be armed, if its answer says so.
fn unfit(ha: &Ha, host: HostId, answer: OrderResult) -> Option<ApiError> {
    let reply = match answer {
        Ok(OrderReply::Preflight(reply)) => reply,
        Ok(_) => return Some(ApiError::internal("an unexpected answer to a pre-flight")),
        Err(error) => return Some(errors::order(Ref::from_uuid(host.0), error)),
    };
    for warning in &reply.warnings {
        tracing::warn!(host = %host.0, code = warning.code, "{}", warning.text);
    }
    Some(of_host(ha, host, reply.findings.first()?))
}

fn of_host(ha: &Ha, host: HostId, finding: &PreflightFinding) -> ApiError {
    let name = ha.state.identity.pool();
    let name = name.as_ref().and_then(|pool| pool.member(host));
    let name = name.map_or_else(|| host.0.to_string(), |member| member.name.clone());
    ApiError::from_wire(&finding.code, vec![format!("{name}: {}", finding.text)])
}

/// The watchdogs of the hosts that answer bite as soon as this configuration wants it. One that cannot
/// would cost its host the permit, and so its machines.
pub(super) async fn check_watchdogs(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let request = PreflightRequest {
        without_watchdog: true,
        bite_ms: arm.timing.t_wd_ms,
        ..PreflightRequest::default()
    };
    let order = |_| Order::HaPreflight(Box::new(request.clone()));
    for (host, answer) in stock::ask_all(ha, &hosts(arm), order).await {
        let Ok(OrderReply::Preflight(reply)) = answer else { continue };
        let about = |finding: &&PreflightFinding| finding.about == Some(PreflightSubject::Watchdog);
        if let Some(finding) = reply.findings.iter().find(about) {
            return Err(of_host(ha, host, finding));
        }
    }
    Ok(())
}

/// The hosts of a configuration.
pub(super) fn hosts(arm: &ArmConfig) -> Vec<HostId> {
    arm.hosts.iter().map(|spec| spec.host).collect()
}

/// Arms other hosts; harmless where that was done already.
pub(super) async fn arm_others(
    ha: &Ha,
    arm: &ArmConfig,
    others: &[HostId],
) -> Vec<(HostId, OrderResult)> {
    let order = |host| Order::Guard(Box::new(GuardCommand::Arm(pool_check::for_host(arm, host))));
    stock::ask_unarmed(ha, others, order).await
}

/// What the answer of a host means for who arms it.
fn told(host: HostId, answer: OrderResult) -> Told<ApiError> {
    let Err(error) = answer else { return Told::Done };
    let doubt = may_be_done(&error);
    let error = errors::order(Ref::from_uuid(host.0), error);
    if doubt { Told::Unknown(error) } else { Told::Refused(error) }
}

/// Not, if the order never left, or the host or its guard refused it.
fn may_be_done(error: &OrderError) -> bool {
    match error {
        OrderError::OutcomeUnknown { .. } => true,
        // The guard may have been slow to answer.
        OrderError::Failed { code, .. } => code == codes::HA_HEARTBEAT_DAEMON_STARTUP_FAILED,
        _ => false,
    }
}

/// The first epoch holds all hosts, and this one acts.
async fn wait_formed(ha: &Ha, arm: &ArmConfig) -> Result<(), ApiError> {
    let late = Duration::from_millis(u64::from(arm.timing.t_late_ms + arm.timing.t_lease_ms));
    let formed = async {
        loop {
            let state = ha.link.state();
            let members = state.as_deref().map(haven_failover::lives).unwrap_or_default();
            let all = arm.hosts.iter().all(|spec| members.contains_key(&spec.host.0));
            if all && ha.state.may_act() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(late + FORM_WAIT, formed).await.is_ok() {
        return Ok(());
    }
    let pool = ha.state.identity.pool();
    let members = pool.map(|pool| pool.members).unwrap_or_default();
    let text = why_not_formed(ha.link.state().as_deref(), arm, &members);
    Err(ApiError::from_wire(codes::HA_FAILED_TO_FORM_LIVESET, vec![text]))
}

/// Who is missing, and what this host's guard complains of.
fn why_not_formed(state: Option<&GuardState>, arm: &ArmConfig, names: &[Member]) -> String {
    let Some(state) = state else { return "the guard of this host does not answer".to_owned() };
    let members = haven_failover::lives(state);
    let missing = arm.hosts.iter().filter(|spec| !members.contains_key(&spec.host.0));
    let name = |host: HostId| {
        let listed = names.iter().find(|member| member.host == host);
        listed.map_or_else(|| host.0.to_string(), |member| member.name.clone())
    };
    let missing: Vec<String> = missing.map(|spec| name(spec.host)).collect();
    let missing = match missing.is_empty() {
        true => "all hosts are members, but the coordinator may not act".to_owned(),
        false => format!("not members within the time: {}", missing.join(", ")),
    };
    let said = super::status::summary(Some(state));
    format!("{missing}. {said} {}", state.alarms.join(" "))
}

/// Writes that the pool is armed, and in which life each host runs what it runs.
async fn record(
    ha: &Ha,
    arm: &ArmConfig,
    volumes: &[Volume],
    config: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let lives = ha.state.lives();
    let own: Vec<Ref<Vdi>> = volumes.iter().map(|volume| volume.statefile).collect();
    let statefiles: Vec<String> = own.iter().map(ToString::to_string).collect();
    let repositories = volumes.iter().map(|volume| volume.sr).collect::<Vec<_>>();
    tracing::info!(?repositories, generation = %arm.generation, "armed");
    let peers: Vec<String> = arm.hosts.iter().map(|spec| spec.host.0.to_string()).collect();
    ha.state
        .pool
        .write(move |tx| {
            // Somebody may have taken a volume or its repository away meanwhile: not armed, then.
            for vdi in own {
                tx.require(vdi)?;
            }
            stock::stamp_holders(tx, &lives)?;
            let hosts: Vec<Ref<Host>> = tx.iter::<Host>().map(|(host, _)| host).collect();
            for host in hosts {
                tx.update(host, |row: &mut Host| {
                    row.ha_statefiles.clone_from(&statefiles);
                    row.ha_network_peers.clone_from(&peers);
                })?;
            }
            on(tx, config, statefiles)
        })
        .await?;
    // The pool is armed, durably; what it promises is computed again after every change.
    if let Err(error) = promise::refresh(ha, &mut promise::Basis::default()).await {
        tracing::warn!(%error, "how many host failures are tolerated is not known yet");
    }
    Ok(())
}

/// Writes that high availability is on.
fn on(
    tx: &mut Tx<'_>,
    configuration: BTreeMap<String, String>,
    statefiles: Vec<String>,
) -> Result<(), ApiError> {
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| {
        row.ha_enabled = true;
        row.ha_configuration = crate::ops::ha_policy::merged(&row.ha_configuration, configuration);
        row.ha_statefiles = statefiles;
        row.ha_cluster_stack = "haven".to_owned();
    })
}
