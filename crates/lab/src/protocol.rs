//! What the lab's clients (command line, tests) ask of its supervisor: one JSON line each way per
//! connection.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::storage::faults::StorageSwitch;

/// One of a host's two links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Management and VM network, `eth0` below `xbr0`.
    Lan,
    /// Storage network, `eth1`.
    Sto,
}

/// Direction of a cut, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Nothing arrives at the host.
    In,
    /// Nothing leaves the host.
    Out,
    /// Neither.
    Both,
}

/// A supervised process of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// The pool daemon.
    Havend,
    /// The guard.
    Guard,
    /// libvirt's daemon.
    Libvirtd,
    /// All virtual machines.
    Qemu,
}

impl Process {
    /// Begin of the kernel's name of the process.
    pub fn comm(self) -> &'static str {
        match self {
            Self::Havend => "havend",
            Self::Guard => "haven-guard",
            Self::Libvirtd => "libvirtd",
            Self::Qemu => "qemu-system",
        }
    }
}

/// A request to the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "request")]
pub enum Request {
    /// What there is.
    Status,
    /// Everything off, the supervisor ends. Files stay.
    Shutdown,
    /// Forwards connections from an address of the machine to the first target that takes them.
    Forward {
        /// Where to listen on the machine.
        listen: SocketAddr,
        /// Addresses in the lab.
        targets: Vec<SocketAddr>,
    },
    /// Something about one host.
    Host {
        /// Its number.
        host: u32,
        /// What.
        command: HostCommand,
    },
}

/// A request about one host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum HostCommand {
    /// Its state.
    Status,
    /// Power on; nothing if it is on.
    On,
    /// Power loss: silent, at once, and it stays off.
    Off,
    /// Power loss and on again, as the reset button does.
    Reset,
    /// All its processes stand still.
    Freeze,
    /// They go on.
    Thaw,
    /// A link stops carrying frames, without loss of carrier.
    Cut {
        /// Which.
        link: Link,
        /// Which way.
        direction: Direction,
    },
    /// A link (or both) works again.
    Heal {
        /// Which; all without.
        link: Option<Link>,
    },
    /// Sets the storage fault of this host.
    Storage {
        /// The fault.
        switch: StorageSwitch,
        /// Of which export (index into [`crate::config::EXPORTS`]); none: of all.
        #[serde(default)]
        export: Option<u8>,
    },
    /// Sets the fault of the host's own disk (`/var/lib/haven`, `/var/log`).
    Disk {
        /// The fault.
        switch: StorageSwitch,
    },
    /// Sends a signal to a process of the host.
    Kill {
        /// Which.
        process: Process,
        /// Signal number.
        signal: i32,
    },
    /// Lets the watchdog bite now.
    Bite,
}

/// Answer to a [`Request`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// Answer to [`Request::Status`] and [`HostCommand::Status`].
    Hosts(Vec<HostStatus>),
    /// It failed; a sentence.
    Failed(String),
}

/// Power of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    /// No process runs.
    Off,
    /// Running.
    On,
    /// Running, but standing still.
    Frozen,
}

/// State of a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostStatus {
    /// Its number.
    pub host: u32,
    /// Power.
    pub power: Power,
    /// Process id, in the lab's own namespace, of the host's first process.
    pub init_pid: Option<u32>,
    /// Cut of the LAN link.
    pub cut_lan: Option<Direction>,
    /// Cut of the storage link.
    pub cut_sto: Option<Direction>,
    /// Fault of the shared storage.
    pub storage: StorageSwitch,
    /// Fault of the own disk.
    pub disk: StorageSwitch,
    /// The watchdog was armed and not disarmed since.
    pub watchdog_armed: bool,
    /// How often the watchdog has bitten.
    pub bites: u32,
    /// How often the host has started.
    pub boots: u32,
}
