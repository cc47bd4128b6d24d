//! `haven user …`

use clap::{Subcommand, ValueEnum};

/// Verbs of users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List the users and their roles
    #[command(visible_alias = "ls")]
    List,
    /// Add a user, with a password to log in with
    #[command(after_help = ROLES)]
    Add {
        /// Name to log in with
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value = "read-only", hide_possible_values = true)]
        role: Role,
        /// Read the password from standard input (asked for otherwise)
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user; open sessions end
    #[command(visible_alias = "rm")]
    Remove {
        /// The user
        user: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Say what a user may do; open sessions feel it at once
    #[command(after_help = ROLES)]
    Role {
        /// The user
        user: String,
        /// The role, in place of the present one
        #[arg(value_enum, hide_possible_values = true)]
        role: Role,
    },
    /// Set the password of a user, or of root
    Password {
        /// The user
        #[arg(default_value = "root")]
        user: String,
        /// Read the password from standard input (asked for otherwise)
        #[arg(long)]
        password_stdin: bool,
    },
}

const ROLES: &str = "\
Roles, each with what the ones below it may do:
  pool-admin      everything, users too
  pool-operator   hosts, storage, networks, high availability
  vm-power-admin  machines on any host: migration, snapshots with memory
  vm-admin        create, change and delete machines
  vm-operator     start and stop machines
  read-only       look";

/// The roles of XenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    PoolAdmin,
    PoolOperator,
    VmPowerAdmin,
    VmAdmin,
    VmOperator,
    ReadOnly,
}

impl Role {
    /// `role.name_label`.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::PoolAdmin => "pool-admin",
            Self::PoolOperator => "pool-operator",
            Self::VmPowerAdmin => "vm-power-admin",
            Self::VmAdmin => "vm-admin",
            Self::VmOperator => "vm-operator",
            Self::ReadOnly => "read-only",
        }
    }
}
