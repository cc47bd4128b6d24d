//! `haven host …`

use clap::Subcommand;

/// Verbs of hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// List the hosts
    #[command(visible_alias = "ls")]
    List,
    /// Show one host
    Show {
        /// The host
        host: String,
    },
    /// Start no more machines on a host
    Disable {
        /// The host
        host: String,
    },
    /// Let machines start on a host again
    Enable {
        /// The host
        host: String,
    },
    /// Move all machines off a host, while they run
    Evacuate {
        /// The host
        host: String,
    },
    /// Vouch, without HA, that a lost host is off: its machines may start elsewhere
    DeclareDead {
        /// The host
        host: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Forget a lost host that will never come back
    Forget {
        /// The host
        host: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}
