//! `haven ha …`

use std::net::IpAddr;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

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
    /// Turn high availability off
    Disable,
    /// Show whether the pool is protected, and by what
    Status,
    /// Change time-outs and the like without turning high availability off
    Set(SetHa),
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
    /// What a cut-off host does that still has its storage: fence, shutdown (ask the guests first)
    /// or hold
    #[arg(long, value_enum, value_name = "RESPONSE", hide_possible_values = true)]
    pub(crate) isolation_response: Option<Isolated>,
}
