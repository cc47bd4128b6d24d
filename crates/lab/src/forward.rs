//! Lets programs on the machine reach hosts of the lab: a listener outside, its connections inside.
//!
//! The listener is made in the machine's own network and handed to a process in the lab's network.
//! Nothing of the machine's network is changed.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::config::LabConfig;

const CONNECT_WAIT: Duration = Duration::from_secs(2);

/// Starts to forward from `listen` to the first of `targets` that takes a connection.
pub(crate) fn start(
    config: &LabConfig,
    infrastructure: u32,
    listen: SocketAddr,
    targets: &[SocketAddr],
) -> Result<Child> {
    let listener = TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    Command::new("nsenter")
        .arg(format!("--net=/proc/{infrastructure}/ns/net"))
        .arg("--")
        .arg(config.program())
        .arg("forward")
        .args(targets.iter().map(SocketAddr::to_string))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .spawn()
        .context("nsenter")
}

/// The forwarding process; the listener is its stdin.
pub fn run(targets: &[SocketAddr]) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    for client in listener.incoming().flatten() {
        let targets = targets.to_vec();
        thread::spawn(move || serve(&client, &targets));
    }
    Ok(())
}

fn serve(client: &TcpStream, targets: &[SocketAddr]) {
    let reached = targets.iter().find_map(|t| TcpStream::connect_timeout(t, CONNECT_WAIT).ok());
    let Some(server) = reached else { return };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
