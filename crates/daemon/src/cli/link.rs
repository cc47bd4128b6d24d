//! The connection, between the thread of a command and the tasks that read and write.

use std::time::Duration;

use haven_xe::wire::{Command, Decoder, Message, Reply};
use haven_xe::{Gone, Screen};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::peer_net::Duplex;

/// Frames that wait to be written.
const FRAMES_MAX: usize = 256;
/// Replies that wait to be read.
const REPLIES_MAX: usize = 4;
/// A client that takes nothing for so long is gone.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a person, or for a file on its way.
const REPLY_MAX: Duration = Duration::from_secs(3600);
/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;

/// The screen of a command.
pub(super) struct Link {
    frames: mpsc::Sender<Command>,
    replies: mpsc::Receiver<Reply>,
    gone: CancellationToken,
    runtime: Handle,
}

/// What runs beside the command.
pub(super) struct Ends {
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Link {
    /// Starts reading and writing.
    pub(super) fn new(stream: Box<dyn Duplex>) -> (Self, Ends) {
        let (from, to) = split(stream);
        let (frames, outbox) = mpsc::channel(FRAMES_MAX);
        let (inbox, replies) = mpsc::channel(REPLIES_MAX);
        let gone = CancellationToken::new();
        let ends = Ends {
            reader: tokio::spawn(read(from, inbox, gone.clone())),
            writer: tokio::spawn(write(to, outbox, gone.clone())),
        };
        (Self { frames, replies, gone, runtime: Handle::current() }, ends)
    }

    /// Cancelled when the client goes away.
    pub(super) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }
}

impl Ends {
    /// After the command: what is left is written, and the connection closed.
    pub(super) async fn finish(self) {
        let _written = timeout(STALL_MAX, self.writer).await;
        self.reader.abort();
    }
}

impl Screen for Link {
    fn send(&mut self, command: &Command) -> Result<(), Gone> {
        let sending = timeout(STALL_MAX, self.frames.send(command.clone()));
        match self.runtime.block_on(sending) {
            Ok(Ok(())) => Ok(()),
            _ => {
                self.gone.cancel();
                Err(Gone)
            }
        }
    }

    fn receive(&mut self) -> Result<Reply, Gone> {
        let receiving = timeout(REPLY_MAX, self.replies.recv());
        self.runtime.block_on(receiving).ok().flatten().ok_or(Gone)
    }
}

/// Reads replies until the client is gone. That something goes on needs no answer.
async fn read(
    mut from: ReadHalf<Box<dyn Duplex>>,
    inbox: mpsc::Sender<Reply>,
    gone: CancellationToken,
) {
    let mut decoder = Decoder::default();
    let mut bytes = vec![0_u8; READ_BYTES];
    'reading: while let Ok(count @ 1..) = from.read(&mut bytes).await {
        decoder.push(bytes.get(..count).unwrap_or_default());
        loop {
            match decoder.next_message() {
                Ok(Some(Message::Reply(Reply::Wait))) => {}
                Ok(Some(Message::Reply(reply))) => {
                    if inbox.send(reply).await.is_err() {
                        break 'reading;
                    }
                }
                Ok(None) => break,
                Ok(Some(Message::Command(_))) | Err(_) => break 'reading,
            }
        }
    }
    gone.cancel();
}

async fn write(
    mut to: WriteHalf<Box<dyn Duplex>>,
    mut outbox: mpsc::Receiver<Command>,
    gone: CancellationToken,
) {
    let mut commands = Vec::with_capacity(FRAMES_MAX);
    let mut frames = Vec::new();
    while outbox.recv_many(&mut commands, FRAMES_MAX).await > 0 {
        frames.clear();
        commands.drain(..).for_each(|command| command.encode(&mut frames));
        let written = async {
            to.write_all(&frames).await?;
            to.flush().await
        };
        if written.await.is_err() {
            gone.cancel();
            return;
        }
    }
    let _closed = to.shutdown().await;
}
