//! A pseudo terminal, and what runs on it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::helper::ARGUMENT;
use super::{HANG_UP_MAX, Place};

/// What `login` learns of the terminal.
const TERM: &str = "xterm-256color";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The near end. Dropped, everything on the terminal is hung up.
#[derive(Debug)]
pub(super) struct Terminal {
    near: OwnedFd,
    // Its two directions; a pipe's ends are what the runtime has for files of which it knows no more.
    shown: pipe::Receiver,
    typed: pipe::Sender,
}

/// Opens a terminal, and starts `login` on it.
pub(super) fn open(place: &Place) -> io::Result<(Terminal, Child)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let far = ioctl_tiocgptpeer(&near, flags)?;
    rustix::io::ioctl_fionbio(&near, true)?;
    let program = place.helper.clone().map_or_else(own_program, Ok)?;
    let child = Command::new(program)
        .arg(ARGUMENT)
        .arg(&place.login)
        .env_clear()
        .env("TERM", TERM)
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::from(far.try_clone()?))
        .stdout(Stdio::from(far.try_clone()?))
        .stderr(Stdio::from(far))
        .kill_on_drop(true)
        .spawn()?;
    let shown = pipe::Receiver::from_owned_fd_unchecked(near.try_clone()?)?;
    let typed = pipe::Sender::from_owned_fd_unchecked(near.try_clone()?)?;
    Ok((Terminal { near, shown, typed }, child))
}

fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

impl Terminal {
    /// What is shown; 0 bytes: nobody has the terminal any more.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.shown.readable().await?;
            match self.shown.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The far end is closed.
                Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                    return Ok(0);
                }
                read => return read,
            }
        }
    }

    /// Types; how many bytes were taken.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.typed.writable().await?;
            match self.typed.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
        }
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        if let Err(error) = tcsetwinsize(&self.near, size) {
            tracing::debug!(%error, "a terminal keeps its size");
        }
    }
}

/// Hangs up, and waits until what ran there has ended; kills it if it does not.
pub(super) async fn hang_up(terminal: Terminal, mut child: Child) {
    // The kernel sends SIGHUP to the session when the near end is closed.
    drop(terminal);
    if tokio::time::timeout(HANG_UP_MAX, child.wait()).await.is_err() {
        tracing::warn!("a login did not end with its terminal, and is killed");
        if let Err(error) = child.kill().await {
            tracing::warn!(%error, "a login could not be killed");
        }
    }
}
