//! What reaches the driver loop from the other threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use haven_block_io::IoDone;
use haven_cluster::control::{GuardRefusal, GuardRequest};

use crate::fence::FenceReport;

/// Most events that wait for the loop; a full queue stops the senders, never the loop.
const EVENTS_MAX: usize = 1024;

/// Names a connection of a pool daemon.
pub(crate) type ClientId = u64;

/// One event.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes from a heartbeat network.
    Datagram { network: u8, bytes: Vec<u8> },
    /// A statefile IO returned. `term` tells the IO of an earlier arming from the present ones.
    Io { term: u64, done: IoDone },
    /// Whether an isolation address answers.
    Isolation { reached: bool },
    /// The fencer is through.
    Fenced(FenceReport),
    /// The statefiles are formatted, or not.
    Formatted { client: ClientId, id: u64, result: Result<(), GuardRefusal> },
    /// A pool daemon connected.
    Connected(ClientId, crate::control::Client),
    /// It asks for something.
    Request(ClientId, GuardRequest),
    /// It asks for something that this guard does not know: a newer daemon.
    Unknown { client: ClientId, id: u64 },
    /// It is gone.
    Closed(ClientId),
}

/// The queue of the loop.
pub(crate) fn queue() -> (SyncSender<Event>, Receiver<Event>) {
    sync_channel(EVENTS_MAX)
}
