//! `haven task …`, `haven event …`, `haven alert …`

use clap::{ArgAction, Subcommand};

/// Verbs of tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List the tasks
    #[command(visible_alias = "ls")]
    List,
    /// Ask a task to stop; what it did is undone
    Cancel {
        /// The task
        task: String,
    },
}

/// Verbs of events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Print changes as they happen, until ^C
    Watch {
        /// Only objects of this class, e.g. vm, host, task; may be given several times
        #[arg(long = "class", value_name = "CLASS", action = ArgAction::Append)]
        classes: Vec<String>,
        /// End after so many changes
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}

/// Verbs of alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// List the alerts, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those at least this urgent: 1 (data or machines lost) to 5 (for information)
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=5))]
        priority: u8,
    },
    /// Say that you deal with an alert: everybody sees who does, and since when
    Acknowledge {
        /// The alert's uuid, or the beginning of it
        alert: String,
        /// What the others should know
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Take it back: nobody deals with it
        #[arg(long, conflicts_with = "note")]
        undo: bool,
    },
    /// Remove an alert that was dealt with
    Dismiss {
        /// The alert's uuid, or the beginning of it
        alert: String,
    },
}
