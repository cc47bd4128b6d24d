//! `haven vm snapshot …`

use clap::Subcommand;

/// Verbs of snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Keep a machine's disks as they are now, under a name
    #[command(visible_alias = "add")]
    Create {
        /// The machine
        vm: String,
        /// Name of the snapshot
        name: String,
        /// Its memory too: going back to it lets the machine run on where it was
        #[arg(long)]
        memory: bool,
    },
    /// List the snapshots, of one machine or of all
    #[command(visible_alias = "ls")]
    List {
        /// The machine
        vm: Option<String>,
    },
    /// Go back to a snapshot: what the machine wrote since is lost
    Revert {
        /// The snapshot
        snapshot: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove snapshots; the machine stays as it is
    #[command(visible_alias = "rm")]
    Remove {
        /// The snapshots
        #[arg(required = true)]
        snapshots: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}
