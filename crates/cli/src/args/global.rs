//! Options that every verb takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // Without doc comments: they would stretch every help page.
    #[default]
    Table,
    Json,
    Yaml,
}

/// Options of all verbs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// How to print results
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        env = "HAVEN_OUTPUT",
        hide_env = true
    )]
    pub(crate) output: Format,
    /// Addresses of hosts of the pool, as HOST[:PORT][,...]; the first that answers is used
    #[arg(
        long,
        short,
        global = true,
        value_name = "HOST",
        value_delimiter = ',',
        env = "HAVEN_SERVER",
        hide_env_values = true
    )]
    pub(crate) server: Vec<String>,
    /// User to log in as, with --server
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        default_value = "root",
        env = "HAVEN_USERNAME"
    )]
    pub(crate) username: String,
    /// File whose first line is the password (asked for if neither is given)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The password itself; visible to other users of this machine, so prefer the variable
    #[arg(
        long,
        global = true,
        value_name = "PASSWORD",
        env = "HAVEN_PASSWORD",
        hide_env_values = true,
        conflicts_with = "password_file"
    )]
    pub(crate) password: Option<String>,
    /// File with the certificate of the pool's CA
    #[arg(long, global = true, value_name = "FILE", env = "HAVEN_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Do not check who answers at --server
    #[arg(long, global = true, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// Socket of the local havend, without --server
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "HAVEN_SOCKET",
        hide_env_values = true,
        default_value = "/run/haven/havend.sock"
    )]
    pub(crate) socket: PathBuf,
    /// Start long operations, print their tasks, and do not wait for them
    #[arg(long, global = true)]
    pub(crate) no_wait: bool,
    /// Print results only: no progress, no confirmations
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}
