//! Commands that are more than one message.

mod devices;
mod diagnostic;
mod disks;
mod event;
mod host;
mod install;
mod message;
mod migrate;
mod pool;
mod snapshot;
mod transfer;
mod uninstall;
mod vm;

use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::run::Run;

/// Carries out one command.
pub(crate) type Handler = fn(&mut Run<'_>, &'static CommandSpec) -> Result<(), Failure>;

/// Name, handler, and what `help` says.
type Entry = (&'static str, Handler, &'static str);

const ALL: &[&[Entry]] = &[
    devices::COMMANDS,
    diagnostic::COMMANDS,
    disks::COMMANDS,
    event::COMMANDS,
    host::COMMANDS,
    install::COMMANDS,
    message::COMMANDS,
    migrate::COMMANDS,
    pool::COMMANDS,
    snapshot::COMMANDS,
    transfer::COMMANDS,
    uninstall::COMMANDS,
    vm::COMMANDS,
];

fn entry(name: &str) -> Option<&'static Entry> {
    ALL.iter().copied().flatten().find(|(known, ..)| *known == name)
}

/// What carries out the command of that name.
pub(crate) fn handler(name: &str) -> Option<Handler> {
    entry(name).map(|(_, handler, _)| *handler)
}

/// What the command does, in words.
pub(crate) fn about(name: &str) -> &'static str {
    entry(name).map_or("Not available in this version.", |(_, _, about)| about)
}

#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().copied().flatten().map(|(name, ..)| *name)
}
