//! What the daemons of simulated hosts take for the time of day, and what hangs on it.
//!
//! Owns: clocks on walls, which somebody may set at any moment, and the one thing that daemons keep in
//! such time and decide by: a pause of restarts. When that is over is production's code
//! (`haven_failover::span`). Guards have no such clock.

use std::time::Duration;

use haven_failover::span::Span;

use crate::world::{MS, World};

/// What the walls say when a story begins, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_800_000_000_000;

impl World {
    /// What the clock on the wall of a host says, in milliseconds since 1970.
    pub(crate) fn wall_ms(&self, host: usize) -> u64 {
        let set = self.hosts.get(host).map_or(0, |h| h.wall_set_ms);
        let now = i64::try_from(self.now / MS).unwrap_or(i64::MAX);
        u64::try_from(BEGIN_MS.saturating_add(now).saturating_add(set)).unwrap_or(0)
    }

    /// Somebody sets a host's clock by so many milliseconds.
    pub(crate) fn set_wall(&mut self, host: usize, ms: i64) {
        if let Some(h) = self.hosts.get_mut(host) {
            h.wall_set_ms = h.wall_set_ms.saturating_add(ms);
        }
    }

    /// The acting coordinator writes down that nothing is restarted for so long.
    pub(crate) fn pause_restarts(&mut self, ms: u64) {
        let Some(acting) = self.coordinator() else { return };
        let since_ms = self.wall_ms(acting);
        self.manager.pause = Some(Span { since_ms, until_ms: since_ms.saturating_add(ms) });
        self.is_paused(acting);
    }

    /// Nothing is restarted now, as the daemon of this host sees it.
    pub(crate) fn is_paused(&mut self, host: usize) -> bool {
        let Some(pause) = self.manager.pause else { return false };
        let (now, wall_ms) = (Duration::from_nanos(self.now), self.wall_ms(host));
        let spans = self.hosts.get_mut(host).map(|h| h.daemon.spans());
        spans.is_some_and(|spans| !spans.left(pause, wall_ms, now).is_zero())
    }
}
