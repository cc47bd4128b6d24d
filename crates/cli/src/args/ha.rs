//! `haven ha …`

use std::net::IpAddr;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use crate::render::units::{parse_bytes, parse_pair, parse_seconds};

/// How soon a silent host is taken for dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    Fast,
    #[default]
    Default,
    Conservative,
}

impl Profile {
    /// As the configuration map has it.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Default => "default",
            Self::Conservative => "conservative",
        }
    }
}

/// Verbs of high availability.
#[derive(Debug, Subcommand)]
pub(crate) enum HaCommand {
    /// Turn high availability on, after checking that it can work
    Enable(EnableHa),
    /// Look at every host for what would stand against turning it on; changes nothing
    Check,
    /// Turn high availability off
    Disable,
    /// Show whether the pool is protected, and by what
    Status,
    /// Restart nothing for a while, for work that makes hosts come and go; ends by itself
    Pause {
        /// How long, e.g. 15m or 1h; a day at most
        #[arg(value_name = "TIME", value_parser = parse_seconds)]
        time: u64,
        /// Why, for the others who see it
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// End a pause: protection goes on at once
    Resume,
    /// Rehearse the loss of every host; with --host, put one out for real
    ///
    /// The rehearsal stops nothing: every path of every host is looked at, and the loss of each host
    /// is played through. With --host the pool gives that host up as if it were lost: it stops its
    /// machines, and the protected ones start elsewhere. The result is kept in the pool.
    Drill {
        /// The host that is put out; its machines boot anew on others
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Change time-outs and the like without turning high availability off
    Set(SetHa),
    /// Change the key of the heartbeats while high availability stays on
    ///
    /// Nothing is stopped. A host that is off gets the key when it comes back.
    RotateKey,
    /// On this host only, when the heartbeat storage is lost for good: end its part in high
    /// availability
    ///
    /// Machines run on. Every other host of the pool must be disarmed in the same way, or be off:
    /// whoever stays armed may start machines that run here.
    EmergencyDisarm {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Go on with other statefiles, because one or all are lost for good
    ///
    /// Machines run on. High availability is off for some seconds in between: nothing is restarted.
    ReplaceStatefile {
        /// Repository for a statefile: one or three (the default one if not given)
        #[arg(long = "heartbeat-sr", value_name = "SR")]
        heartbeat_srs: Vec<String>,
        /// The power of this host is off; needed where no statefile answers
        #[arg(long, value_name = "HOST")]
        host_is_off: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show how many host failures are survived, and what would start where after one
    Plan(PlanHa),
    /// Ask what a change would do to the promise, without making it
    #[command(name = "what-if")]
    WhatIf(WhatIf),
    /// Say of a machine where it could run, and what happens to it when its host fails
    Explain {
        /// The machine
        vm: String,
    },
    /// Show or change how room is reserved and restarts are done
    #[command(after_help = POLICY_HELP)]
    Policy(PolicyHa),
}

/// Options of `ha set`; what is not given stays as it is.
#[derive(Debug, Args)]
pub(crate) struct SetHa {
    /// How soon a silent host is taken for dead: fast, default, or conservative
    #[arg(long, value_enum, value_name = "PROFILE", hide_possible_values = true)]
    pub(crate) profile: Option<Profile>,
    /// Host failures at one time that protected machines must survive
    #[arg(long, value_name = "N")]
    pub(crate) failures: Option<u32>,
    /// Address that tells a host which is cut off from one whose peers are
    #[arg(long = "isolation-address", value_name = "ADDRESS", action = ArgAction::Append)]
    pub(crate) isolation_addresses: Vec<IpAddr>,
    /// What a cut-off host does that still has its storage: fence, shutdown or hold
    #[arg(long, value_enum, value_name = "RESPONSE", hide_possible_values = true)]
    pub(crate) isolation_response: Option<Isolated>,
    /// Seconds for which a write of a host that was reset may still land on slow storage, if more than
    /// the profile says (fast 4; default and conservative 5, at most 10 and 30)
    #[arg(long = "late-write", value_name = "SECONDS")]
    pub(crate) late_write_s: Option<u32>,
}

const POLICY_HELP: &str = "\
Settings (KEY=VALUE; KEY= removes it):
  admission=enforce|warn|off     what breaks the promise is refused, told, or not looked at
  overcommitted=report|block     the same for further steps when the promise is broken already
  policy=failures|slots|percentage|failover-hosts
                                 how room is reserved; only the first plays failures through
  reserve_cpu_percent=N, reserve_memory_percent=N (25), failover_hosts=UUID,...
  vcpus_per_100_cpus=N           count virtual processors too; not set: memory alone
  restart_ready=started|agent    when a restarted machine counts as ready for the next order
  restart_timeout_s=N (600)      how long the next order waits for it
  starts_per_host=N (3)          restarts on one host at the same moment
  remind_hours=N (24)            reminders while protection is off; 0: none
  storage_lost=off|tell|move     storage that one host has lost, others having it: machines hang and
                                 nobody is told, somebody is, or they start elsewhere after a while
  storage_lost_after_s=N (180)   that while
  das.slotMemInMB, das.slotCpuInMHz, das.vmMemoryMinMB, das.vmCpuMinMHz,
  das.respectVmVmAntiAffinityRules
                                 vSphere's options, in just these capitals";

/// Options of `ha plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanHa {
    /// Hosts that fail at the same moment; without it, each host alone
    #[arg(long = "fail", value_name = "HOST", value_delimiter = ',')]
    pub(crate) fail: Vec<String>,
}

/// Options of `ha what-if`; they happen in the order in which they stand here.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct WhatIf {
    /// These hosts fail, at the same moment
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(crate) fail: Vec<String>,
    /// A host goes into maintenance
    #[arg(long, value_name = "HOST", action = ArgAction::Append)]
    pub(crate) maintenance: Vec<String>,
    /// A machine stops
    #[arg(long, value_name = "VM", action = ArgAction::Append)]
    pub(crate) stop: Vec<String>,
    /// A machine moves, e.g. web1=host2
    #[arg(long = "move", value_name = "VM=HOST", value_parser = parse_pair, action = ArgAction::Append)]
    pub(crate) moves: Vec<(String, String)>,
    /// A machine gets so much memory, e.g. web1=8GiB
    #[arg(long, value_name = "VM=SIZE", value_parser = parse_pair, action = ArgAction::Append)]
    pub(crate) grow: Vec<(String, String)>,
    /// A machine starts
    #[arg(long, value_name = "VM", action = ArgAction::Append)]
    pub(crate) start: Vec<String>,
    /// A new protected machine of this size starts
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, action = ArgAction::Append)]
    pub(crate) add: Vec<u64>,
    /// So many host failures are to be survived
    #[arg(long, value_name = "N")]
    pub(crate) failures: Option<u32>,
}

/// Options of `ha policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyHa {
    /// Settings to change: all of them, or when one is wrong, none
    #[arg(value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub(crate) settings: Vec<(String, String)>,
}

/// What a host does that its network has left alone with the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Isolated {
    Fence,
    Shutdown,
    Hold,
}

impl Isolated {
    /// As the configuration map has it.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Shutdown => "shutdown",
            Self::Hold => "hold",
        }
    }
}

/// Options of `ha enable`.
#[derive(Debug, Args)]
pub(crate) struct EnableHa {
    /// Shared storage for heartbeats (the pool chooses if not given); three of them, if there are
    /// three, survive the loss of one
    #[arg(long = "heartbeat-sr", value_name = "SR", action = ArgAction::Append)]
    pub(crate) heartbeat_srs: Vec<String>,
    /// How soon a silent host is taken for dead: fast, default, or conservative (for storage that
    /// may stall for half a minute)
    #[arg(long, value_enum, value_name = "PROFILE", default_value_t, hide_possible_values = true)]
    pub(crate) profile: Profile,
    /// Host failures at one time that protected machines must survive
    #[arg(long, value_name = "N")]
    pub(crate) failures: Option<u32>,
    /// Address, e.g. of a router, that tells a host which is cut off from one whose peers are; the
    /// gateways if not given
    #[arg(long = "isolation-address", value_name = "ADDRESS", action = ArgAction::Append)]
    pub(crate) isolation_addresses: Vec<IpAddr>,
    /// Network that carries heartbeats besides the management network, e.g. that of the storage;
    /// every host needs a fixed address in it
    #[arg(long = "heartbeat-network", value_name = "NETWORK", action = ArgAction::Append)]
    pub(crate) heartbeat_networks: Vec<String>,
    /// Accept hosts that have no watchdog: one that hangs may destroy disks when it goes on
    #[arg(long)]
    pub(crate) without_watchdog: bool,
    /// What a cut-off host does that still has its storage: fence, shutdown (ask the guests first)
    /// or hold
    #[arg(long, value_enum, value_name = "RESPONSE", hide_possible_values = true)]
    pub(crate) isolation_response: Option<Isolated>,
    /// Seconds for which a write of a host that was reset may still land on slow storage, if more than
    /// the profile says (fast 4; default and conservative 5, at most 10 and 30)
    #[arg(long = "late-write", value_name = "SECONDS")]
    pub(crate) late_write_s: Option<u32>,
}
