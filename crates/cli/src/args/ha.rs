//! `haven ha …`

use clap::{ArgAction, Subcommand, ValueEnum};

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
    Enable {
        /// Shared storage for heartbeats; several make the pool survive the loss of one
        #[arg(long = "heartbeat-sr", value_name = "SR", required = true, action = ArgAction::Append)]
        heartbeat_srs: Vec<String>,
        /// How soon a silent host is taken for dead: fast, default, or conservative (for storage
        /// that may stall for half a minute)
        #[arg(
            long,
            value_enum,
            value_name = "PROFILE",
            default_value_t,
            hide_possible_values = true
        )]
        profile: Profile,
        /// Host failures at one time that protected machines must survive
        #[arg(long, value_name = "N")]
        failures: Option<u32>,
    },
    /// Turn high availability off
    Disable,
    /// Show whether the pool is protected, and by what
    Status,
}
