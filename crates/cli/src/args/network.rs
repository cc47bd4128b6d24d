//! `haven network …`

use clap::Subcommand;

/// Verbs of networks.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the networks
    #[command(visible_alias = "ls")]
    List,
    /// Delete a network that nothing is attached to
    #[command(visible_alias = "rm")]
    Delete {
        /// The network
        network: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Create a network
    Create {
        /// Its name
        name: String,
        /// Bridge on every host (made up if not given)
        #[arg(long)]
        bridge: Option<String>,
        /// Largest packet, in bytes
        #[arg(long, default_value_t = 1500)]
        mtu: u32,
        /// Description
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
    },
}
