//! What a host can be asked to do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use haven_cluster::control::{GuardCommand, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_drivers::hypervisor::{DomainChange, DomainSpec, MigratePace, StopMode};
use haven_drivers::power::PowerSettings;
use haven_drivers::storage::{SrSpec, TestPart};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::Member;
use crate::stats::StatsQuery;

/// An address of a migration's destination besides its own one, on another network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The address.
    pub address: IpAddr,
    /// Somebody asked for it; without, the destination's own address does as well.
    pub must: bool,
}

/// What a host can be asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "order", content = "args")]
pub enum Order {
    /// What runs here? Closes orders of earlier terms that are not acting yet.
    Inventory,
    /// Starts a domain. Refused without a valid permit while armed.
    StartVm {
        /// The domain.
        spec: Box<DomainSpec>,
        /// The VM's placement number; one that was closed here is refused.
        placement: u64,
        /// Leave it paused.
        paused: bool,
    },
    /// Stops a domain; `Done` also when it did not run.
    StopVm {
        /// The VM.
        vm: Uuid,
        /// How.
        mode: StopMode,
    },
    /// Asks the guest to reboot, or resets it.
    RebootVm {
        /// The VM.
        vm: Uuid,
        /// Ask instead of reset.
        clean: bool,
    },
    /// Stops execution, keeps memory.
    PauseVm {
        /// The VM.
        vm: Uuid,
    },
    /// Continues a paused domain.
    UnpauseVm {
        /// The VM.
        vm: Uuid,
    },
    /// Saves memory to a file and ends the domain.
    SuspendVm {
        /// The VM.
        vm: Uuid,
        /// Path of the image on this host.
        path: String,
    },
    /// Starts a domain from saved memory. Needs a permit like `StartVm`.
    ResumeVm {
        /// The domain.
        spec: Box<DomainSpec>,
        /// The VM's placement number.
        placement: u64,
        /// Path of the image on this host.
        path: String,
        /// Leave it paused.
        #[serde(default)]
        paused: bool,
    },
    /// Destination of a migration: let `from` reach libvirt and the memory stream of `vm`, once
    /// and for a limited time. Needs a permit like `StartVm`.
    PrepareMigrateIn {
        /// The VM.
        vm: Uuid,
        /// Its placement number, which names both hosts as holders.
        placement: u64,
        /// The source.
        from: HostId,
    },
    /// Destination: the migration is over (either way); close what `PrepareMigrateIn` opened.
    FinishMigrateIn {
        /// The VM.
        vm: Uuid,
        /// The placement under which it was announced, which is void from now on (0: an older
        /// coordinator does not say).
        #[serde(default)]
        placement: u64,
    },
    /// Source: migrates live; answered when the guest runs at `to` and is gone here.
    MigrateVm {
        /// The VM.
        vm: Uuid,
        /// The destination.
        to: HostId,
        /// The placement that names both hosts: under this one and earlier ones the source starts it
        /// no more (0: an older coordinator does not say).
        #[serde(default)]
        placement: u64,
        /// How fast, and at whose cost.
        #[serde(default)]
        pace: MigratePace,
        /// Where memory goes; none: to the destination's own address.
        #[serde(default)]
        via: Option<Via>,
    },
    /// Progress of the migration of a VM from here.
    MigrateProgress {
        /// The VM.
        vm: Uuid,
    },
    /// Where a disk of a VM is, and how far its copy.
    DiskState {
        /// The VM.
        vm: Uuid,
        /// Target name of the disk.
        target: String,
    },
    /// Cancels the running job of a VM.
    CancelJob {
        /// The VM.
        vm: Uuid,
    },
    /// From now on refuse to start this VM under placements up to `placement`; answers whether
    /// it runs. `running: false` means "does not run, and will not".
    ClosePlacement {
        /// The VM.
        vm: Uuid,
        /// The highest placement that is void.
        placement: u64,
        /// The life that held the VM, an incarnation: another one refuses to answer (0: any may).
        #[serde(default)]
        life: u64,
    },
    /// Ends a machine whose storage is lost here. It counts as running, under any placement up to this one,
    /// until the host has let go of that storage.
    EndVm {
        /// The VM.
        vm: Uuid,
        /// Its placement, which is void from now on.
        placement: u64,
        /// What of its storage does not answer.
        srs: BTreeSet<Uuid>,
    },
    /// Changes a running domain.
    ChangeVm {
        /// The VM.
        vm: Uuid,
        /// What.
        change: Box<DomainChange>,
    },
    /// What the guest shows on its screen.
    Screenshot {
        /// The VM. The order says nothing of where it runs, and holds up nothing that does.
        vm: Uuid,
    },
    /// How guests are that are watched. Says nothing of where they run.
    GuestPulses {
        /// The VMs.
        vms: Vec<Uuid>,
    },
    /// One command to the guest agent; JSON in and out.
    GuestAgent {
        /// The VM.
        vm: Uuid,
        /// The command.
        command: String,
    },
    /// Attaches a storage repository; idempotent. `remember` has it attached at every start.
    AttachSr {
        /// The repository.
        sr: SrSpec,
        /// Keep it in the list of what is attached at boot.
        remember: bool,
    },
    /// Detaches a storage repository and forgets it; idempotent.
    DetachSr {
        /// The repository.
        sr: SrSpec,
    },
    /// Detaches a storage repository that does not answer, so that nothing of this host reaches it any more;
    /// refused when that cannot be proven. It is attached again by itself.
    LetGoSr {
        /// The repository.
        sr: SrSpec,
    },
    /// Prepares an empty storage repository.
    CreateSr {
        /// The repository.
        sr: SrSpec,
    },
    /// Lists its volumes.
    ScanSr {
        /// The repository.
        sr: SrSpec,
    },
    /// What can be attached with a partial configuration.
    ProbeSr {
        /// `SR.type`.
        kind: String,
        /// Partial device configuration.
        device_config: BTreeMap<String, String>,
    },
    /// Tries a place that may become a repository, and leaves it as it was.
    TestSr {
        /// `SR.type`.
        kind: String,
        /// Device configuration.
        device_config: BTreeMap<String, String>,
        /// What to do there beside.
        part: TestPart,
        /// Names this test, so that hosts know each other's mark.
        test: Uuid,
    },
    /// Its space.
    SrSpace {
        /// The repository.
        sr: SrSpec,
    },
    /// Creates a volume; idempotent.
    CreateVolume {
        /// The repository.
        sr: SrSpec,
        /// The volume.
        vdi: Uuid,
        /// Size that the guest sees, in bytes.
        size: u64,
    },
    /// A full copy of a volume.
    CopyVolume {
        /// The repository.
        sr: SrSpec,
        /// Source.
        from: Uuid,
        /// Destination.
        to: Uuid,
    },
    /// A full copy of any image that this host can read.
    ImportVolume {
        /// The repository of the new volume.
        sr: SrSpec,
        /// The new volume.
        to: Uuid,
        /// Path of the image on the host.
        source: String,
        /// `raw` or `qcow2`.
        format: String,
        /// Size that the guest sees, in bytes.
        size: u64,
    },
    /// A new volume that holds a few small files, for a guest that boots for the first time.
    SeedVolume {
        /// The repository of the new volume.
        sr: SrSpec,
        /// The new volume.
        to: Uuid,
        /// Label of the file system.
        label: String,
        /// Texts by file name.
        files: BTreeMap<String, String>,
    },
    /// Creates an empty volume that shows the content of another; idempotent.
    OverlayVolume {
        /// The repository.
        sr: SrSpec,
        /// Whose content it shows.
        base: Uuid,
        /// The new volume.
        to: Uuid,
        /// Size that the guest sees, in bytes.
        size: u64,
    },
    /// Grows a volume.
    ResizeVolume {
        /// The repository.
        sr: SrSpec,
        /// The volume.
        vdi: Uuid,
        /// New size in bytes.
        size: u64,
    },
    /// Deletes a volume; idempotent.
    DestroyVolume {
        /// The repository.
        sr: SrSpec,
        /// The volume.
        vdi: Uuid,
    },
    /// Creates a raw system volume.
    CreateRaw {
        /// The repository.
        sr: SrSpec,
        /// Its name.
        name: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Announces an image for an ISO library, which comes as a request of its own.
    BeginImage {
        /// The library.
        sr: SrSpec,
        /// Its file name there.
        name: String,
        /// Its size in bytes, if that is known.
        size: Option<u64>,
        /// Names the request that brings it.
        image: Uuid,
    },
    /// Deletes an image from an ISO library; idempotent.
    RemoveImage {
        /// The library.
        sr: SrSpec,
        /// Its file name there.
        name: String,
    },
    /// Hardware, versions, networks, clock.
    HostFacts,
    /// What the host and its guests used.
    Statistics(StatsQuery),
    /// Checks this host before high availability is armed. Changes nothing.
    HaPreflight(Box<PreflightRequest>),
    /// Which keys the guard of this host holds: their names. `Failed`, when the guard does not answer.
    GuardKeys,
    /// Hands a command to the guard of this host. `Arm` and the two disarms are also remembered
    /// in `host.json`, so that a boot resumes the membership.
    Guard(Box<GuardCommand>),
    /// Keep this copy of the pool database.
    StoreReplica {
        /// Its generation; an older one than the copy here is ignored.
        generation: u64,
        /// The exported database, as text.
        snapshot: String,
    },
    /// Keep these changes, which follow on the copy of the pool database that has this checksum.
    UpdateReplica {
        /// The generation that they lead to.
        generation: u64,
        /// Checksum of what they follow on (`replica::next_link`).
        on: String,
        /// The changes, as text.
        batch: String,
    },
    /// The pool's members and coordinator have changed.
    UpdatePool(Box<PoolUpdate>),
    /// A request for another certificate of this host's key: PEM.
    RequestCertificate,
    /// Show this certificate from now on, of the same key: the host's addresses have changed.
    TakeCertificate {
        /// PEM.
        certificate: String,
    },
    /// Creates a bridge, with an uplink if one is named; idempotent.
    EnsureBridge {
        /// Name of the bridge.
        bridge: String,
        /// Network device to put into it; empty for an internal network.
        uplink: String,
        /// Maximum transmission unit, 0 for the default.
        mtu: u32,
        /// Tag of the VLAN of that device that goes into it; 0 for the device itself.
        #[serde(default)]
        vlan: u16,
    },
    /// Removes a bridge that no guest uses, and the VLAN in it; idempotent. The device below stays.
    DropBridge {
        /// Name of the bridge.
        bridge: String,
        /// Network device in it; empty for an internal network.
        uplink: String,
        /// Tag of the VLAN of that device; 0 for the device itself.
        vlan: u16,
    },
    /// Ask or switch the power of another host.
    Power(Box<PowerRequest>),
    /// Restarts this host or switches it off; an armed one leaves the membership first. Refused
    /// while VMs run here.
    GoDown {
        /// Start again.
        restart: bool,
    },
    /// Forget the pool: back to an unconfigured host. Refused while VMs run here.
    EjectHost,
}

/// What a host can be asked about the power of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "power", content = "args")]
pub enum PowerRequest {
    /// Whether it has power, as its devices report to this host.
    Status(PowerSettings),
    /// Switch it on.
    On(PowerSettings),
    /// The agents that are installed on this host.
    Agents,
    /// What an agent says of itself.
    Describe(String),
}

/// What the pre-flight needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreflightRequest {
    /// Statefiles that the host must be able to read and write.
    pub statefiles: Vec<StatefileSpec>,
    /// The coordinator's clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// Addresses of the other hosts that must be reachable.
    pub peers: Vec<IpAddr>,
    /// The administrator accepts hosts whose guard is configured to have no watchdog.
    #[serde(default)]
    pub without_watchdog: bool,
    /// Longest bite time of the watchdog, in milliseconds; 0: not chosen yet.
    #[serde(default)]
    pub bite_ms: u32,
    /// Addresses of this pool's hosts on heartbeat networks: each host must have its own.
    #[serde(default)]
    pub heartbeats: BTreeMap<Uuid, Vec<IpAddr>>,
    /// Further places that must be reachable: where a host is about to move to.
    #[serde(default)]
    pub reach: Vec<SocketAddr>,
}

/// The pool as every member must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolUpdate {
    /// The coordinator while high availability is off.
    pub coordinator: HostId,
    /// All members, the receiver included.
    pub members: Vec<Member>,
}

/// Longest wait for orders that only ask or switch something.
const QUICK: Duration = Duration::from_secs(30);
/// Longest wait for orders that start or stop something, or work on storage.
const WORK: Duration = Duration::from_secs(300);
/// Longest wait for orders that move whole disks or memories.
const BULK: Duration = Duration::from_secs(6 * 3600);

impl Order {
    /// How long the sender waits for the answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match self {
            Self::MigrateVm { .. }
            | Self::CopyVolume { .. }
            | Self::ImportVolume { .. }
            | Self::SuspendVm { .. }
            | Self::ResumeVm { .. } => BULK,
            Self::ChangeVm { change, .. } if change.is_long() => BULK,
            Self::StopVm { mode: StopMode::Clean { timeout }, .. } => *timeout + WORK,
            Self::StartVm { .. }
            | Self::StopVm { .. }
            | Self::EndVm { .. }
            | Self::LetGoSr { .. }
            | Self::RebootVm { .. }
            | Self::PauseVm { .. }
            | Self::UnpauseVm { .. }
            | Self::ChangeVm { .. }
            | Self::AttachSr { .. }
            | Self::DetachSr { .. }
            | Self::CreateSr { .. }
            | Self::ScanSr { .. }
            | Self::ProbeSr { .. }
            | Self::TestSr { .. }
            | Self::SeedVolume { .. }
            | Self::CreateVolume { .. }
            | Self::OverlayVolume { .. }
            | Self::ResizeVolume { .. }
            | Self::DestroyVolume { .. }
            | Self::CreateRaw { .. }
            | Self::BeginImage { .. }
            | Self::RemoveImage { .. }
            | Self::StoreReplica { .. }
            | Self::UpdateReplica { .. }
            | Self::HaPreflight(_)
            | Self::Power(_)
            | Self::Guard(_) => WORK,
            _ => QUICK,
        }
    }

    /// Name of the kind of order, as on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::StartVm { .. } => "start_vm",
            Self::StopVm { .. } => "stop_vm",
            Self::EndVm { .. } => "end_vm",
            Self::LetGoSr { .. } => "let_go_sr",
            Self::RebootVm { .. } => "reboot_vm",
            Self::PauseVm { .. } => "pause_vm",
            Self::UnpauseVm { .. } => "unpause_vm",
            Self::SuspendVm { .. } => "suspend_vm",
            Self::ResumeVm { .. } => "resume_vm",
            Self::PrepareMigrateIn { .. } => "prepare_migrate_in",
            Self::FinishMigrateIn { .. } => "finish_migrate_in",
            Self::MigrateVm { .. } => "migrate_vm",
            Self::MigrateProgress { .. } => "migrate_progress",
            Self::DiskState { .. } => "disk_state",
            Self::CancelJob { .. } => "cancel_job",
            Self::ClosePlacement { .. } => "close_placement",
            Self::ChangeVm { .. } => "change_vm",
            Self::Screenshot { .. } => "screenshot",
            Self::GuestPulses { .. } => "guest_pulses",
            Self::GuestAgent { .. } => "guest_agent",
            Self::AttachSr { .. } => "attach_sr",
            Self::DetachSr { .. } => "detach_sr",
            Self::CreateSr { .. } => "create_sr",
            Self::ScanSr { .. } => "scan_sr",
            Self::ProbeSr { .. } => "probe_sr",
            Self::TestSr { .. } => "test_sr",
            Self::SeedVolume { .. } => "seed_volume",
            Self::SrSpace { .. } => "sr_space",
            Self::CreateVolume { .. } => "create_volume",
            Self::CopyVolume { .. } => "copy_volume",
            Self::ImportVolume { .. } => "import_volume",
            Self::OverlayVolume { .. } => "overlay_volume",
            Self::ResizeVolume { .. } => "resize_volume",
            Self::DestroyVolume { .. } => "destroy_volume",
            Self::CreateRaw { .. } => "create_raw",
            Self::BeginImage { .. } => "begin_image",
            Self::RemoveImage { .. } => "remove_image",
            Self::HostFacts => "host_facts",
            Self::Statistics(_) => "statistics",
            Self::HaPreflight(_) => "ha_preflight",
            Self::GuardKeys => "guard_keys",
            Self::Guard(_) => "guard",
            Self::StoreReplica { .. } => "store_replica",
            Self::UpdateReplica { .. } => "update_replica",
            Self::UpdatePool(_) => "update_pool",
            Self::RequestCertificate => "request_certificate",
            Self::TakeCertificate { .. } => "take_certificate",
            Self::EnsureBridge { .. } => "ensure_bridge",
            Self::Power(_) => "power",
            Self::DropBridge { .. } => "drop_bridge",
            Self::GoDown { .. } => "go_down",
            Self::EjectHost => "eject_host",
        }
    }

    /// A question: repeated as often as asked, and never answered from memory.
    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Inventory
                | Self::MigrateProgress { .. }
                | Self::DiskState { .. }
                | Self::Screenshot { .. }
                | Self::GuestPulses { .. }
                | Self::ScanSr { .. }
                | Self::ProbeSr { .. }
                | Self::SrSpace { .. }
                | Self::HostFacts
                | Self::RequestCertificate
                | Self::Statistics(_)
                | Self::HaPreflight(_)
                | Self::GuardKeys
        ) || matches!(self, Self::Power(request) if !matches!(**request, PowerRequest::On(_)))
    }

    /// The VM that the order acts on.
    #[must_use]
    pub fn vm(&self) -> Option<Uuid> {
        match self {
            Self::StartVm { spec, .. } | Self::ResumeVm { spec, .. } => Some(spec.uuid),
            Self::StopVm { vm, .. }
            | Self::EndVm { vm, .. }
            | Self::RebootVm { vm, .. }
            | Self::PauseVm { vm }
            | Self::UnpauseVm { vm }
            | Self::SuspendVm { vm, .. }
            | Self::PrepareMigrateIn { vm, .. }
            | Self::FinishMigrateIn { vm, .. }
            | Self::MigrateVm { vm, .. }
            | Self::MigrateProgress { vm }
            | Self::DiskState { vm, .. }
            | Self::CancelJob { vm }
            | Self::ClosePlacement { vm, .. }
            | Self::ChangeVm { vm, .. }
            | Self::GuestAgent { vm, .. } => Some(*vm),
            _ => None,
        }
    }

    /// The storage repository that the order is about.
    #[must_use]
    pub fn sr(&self) -> Option<&SrSpec> {
        match self {
            Self::AttachSr { sr, .. }
            | Self::DetachSr { sr }
            | Self::LetGoSr { sr }
            | Self::CreateSr { sr }
            | Self::ScanSr { sr }
            | Self::SrSpace { sr }
            | Self::CreateVolume { sr, .. }
            | Self::CopyVolume { sr, .. }
            | Self::ImportVolume { sr, .. }
            | Self::SeedVolume { sr, .. }
            | Self::OverlayVolume { sr, .. }
            | Self::ResizeVolume { sr, .. }
            | Self::DestroyVolume { sr, .. }
            | Self::CreateRaw { sr, .. }
            | Self::BeginImage { sr, .. }
            | Self::RemoveImage { sr, .. } => Some(sr),
            _ => None,
        }
    }

    /// The placement number that the order would act under.
    #[must_use]
    pub fn placement(&self) -> Option<u64> {
        match self {
            Self::StartVm { placement, .. }
            | Self::ResumeVm { placement, .. }
            | Self::PrepareMigrateIn { placement, .. } => Some(*placement),
            _ => None,
        }
    }

    /// Could a guest execute here because of it? Such orders need a valid permit while armed.
    #[must_use]
    pub fn runs_guest(&self) -> bool {
        self.placement().is_some() || matches!(self, Self::UnpauseVm { .. })
    }
}
