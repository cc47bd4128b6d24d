//! The networks: two bridges in a namespace of their own, a cable from each to every host.
//!
//! Cuts are made at the switch's end of a cable, so that the host keeps its carrier and a cut
//! outlasts a power cycle, like a broken switch port.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::config::{LAN_GATEWAY, LabConfig, STORAGE_SERVER};
use crate::protocol::{Direction, Link};

/// The namespace of the switches, held by a process.
#[derive(Debug)]
pub(super) struct Infrastructure {
    holder: Child,
}

impl Infrastructure {
    /// Starts it: bridges `lan` and `sto`, the gateway's and the storage server's addresses.
    pub(super) fn start(config: &LabConfig) -> Result<Self> {
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "--"])
            .arg(config.program())
            .arg("infrastructure")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("setpriv (package util-linux)")?;
        let mut ready = [0; 1];
        let out = holder.stdout.as_mut().context("stdout of the infrastructure")?;
        out.read_exact(&mut ready).context("the infrastructure's namespace did not start")?;
        Ok(Self { holder })
    }

    /// Process that holds the namespace.
    pub(super) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// Ends it.
    pub(super) fn stop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The process that holds the infrastructure's namespace; also the storage server's port 2049.
pub fn run_infrastructure() -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let script = format!(
        "link set lo up\n\
         link add br-lan type bridge forward_delay 0 mcast_snooping 0\n\
         link add br-sto type bridge forward_delay 0 mcast_snooping 0\n\
         addr add {LAN_GATEWAY}/16 dev br-lan\n\
         addr add {STORAGE_SERVER}/16 dev br-sto\n\
         link set br-lan up\nlink set br-sto up\n"
    );
    feed(Command::new("ip").args(["-batch", "-"]), &script)?;
    let listener = TcpListener::bind((STORAGE_SERVER, 2049)).context("port 2049")?;
    std::io::stdout().write_all(b"+")?;
    std::io::stdout().flush()?;
    for stream in listener.incoming() {
        drop(stream);
    }
    Ok(())
}

fn port(n: u32, link: Link) -> String {
    match link {
        Link::Lan => format!("h{n}-lan"),
        Link::Sto => format!("h{n}-sto"),
    }
}

/// Plugs both cables of host `n` in and sets its addresses.
pub(super) fn plug(infrastructure: u32, n: u32, init: u32) -> Result<()> {
    let (lan, sto) = (port(n, Link::Lan), port(n, Link::Sto));
    let outside = format!(
        "link add {lan} type veth peer name eth0 netns {init}\n\
         link add {sto} type veth peer name eth1 netns {init}\n\
         link set {lan} master br-lan up\nlink set {sto} master br-sto up\n"
    );
    ip(infrastructure, &outside)?;
    // A bridge without an address of its own takes the lowest of its ports', and with it another one
    // when a guest comes or goes: that of the same guest's port on two hosts at once, in a migration.
    // The cable's is above those of all guests, where that happens every time.
    let inside = format!(
        "link set lo up\nlink set eth0 address fe:ff:00:00:00:{n:02x}\n\
         link add xbr0 address 02:77:00:00:00:{n:02x} type bridge forward_delay 0 \
         mcast_snooping 0\n\
         link set eth0 master xbr0 up\nlink set xbr0 up\nlink set eth1 up\n\
         addr add 10.77.0.{n}/16 dev xbr0\naddr add 10.88.0.{n}/16 dev eth1\n\
         route add default via {LAN_GATEWAY}\n"
    );
    ip(init, &inside)
}

/// Silences both cables at once, without loss of carrier.
pub(super) fn silence(infrastructure: u32, n: u32) -> Result<()> {
    let (lan, sto) = (port(n, Link::Lan), port(n, Link::Sto));
    ip(infrastructure, &format!("link set {lan} nomaster\nlink set {sto} nomaster\n"))
}

/// Removes what is left of host `n`'s cables.
pub(super) fn unplug(infrastructure: u32, n: u32) {
    for link in [Link::Lan, Link::Sto] {
        // They vanish by themselves with the host's namespace; sooner is better.
        let _ = ip(infrastructure, &format!("link del {}\n", port(n, link)));
    }
}

/// Sets the cut of one cable.
pub(super) fn cut(infrastructure: u32, n: u32, link: Link, cut: Option<Direction>) -> Result<()> {
    let device = port(n, link);
    let table = format!("netdev {}", device.replace('-', "_"));
    let mut rules = format!("add table {table}\ndelete table {table}\n");
    if let Some(direction) = cut {
        // Seen from the switch: what leaves the host comes in here.
        let hooks: &[&str] = match direction {
            Direction::Out => &["ingress"],
            Direction::In => &["egress"],
            Direction::Both => &["ingress", "egress"],
        };
        let mut chains = String::new();
        for hook in hooks {
            // Writing to a string cannot fail.
            let _ = writeln!(
                chains,
                "chain {hook} {{ type filter hook {hook} device \"{device}\" priority 0; \
                 policy drop; }}"
            );
        }
        let _ = writeln!(rules, "table {table} {{\n{chains}}}");
    }
    let mut command = enter(infrastructure);
    feed(command.args(["nft", "-f", "-"]), &rules).with_context(|| format!("cutting {device}"))
}

fn ip(namespace: u32, script: &str) -> Result<()> {
    feed(enter(namespace).args(["ip", "-batch", "-"]), script)
}

fn enter(namespace: u32) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{namespace}/ns/net")).arg("--");
    command
}

/// Runs a command with `script` as its stdin.
fn feed(command: &mut Command, script: &str) -> Result<()> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{script:?}: {}", complaint.trim());
    }
    Ok(())
}
