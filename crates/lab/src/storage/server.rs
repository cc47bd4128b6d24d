//! The storage server process of one host: takes mounts over a Unix socket, switches over stdin.
//!
//! It ends with its stdin, and with it every mount it serves: closing the FUSE descriptors aborts
//! whatever waits for them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use fuser::{Session, SessionACL};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

use super::faults::{Channel, ServerCommand};
use super::gate::Gate;
use super::passthrough::Passthrough;
use crate::config::EXPORTS;

/// Longest wait for a client's next message.
const CLIENT_WAIT: Duration = Duration::from_secs(5);

/// What `mount.nfs` asks for, as one JSON line. The answer is `ready` (send the descriptor) or a
/// sentence; no answer means that the server is out of reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MountRequest {
    /// Which switches apply.
    pub channel: Channel,
    /// The exported path.
    pub export: String,
}

/// What a server serves.
#[derive(Clone, Debug)]
pub struct Exports {
    /// Directory of each exported path of the shared storage.
    pub nfs: BTreeMap<String, PathBuf>,
    /// Directory of the host's own disk.
    pub disk: PathBuf,
}

struct Server {
    exports: Exports,
    /// By the exported path.
    nfs: BTreeMap<String, Arc<Gate>>,
    disk: Arc<Gate>,
}

/// Runs the server until stdin ends.
pub fn run(socket: &Path, exports: Exports) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    raise_file_limit();
    if socket.exists() {
        std::fs::remove_file(socket)?;
    }
    let listener = UnixListener::bind(socket).with_context(|| socket.display().to_string())?;
    let gates = exports.nfs.keys().map(|path| Ok((path.clone(), Gate::start()?)));
    let nfs = gates.collect::<Result<_>>()?;
    let server = Arc::new(Server { exports, nfs, disk: Gate::start()? });
    let accepting = Arc::clone(&server);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&accepting);
            thread::spawn(move || {
                if let Err(error) = server.client(stream) {
                    let _ = writeln!(std::io::stderr(), "mount: {error:#}");
                }
            });
        }
    });
    let mut out = std::io::stdout();
    writeln!(out, "ok")?;
    for line in std::io::stdin().lines() {
        let command: ServerCommand = serde_json::from_str(&line?)?;
        for gate in server.gates(&command) {
            gate.set(command.switch, command.cut);
        }
        writeln!(out, "ok")?;
        out.flush()?;
    }
    Ok(())
}

impl Server {
    fn gates(&self, command: &ServerCommand) -> Vec<&Arc<Gate>> {
        if command.channel == Channel::Disk {
            return vec![&self.disk];
        }
        match command.export.map(|index| EXPORTS.get(usize::from(index))) {
            Some(path) => path.and_then(|path| self.nfs.get(*path)).into_iter().collect(),
            None => self.nfs.values().collect(),
        }
    }

    fn client(&self, stream: UnixStream) -> Result<()> {
        stream.set_read_timeout(Some(CLIENT_WAIT))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let request: MountRequest = serde_json::from_str(&line)?;
        let found = match request.channel {
            Channel::Nfs => {
                let root = self.exports.nfs.get(&request.export);
                self.nfs.get(&request.export).zip(root)
            }
            Channel::Disk => Some((&self.disk, &self.exports.disk)),
        };
        let Some((gate, root)) = found else {
            writeln!(&stream, "access denied by server while mounting")?;
            return Ok(());
        };
        if !gate.answers() {
            return Ok(());
        }
        let fs = Passthrough::new(root, Arc::clone(gate))?;
        writeln!(&stream, "ready")?;
        let fuse = receive_descriptor(&stream)?;
        // The session ends when the mount does, or with this process.
        Session::from_fd(fs, fuse, SessionACL::All).run().map_err(|e| anyhow!("session: {e}"))
    }
}

fn receive_descriptor(stream: &UnixStream) -> Result<OwnedFd> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [std::io::IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message
            && let Some(descriptor) = descriptors.next()
        {
            return Ok(descriptor);
        }
    }
    bail!("no descriptor came with the message")
}

fn raise_file_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    // The soft limit may always be raised to the hard one.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}
