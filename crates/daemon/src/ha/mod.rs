//! High availability as the pool daemon sees it.
//!
//! Owns: the link to the guard, arming and disarming, what happens when this host becomes or
//! ceases to be coordinator while armed, and the restart of VMs after host failures.
//! Never decides who is alive or who is coordinator: that is the guard's.

mod absent;
mod alarm;
pub mod area;
pub mod arm;
pub mod calls;
pub mod checkup;
mod choice;
pub mod disarm;
mod drain;
pub mod drill;
mod failover;
mod farewell;
mod guests;
pub mod link;
mod lost_storage;
pub mod metadata;
mod mtu;
mod newest;
pub mod permit;
pub mod pool_check;
mod power;
mod preflight;
mod promise;
mod promises;
pub mod rekey;
mod reminder;
pub mod replace;
pub mod reshape;
mod restarts;
mod resume;
mod slots;
mod standing;
pub mod status;
mod stock;
mod takeover;
mod tell;
pub mod timeline;
mod volumes;
mod vouch;
mod watchdog;

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haven_failover::span::{Span, Spans};

pub(crate) use alarm::{broken_on, of_member, said_on, twin_of};
pub(crate) use disarm::off_if_on;
pub use link::{GuardLink, LinkState, Resting};
pub use restarts::TIMES_KEY;
pub use status::HaStatus;
pub use takeover::Ha;

/// Milliseconds since 1970, for people.
pub(crate) fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// How much is left of a span that is written down in wall-clock time: this process has one memory of
/// them, and a clock that nobody sets.
pub(crate) fn left(span: Span) -> Duration {
    static SPANS: Mutex<Spans> = Mutex::new(Spans::new());
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let mut spans = SPANS.lock().unwrap_or_else(PoisonError::into_inner);
    spans.left(span, wall_ms(), BEGAN.elapsed())
}
