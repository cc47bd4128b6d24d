//! The verbs and options, one file a noun. Their doc comments are the help texts.

pub(crate) mod disk;
pub(crate) mod global;
pub(crate) mod ha;
pub(crate) mod host;
pub(crate) mod network;
pub(crate) mod pool;
pub(crate) mod snapshot;
pub(crate) mod sr;
pub(crate) mod user;
pub(crate) mod vm;
pub(crate) mod watch;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use self::global::Global;

/// Manage a Haven pool: hosts whose virtual machines survive the loss of hosts
///
/// Objects are given by name, by uuid, or by an unambiguous beginning of either.
#[derive(Debug, Parser)]
#[command(
    name = "haven",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Without --server the command talks to the havend of this host over its local socket.

Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 no such object or several,
4 server unreachable, 5 login refused, 6 cancelled, 130 interrupted (the task goes on).";

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The pool: create it, let hosts join and leave
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// The hosts of the pool
    #[command(subcommand)]
    Host(host::HostCommand),
    /// Storage repositories: where disks of virtual machines are kept
    #[command(subcommand)]
    Sr(sr::SrCommand),
    /// Templates to create virtual machines from
    #[command(subcommand)]
    Template(vm::TemplateCommand),
    /// Virtual machines
    #[command(subcommand)]
    Vm(vm::VmCommand),
    /// High availability: restart protected machines when a host is lost
    #[command(subcommand)]
    Ha(ha::HaCommand),
    /// Networks that machines are attached to
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Users besides root, what they may do, and passwords
    #[command(subcommand)]
    User(user::UserCommand),
    /// Long operations that are running or have ended
    #[command(subcommand)]
    Task(watch::TaskCommand),
    /// What changes in the pool, as it happens
    #[command(subcommand)]
    Event(watch::EventCommand),
    /// What the pool wants somebody to know
    #[command(subcommand)]
    Alert(watch::AlertCommand),
    /// Print the address of the web console; on a new host with the code that opens it
    Web,
    /// Print a shell completion script
    #[command(after_help = "For example: haven completion bash > /etc/bash_completion.d/haven")]
    Completion {
        /// The shell
        shell: Shell,
    },
}
