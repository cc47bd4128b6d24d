//! The lab's own log: one line per event, with the wall clock and milliseconds since the start.

use std::io::Write;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// Writes one line to the supervisor's log (its stderr).
pub(super) fn event(text: &str) {
    let start = *START.get_or_init(Instant::now);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = format!("{:.3} {:>9.3} {text}\n", wall.as_secs_f64(), start.elapsed().as_secs_f64());
    let _ = std::io::stderr().write_all(line.as_bytes());
}
