//! `haven host …`

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

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
    /// List the hosts in no pool that are found in the network of the coordinator
    Find,
    /// Check a host that waits to be added: everything that joining would refuse
    #[command(
        after_help = "For example, with the code that `haven web` prints on the new host:\n  \
        haven host check 192.0.2.12 --code ABCD-EFGH"
    )]
    Check(Waiting),
    /// Add a host that waits to be added; it is checked first
    Add(Waiting),
    /// Attach this terminal to a host's own login; ^] leaves it
    Console {
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
    /// Say at which address a host is found from now on, armed or not; it has that address already,
    /// beside the old one
    SetAddress {
        /// The host
        host: String,
        /// Its new management address
        address: std::net::IpAddr,
    },
    /// Move all machines off a host, while they run
    Evacuate {
        /// The host
        host: String,
    },
    /// Move all machines off a host, then power it off in order
    Shutdown {
        /// The host
        host: String,
    },
    /// Move all machines off a host, then restart it
    Reboot {
        /// The host
        host: String,
    },
    /// Vouch, with HA or without, that a lost host is off: its machines may start elsewhere
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
    /// Switch a host on, through its power control
    PowerOn {
        /// The host
        host: String,
    },
    /// Power control: how the pool switches a host off that failed, and on again
    Fencing {
        #[command(subcommand)]
        verb: FencingCommand,
    },
}

/// A host in no pool yet.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Its address, with a port if it is not 443
    pub(crate) address: String,
    /// The setup code that `haven web` prints there
    #[arg(long, value_name = "CODE")]
    pub(crate) code: String,
    /// The fingerprint that `haven web` prints there: only that host is spoken to
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
}

/// Verbs of power control.
#[derive(Debug, Subcommand)]
pub(crate) enum FencingCommand {
    /// Show what is set up, of one host or of all
    Status {
        /// The host
        host: Option<String>,
    },
    /// Say which fence agent switches a host, and what the agent must know
    Set(SetFencing),
    /// Ask the power device of a host from every other host; switches nothing
    Test {
        /// The host
        host: String,
    },
    /// Remove the power control of a host
    Clear {
        /// The host
        host: String,
    },
    /// List the fence agents that are installed on a host
    Agents {
        /// The host; the coordinator if not given
        host: Option<String>,
    },
    /// Show what a fence agent takes
    Describe {
        /// The agent, e.g. fence_ipmilan
        agent: String,
    },
}

/// What `haven host fencing set` is told.
#[derive(Debug, Args)]
pub(crate) struct SetFencing {
    /// The host
    pub(crate) host: String,
    /// The fence agent, e.g. fence_ipmilan or fence_redfish
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: String,
    /// What the agent must know, e.g. ip=10.0.0.5; `haven host fencing describe AGENT` lists it
    #[arg(long = "param", short, value_name = "NAME=VALUE", value_parser = pair, action = ArgAction::Append)]
    pub(crate) params: Vec<(String, String)>,
    /// Password of the device: its first line, from this file; asked for on a terminal if the agent
    /// takes a user name
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Which parameter the secret is
    #[arg(long, value_name = "NAME", default_value = "password")]
    pub(crate) secret_name: String,
    /// Keep the agents that are set up, and try this one after them
    #[arg(long)]
    pub(crate) add: bool,
    /// Agents of one level must all switch the host off (two power supplies); lower levels are
    /// tried first
    #[arg(long, value_name = "N")]
    pub(crate) level: Option<u8>,
    /// Leave the host off after it was fenced, instead of switching it on again
    #[arg(long)]
    pub(crate) stay_off: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("say it as NAME=VALUE")?;
    if ["passw", "secret", "token"].iter().any(|part| name.to_lowercase().contains(part)) {
        return Err("everybody on this machine reads command lines: use --secret-file".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
