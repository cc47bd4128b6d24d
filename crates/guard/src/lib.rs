//! `haven-guard`: heartbeats, membership and fencing of one host.
//!
//! Owns: the machine of the membership protocol ([`haven_cluster::Machine`]), the statefile IO,
//! the heartbeat sockets, the watchdog, and the end of everything on this host that must not run
//! without a permit. Never does: talk to libvirt, speak HTTP, know a VM by name, wait for a disk.

mod boot;
mod config;
mod control;
mod driver;
mod event;
mod fence;
mod format;
mod log;
mod membership;
mod net;
mod pending;
mod reach;
mod recorder;
mod reset;
mod sys;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::{Config, ConfigError};

const HELP: &str = "\
haven-guard: heartbeats, membership and fencing of one host of a Haven pool

Usage: haven-guard [--config FILE] [--root DIR] [--record FILE]

Options:
  --config FILE  configuration (default /etc/haven/guard.toml, which may be absent)
  --root DIR     put DIR before every path, never reset the machine, kill no process outside the
                 configured cgroups: for several guards on one machine
  --record FILE  write down what this guard is told and decides, for haven-sim replay-guard;
                 bounded, for root alone (it holds the key of the heartbeats)
  --version      print the version
  --help         print this

The guard is idle until havend arms it through /run/haven/guard.sock.
Exit status: 0 when this incarnation ended in order (start it again), 1 on a wrong start,
86 where --root is given and the machine would have been reset.
";

/// Stack of every thread: locked in memory, so not generous.
const STACK_BYTES: usize = 192 * 1024;

/// Starts a thread that never needs joining.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(body)?;
    Ok(())
}

enum Wish {
    Run { root: PathBuf, config: Option<PathBuf>, record: Option<PathBuf> },
    Print(String),
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wish, ConfigError> {
    let (mut root, mut config, mut record) = (PathBuf::from("/"), None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let missing = || ConfigError::Usage(format!("{argument} needs a value"));
            arguments.next().map(PathBuf::from).ok_or_else(missing)
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(Wish::Print(HELP.to_owned())),
            "--version" | "-V" => {
                let version = env!("CARGO_PKG_VERSION");
                return Ok(Wish::Print(format!("haven-guard {version}\n")));
            }
            "--root" => root = value()?,
            "--config" => config = Some(value()?),
            "--record" => record = Some(value()?),
            other => return Err(ConfigError::Usage(format!("unknown argument {other}"))),
        }
    }
    Ok(Wish::Run { root, config, record })
}

/// Runs a guard until its incarnation is over. `arguments`: those of the command line, without the
/// name of the program.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    match parse(arguments) {
        Ok(Wish::Print(text)) => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Wish::Run { root, config, record }) => match start(&root, config.as_deref(), record) {
            Ok(exit) => exit,
            Err(error) => {
                log::error(&error.to_string());
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            log::error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen at {path}: {source}")]
    Listen { path: PathBuf, source: std::io::Error },
    #[error("cannot read the mark of this boot: {0}")]
    Mark(std::io::Error),
}

fn start(
    root: &Path,
    file: Option<&Path>,
    record: Option<PathBuf>,
) -> Result<ExitCode, StartError> {
    let mut config = Config::load(root, file)?;
    config.record = record;
    // An armed guard was here since the machine booted and did not end in order: its promises
    // are unknown, and so is what runs.
    let mark = haven_block_io::mark::read(&config.mark()).map_err(StartError::Mark)?;
    if let Some(mark) = mark {
        let why = format!("an armed guard ended without order in this boot ({})", mark.trim());
        reset::reset(config.file.reset, &why);
    }
    be_undisturbed();
    let (sender, events) = event::queue();
    let path = config.socket();
    control::listen(&path, sender.clone()).map_err(|source| StartError::Listen { path, source })?;
    log::info(concat!("haven-guard ", env!("CARGO_PKG_VERSION"), " is ready"));
    Ok(driver::Driver::new(config, sender).run(&events))
}

/// Memory that never waits for a disk, and a turn on the CPU whatever else runs. Where the host
/// does not permit it the guard works all the same, with less certainty under load.
fn be_undisturbed() {
    use rustix::mm::{MlockAllFlags, mlockall};
    sys::keep_one_heap();
    if let Err(error) = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE) {
        log::warn(&format!("memory is not locked: {error}"));
    }
    if let Err(error) = sys::become_real_time() {
        log::warn(&format!("no real-time priority: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood_or_refused() {
        let parse = |words: &[&str]| parse(words.iter().map(|word| (*word).to_owned()));
        assert!(matches!(parse(&["--version"]), Ok(Wish::Print(text)) if text.contains("haven")));
        assert!(matches!(
            parse(&["--root", "/t", "--config", "c"]),
            Ok(Wish::Run { root, config: Some(config), record: None })
                if root == Path::new("/t") && config == Path::new("c")
        ));
        assert!(parse(&["--root"]).is_err());
        assert!(parse(&["--fence-me"]).is_err());
    }
}
