//! The control socket: newline-delimited JSON with the pool daemon, see
//! [`haven_cluster::control`].
//!
//! Owns: the listener and, per client, one reading and one writing thread. The loop posts lines
//! into a bounded queue; a client that does not read them is dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use haven_cluster::control::{GuardLine, GuardRequest};

use crate::event::{ClientId, Event};
use crate::{log, spawn};

/// Lines that may wait for one client.
const LINES_MAX: usize = 64;
/// Lines whose room is used again; a client that lags behind by more costs memory.
const KEPT_MAX: usize = 8;
/// Longest request line in bytes.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// The loop's end of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    lines: SyncSender<Line>,
    stream: UnixStream,
}

impl Client {
    /// Posts a line; never blocks. `false`: the client is too slow or gone, and is cut off.
    pub(crate) fn post(&self, line: &Line) -> bool {
        let posted = self.lines.try_send(Arc::clone(line)).is_ok();
        if !posted {
            // Already closed is just as well.
            let _closed: std::io::Result<()> = self.stream.shutdown(Shutdown::Both);
        }
        posted
    }
}

/// A line as it goes over the wire; shared by all clients.
pub(crate) type Line = Arc<Vec<u8>>;

/// Makes lines in the room of those that every client has taken.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    kept: Vec<Line>,
}

impl Lines {
    pub(crate) fn encode(&mut self, line: &GuardLine) -> Line {
        let free = self.kept.iter_mut().position(|line| Arc::get_mut(line).is_some());
        let mut made = free.map(|at| self.kept.swap_remove(at)).unwrap_or_default();
        if let Some(text) = Arc::get_mut(&mut made) {
            text.clear();
            if serde_json::to_writer(&mut *text, line).is_err() {
                text.clear();
                text.extend_from_slice(b"{}");
            }
            // Numbers get longer with time; room for them is taken now.
            if text.capacity() - text.len() < text.len() / 4 + 1 {
                text.reserve(text.len() + 1);
            }
            text.push(b'\n');
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Arc::clone(&made));
        }
        made
    }
}

/// Listens at `path`, for root only, and reports clients to the loop.
pub(crate) fn listen(path: &Path, events: SyncSender<Event>) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    spawn("control", move || accept(&listener, &events))
}

fn accept(listener: &UnixListener, events: &SyncSender<Event>) {
    let mut next: ClientId = 1;
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors: those in use will be closed.
            std::thread::sleep(std::time::Duration::from_millis(100));
            continue;
        };
        if let Err(error) = serve(next, stream, events.clone()) {
            log::warn(&format!("a connection of the pool daemon failed: {error}"));
        }
        next += 1;
    }
}

fn serve(id: ClientId, stream: UnixStream, events: SyncSender<Event>) -> std::io::Result<()> {
    let (lines, inbox) = sync_channel(LINES_MAX);
    let (reader, writer) = (stream.try_clone()?, stream.try_clone()?);
    spawn("control-out", move || write_lines(writer, &inbox))?;
    // A loop that is gone ends the process.
    let _ended: Result<(), _> = events.send(Event::Connected(id, Client { lines, stream }));
    spawn("control-in", move || {
        read_requests(id, reader, &events);
        let _ended: Result<(), _> = events.send(Event::Closed(id));
    })
}

fn write_lines(mut stream: UnixStream, inbox: &Receiver<Line>) {
    while let Ok(line) = inbox.recv() {
        if stream.write_all(&line).is_err() {
            return;
        }
    }
}

/// What every request has, of whatever version.
#[derive(serde::Deserialize)]
struct Numbered {
    id: u64,
}

fn read_requests(client: ClientId, stream: UnixStream, events: &SyncSender<Event>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        match std::io::Read::take(&mut reader, REQUEST_BYTES_MAX).read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_str::<GuardRequest>(&line) {
            Ok(request) => {
                if events.send(Event::Request(client, request)).is_err() {
                    return;
                }
            }
            Err(error) => {
                log::warn(&format!("the pool daemon sent what is no request here: {error}"));
                // A newer daemon may ask for what this guard does not know: it is told so, and
                // everything else goes on.
                let Ok(Numbered { id }) = serde_json::from_str(&line) else { return };
                if events.send(Event::Unknown { client, id }).is_err() {
                    return;
                }
            }
        }
    }
}
