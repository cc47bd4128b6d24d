//! The link to this host's guard: a client of its control socket that never gives up.
//!
//! Owns: the last state that the guard pushed, the requests under way, and the re-arming of a
//! guard that started anew while `host.json` says that the host is armed. A broken connection
//! means "no permit", whatever was known before.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use haven_cluster::Invariant;
use haven_cluster::control::{
    ArmConfig, GuardCommand, GuardLine, GuardPhase, GuardRefusal, GuardRequest, GuardState,
    PROTOCOL,
};
use haven_failover::rekey::Holds;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::preflight;
use super::promises::Promises;
use super::watchdog::GuardHost;
use crate::agent::permit::{ArmedView, GuardPort, PermitGate, PortFuture};
use crate::config::Config;
use crate::identity::{IdentityStore, Member};
use crate::orders::{PreflightReply, PreflightRequest};

/// Requests that may wait.
const REQUESTS_MAX: usize = 64;
/// Longest wait for the guard's answer; formatting slow storage takes its time.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Pause between attempts to reach the guard.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// How often the guard hears that this daemon lives, and what it runs.
const LOAD_INTERVAL: Duration = Duration::from_secs(2);
/// Port for members, of a host that is not listed.
const PEER_PORT: u16 = 7443;
/// Pause between attempts to arm a guard that refused.
const REARM_PAUSE: Duration = Duration::from_secs(2);

type Answer = oneshot::Sender<Result<(), GuardRefusal>>;

/// What the link knows; `None`: the guard does not answer.
pub type LinkState = Option<Arc<GuardState>>;

/// The link. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GuardLink {
    identity: Arc<IdentityStore>,
    guard_host: GuardHost,
    state: watch::Receiver<LinkState>,
    requests: mpsc::Sender<(GuardCommand, Answer)>,
    load: watch::Sender<(u32, u32)>,
    /// How many ask that the guard is not armed by itself.
    resting: Arc<AtomicU32>,
}

/// While it lives the guard is armed by nobody but who asks for it.
#[derive(Debug)]
pub struct Resting(Arc<AtomicU32>);

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl GuardLink {
    /// Starts the link's task.
    #[must_use]
    pub fn start(config: &Config, identity: Arc<IdentityStore>) -> Self {
        let (state_sender, state) = watch::channel(None);
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let load = watch::Sender::new((0, 0));
        let resting: Arc<AtomicU32> = Arc::default();
        let task = Task {
            socket: config.paths.guard_socket(),
            identity: Arc::clone(&identity),
            state: state_sender,
            inbox,
            load: load.subscribe(),
            resting: resting.clone(),
            promises: Promises::default(),
            end: End::GoesOn,
        };
        tokio::spawn(task.run());
        Self { identity, guard_host: GuardHost::of(config), state, requests, load, resting }
    }

    /// Keeps the link from arming the guard because `host.json` says so: somebody is at it.
    #[must_use]
    pub fn rest(&self) -> Resting {
        self.resting.fetch_add(1, Ordering::SeqCst);
        Resting(self.resting.clone())
    }

    /// This host.
    #[must_use]
    pub fn host(&self) -> uuid::Uuid {
        self.identity.host().0
    }

    /// This host as its guard is configured to see it.
    pub(super) fn guard_host(&self) -> &GuardHost {
        &self.guard_host
    }

    /// Where the pool daemon of the member with this address listens for members.
    #[must_use]
    pub fn peer_address(&self, address: IpAddr) -> SocketAddr {
        let pool = self.identity.pool();
        let members = pool.iter().flat_map(|pool| &pool.members);
        let found = members.into_iter().find(|member| member.address == address);
        found.map_or(SocketAddr::new(address, PEER_PORT), Member::peer_address)
    }

    /// Follows the guard's state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// The guard's state now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// Says what this host runs: all VMs, and the protected ones.
    pub fn set_load(&self, running: u32, protected: u32) {
        self.load.send_replace((running, protected));
    }

    /// Has the guard carry out a command.
    pub async fn request(&self, command: GuardCommand) -> Result<(), GuardRefusal> {
        let (sender, answer) = oneshot::channel();
        if self.requests.send((command, sender)).await.is_err() {
            return Err(silent());
        }
        match timeout(ANSWER_WAIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(silent()),
        }
    }
}

impl PermitGate for GuardLink {
    fn armed(&self) -> Option<ArmedView> {
        let configured = self.identity.get().pool.as_ref().is_some_and(|pool| pool.arm.is_some());
        let now = haven_cluster::ids::Instant(haven_block_io::boottime_ns());
        haven_failover::armed_view(self.state.borrow().as_deref(), configured, now)
    }
}

impl GuardPort for GuardLink {
    fn command(&self, command: GuardCommand) -> PortFuture<'_, Result<(), GuardRefusal>> {
        Box::pin(self.request(command))
    }

    fn load(&self, running: u32, protected: u32) {
        self.set_load(running, protected);
    }

    fn rest(&self) -> Option<Resting> {
        Some(self.rest())
    }

    fn is_twin(&self) -> bool {
        self.state.borrow().as_deref().is_some_and(super::alarm::says_twin)
    }

    fn broken(&self) -> Vec<Invariant> {
        self.state.borrow().as_deref().map(super::alarm::broken).unwrap_or_default()
    }

    fn own_alarms(&self) -> Vec<String> {
        self.state.borrow().as_deref().map(super::alarm::own).unwrap_or_default()
    }

    fn holds(&self) -> Option<Holds> {
        let state = self.state.borrow();
        state.as_deref().map(|state| Holds { protocol: state.protocol, keys: state.keys })
    }

    fn preflight(&self, request: PreflightRequest) -> PortFuture<'_, PreflightReply> {
        Box::pin(preflight::check_this_host(self.clone(), request))
    }
}

/// What a person must know of a guard of another version: it stays, whatever is installed, until
/// the host restarts or leaves high availability.
fn other_version(protocol: u32) -> Option<String> {
    let older = match protocol.cmp(&PROTOCOL) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => "older",
        std::cmp::Ordering::Greater => "newer",
    };
    Some(format!(
        "The guard of this host is {older} than its pool daemon (version {protocol}, not \
         {PROTOCOL}): restart the host once it is in maintenance."
    ))
}

fn silent() -> GuardRefusal {
    GuardRefusal {
        code: "HA_HEARTBEAT_DAEMON_STARTUP_FAILED".to_owned(),
        text: "the guard of this host does not answer; look at `journalctl -u haven-guard`"
            .to_owned(),
    }
}

/// Whether this daemon still speaks. What it says last must be the last that the guard hears: every answer
/// before has come then.
#[derive(Debug)]
enum End {
    GoesOn,
    Asked(Answer),
    Told,
}

impl End {
    fn take_if(&mut self, all_answered: bool) -> Option<Answer> {
        if !all_answered || !matches!(self, Self::Asked(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Told) {
            Self::Asked(answer) => Some(answer),
            Self::GoesOn | Self::Told => None,
        }
    }
}

struct Task {
    socket: PathBuf,
    identity: Arc<IdentityStore>,
    state: watch::Sender<LinkState>,
    inbox: mpsc::Receiver<(GuardCommand, Answer)>,
    load: watch::Receiver<(u32, u32)>,
    resting: Arc<AtomicU32>,
    promises: Promises,
    end: End,
}

impl Task {
    async fn run(mut self) {
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    let (reader, writer) = stream.into_split();
                    self.talk(reader, writer).await;
                    tracing::warn!("the connection to the guard broke");
                }
                Err(error) => tracing::debug!(%error, "the guard cannot be reached"),
            }
            self.state.send_replace(None);
            // Whoever asks meanwhile gets an answer now instead of a wait.
            while let Ok((_, answer)) = self.inbox.try_recv() {
                let _gone: Result<(), _> = answer.send(Err(silent()));
            }
            if self.inbox.is_closed() || !matches!(self.end, End::GoesOn) {
                return;
            }
            sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn talk(&mut self, reader: OwnedReadHalf, mut writer: OwnedWriteHalf) {
        let mut lines = BufReader::new(reader).lines();
        let mut pending: HashMap<u64, Option<Answer>> = HashMap::new();
        let (mut next, mut misunderstood) = (1, false);
        let mut loads = interval(LOAD_INTERVAL);
        loads.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rearm_after = tokio::time::Instant::now();
        loop {
            let goes_on = matches!(self.end, End::GoesOn);
            let (command, answer) = tokio::select! {
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { return };
                    self.take(&line, &mut pending, &mut misunderstood);
                    let due = goes_on && tokio::time::Instant::now() >= rearm_after;
                    match self.rearm().filter(|_| due) {
                        Some(config) => {
                            rearm_after = tokio::time::Instant::now() + REARM_PAUSE;
                            (GuardCommand::Arm(config), None)
                        }
                        None => match self.end.take_if(pending.is_empty()) {
                            Some(answer) => (GuardCommand::DatabaseClosed, Some(answer)),
                            None => continue,
                        },
                    }
                }
                request = self.inbox.recv(), if goes_on => match request {
                    Some((GuardCommand::DatabaseClosed, answer)) => {
                        self.end = End::Asked(answer);
                        match self.end.take_if(pending.is_empty()) {
                            Some(answer) => (GuardCommand::DatabaseClosed, Some(answer)),
                            None => continue,
                        }
                    }
                    Some((command, answer)) => (command, Some(answer)),
                    None => return,
                },
                _ = loads.tick(), if goes_on => (self.load_command(), None),
            };
            let request = GuardRequest { id: next, command };
            pending.insert(next, answer);
            next += 1;
            let Ok(mut line) = serde_json::to_string(&request) else { continue };
            line.push('\n');
            if writer.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn load_command(&self) -> GuardCommand {
        let (running, protected) = *self.load.borrow();
        GuardCommand::Load { running, protected }
    }

    fn take(
        &mut self,
        line: &str,
        pending: &mut HashMap<u64, Option<Answer>>,
        misunderstood: &mut bool,
    ) {
        match serde_json::from_str::<GuardLine>(line) {
            Ok(GuardLine::Reply(reply)) => match pending.remove(&reply.id) {
                Some(Some(answer)) => {
                    let _gone: Result<(), _> = answer.send(reply.result);
                }
                _ => {
                    if let Err(refusal) = reply.result {
                        tracing::warn!(code = %refusal.code, "the guard: {}", refusal.text);
                    }
                }
            },
            Ok(GuardLine::State(mut state)) => {
                if let Some(text) = other_version(state.protocol) {
                    state.alarms.push(text);
                }
                self.promises.look(&mut state);
                self.forget_if_disarmed(&state);
                self.state.send_replace(Some(Arc::from(state)));
            }
            Err(error) => {
                // Not a reason to hang up: the guard goes on, and so do the guests. But nothing is
                // done on the word of a state that is not understood.
                let known = self.state.send_replace(None).is_some();
                if known || !*misunderstood {
                    tracing::error!(%error, "the guard of this host speaks another version");
                }
                *misunderstood = true;
            }
        }
    }

    /// The whole pool was disarmed by a last epoch: a boot must not resume the membership. Its
    /// last coordinator brings the database home first, see [`super::takeover`].
    fn forget_if_disarmed(&self, state: &GuardState) {
        let Some(last) = state.epoch.as_ref().filter(|epoch| !epoch.armed) else { return };
        if last.coordinator.host == self.identity.host() {
            return;
        }
        // A guard that is to be armed anew still speaks of the arming before.
        let armed = |arm: &ArmConfig| arm.generation == last.generation;
        let configured = self
            .identity
            .get()
            .pool
            .as_ref()
            .is_some_and(|pool| pool.arm.as_deref().is_some_and(armed));
        if state.phase != GuardPhase::Idle || !configured {
            return;
        }
        let forgotten = self.identity.update(|identity| {
            if let Some(pool) = &mut identity.pool {
                pool.arm = None;
                // Whoever disarmed the pool goes on as its coordinator; a host that was down
                // meanwhile hears of it here first.
                pool.coordinator = last.coordinator.host;
            }
        });
        match forgotten {
            Ok(()) => tracing::info!("the pool was disarmed"),
            Err(error) => tracing::error!(%error, "cannot note that the pool was disarmed"),
        }
    }

    /// A guard that just started knows nothing; `host.json` does.
    fn rearm(&self) -> Option<Box<ArmConfig>> {
        let state = self.state.borrow();
        let idle = state.as_ref().filter(|state| state.phase == GuardPhase::Idle)?;
        let known = idle.epoch.as_ref().map(|epoch| epoch.generation);
        let arm = self.identity.get().pool.as_ref().and_then(|pool| pool.arm.clone())?;
        let fresh = known != Some(arm.generation) && self.resting.load(Ordering::SeqCst) == 0;
        fresh.then_some(arm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_of_another_version_is_told_of() {
        assert_eq!(other_version(PROTOCOL), None);
        assert!(other_version(0).unwrap().contains("older than its pool daemon"));
        assert!(other_version(PROTOCOL + 1).unwrap().contains("newer"));
        // One that is older than the number itself.
        let mut state = serde_json::to_value(GuardState::idle()).unwrap();
        state.as_object_mut().unwrap().remove("protocol");
        assert_eq!(serde_json::from_value::<GuardState>(state).unwrap().protocol, 0);
    }
}
