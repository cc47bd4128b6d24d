//! The seam to hypervisors.
//!
//! Owns: the [`Hypervisor`] trait and the plain data that crosses it. Never decides where or
//! whether a VM runs: that is the coordinator's, and the guard's permit.
//!
//! Drivers: [`libvirt`] (QEMU with KVM or emulated, Xen) and [`sim`] (in memory, for tests).

pub mod change;
pub(crate) mod fanout;
pub(crate) mod kvm;
pub mod libvirt;
pub mod sim;

pub use change::{DiskCopy, DiskOverlay, DomainChange};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything a host needs to run a VM; carried by the order, derived from the pool database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainSpec {
    /// `VM.uuid`; also libvirt's domain UUID.
    pub uuid: Uuid,
    /// `VM.name_label`; the domain's libvirt name is `haven-<uuid>`, this is its title.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// How the guest boots.
    pub boot: BootSpec,
    /// CPU model all hosts of the pool share.
    pub cpu_model: CpuModel,
    /// Disks in device order.
    pub disks: Vec<DiskSpec>,
    /// Network interfaces in device order.
    pub nics: Vec<NicSpec>,
    /// i6300esb watchdog with this action, if any (`reset`, `poweroff`, `none`).
    pub watchdog_action: Option<String>,
    /// What most callers leave at its default.
    #[serde(default)]
    pub extra: DomainExtra,
}

impl Default for DomainSpec {
    fn default() -> Self {
        Self {
            uuid: Uuid::nil(),
            name: String::new(),
            memory_bytes: 256 << 20,
            vcpus: 1,
            boot: BootSpec::Firmware { order: vec!["hd".into()] },
            cpu_model: CpuModel::Named("qemu64".into()),
            disks: Vec::new(),
            nics: Vec::new(),
            watchdog_action: None,
            extra: DomainExtra::default(),
        }
    }
}

/// Options of a domain that most callers leave at their defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainExtra {
    /// Number of the pool epoch in which the VM was ordered to run; kept in the domain's metadata.
    pub epoch: u64,
    /// `VM.actions_after_crash`.
    pub on_crash: CrashAction,
    /// Machine type that all hosts of the pool have; `None`: this host's newest.
    pub machine: Option<String>,
    /// File that records the serial console's output.
    pub serial_log: Option<String>,
    /// Virtual CPUs that it may get while it runs; 0 for no more than it starts with.
    pub vcpus_max: u32,
    /// Memory in bytes that the balloon leaves it at first; 0 for all.
    pub memory_target: u64,
    /// `VM.bios_strings`: what its firmware says of itself; nothing: what the hypervisor says.
    pub bios: BTreeMap<String, String>,
    /// Cores of a processor as the guest sees them; 0 for one each. What does not divide the most
    /// virtual CPUs counts as 0.
    pub cores_per_socket: u32,
}

/// What the hypervisor does with a guest that crashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashAction {
    /// End the domain; whoever watches events may start it again.
    Destroy,
    /// Reset it in place.
    #[default]
    Restart,
    /// Keep it for inspection.
    Preserve,
}

/// How a guest boots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootSpec {
    /// Firmware, then these devices in order (`hd`, `cdrom`, `network`).
    Firmware {
        /// Boot order.
        order: Vec<String>,
    },
    /// Direct kernel boot (`VM.PV_kernel`, `PV_ramdisk`, `PV_args`).
    Kernel {
        /// Path of the kernel on the host.
        kernel: String,
        /// Path of the initial RAM disk, or empty.
        ramdisk: String,
        /// Kernel command line.
        args: String,
    },
}

/// The CPU that guests see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuModel {
    /// A libvirt model name that every host of the pool has, e.g. `qemu64`.
    Named(String),
    /// The host's own model (no migration promise).
    Host,
}

/// One disk or CD drive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// `VDI.uuid`; nil for an empty CD drive.
    pub vdi: Uuid,
    /// Path on the host; empty for an empty CD drive.
    pub path: String,
    /// Image format.
    pub format: DiskFormat,
    /// Target name, e.g. `vda`, `hdc`.
    pub target: String,
    /// Refuse writes.
    pub read_only: bool,
    /// CD drive instead of disk.
    pub cdrom: bool,
    /// By what a disk is reached; a CD drive has its own way.
    #[serde(default)]
    pub bus: DiskBus,
}

/// By what a guest reaches a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskBus {
    /// virtio-blk: the fastest, with a driver in the guest.
    #[default]
    Virtio,
    /// A disk of a virtio-scsi controller: commands of SCSI, with a driver in the guest.
    Scsi,
    /// AHCI: slower, and every system has its driver. No disk comes or goes while the guest runs.
    Sata,
}

impl DiskBus {
    /// Every bus.
    pub const ALL: [Self; 3] = [Self::Virtio, Self::Scsi, Self::Sata];

    /// As users write it, and libvirt.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Scsi => "scsi",
            Self::Sata => "sata",
        }
    }
}

/// A domain that is not Haven's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// Its name in the hypervisor.
    pub name: String,
    /// Whether it runs.
    pub runs: bool,
}

/// Image format of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFormat {
    /// Plain bytes.
    Raw,
    /// QEMU copy-on-write.
    Qcow2,
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NicSpec {
    /// `VIF.MAC`.
    pub mac: String,
    /// Bridge on the host (`network.bridge`).
    pub bridge: String,
    /// Maximum transmission unit, 0 for the default.
    pub mtu: u32,
    /// What the guest may send, in KiB/s; 0 for no limit.
    #[serde(default)]
    pub send_kib_s: u32,
}

/// State of a domain as the hypervisor reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainState {
    /// Executing.
    Running,
    /// Paused; memory kept.
    Paused,
    /// The destination of a migration that has not finished.
    Incoming,
    /// Stopping.
    ShuttingDown,
    /// Crashed, not yet destroyed.
    Crashed,
}

/// One domain of this host's inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainInfo {
    /// `VM.uuid`.
    pub uuid: Uuid,
    /// Its state.
    pub state: DomainState,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Used CPU time in nanoseconds.
    pub cpu_time_ns: u64,
    /// It is paused because a disk refused a write, most often for want of room; the write is
    /// tried again when it is unpaused.
    #[serde(default)]
    pub disk_error: bool,
}

/// Counters of one guest since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainStats {
    /// `VM.uuid`.
    pub uuid: Uuid,
    /// Used processor time in nanoseconds, all processors together.
    pub cpu_time_ns: u64,
    /// The same by virtual processor; empty when the hypervisor does not tell.
    pub vcpu_time_ns: Vec<u64>,
    /// Memory that it has now, in bytes.
    pub memory_bytes: u64,
    /// Of that, what the guest itself could still use; `None`: it does not say.
    pub memory_unused_bytes: Option<u64>,
    /// Disks in device order.
    pub disks: Vec<DiskStats>,
    /// Network interfaces in device order.
    pub nics: Vec<NicStats>,
}

/// Counters of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Target name, e.g. `vda`.
    pub target: String,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Requests to read.
    pub reads: u64,
    /// Requests to write.
    pub writes: u64,
}

/// Counters of a network interface, as the guest sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NicStats {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// How to stop a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMode {
    /// Ask the guest (agent, then ACPI) and wait until it is down or the time is over.
    Clean {
        /// Longest wait.
        timeout: Duration,
    },
    /// Pull the plug.
    Hard,
}

/// Where a live migration goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrateTarget {
    /// libvirt URI of the destination as the source reaches it.
    pub uri: String,
    /// URI of the memory stream (`unix:///…` or `tcp://…`).
    pub data_uri: String,
    /// How fast, and at whose cost.
    pub pace: MigratePace,
}

/// How fast a migration may be, and what it may cost the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MigratePace {
    /// Bandwidth limit in MiB/s, 0 for none.
    pub bandwidth_mib_s: u64,
    /// Pages that were sent before go again as what changed in them: less to send for more
    /// processor time (`xbzrle`).
    pub compress: bool,
    /// A guest that writes faster than its memory can be sent is slowed down until it is over;
    /// otherwise such a migration may never end.
    pub slow_guest: bool,
}

impl Default for MigratePace {
    fn default() -> Self {
        Self { bandwidth_mib_s: 0, compress: false, slow_guest: true }
    }
}

/// Bytes of a picture at most; a larger one is refused.
pub const SCREENSHOT_BYTES_MAX: usize = 4 << 20;

/// Progress of a running migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrateProgress {
    /// Bytes sent.
    pub processed_bytes: u64,
    /// Bytes still to send.
    pub remaining_bytes: u64,
    /// Passes over memory so far.
    pub iteration: u64,
    /// Memory that is sent now, in bytes a second; 0: not known yet.
    #[serde(default)]
    pub transfer_bytes_s: u64,
    /// Memory that the guest changes meanwhile, in bytes a second.
    #[serde(default)]
    pub dirty_bytes_s: u64,
    /// The pause that is expected if it ended now, in milliseconds; 0: not known yet.
    #[serde(default)]
    pub pause_ms: u64,
    /// How much the guest is slowed down for it, in percent.
    #[serde(default)]
    pub slowed_percent: u64,
}

/// What a finished migration measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrateStats {
    /// Whole duration in milliseconds.
    pub elapsed_ms: u64,
    /// Pause of the guest in milliseconds, as the hypervisor reports it.
    pub downtime_ms: u64,
    /// Bytes sent.
    pub processed_bytes: u64,
}

/// Where a disk of a running domain is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskState {
    /// The file that the guest writes to.
    pub path: String,
    /// The guest executes.
    pub executes: bool,
    /// The copy that is being made of it.
    pub copy: Option<CopyState>,
}

/// How far the copy of a disk is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyState {
    /// The file of the copy.
    pub path: String,
    /// Bytes that were copied.
    pub done_bytes: u64,
    /// Bytes to copy in all, as far as it is known now.
    pub total_bytes: u64,
    /// The copy has all that the disk has, and gets every further write before the guest hears
    /// that it is done.
    pub ready: bool,
}

/// What a host can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `kvm`, `qemu` (TCG) or `xen`.
    pub virt_type: String,
    /// Hypervisor version, e.g. `10.0.2`.
    pub hypervisor_version: String,
    /// libvirt version, e.g. `11.3.0`.
    pub libvirt_version: String,
    /// CPU vendor, e.g. `AMD`.
    pub cpu_vendor: String,
    /// libvirt's name of the host's CPU model.
    pub cpu_model: String,
    /// Usable named CPU models.
    pub usable_models: Vec<String>,
    /// Machine type that guests get, e.g. `pc-q35-10.0`.
    pub machine: String,
}

/// What happened to a domain, as pushed by the hypervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HypervisorEvent {
    /// A domain changed its state; `None`: it is gone.
    Lifecycle {
        /// Which.
        vm: Uuid,
        /// Its state now.
        state: Option<DomainState>,
        /// What caused it, e.g. `shutdown by guest`.
        detail: String,
    },
    /// The connection to the hypervisor was lost; the driver reconnects by itself.
    ConnectionLost,
    /// The connection is back: take a new inventory.
    ConnectionRestored,
}

/// The detail of an event: the guest booted anew within its process, whoever made it.
pub const REBOOTED: &str = "rebooted";
/// The same: its process ended, and neither the guest nor anybody else had asked for that.
pub const CRASHED: &str = "crashed";
/// What a guest agent is asked to see whether it is there.
pub const GUEST_PING: &str = r#"{"execute":"guest-ping"}"#;

/// What a question to a guest agent says of the guest.
pub(crate) fn answered(reply: Result<String, HypervisorError>) -> Result<bool, HypervisorError> {
    match reply {
        Ok(_) => Ok(true),
        Err(HypervisorError::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why a hypervisor call failed.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Serialize, Deserialize)]
pub enum HypervisorError {
    /// No such domain here.
    #[error("VM {0} does not run on this host")]
    NotRunning(Uuid),
    /// It runs here already.
    #[error("VM {0} runs on this host already")]
    AlreadyRunning(Uuid),
    /// The call did not return in time; its thread was abandoned and the outcome is unknown.
    #[error("{call} did not return within {seconds} s; the outcome is unknown")]
    Deadline {
        /// Name of the call.
        call: String,
        /// The deadline.
        seconds: u64,
    },
    /// Not enough memory on the host.
    #[error("not enough free memory: {0}")]
    NoMemory(String),
    /// The job was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The hypervisor is not reachable.
    #[error("the hypervisor does not answer: {0}")]
    Disconnected(String),
    /// Anything else, in the hypervisor's words.
    #[error("{call}: {text}")]
    Failed {
        /// Name of the call.
        call: String,
        /// Its message.
        text: String,
    },
}

/// Asked at the last moment before a guest executes, e.g. whether the host's permit is still
/// valid. Must not block.
pub type Consent = std::sync::Arc<dyn Fn() -> bool + Send + Sync>;

/// A hypervisor on this host. All calls block up to their own deadline and may be made from any
/// thread; none holds a lock that another call waits for.
pub trait Hypervisor: Send + Sync + std::fmt::Debug {
    /// What this host can do. Cached after the first success.
    fn capabilities(&self) -> Result<Capabilities, HypervisorError>;
    /// Starts a transient domain, running or paused. A start that ended in `Deadline` does not
    /// execute the guest later, when what held it up is over.
    fn start(&self, spec: &DomainSpec, paused: bool) -> Result<(), HypervisorError>;
    /// As [`Hypervisor::start`], but the guest executes only if `consent` says yes immediately
    /// before; else nothing is left behind and the error is `Cancelled`. Describing the domain
    /// and opening its disks may take long, and what allowed the start may end meanwhile.
    fn start_with(
        &self,
        spec: &DomainSpec,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError> {
        if !consent() {
            return Err(HypervisorError::Cancelled);
        }
        self.start(spec, paused)
    }
    /// Stops a domain. After `Ok` it is gone.
    fn stop(&self, vm: Uuid, mode: StopMode) -> Result<(), HypervisorError>;
    /// Asks the guest to reboot (`clean`) or resets it.
    fn reboot(&self, vm: Uuid, clean: bool) -> Result<(), HypervisorError>;
    /// Stops execution, keeps memory.
    fn pause(&self, vm: Uuid) -> Result<(), HypervisorError>;
    /// Continues a paused domain.
    fn unpause(&self, vm: Uuid) -> Result<(), HypervisorError>;
    /// Saves memory to `path` and ends the domain.
    fn suspend(&self, vm: Uuid, path: &str) -> Result<(), HypervisorError>;
    /// Starts a domain from memory saved at `path`.
    fn resume(&self, spec: &DomainSpec, path: &str) -> Result<(), HypervisorError>;
    /// As [`Hypervisor::resume`], with the consent of [`Hypervisor::start_with`]; `paused`: the
    /// guest does not execute yet.
    fn resume_with(
        &self,
        spec: &DomainSpec,
        path: &str,
        paused: bool,
        consent: Consent,
    ) -> Result<(), HypervisorError>;
    /// Migrates live; returns when the guest runs at the target and is gone here.
    fn migrate(&self, vm: Uuid, target: &MigrateTarget) -> Result<MigrateStats, HypervisorError>;
    /// Progress of the migration of `vm`, if one runs.
    fn migrate_progress(&self, vm: Uuid) -> Result<Option<MigrateProgress>, HypervisorError>;
    /// Cancels the running job of `vm`.
    fn cancel_job(&self, vm: Uuid) -> Result<(), HypervisorError>;
    /// Changes a running domain.
    fn change(&self, vm: Uuid, change: &DomainChange) -> Result<(), HypervisorError>;
    /// Where the disk with this target name is, and how far its copy.
    fn disk_state(&self, vm: Uuid, target: &str) -> Result<DiskState, HypervisorError> {
        let text = format!("this hypervisor does not copy disks such as {target} of {vm}");
        Err(HypervisorError::Failed { call: "disk state".to_owned(), text })
    }
    /// Domains of others, also those that are only defined; nothing of Haven ever touches them.
    fn strangers(&self) -> Result<Vec<Stranger>, HypervisorError> {
        Ok(Vec::new())
    }
    /// All domains whose name begins with `haven-`.
    fn inventory(&self) -> Result<Vec<DomainInfo>, HypervisorError>;
    /// Counters of all domains. A driver that counts no more than the inventory says that.
    fn statistics(&self) -> Result<Vec<DomainStats>, HypervisorError> {
        let domains = self.inventory()?.into_iter().map(|domain| DomainStats {
            uuid: domain.uuid,
            cpu_time_ns: domain.cpu_time_ns,
            memory_bytes: domain.memory_bytes,
            ..DomainStats::default()
        });
        Ok(domains.collect())
    }
    /// Memory of this host that nothing uses, in bytes.
    fn memory_free(&self) -> u64 {
        crate::host_info::memory().free
    }
    /// VMs that have a process here, seen without asking the hypervisor's daemon: answers even
    /// when [`Hypervisor::inventory`] does not, but cannot tell states apart.
    fn processes(&self) -> Vec<Uuid> {
        self.inventory().unwrap_or_default().into_iter().map(|domain| domain.uuid).collect()
    }
    /// Files that the guest's process has open for writing, none if there is no process; `None`: that cannot be
    /// told. Does not touch them.
    fn writes_to(&self, _vm: Uuid) -> Option<Vec<PathBuf>> {
        None
    }
    /// What the guest shows on its screen, as PNG of at most [`SCREENSHOT_BYTES_MAX`].
    fn screenshot(&self, vm: Uuid) -> Result<Vec<u8>, HypervisorError> {
        let text = format!("this hypervisor gives no picture of the screen of {vm}");
        Err(HypervisorError::Failed { call: "screenshot".to_owned(), text })
    }
    /// Unix socket of the guest's VNC server.
    fn vnc_socket(&self, vm: Uuid) -> String;
    /// Unix socket of the guest's serial console.
    fn serial_socket(&self, vm: Uuid) -> String;
    /// One command to the guest agent; JSON in and out.
    fn guest_agent(&self, vm: Uuid, command: &str) -> Result<String, HypervisorError>;
    /// Whether the guest's agent answers at once. An error says nothing of the guest: it is this host
    /// that cannot ask.
    fn guest_answers(&self, vm: Uuid) -> Result<bool, HypervisorError> {
        answered(self.guest_agent(vm, GUEST_PING))
    }
    /// Subscribes to events. The channel is bounded; when it overflows the reader gets
    /// `ConnectionRestored` and takes a new inventory.
    fn events(&self) -> std::sync::mpsc::Receiver<HypervisorEvent>;
}
