//! Pool daemons that are killed or paused while their guards go on.
//!
//! Owns: what such a daemon does not do meanwhile. Guests run on; what it had on its way to the
//! metadata volume lands. A daemon that was killed has forgotten its database and its guard's state; no
//! order that was given to it reaches its next life.

use haven_cluster::Input;
use haven_cluster::control::GuardCommand;
use haven_failover::Orders;
use haven_failover::span::Spans;

use crate::event::Event;
use crate::power::PowerStep;
use crate::world::{MS, World};

/// Silence of the daemon that counts for its guard.
const SILENCE: u64 = 15_000 * MS;

/// A daemon that could not be started is started again after that (`RestartSec`).
const START_AGAIN: u64 = 2_000 * MS;

/// How often one that ends looks whether its last write has landed.
const CLOSES_MS: u64 = 100;

/// A host's daemon.
#[derive(Debug, Default)]
pub(crate) struct Daemon {
    /// It was killed and does not run.
    killed: bool,
    /// When it starts again after it was killed.
    back_at: u64,
    /// Counts kills.
    kills: u64,
    /// Counts those that were not by fencing.
    deaths: u64,
    /// It does not run until then, and has forgotten nothing.
    paused_until: u64,
    /// It may have missed states of its guard.
    missed: bool,
    /// What it has seen of spans of time.
    spans: Spans,
}

impl Daemon {
    /// How often it was killed: connections to it end with its life.
    pub(crate) fn kills(&self) -> u64 {
        self.kills
    }
    /// How often it was killed while its guard went on, which begins anew to tell it everything.
    pub(crate) fn deaths(&self) -> u64 {
        self.deaths
    }
    /// It does not run: nobody tells the guard anything.
    pub(crate) fn down(&self) -> bool {
        self.killed
    }
    /// It does nothing at this moment.
    pub(crate) fn held(&self, now: u64) -> bool {
        self.killed || now < self.paused_until
    }
    /// What it has seen of spans of time, since it started.
    pub(crate) fn spans(&mut self) -> &mut Spans {
        &mut self.spans
    }
    /// The host starts anew.
    pub(crate) fn up(&mut self) {
        self.spans = Spans::new();
        self.killed = false;
        self.back_at = 0;
        self.paused_until = 0;
    }
    /// Fencing kills it, and its next life begins with the next life of the guard.
    pub(crate) fn killed_by_fencing(&mut self) {
        self.kills += 1;
        self.spans = Spans::new();
        self.paused_until = 0;
    }
    /// Whether it may have missed something since this was asked last.
    pub(crate) fn catches_up(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }
    /// A pause ends.
    pub(crate) fn goes_on(&mut self) {
        self.paused_until = 0;
    }
}

impl World {
    pub(crate) fn daemon_held(&self, host: usize) -> bool {
        self.hosts.get(host).is_none_or(|h| h.daemon.held(self.now))
    }

    pub(crate) fn daemon_paused(&mut self, host: usize, ms: u64) {
        let until = self.now + ms * MS;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered && !h.daemon.killed) else {
            return;
        };
        // A shorter pause within a longer one does not end that: what waits for its end keeps its order.
        h.daemon.paused_until = h.daemon.paused_until.max(until);
        h.daemon.missed = true;
        let (boot, down) = (h.boot, h.daemon.kills);
        if ms * MS > SILENCE {
            self.after(SILENCE, Event::DaemonMissed { host, boot, down });
            self.after(ms * MS, Event::DaemonStarts { host, boot });
        }
    }

    pub(crate) fn daemon_killed(&mut self, host: usize, ms: u64) {
        let wait = ms.max(100) * MS;
        let back_at = self.now + wait;
        let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered && !h.daemon.killed) else {
            return;
        };
        h.daemon.killed = true;
        h.daemon.spans = Spans::new();
        h.daemon.back_at = back_at;
        h.daemon.missed = true;
        h.daemon.paused_until = 0;
        h.daemon.kills += 1;
        h.daemon.deaths += 1;
        h.told = None;
        h.said_epoch = (0, 0);
        h.managing = false;
        // What it was told of orders lies in a file of this boot.
        h.heard = Orders::resumed(h.heard.newest(), h.heard.closed().clone());
        h.windows.clear();
        h.copying.clear();
        // Nobody consents to guests that are about to execute; those that may already do begin.
        h.starting.retain(|_, starting| starting.agreed);
        let (boot, down) = (h.boot, h.daemon.kills);
        self.close_database(host);
        self.log(|| format!("host {host}'s daemon is killed"));
        self.after(SILENCE, Event::DaemonMissed { host, boot, down });
        self.after(wait, Event::DaemonStarts { host, boot });
    }

    /// It ends in order, as when a package is upgraded or an administrator works on the host.
    pub(crate) fn daemon_stopped(&mut self, host: usize, ms: u64) {
        let deaths = self.hosts.get(host).map(|h| h.daemon.deaths());
        self.daemon_killed(host, ms);
        let ended = self.hosts.get(host).filter(|h| Some(h.daemon.deaths()) != deaths);
        let Some((life, deaths)) = ended.map(|h| (h.life, h.daemon.deaths())) else { return };
        self.log(|| format!("host {host}'s daemon was stopped in order"));
        self.database_closes(host, life, deaths);
    }

    /// The guard hears of it once nothing that the daemon wrote is on its way, unless the daemon is back by
    /// then.
    pub(crate) fn database_closes(&mut self, host: usize, life: u64, deaths: u64) {
        let same = |h: &&crate::host::Host| h.life == life && h.daemon.deaths() == deaths;
        let Some(h) = self.hosts.get(host).filter(same).filter(|h| h.daemon.down()) else { return };
        if h.paused || !h.db.flying.is_empty() {
            return self.after(CLOSES_MS * MS, Event::Closes { host, life, deaths });
        }
        self.input(host, Input::Command { id: 0, command: GuardCommand::DatabaseClosed });
    }

    /// The guard notices, unless the daemon is back.
    pub(crate) fn daemon_missed(&mut self, host: usize, down: u64) {
        let now = self.now;
        let silent = |h: &&crate::host::Host| h.daemon.held(now) && h.daemon.kills == down;
        if self.hosts.get(host).filter(silent).is_some() && !self.paused(host) {
            self.input(host, Input::HavendHealth { alive: false });
        }
    }

    /// It runs again; one that was killed is told everything by its guard.
    pub(crate) fn daemon_starts(&mut self, host: usize) {
        let now = self.now;
        // The end of a pause, or of an earlier kill, is not that of this one.
        let Some(h) = self.hosts.get_mut(host).filter(|h| now >= h.daemon.back_at) else { return };
        if h.no_memory && h.daemon.killed {
            // The service manager tries again.
            let boot = h.boot;
            return self.after(START_AGAIN, Event::DaemonStarts { host, boot });
        }
        if !std::mem::take(&mut h.daemon.killed) {
            if !h.daemon.held(now) {
                self.input(host, Input::HavendHealth { alive: true });
            }
            return;
        }
        self.log(|| format!("host {host}'s daemon runs again"));
        self.input(host, Input::HavendHealth { alive: true });
        self.push_state(host);
        self.tell_load(host);
    }

    /// What the daemon of a host does by itself waits until it goes on, or never happens.
    pub(crate) fn held_by_daemon(&mut self, event: Event) -> Option<Event> {
        let host = match &event {
            Event::Told { host, .. }
            | Event::Manage { host, .. }
            | Event::Configure { host, .. }
            | Event::AreaRead { host, .. }
            | Event::OwnCopy { host, .. }
            | Event::Appears { host, .. }
            | Event::AgentAsked { host, .. }
            | Event::Drained { host, .. } => *host,
            Event::Order(order) => self.index_of(order.holder.host)?,
            Event::NotRunning(order) => order.by,
            Event::KeyAsk(ask) => ask.to,
            Event::KeyAnswer { by, .. } => *by,
            Event::Ask(ask) | Event::CopyEnds { ask, .. } => ask.to,
            Event::Answer(ask, _) => ask.by,
            Event::Step(PowerStep::Check { by, .. }) => *by,
            _ => return Some(event),
        };
        let Some(h) = self.hosts.get(host).filter(|h| h.daemon.held(self.now)) else {
            return Some(event);
        };
        if !h.daemon.killed {
            let wait = h.daemon.paused_until - self.now;
            self.after(wait, event);
            return None;
        }
        match event {
            // The guest's process is there and may execute: nothing stops it.
            Event::Appears { vm, .. } => {
                h.starting.get(&vm).is_some_and(|s| s.agreed).then_some(event)
            }
            // Its own next life looks again whether anything is on its way.
            Event::Drained { .. } => {
                self.after(500 * MS, event);
                None
            }
            _ => None,
        }
    }
}
