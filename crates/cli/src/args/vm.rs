//! `haven vm …` and `haven template …`

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::disk::{CdCommand, DiskCommand};
use super::snapshot::SnapshotCommand;
use crate::render::units::{parse_bytes, parse_seconds};

/// Verbs of templates.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// List the templates
    #[command(visible_alias = "ls")]
    List,
    /// Show one template
    Show {
        /// The template
        template: String,
    },
}

/// Verbs of virtual machines.
#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    /// Create a machine from a template
    #[command(after_help = "For example:\n  \
        haven vm create --template Linux --name web1 --memory 2GiB --disk 20GiB --sr vms --start")]
    Create(Box<CreateVm>),
    /// List the machines
    #[command(visible_alias = "ls")]
    List,
    /// Show one machine with its disks and interfaces
    Show {
        /// The machine
        vm: String,
    },
    /// Start machines
    Start {
        /// The machines
        #[arg(required = true)]
        vms: Vec<String>,
        /// Start on this host, not on the best one
        #[arg(long, value_name = "HOST")]
        on: Option<String>,
        /// Start paused
        #[arg(long)]
        paused: bool,
    },
    /// Shut machines down
    Stop {
        /// The machines
        #[arg(required = true)]
        vms: Vec<String>,
        /// Cut the power instead of asking the guest
        #[arg(long, short)]
        force: bool,
    },
    /// Reboot machines
    Reboot {
        /// The machines
        #[arg(required = true)]
        vms: Vec<String>,
        /// Reset instead of asking the guest
        #[arg(long, short)]
        force: bool,
    },
    /// Stop the virtual processors, keep the memory
    Pause(Machines),
    /// Let paused machines run on
    Unpause(Machines),
    /// Save machines with their memory to disk
    Suspend(Machines),
    /// Let suspended machines run on
    Resume {
        /// The machines
        #[arg(required = true)]
        vms: Vec<String>,
        /// Resume on this host, not on the best one
        #[arg(long, value_name = "HOST")]
        on: Option<String>,
    },
    /// Attach this terminal to a machine's serial console; ^] leaves it
    Console {
        /// The machine
        vm: String,
    },
    /// Move a machine to another host while it runs
    Migrate {
        /// The machine
        vm: String,
        /// The host to move it to
        #[arg(long, visible_alias = "host", value_name = "HOST")]
        to: String,
        #[command(flatten)]
        pace: MigratePace,
    },
    /// Change settings of a machine
    Set(Box<SetVm>),
    /// A copy of a machine, which shares what is on the disks and takes no room at first
    Clone {
        /// The machine or template
        vm: String,
        /// Name of the copy
        name: String,
        /// Copy the disks whole, in their storage repository or in this one
        #[arg(long, value_name = "SR", num_args = 0..=1, default_missing_value = "")]
        full: Option<String>,
    },
    /// Snapshots: keep what a machine's disks are like, and go back to it
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Disks of a machine
    #[command(subcommand)]
    Disk(DiskCommand),
    /// The CD drive of a machine
    #[command(subcommand)]
    Cd(CdCommand),
    /// Delete machines and the disks that only they use
    #[command(visible_alias = "rm")]
    Delete {
        /// The machines
        #[arg(required = true)]
        vms: Vec<String>,
        /// Keep the disks
        #[arg(long)]
        keep_disks: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Some machines.
#[derive(Debug, Args)]
pub(crate) struct Machines {
    /// The machines
    #[arg(required = true)]
    pub(crate) vms: Vec<String>,
}

/// Options of `vm create`.
#[derive(Debug, Args)]
pub(crate) struct CreateVm {
    /// Template to start from
    #[arg(long, short)]
    pub(crate) template: String,
    /// Name (the template's, with a number, if not given)
    #[arg(long, short)]
    pub(crate) name: Option<String>,
    /// What people should know of it
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Tag, for finding and grouping; may be given several times
    #[arg(long = "tag", value_name = "TAG", action = ArgAction::Append)]
    pub(crate) tags: Vec<String>,
    /// Folder, e.g. /school/first
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<String>,
    /// Cores of a processor as the guest sees them; they divide the virtual processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) cores_per_socket: Option<u32>,
    /// Memory, e.g. 512MiB
    #[arg(long, short, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Number of virtual processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) vcpus: Option<u32>,
    /// Size of a disk, in place of the template's; may be given several times
    #[arg(long = "disk", value_name = "SIZE", value_parser = parse_bytes, action = ArgAction::Append)]
    pub(crate) disks: Vec<u64>,
    /// By what the guest reaches the disk that is given at the same place; given once: all of them.
    /// sata needs no driver in the guest, and is slower
    #[arg(long = "disk-bus", value_name = "BUS", value_parser = ["virtio", "scsi", "sata"],
        requires = "disks", action = ArgAction::Append)]
    pub(crate) disk_buses: Vec<String>,
    /// Storage repository for the disks (the pool's default if not given)
    #[arg(long, value_name = "SR")]
    pub(crate) sr: Option<String>,
    /// Network to attach to; may be given several times
    #[arg(long = "network", value_name = "NETWORK", action = ArgAction::Append)]
    pub(crate) networks: Vec<String>,
    /// MAC address in the network that is given at the same place; an empty text for one made up
    #[arg(long = "mac", value_name = "MAC", requires = "networks", action = ArgAction::Append)]
    pub(crate) macs: Vec<String>,
    /// What it may send into the network that is given at the same place, a second, e.g. 10MiB; 0
    /// for no limit
    #[arg(long = "limit", value_name = "SIZE", requires = "networks", value_parser = parse_bytes,
        action = ArgAction::Append)]
    pub(crate) limits: Vec<u64>,
    /// When its host is lost: restart it (room is kept free), best-effort (if there is room), none
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub(crate) ha: Option<HaPolicy>,
    /// Host to prefer
    #[arg(long, value_name = "HOST")]
    pub(crate) affinity: Option<String>,
    /// Image for the CD drive: a disk of a repository of type iso
    #[arg(long, value_name = "IMAGE")]
    pub(crate) cd: Option<String>,
    /// Boot from the network before the disk
    #[arg(long)]
    pub(crate) netboot: bool,
    #[command(flatten)]
    pub(crate) first_boot: FirstBoot,
    /// Make so many, named NAME-1, NAME-2, …
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) count: u32,
    /// Keep it on another host than the other machines of this group, which is made if there is none
    #[arg(long, value_name = "GROUP", conflicts_with = "apart")]
    pub(crate) group: Option<String>,
    /// Keep them on different hosts: they go into a group of their name
    #[arg(long)]
    pub(crate) apart: bool,
    /// Start it
    #[arg(long)]
    pub(crate) start: bool,
}

/// What a cloud image learns when it boots for the first time.
#[derive(Debug, Args)]
pub(crate) struct FirstBoot {
    /// User to create
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Public key that may sign in, or a file of keys; may be given several times
    #[arg(long = "ssh-key", value_name = "KEY", action = ArgAction::Append)]
    pub(crate) ssh_keys: Vec<String>,
    /// Hash of the user's password, as `openssl passwd -6` makes it
    #[arg(long, value_name = "HASH")]
    pub(crate) password_hash: Option<String>,
    /// Name in the network (the machine's own if it can be one)
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Own user data, in place of user, keys and password
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "ssh_keys", "password_hash"])]
    pub(crate) cloud_init: Option<PathBuf>,
    /// Network configuration of cloud-init
    #[arg(long, value_name = "FILE")]
    pub(crate) network_config: Option<PathBuf>,
}

/// What the pool does when the machine's host is lost. Explained in the option's help: doc comments
/// here would stretch the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HaPolicy {
    Restart,
    BestEffort,
    None,
}

impl HaPolicy {
    /// As `VM.ha_restart_priority` has it.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::BestEffort => "best-effort",
            Self::None => "",
        }
    }
}

/// The five restart priorities of vSphere, as the number that `VM.order` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RestartPriority {
    Highest,
    High,
    Medium,
    Low,
    Lowest,
}

impl RestartPriority {
    /// The highest starts first.
    pub(crate) fn order(self) -> u32 {
        match self {
            Self::Highest => 0,
            Self::High => 1,
            Self::Medium => 2,
            Self::Low => 3,
            Self::Lowest => 4,
        }
    }
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

/// What follows when a protected guest shuts itself down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnShutdown {
    Restart,
    Respect,
    Pool,
}

impl OwnShutdown {
    /// As `other_config` has it; empty: nothing.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Respect => "respect",
            Self::Pool => "",
        }
    }
}

/// How fast `vm migrate` may be, at whose cost, and over which network.
#[derive(Debug, Args)]
pub(crate) struct MigratePace {
    /// Send no more than this, in MiB a second
    #[arg(long, value_name = "MIB_S")]
    pub(crate) bandwidth: Option<u64>,
    /// Send memory that changes again as its changes: less to send, more work
    #[arg(long)]
    pub(crate) compress: bool,
    /// Send memory over this network: both hosts need an address there
    #[arg(long)]
    pub(crate) network: Option<String>,
    /// Move its disks to this storage repository first: both hosts need it
    #[arg(long, value_name = "SR")]
    pub(crate) disks_to: Option<String>,
    /// Never slow the guest down; one that writes much may then never arrive
    #[arg(long)]
    pub(crate) full_speed: bool,
    /// Even if the pool then survives fewer failures than it should
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of `vm set`.
#[derive(Debug, Args)]
pub(crate) struct SetVm {
    /// The machine
    pub(crate) vm: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What `vm set` changes; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Settings {
    /// When its host is lost: restart it (room is kept free), best-effort (if there is room), none
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub(crate) ha: Option<HaPolicy>,
    /// Machines of a lower number are restarted first
    #[arg(long, value_name = "N", conflicts_with = "restart_priority")]
    pub(crate) order: Option<u32>,
    /// The same in words: highest, high, medium, low, lowest are the orders 0 to 4
    #[arg(long, value_enum, value_name = "PRIORITY", hide_possible_values = true)]
    pub(crate) restart_priority: Option<RestartPriority>,
    /// Time to wait after starting this machine before the next order
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) start_delay: Option<u64>,
    /// Watch the guest: reset it when its agent and its disks and network give no sign of life (on, off)
    #[arg(long, value_enum, value_name = "ON", hide_possible_values = true)]
    pub(crate) watch: Option<OnOff>,
    /// Time without a sign of life after which it is reset (30s)
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) watch_interval: Option<u64>,
    /// Time after a boot in which nothing is judged (2m)
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) watch_grace: Option<u64>,
    /// Most resets within the window, its own reboots included (3)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) watch_resets: Option<u32>,
    /// How long a reset counts (1h)
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) watch_window: Option<u64>,
    /// When the guest shuts itself down: restart it if it is protected, respect it, or pool (what the
    /// pool says)
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub(crate) own_shutdown: Option<OwnShutdown>,
    /// New name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// New description
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Memory, e.g. 512MiB (the machine must be stopped)
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Number of virtual processors; while it runs, up to the most that it can have then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) vcpus: Option<u32>,
    /// Most virtual processors that it can be given while it runs (the machine must be stopped)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) vcpus_max: Option<u32>,
    /// Host to prefer; an empty text for none
    #[arg(long, value_name = "HOST")]
    pub(crate) affinity: Option<String>,
    /// Tag, for finding and grouping; may be given several times, in place of those that it has
    #[arg(long = "tag", value_name = "TAG", action = ArgAction::Append)]
    pub(crate) tags: Vec<String>,
    /// Folder, e.g. /school/first; an empty text for none
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<String>,
    /// Cores of a processor as the guest sees them; they divide the virtual processors, 0 for one each. Takes effect when it is
    /// shut down and started anew
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) cores_per_socket: Option<u32>,
    /// What firmware tries in turn: c disk, d CD, n network, e.g. cd. Takes effect when it is shut down
    /// and started anew
    #[arg(long, value_name = "ORDER", value_parser = parse_boot_order)]
    pub(crate) boot: Option<String>,
}

/// Letters of what firmware tries, each once.
fn parse_boot_order(text: &str) -> Result<String, String> {
    let known = |letter: char| "cdn".contains(letter);
    let once = |letter: char| text.matches(letter).count() == 1;
    if !text.is_empty() && text.chars().all(|letter| known(letter) && once(letter)) {
        return Ok(text.to_owned());
    }
    Err("letters of c (disk), d (CD), n (network), each once at most".to_owned())
}
