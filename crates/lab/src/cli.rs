//! The command line of `haven-lab`, and the other programs that it is inside a lab.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::config::{LabConfig, default_dir};
use crate::guest::deed::Deed;
use crate::host::init;
use crate::lab::Lab;
use crate::protocol::{Direction, HostStatus, Link, Process};
use crate::storage::faults::{Fault, StorageSwitch};
use crate::storage::{mount, server};
use crate::{forward, guest, kills, probe, sim_pool, soak, story, supervisor};

/// A pool of real hosts on this machine, with faults.
#[derive(Debug, Parser)]
#[command(name = "haven-lab", version)]
struct Cli {
    /// Which lab; several may run side by side.
    #[arg(long, global = true, default_value = "lab", env = "HAVEN_LAB_ID")]
    id: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a lab: all hosts on.
    Up {
        /// How many hosts.
        #[arg(long, default_value_t = 3)]
        hosts: u32,
        /// Run only libvirtd in them.
        #[arg(long)]
        bare: bool,
        /// Where havend, haven-guard, haven and haven-lab lie; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
        /// Bite time of the watchdogs in milliseconds.
        #[arg(long, default_value_t = 2000)]
        watchdog_ms: u64,
    },
    /// Strike a pool with random faults, and check it after each.
    Soak {
        /// Where havend, haven-guard, haven and haven-lab lie; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
        /// How many hosts.
        #[arg(long, default_value_t = 3)]
        hosts: u32,
        #[command(flatten)]
        plan: soak::Soak,
    },
    /// Kill the coordinator's daemon while it acknowledges writes, and look what is left of them.
    Kills {
        /// Where havend, haven-guard, haven and haven-lab lie; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
        /// How many hosts.
        #[arg(long, default_value_t = 3)]
        hosts: u32,
        #[command(flatten)]
        plan: kills::Kills,
    },
    /// Power everything off and remove the lab's files.
    Down,
    /// Show the state of the hosts.
    Status,
    /// Power a host on.
    On {
        /// Number of the host.
        host: u32,
    },
    /// Power loss.
    Off {
        /// Number of the host.
        host: u32,
    },
    /// Power loss and on again.
    Reset {
        /// Number of the host.
        host: u32,
    },
    /// All processes of a host stand still.
    Freeze {
        /// Number of the host.
        host: u32,
    },
    /// They go on.
    Thaw {
        /// Number of the host.
        host: u32,
    },
    /// A link of a host carries nothing any more.
    Cut {
        /// Number of the host.
        host: u32,
        /// Which link.
        link: Link,
        /// Which way, seen from the host.
        #[arg(default_value = "both")]
        direction: Direction,
    },
    /// Links of a host (or of all) work again.
    Heal {
        /// Number of the host; all without.
        host: Option<u32>,
        /// Which link; both without.
        link: Option<Link>,
    },
    /// Fault of the shared storage, as one host sees it.
    Storage {
        /// Number of the host.
        host: u32,
        /// The fault of all requests.
        fault: Fault,
        /// Only for reads.
        #[arg(long, conflicts_with = "writes")]
        reads: bool,
        /// Only for writes.
        #[arg(long)]
        writes: bool,
        /// Delay every request by this many milliseconds.
        #[arg(long, default_value_t = 0)]
        delay_ms: u64,
        /// Lose this share of requests in percent; they are sent again a second later.
        #[arg(long, default_value_t = 0)]
        loss: u8,
        /// Only of this export: 0, 1 or 2; all without.
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..3))]
        export: Option<u8>,
    },
    /// Fault of a host's own disk (`/var/lib/haven`, `/var/log`).
    Disk {
        /// Number of the host.
        host: u32,
        /// The fault.
        fault: Fault,
    },
    /// Send a signal to a process of a host.
    Kill {
        /// Number of the host.
        host: u32,
        /// Which process.
        process: Process,
        /// Signal: a number, or KILL, TERM, STOP, CONT, HUP, INT.
        #[arg(default_value = "KILL")]
        signal: String,
    },
    /// Tell a guest to do something to itself.
    Guest {
        /// Its number: the last byte of its address.
        guest: u8,
        /// What.
        deed: Deed,
    },
    /// Let the watchdog of a host bite.
    Bite {
        /// Number of the host.
        host: u32,
    },
    /// Run a command in a host; a shell without one.
    Sh {
        /// Number of the host.
        host: u32,
        /// The command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Run a command in the network of the hosts' gateway.
    Net {
        /// The command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
    /// Print the libvirt URI of a host.
    Uri {
        /// Number of the host.
        host: u32,
    },
    /// Tell the story: a pool of three hosts, and what happens when hosts die.
    Demo {
        /// Where havend, haven-guard, haven and haven-lab lie; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// Measure: one `figure <name> <value> <unit>` line each.
    Bench {
        /// Where havend, haven-guard, haven and haven-lab lie; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
        /// Profile of the time-outs: fast, default or conservative.
        #[arg(long, default_value = "fast")]
        profile: String,
        /// Live migrations to measure.
        #[arg(long, default_value_t = 10)]
        migrations: u32,
        /// Losses of a host to measure.
        #[arg(long, default_value_t = 10)]
        losses: u32,
    },
    /// Run one real daemon with a whole simulated pool behind it, until it is interrupted.
    SimPool {
        /// Hosts of the pool.
        #[arg(long, default_value_t = 64)]
        hosts: u32,
        /// VMs of the pool.
        #[arg(long, default_value_t = 3000)]
        vms: u32,
        /// Port of the API (TLS); the next one is for members.
        #[arg(long, default_value_t = 8443)]
        port: u16,
        /// Password of root.
        #[arg(long, default_value = "haven-sim")]
        password: String,
        /// Where the pool lives; a pool that is there already goes on. Without: a new one that
        /// is removed at the end.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Where havend lies; else beside this program.
        #[arg(long)]
        bin_dir: Option<PathBuf>,
    },
    /// Build the guests' kernel and initial RAM disk into a directory.
    GuestImage {
        /// The directory; the lab's export without.
        dir: Option<PathBuf>,
    },
    /// Count writers that wrote to a guest's disk at the same time.
    CheckStamps {
        /// The disk image, raw or qcow2.
        image: PathBuf,
    },
    #[command(hide = true)]
    Supervise {
        dir: PathBuf,
        #[arg(long)]
        with_parent: bool,
    },
    #[command(hide = true)]
    Probe {
        #[arg(long)]
        interval_ms: u64,
        addresses: Vec<String>,
    },
    #[command(hide = true)]
    Deed { guest: u8, deed: Deed },
    #[command(hide = true)]
    Forward { targets: Vec<SocketAddr> },
    #[command(hide = true)]
    Infrastructure,
    #[command(hide = true)]
    HostLaunch { dir: PathBuf, host: u32 },
    #[command(hide = true)]
    HostInit { dir: PathBuf, host: u32 },
    #[command(hide = true)]
    ExecIn {
        procs: PathBuf,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    #[command(hide = true)]
    StorageServer {
        socket: PathBuf,
        #[arg(long)]
        disk: PathBuf,
        #[arg(long)]
        export: Vec<String>,
    },
}

/// The program. Its name tells which of the lab's programs it is.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let name = args.first().map(|a| Path::new(a).file_name().unwrap_or_default());
    match name.and_then(|n| n.to_str()) {
        Some("mount.nfs" | "mount.nfs4") => {
            exit_code(mount::main(args.get(1..).unwrap_or_default()))
        }
        Some("showmount") => exit_code(mount::show_exports(args.get(1..).unwrap_or_default())),
        Some(name @ ("reboot" | "poweroff" | "halt")) => exit_code(init::power_command(name)),
        _ => match run(Cli::parse()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "haven-lab: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn run(cli: Cli) -> Result<()> {
    let dir = default_dir(&cli.id);
    match cli.verb {
        Verb::Up { hosts, bare, bin_dir, watchdog_ms } => {
            let mut config = configured(&cli.id, hosts, bin_dir)?;
            config.bare = bare;
            config.watchdog_ms = watchdog_ms;
            print_status(&Lab::up(config)?.status()?)
        }
        Verb::Demo { bin_dir } => story::demo(configured(&cli.id, 3, bin_dir)?),
        Verb::Bench { bin_dir, profile, migrations, losses } => {
            let config = configured(&cli.id, 3, bin_dir)?;
            story::bench(config, story::Bench { profile, migrations, losses })
        }
        Verb::Soak { bin_dir, hosts, plan } => {
            soak::soak(configured(&cli.id, hosts, bin_dir)?, &plan)
        }
        Verb::Kills { bin_dir, hosts, plan } => {
            kills::kills(configured(&cli.id, hosts, bin_dir)?, &plan)
        }
        Verb::SimPool { hosts, vms, port, password, dir, bin_dir } => {
            let bin_dir = bin_dir.map_or_else(beside, Ok)?;
            sim_pool::run(&sim_pool::SimPool { hosts, vms, port, password, dir, bin_dir })
        }
        Verb::Down if !dir.join("lab.json").exists() => {
            Ok(writeln!(std::io::stdout(), "no lab in {}: nothing to do", dir.display())?)
        }
        Verb::Down => Lab::open(&dir)?.down(),
        Verb::Status => print_status(&Lab::open(&dir)?.status()?),
        Verb::Net { command } => {
            let (program, args) = command.split_first().context("no command")?;
            bail!("{}", Lab::open(&dir)?.outside(program)?.args(args).exec())
        }
        Verb::GuestImage { dir: Some(dir) } => guest::image::build(&dir),
        Verb::GuestImage { dir: None } => {
            guest::image::build(&Lab::open(&dir)?.config().export_dir().join("boot"))
        }
        Verb::CheckStamps { image } => check_stamps(&image),
        Verb::Supervise { dir, with_parent } => {
            supervisor::detach();
            supervisor::run(&LabConfig::load(&dir)?, with_parent)
        }
        Verb::Probe { interval_ms, addresses } => {
            probe::run(&addresses, Duration::from_millis(interval_ms))
        }
        Verb::Deed { guest, deed } => deed.ask(guest),
        Verb::Forward { targets } => forward::run(&targets),
        Verb::Infrastructure => supervisor::run_infrastructure(),
        Verb::HostLaunch { dir, host } => init::launch(&LabConfig::load(&dir)?, host),
        Verb::HostInit { dir, host } => init::run(&LabConfig::load(&dir)?, host),
        Verb::ExecIn { procs, program, args } => init::exec_in(&procs, &program, &args),
        Verb::StorageServer { socket, disk, export } => {
            server::run(&socket, server::Exports { nfs: exports(&export)?, disk })
        }
        verb => run_on_host(&Lab::open(&dir)?, verb),
    }
}

fn run_on_host(lab: &Lab, verb: Verb) -> Result<()> {
    match verb {
        Verb::On { host } => lab.host(host).on(),
        Verb::Off { host } => lab.host(host).off(),
        Verb::Reset { host } => lab.host(host).reset(),
        Verb::Freeze { host } => lab.host(host).freeze(),
        Verb::Thaw { host } => lab.host(host).thaw(),
        Verb::Cut { host, link, direction } => lab.host(host).cut(link, direction),
        Verb::Heal { host: Some(host), link } => lab.host(host).heal(link),
        Verb::Heal { host: None, link } => {
            (1..=lab.config().hosts).try_for_each(|n| lab.host(n).heal(link))
        }
        Verb::Storage { host, fault, reads, writes, delay_ms, loss, export } => {
            let mut switch = match (reads, writes) {
                (true, _) => StorageSwitch { reads: fault, ..StorageSwitch::default() },
                (_, true) => StorageSwitch { writes: fault, ..StorageSwitch::default() },
                _ => StorageSwitch::all(fault),
            };
            switch.delay_ms = delay_ms;
            switch.loss_percent = loss;
            lab.host(host).storage_of(export, switch)
        }
        Verb::Disk { host, fault } => lab.host(host).disk(fault),
        Verb::Kill { host, process, signal } => lab.host(host).kill(process, number(&signal)?),
        Verb::Guest { guest, deed } => lab.guest(guest, deed),
        Verb::Bite { host } => lab.host(host).bite(),
        Verb::Sh { host, command } => {
            let shell = [OsString::from("/bin/bash")];
            let words = if command.is_empty() { &shell[..] } else { &command };
            let (program, args) = words.split_first().context("no command")?;
            bail!("{}", lab.host(host).command_in(program)?.args(args).exec())
        }
        Verb::Uri { host } => Ok(writeln!(std::io::stdout(), "{}", lab.host(host).libvirt_uri()?)?),
        other => bail!("not a command for a host: {other:?}"),
    }
}

fn configured(id: &str, hosts: u32, bin_dir: Option<PathBuf>) -> Result<LabConfig> {
    let mut config = LabConfig::new(id, hosts)?;
    if let Some(bin_dir) = bin_dir {
        config.bin_dir = bin_dir.canonicalize().context("--bin-dir")?;
    }
    Ok(config)
}

/// The directory of this program.
fn beside() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().context("this program lies nowhere")?.to_owned())
}

fn exports(list: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    list.iter()
        .map(|item| {
            let (name, dir) = item.split_once('=').context("--export NAME=DIR")?;
            Ok((name.to_owned(), PathBuf::from(dir)))
        })
        .collect()
}

fn number(signal: &str) -> Result<i32> {
    Ok(match signal.trim_start_matches("SIG") {
        "HUP" => 1,
        "INT" => 2,
        "KILL" => 9,
        "TERM" => 15,
        "CONT" => 18,
        "STOP" => 19,
        other => other.parse().with_context(|| format!("signal {other:?}"))?,
    })
}

fn check_stamps(image: &Path) -> Result<()> {
    let report = guest::stamps::check(image)?;
    writeln!(std::io::stdout(), "{report}")?;
    if report.is_clean() {
        return Ok(());
    }
    bail!("the disk had more than one writer at a time")
}

fn print_status(hosts: &[HostStatus]) -> Result<()> {
    let mut out = std::io::stdout();
    for h in hosts {
        write!(
            out,
            "h{} {:?} 10.77.0.{} pid {}",
            h.host,
            h.power,
            h.host,
            h.init_pid.unwrap_or(0)
        )?;
        for (name, cut) in [("lan", h.cut_lan), ("sto", h.cut_sto)] {
            if let Some(direction) = cut {
                write!(out, ", {name} cut {direction:?}")?;
            }
        }
        writeln!(
            out,
            ", storage {}, disk {}, watchdog {}, bites {}, boots {}",
            h.storage,
            h.disk,
            if h.watchdog_armed { "armed" } else { "off" },
            h.bites,
            h.boots
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
        let words = ["haven-lab", "soak", "--tolerated", "--three-statefiles", "--only", "havend"];
        assert!(matches!(Cli::parse_from(words).verb, Verb::Soak { .. }));
    }
}
