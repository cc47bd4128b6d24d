//! A machine's serial console, or a host's own login, on this terminal.

use std::io::{IsTerminal, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::transport::Stream;
use crate::failure::{Failure, Outcome};

/// ^], as telnet and virsh have it.
const LEAVE: u8 = 0x1d;
const CHUNK_BYTES: usize = 4096;
/// Kinds of frames.
const TYPED: u8 = 0;
const SIZE: u8 = 1;

/// Connects the terminal and the console until either goes away or ^] is typed.
pub(crate) async fn run(stream: Box<dyn Stream>, name: &str) -> Outcome<()> {
    tell(&format!("Connected to {name}. ^] leaves.\r\n"))?;
    let note = attach(stream).await?;
    tell(&format!("\r\n{note}\r\n"))
}

/// The same with a host's own login, which takes frames: what is typed, and how large the terminal is.
pub(crate) async fn run_framed(stream: Box<dyn Stream>, name: &str) -> Outcome<()> {
    let (near, far) = duplex(CHUNK_BYTES);
    let frames = tokio::spawn(frame(far, stream));
    let ended = run(Box::new(near), name).await;
    frames.abort();
    ended
}

/// Puts what is typed into frames; what is shown comes as it is.
async fn frame(near: DuplexStream, stream: Box<dyn Stream>) -> std::io::Result<()> {
    let (mut from_here, mut to_here) = split(near);
    let (mut from_host, mut to_host) = split(stream);
    let shows = async {
        tokio::io::copy(&mut from_host, &mut to_here).await?;
        to_here.shutdown().await
    };
    let types = type_frames(&mut from_here, &mut to_host);
    tokio::select! {
        ended = shows => ended,
        ended = types => ended,
    }
}

async fn type_frames(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut chunk = [0_u8; CHUNK_BYTES];
    write_size(to).await?;
    loop {
        tokio::select! {
            _ = resized.recv() => write_size(to).await?,
            count = from.read(&mut chunk) => {
                let typed = chunk.get(..count?).filter(|typed| !typed.is_empty());
                let Some(typed) = typed else { return Ok(()) };
                write_frame(to, TYPED, typed).await?;
            }
        }
    }
}

async fn write_size(to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let Ok(size) = tcgetwinsize(std::io::stdin()) else { return Ok(()) };
    let [a, b] = size.ws_col.to_be_bytes();
    let [c, d] = size.ws_row.to_be_bytes();
    write_frame(to, SIZE, &[a, b, c, d]).await
}

/// A kind, a length of two bytes, and so many bytes.
async fn write_frame(
    to: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    body: &[u8],
) -> std::io::Result<()> {
    let length = u16::try_from(body.len()).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    let [high, low] = length.to_be_bytes();
    to.write_all(&[&[kind, high, low], body].concat()).await?;
    to.flush().await
}

/// The same without a word; why it ended.
pub(crate) async fn attach(stream: Box<dyn Stream>) -> Outcome<&'static str> {
    let raw = RawTerminal::enter()?;
    let (mut from_guest, mut to_guest) = split(stream);
    let shows = async {
        let mut stdout = tokio::io::stdout();
        tokio::io::copy(&mut from_guest, &mut stdout).await?;
        stdout.flush().await
    };
    let types = async {
        let mut stdin = tokio::io::stdin();
        let mut chunk = [0_u8; CHUNK_BYTES];
        loop {
            let count = stdin.read(&mut chunk).await?;
            let typed = chunk.get(..count).unwrap_or_default();
            let leaves = typed.iter().position(|b| *b == LEAVE);
            to_guest.write_all(typed.get(..leaves.unwrap_or(count)).unwrap_or_default()).await?;
            to_guest.flush().await?;
            if count == 0 || leaves.is_some() {
                return Ok(leaves.is_some());
            }
        }
    };
    let ended = tokio::select! {
        shown = shows => shown.map(|()| "The console was closed."),
        typed = types => typed.map(|left| if left { "Left." } else { "End of input." }),
    };
    drop(raw);
    ended.map_err(|e: std::io::Error| Failure::local("the console broke", e))
}

fn tell(text: &str) -> Outcome<()> {
    std::io::stderr()
        .write_all(text.as_bytes())
        .map_err(|e| Failure::local("writing to the terminal", e))
}

/// Raw mode while it lives.
struct RawTerminal(Option<Termios>);

impl RawTerminal {
    fn enter() -> Outcome<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        let before =
            tcgetattr(&stdin).map_err(|e| Failure::local("reading the terminal's settings", e))?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw)
            .map_err(|e| Failure::local("setting the terminal", e))?;
        Ok(Self(Some(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing better can be done when the terminal is gone.
            let _restored = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
