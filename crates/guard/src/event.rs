//! What reaches the driver loop from the other threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use haven_block_io::IoDone;
use haven_cluster::control::{GuardCommand, GuardRefusal, GuardRequest};

use crate::fence::FenceReport;

/// Most events that wait for the loop; a full queue stops the senders, never the loop.
const EVENTS_MAX: usize = 1024;

/// Names a connection of a pool daemon.
pub(crate) type ClientId = u64;

/// Longest datagram that travels in its event: one without an epoch record.
const SHORT_MAX: usize = haven_cluster::BARE_DATAGRAM_BYTES;

/// A datagram as it arrived. Usual ones take nothing from the heap.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Short { bytes: [u8; SHORT_MAX], count: usize },
    Long(Vec<u8>),
}

impl From<&[u8]> for Payload {
    fn from(from: &[u8]) -> Self {
        let (mut bytes, count) = ([0; SHORT_MAX], from.len());
        match bytes.get_mut(..count) {
            Some(place) => {
                place.copy_from_slice(from);
                Self::Short { bytes, count }
            }
            None => Self::Long(from.to_vec()),
        }
    }
}

impl std::ops::Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short { bytes, count } => bytes.get(..*count).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

/// What was seen of guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// One runs, or may.
    pub(crate) runs: bool,
    /// What may still be written of those that are gone; asked for only where it matters.
    pub(crate) writes: Option<String>,
}

/// One event.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes from a heartbeat network.
    Datagram { network: u8, bytes: Payload },
    /// A statefile IO returned. `term` tells the IO of an earlier arming from the present ones.
    Io { term: u64, done: IoDone },
    /// Whether an isolation address answers.
    Isolation { reached: bool },
    /// The fencer is through.
    Fenced(FenceReport),
    /// The statefiles are formatted, or not.
    Formatted { client: ClientId, id: u64, result: Result<(), GuardRefusal> },
    /// What of guests is here, which had to be known before this command.
    Looked { client: ClientId, id: u64, command: GuardCommand, seen: Seen },
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
