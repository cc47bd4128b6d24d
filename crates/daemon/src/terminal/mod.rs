//! The console of a host: its own login on a terminal, for clients of any host of the pool.
//!
//! Owns: pseudo terminals, the processes on them, and their end: a terminal whose client has gone is hung
//! up and its processes are reaped. Runs `login` and nothing else: the pool's role lets somebody come as far
//! as the question for a name, and the host's own PAM decides the rest. What is typed is kept nowhere. The
//! caller has checked who asks; see `docs/decisions/host-console.md`.

mod frames;
mod helper;
mod pty;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::HostConsoleSettings;
pub use frames::{Frame, Unframed, Writer};
pub use helper::{ARGUMENT, run};
pub use serve::serve;

/// Terminals at a time on one host.
const TERMINALS_MAX: usize = 8;
/// A terminal on which nobody typed for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long processes have to end when their terminal is hung up; then they are killed.
const HANG_UP_MAX: Duration = Duration::from_secs(5);

/// Why a host gives no console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The pool's setting.
    OffInPool,
    /// This host's own setting.
    OffHere,
    /// There is no `login`.
    NoLogin,
    /// All places are taken.
    Full,
}

impl Refusal {
    /// For programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OffInPool => "off_in_pool",
            Self::OffHere => "off_here",
            Self::NoLogin => "no_login",
            Self::Full => "full",
        }
    }
}

/// The terminals of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Terminals {
    settings: Arc<HostConsoleSettings>,
    places: Arc<Semaphore>,
    idle: Duration,
}

/// A place on this host, and what runs there.
#[derive(Debug)]
pub struct Place {
    login: PathBuf,
    helper: Option<PathBuf>,
    idle: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Terminals {
    /// As the host is set up.
    #[must_use]
    pub fn new(settings: &HostConsoleSettings) -> Self {
        let idle = settings.idle_max_s.map_or(IDLE_MAX, Duration::from_secs).min(IDLE_MAX);
        let places = Arc::new(Semaphore::new(TERMINALS_MAX));
        Self { settings: Arc::new(settings.clone()), places, idle }
    }

    /// Why there is no console here, if there is none.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        if !self.settings.enabled {
            return Some(Refusal::OffHere);
        }
        if !is_program(&self.settings.login) {
            return Some(Refusal::NoLogin);
        }
        (self.places.available_permits() == 0).then_some(Refusal::Full)
    }

    /// Takes a place.
    ///
    /// # Errors
    /// Why there is none.
    pub fn enter(&self) -> Result<Place, Refusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Refusal::Full)?;
        Ok(Place {
            login: self.settings.login.clone(),
            helper: self.settings.helper.clone(),
            idle: self.idle,
            _permit: permit,
        })
    }
}

fn is_program(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let found = std::fs::metadata(path);
    path.is_absolute()
        && found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
