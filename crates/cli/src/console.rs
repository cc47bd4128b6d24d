//! A machine's serial console on this terminal.

use std::io::{IsTerminal, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::client::transport::Stream;
use crate::failure::{Failure, Outcome};

/// ^], as telnet and virsh have it.
const LEAVE: u8 = 0x1d;
const CHUNK_BYTES: usize = 4096;

/// Connects the terminal and the console until either goes away or ^] is typed.
pub(crate) async fn run(stream: Box<dyn Stream>, name: &str) -> Outcome<()> {
    tell(&format!("Connected to {name}. ^] leaves.\r\n"))?;
    let note = attach(stream).await?;
    tell(&format!("\r\n{note}\r\n"))
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
