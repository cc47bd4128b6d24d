//! `haven pool …`

use std::net::IpAddr;

use clap::Subcommand;

/// Verbs of the pool.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Make this host the first of a new pool
    Init {
        /// Name of the pool
        #[arg(long, default_value = "pool")]
        name: String,
        /// Read the password of `root` from standard input (asked for otherwise)
        #[arg(long)]
        password_stdin: bool,
        /// Address of this host in the management network (that of the default route if not given)
        #[arg(long, value_name = "ADDRESS")]
        address: Option<IpAddr>,
    },
    /// Print a token with which one host may join, within the hour
    ///
    /// The token carries the coordinator's address and the fingerprint of the pool's CA, so the new
    /// host knows whom it talks to. It serves once.
    Token {
        /// How long it may be used, e.g. 30m, 2h
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = crate::render::units::parse_seconds)]
        valid: u64,
    },
    /// List the pools that are found in this host's network; what they say of themselves proves nothing
    Find,
    /// Make this host a member of the pool that the token is of
    Join {
        /// From `haven pool token`; `-` reads it from standard input
        token: String,
    },
    /// Remove a host from the pool; its machines must have been moved or stopped
    Eject {
        /// The host
        host: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Without HA: make this host the coordinator, because the other one is off for good
    Promote {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Without HA: have this host take its orders from the host that was promoted
    Follow {
        /// The uuid that `haven pool promote` printed
        coordinator: String,
    },
    /// Make another host the coordinator; machines are not touched
    Coordinator {
        /// The host
        host: String,
    },
    /// Show the copies of the pool database on the hosts: how new they are
    Copies,
    /// Make this host the coordinator with a copy of the database, when coordinator or database are
    /// lost for good
    ///
    /// No machine is started until each host has said what it runs, or is said to be off.
    Recover {
        /// Take the copy of this host (the newest one if not given)
        #[arg(long, value_name = "HOST")]
        from: Option<String>,
        /// The power of this host is off; may be given several times
        #[arg(long, value_name = "HOST")]
        host_is_off: Vec<String>,
        /// The name of the pool, instead of typing it when asked
        #[arg(long, value_name = "POOL")]
        confirm: Option<String>,
    },
    /// Write the pool database into a file; it holds the pool's secrets
    DumpDatabase {
        /// A file that does not exist yet
        file: std::path::PathBuf,
    },
    /// Put a dump of this pool in place of its database; HA must be off
    RestoreDatabase {
        /// From `haven pool dump-database`
        file: std::path::PathBuf,
        /// Check the file and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the pool
    Show,
}
