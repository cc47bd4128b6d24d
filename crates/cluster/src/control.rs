//! The local protocol between `havend` and `haven-guard`: newline-delimited JSON over one Unix
//! socket (`/run/haven/guard.sock`, root only).
//!
//! `havend` sends [`GuardRequest`]s, each answered by one [`GuardReply`] with the same `id`.
//! Besides, the guard pushes a whole [`GuardState`] after every change and at least once a beat:
//! the state is level-triggered, so a reader that missed one loses nothing.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{EpochNumber, HostId, Incarnation, Instant, Life};
use crate::keys::{Keys, KeysView, Rekey};
use crate::record::bit;
use crate::timing::Timing;

/// Version of this protocol: raised with every change that the other side must know of. A daemon
/// and a guard of different versions work together as far as both know what the other says.
pub const PROTOCOL: u32 = 3;
/// The first version in which a guard's key can be changed while it is armed.
pub const PROTOCOL_OF_REKEY: u32 = 3;

/// A request line of `havend`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuardRequest {
    /// Chosen by the sender, echoed in the reply.
    pub id: u64,
    /// What to do.
    pub command: GuardCommand,
}

/// What `havend` may ask of the guard.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command", content = "args")]
pub enum GuardCommand {
    /// Write fresh superblocks and the genesis record (coordinator only, before the first `Arm`).
    Format(Box<ArmConfig>),
    /// Begin (or, after a boot, resume) membership under this configuration.
    Arm(Box<ArmConfig>),
    /// Answer with the present state only.
    Status,
    /// What this host runs, for the weights of partition decisions and for the beat.
    Load {
        /// Running VMs.
        running: u32,
        /// Of those, protected ones.
        protected: u32,
    },
    /// Coordinator: the live database area was copied to `area`; make that one live.
    DatabaseCopied {
        /// Epoch in which this host became coordinator.
        epoch: EpochNumber,
        /// The fresh area that the record named.
        area: u8,
    },
    /// The database IO that this host issued under epochs up to `epoch` has returned.
    DatabaseDrained {
        /// The newest epoch whose IO is drained.
        epoch: EpochNumber,
    },
    /// This daemon ends: it has closed the pool database, and nothing that it wrote is on its way. Until a
    /// daemon says what runs here ([`Self::Load`]) this host does not act as coordinator, and another may
    /// as soon as a record names it.
    DatabaseClosed,
    /// Coordinator: change the membership or its parameters by a new epoch.
    Reconfigure(Box<ArmConfig>),
    /// Take a step of a change of keys ([`crate::keys`]). Not carried out, and to be given again, while
    /// another member is not ready for it.
    Rekey(Box<Rekey>),
    /// Coordinator: hand the role to this host.
    HandOver {
        /// The next coordinator.
        to: HostId,
    },
    /// Coordinator: put this host out though it beats, to fence it by power: its present life
    /// stands in [`GuardState::to_power_off`] once an epoch without it is decided.
    PutOut {
        /// Whom.
        host: HostId,
    },
    /// Coordinator: this host is to be taken out of the pool. As soon as it is no member and the epochs that
    /// count on it can be closed, a record forgets them and its place ([`EpochView::places`]); the answer
    /// does not wait for that.
    Settle {
        /// Which.
        host: HostId,
    },
    /// This life certainly runs no more, as something outside the protocol says.
    ProvenDead {
        /// The life, as it stood in [`GuardState::to_power_off`] or in an epoch.
        life: Life,
        /// Who says so.
        proof: DeathProof,
    },
    /// A quarantined host may be admitted again.
    Release {
        /// Which.
        host: HostId,
    },
    /// Clean shutdown: nothing runs here any more; leave the membership.
    Exclude,
    /// Coordinator: end the membership of all hosts by a last epoch.
    Disarm,
    /// This host only: end membership though the statefile is lost. Risk is the administrator's.
    EmergencyDisarm,
}

/// Proof of death from outside the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathProof {
    /// A power device was told to switch the host off, and a status query after that said "off".
    /// A device's answer to the command alone is no proof.
    PoweredOff {
        /// `CLOCK_BOOTTIME` of this host when the command was begun: after this guard knew that
        /// the life is put out.
        began: Instant,
        /// `CLOCK_BOOTTIME` of this host when the status query that said "off" was begun.
        checked: Instant,
    },
    /// The administrator says that the host is off (`haven pool recover` names the case).
    Administrator,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReply {
    /// `id` of the request.
    pub id: u64,
    /// `Ok` or why not: a catalogue code and a sentence.
    pub result: Result<(), GuardRefusal>,
}

/// Why the guard refused a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRefusal {
    /// Catalogue code, e.g. `HA_NOT_ARMED`.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
}

/// A line from the guard.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line", content = "body")]
pub enum GuardLine {
    /// Answer to a request.
    Reply(GuardReply),
    /// The present state.
    State(Box<GuardState>),
}

/// What a guard needs to take part in a membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmConfig {
    /// Names this arming of the pool; stands in superblocks, beats and datagrams.
    pub generation: Uuid,
    /// This host.
    pub host: HostId,
    /// Keys of the datagrams' MAC.
    #[serde(flatten)]
    pub keys: Keys,
    /// One or three statefiles.
    pub statefiles: Vec<StatefileSpec>,
    /// All hosts of the pool, this one included, in slot order.
    pub hosts: Vec<HostSpec>,
    /// Time-outs; the same on all hosts.
    pub timing: Timing,
    /// Host failures to tolerate at the same moment (`f` of the protocol's `q`).
    pub failures_to_tolerate: u32,
    /// Addresses (gateways) that tell a cut-off host from its peers.
    pub isolation_addresses: Vec<IpAddr>,
    /// What a host does that lost its network but not its disk.
    pub isolation_response: IsolationResponse,
    /// The coordinator that the genesis record names.
    pub first_coordinator: HostId,
}

impl ArmConfig {
    /// The places of the hosts that are in the pool: a bit for each slot.
    #[must_use]
    pub fn places(&self) -> u64 {
        places_of(&self.hosts)
    }
}

/// The places of these hosts: a bit for each slot.
pub fn places_of<'a>(hosts: impl IntoIterator<Item = &'a HostSpec>) -> u64 {
    let slots = hosts.into_iter().filter_map(|spec| u8::try_from(spec.slot).ok());
    slots.fold(0, |set, slot| set | bit(slot))
}

/// A statefile as this host reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatefileSpec {
    /// Identity of the volume; stands in its superblock.
    pub uuid: Uuid,
    /// Path on this host, e.g. `/run/sr-mount/<sr>/.haven/<uuid>.statefile`.
    pub path: String,
}

/// A host of the pool as the guards see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// Its identity.
    pub host: HostId,
    /// Its slot in the statefile (assigned for the whole generation).
    pub slot: u16,
    /// Where its guard listens: one address per heartbeat network.
    pub addresses: Vec<SocketAddr>,
}

/// See `membership.md`, "Whom to put out".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationResponse {
    /// The worse side fences itself.
    Fence,
    /// Guests are asked to shut down first, while the lease lasts.
    Shutdown,
    /// Nobody who beats on the disk goes out; only the coordinator's role moves.
    Hold,
}

/// The guard's whole state, as pushed to `havend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardState {
    /// [`PROTOCOL`] of this guard; 0: older than that.
    #[serde(default)]
    pub protocol: u32,
    /// Counts pushes of this guard.
    pub sequence: u64,
    /// What the guard is doing.
    pub phase: GuardPhase,
    /// This host and incarnation, once known.
    pub me: Option<Life>,
    /// The newest epoch that this guard knows to be decided.
    pub epoch: Option<EpochView>,
    /// The permit, if one is held now.
    pub permit: Option<PermitView>,
    /// This host is coordinator and may act: every earlier coordinator is dead or has confirmed.
    /// Valid only together with `permit`.
    pub may_act: bool,
    /// Per host the highest incarnation that is known to be dead (death rule): its VMs may be
    /// restarted elsewhere once no permit of it can be valid.
    pub dead: Vec<Life>,
    /// Named coordinator only: lives that are put out and not known to be dead. Switching one off
    /// and reporting [`GuardCommand::ProvenDead`] ends the wait for it.
    #[serde(default)]
    pub to_power_off: Vec<Life>,
    /// One row per host of the configuration: the heartbeat matrix.
    pub peers: Vec<PeerView>,
    /// One row per statefile.
    pub statefiles: Vec<StatefileView>,
    /// Which keys it holds; `None`: it is not armed, or older than this field.
    #[serde(default)]
    pub keys: Option<KeysView>,
    /// Conditions that a person must know of: sentences of [`Alarm`](crate::alarm::Alarm).
    pub alarms: Vec<String>,
}

impl GuardState {
    /// The state of a guard that is not armed, knows nothing and was never pushed.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            protocol: PROTOCOL,
            sequence: 0,
            phase: GuardPhase::Idle,
            me: None,
            epoch: None,
            permit: None,
            may_act: false,
            dead: Vec::new(),
            to_power_off: Vec::new(),
            peers: Vec::new(),
            statefiles: Vec::new(),
            keys: None,
            alarms: Vec::new(),
        }
    }
}

/// What the guard is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase", content = "why")]
pub enum GuardPhase {
    /// High availability is off here.
    Idle,
    /// Booted; waits for admission. The text says for what.
    Joining(String),
    /// Member of the newest epoch.
    Member,
    /// Member, but no host hears another and no isolation address answers.
    Dark,
    /// Put out, with the isolation response `shutdown`: guests are asked to shut down while the
    /// permit lasts; nothing may be started. The text says why.
    AskingGuests(String),
    /// Closing the gate and killing VMs; the text says why.
    Fencing(String),
}

/// Code of a refusal: a newer command of the kind took this one's place.
pub const REPLACED: &str = "TOO_BUSY";

/// An epoch record, shortened to what `havend` needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochView {
    /// Which arming of the pool it belongs to: numbers begin anew with each.
    #[serde(default)]
    pub generation: Uuid,
    /// Its number.
    pub number: EpochNumber,
    /// Its members.
    pub members: Vec<Life>,
    /// Its coordinator.
    pub coordinator: Life,
    /// Votes that a vote permit needs.
    pub q: u32,
    /// The database area that is live.
    pub area_live: u8,
    /// The life that made it live and alone may have written it; incarnation 0 at the first
    /// arming. `None`: its host is not known any more.
    #[serde(default)]
    pub area_owner: Option<Life>,
    /// The area to which the coordinator will copy the live one, until that is done.
    pub area_next: Option<u8>,
    /// False after `Disarm`.
    pub armed: bool,
    /// See [`ArmConfig::places`]: nobody else is admitted. `None`: the guard is older than this field.
    #[serde(default)]
    pub places: Option<u64>,
    /// The time-outs that count. `None`: the guard is older than this field.
    #[serde(default)]
    pub timing: Option<Timing>,
    /// How many failures the quorum was chosen for. `None`: the guard is older than this field.
    #[serde(default)]
    pub tolerate: Option<u32>,
}

impl EpochView {
    /// Whether this is what a configuration asks for: its places and nobody else's, its time-outs, and what it is to
    /// tolerate. `None`: a guard too old to say.
    #[must_use]
    pub fn is_as(&self, config: &ArmConfig) -> Option<bool> {
        let places = self.places? == config.places();
        let timing = self.timing.is_none_or(|timing| timing == config.timing);
        let tolerate = self.tolerate.is_none_or(|number| number == config.failures_to_tolerate);
        Some(places && timing && tolerate)
    }

    /// Certainly no guard admits a host in this place, whatever it was told.
    #[must_use]
    pub fn is_without(&self, place: u16) -> bool {
        let slot = u8::try_from(place).ok();
        self.places.zip(slot).is_some_and(|(places, slot)| places & bit(slot) == 0)
    }
}

/// A permit that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitView {
    /// How it was earned last.
    pub kind: PermitKind,
    /// `CLOCK_BOOTTIME` of this host until which it is valid. Check it at the moment of acting.
    pub until: Instant,
}

/// How a permit was earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermitKind {
    /// By a write to, and a read of, a majority of the statefiles.
    Disk,
    /// By the votes of `q` members.
    Votes,
}

/// How this guard sees one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The host.
    pub host: HostId,
    /// Its newest incarnation seen.
    pub incarnation: Incarnation,
    /// Milliseconds since the last datagram, per heartbeat network; `None`: never.
    pub heard_ms: Vec<Option<u64>>,
    /// Milliseconds since its beat block last changed; `None`: never seen.
    pub disk_ms: Option<u64>,
    /// The newest epoch that it confirms.
    pub confirmed: EpochNumber,
    /// Member of the newest epoch.
    pub member: bool,
    /// For a host that was put out: milliseconds until it can count as dead; `Some(0)` when dead.
    pub dead_in_ms: Option<u64>,
    /// It was put out too often and is not admitted before it is released or time has passed.
    #[serde(default)]
    pub quarantined: bool,
}

/// How this guard sees one statefile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatefileView {
    /// Which.
    pub uuid: Uuid,
    /// Milliseconds since the last complete write-and-read round.
    pub good_ms: Option<u64>,
    /// Duration of the last round, in microseconds.
    pub latency_us: u64,
}
