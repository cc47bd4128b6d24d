//! Guests of the simulated pools: what they do by themselves, and the coordinator that watches them.
//!
//! Owns: what each guest does, what its host's daemon sees of that, and when the coordinator looks. What
//! follows from a look is production code (`haven_failover::watch`), and so is which VM is started
//! again (`haven_failover::wanted`). Storms know no guests: a VM that no story names runs, answers, and
//! is not watched.

mod look;

use std::collections::{BTreeMap, BTreeSet};

use haven_failover::watch::{Watch, WatchPolicy};
use haven_model::VmPowerState;

use crate::event::Event;
use crate::world::{MS, World};

/// From a boot until the agent answers.
const BOOT: u64 = 20_000 * MS;
/// From a boot until a guest that always hangs does.
const HANGS_AFTER: u64 = 150_000 * MS;

/// What a story says of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Somebody asked that it is watched.
    Watched,
    /// It hangs until it is reset.
    Hangs,
    /// It hangs some minutes after each boot.
    HangsAlways,
    /// No agent runs in it.
    NoTools,
    /// It boots anew every so many milliseconds.
    Loops(u64),
    /// It shuts itself down.
    ShutsDown,
    /// It shuts itself down whenever it has run for so many milliseconds.
    ShutsDownAlways(u64),
    /// An administrator shuts it down.
    IsShutDown,
    /// One suspends it.
    IsSuspended,
    /// One pauses it.
    IsPaused,
    /// When it shuts itself down it is started again, or not.
    OwnEnd(bool),
}

/// What its operators want of a guest that is not down yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Down,
    Suspended,
}

/// What happens to guests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GuestEvent {
    /// It does what it does so long after a boot; `start` and `boots` say after which.
    Acts { vm: u32, start: u64, boots: u64 },
    /// The order to reset it arrives at its host.
    Reset { vm: u32, at: usize, number: u64 },
}

/// One guest.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    tools: bool,
    always: Option<Said>,
    hung_at: Option<u64>,
    paused: bool,
    /// It has ended by itself on this host, in this boot of it, and the pool has not heard of that.
    ended: Option<(usize, u64)>,
    intent: Option<Intent>,
    /// Counts starts of the VM.
    start: u64,
    /// Counts boots since the start.
    boots: u64,
    booted_at: u64,
    resets: u32,
    own_end: Option<bool>,
    policy: Option<WatchPolicy>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            tools: true,
            always: None,
            hung_at: None,
            paused: false,
            ended: None,
            intent: None,
            start: 1,
            boots: 0,
            booted_at: 0,
            resets: 0,
            own_end: None,
            policy: None,
        }
    }
}

impl Guest {
    fn answers(&self, now: u64) -> bool {
        self.tools && self.hung_at.is_none() && now >= self.booted_at + BOOT
    }

    /// What it has read, written and sent: something at every moment at which it does not hang.
    fn io(&self, now: u64) -> u64 {
        self.hung_at.unwrap_or(now) / MS
    }

    fn boot(&mut self, now: u64) {
        (self.hung_at, self.booted_at) = (None, now);
    }
}

/// All guests that a story names, and who watches them.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    all: BTreeMap<u32, Guest>,
    /// Which life of a daemon watches.
    watcher: Option<(usize, u64, u64)>,
    watches: BTreeMap<u32, Watch>,
    look_at: u64,
    /// Resets that wait until what they cost is durable.
    due: Vec<(u32, usize, u64)>,
    /// What people were told.
    told: Vec<String>,
    /// VMs of which everybody knows that they are down.
    down: BTreeSet<u32>,
}

impl World {
    /// Something that a story says of a guest.
    pub(crate) fn guest(&mut self, vm: u32, said: Said) {
        let now = self.now;
        let guest = self.guests.all.entry(vm).or_default();
        match said {
            Said::Watched => guest.policy = Some(WatchPolicy::default()),
            Said::Hangs => guest.hung_at = Some(now),
            Said::NoTools => guest.tools = false,
            Said::OwnEnd(restarts) => guest.own_end = Some(restarts),
            Said::IsPaused => guest.paused = true,
            Said::HangsAlways | Said::Loops(_) | Said::ShutsDownAlways(_) => {
                guest.always = Some(said);
                self.guest_will_act(vm);
            }
            Said::ShutsDown => self.guest_ends(vm),
            Said::IsShutDown => {
                guest.intent = Some(Intent::Down);
                // Before anything else: from now on nothing starts it by itself (production's order).
                self.manager.rows.entry(vm).or_default().always_run = false;
            }
            Said::IsSuspended => guest.intent = Some(Intent::Suspended),
        }
    }

    /// It does what it always does so long after a boot.
    fn guest_will_act(&mut self, vm: u32) {
        let Some(guest) = self.guests.all.get(&vm) else { return };
        let wait = match guest.always {
            Some(Said::HangsAlways) => HANGS_AFTER,
            Some(Said::Loops(ms) | Said::ShutsDownAlways(ms)) => ms * MS,
            _ => return,
        };
        let (start, boots) = (guest.start, guest.boots);
        self.after(wait, Event::Guest(GuestEvent::Acts { vm, start, boots }));
    }

    pub(crate) fn guest_event(&mut self, event: GuestEvent) {
        match event {
            GuestEvent::Acts { vm, start, boots } => {
                let now = self.now;
                let runs = self.home_of(vm).is_some();
                let same = |guest: &&mut Guest| (guest.start, guest.boots) == (start, boots);
                let Some(guest) = self.guests.all.get_mut(&vm).filter(same).filter(|_| runs) else {
                    return;
                };
                match guest.always {
                    Some(Said::HangsAlways) => guest.hung_at = Some(now),
                    Some(Said::Loops(_)) => {
                        guest.boots += 1;
                        guest.boot(now);
                        self.log(|| format!("vm {vm} boots anew by itself"));
                        self.guest_will_act(vm);
                    }
                    Some(Said::ShutsDownAlways(_)) => self.guest_ends(vm),
                    _ => {}
                }
            }
            GuestEvent::Reset { vm, at, number } => self.guest_is_reset(vm, at, number),
        }
    }

    /// It shuts itself down. The pool does not know yet.
    fn guest_ends(&mut self, vm: u32) {
        let Some(host) = self.home_of(vm) else { return };
        self.process_ends(vm, host);
        let boot = self.hosts.get(host).map_or(0, |h| h.boot);
        if let Some(guest) = self.guests.all.get_mut(&vm) {
            guest.ended = Some((host, boot));
        }
        self.log(|| format!("vm {vm} shuts itself down on host {host}"));
        self.tell_load(host);
    }

    /// A VM begins to execute after it was started.
    pub(crate) fn guest_started(&mut self, vm: u32) {
        let now = self.now;
        let Some(guest) = self.guests.all.get_mut(&vm) else { return };
        guest.start += 1;
        guest.boots = 0;
        (guest.paused, guest.ended, guest.intent) = (false, None, None);
        guest.boot(now);
        self.guests.down.remove(&vm);
        self.guest_will_act(vm);
    }

    /// The pool has written down that it runs nowhere.
    pub(crate) fn guest_gone(&mut self, vm: u32) {
        let Some(guest) = self.guests.all.get_mut(&vm) else { return };
        let intent = guest.intent.take();
        guest.ended = None;
        if intent.is_some() {
            self.guests.down.insert(vm);
        }
        if intent == Some(Intent::Suspended) {
            let row = self.manager.rows.entry(vm).or_default();
            (row.at_rest, row.always_run) = (VmPowerState::Suspended, false);
            self.log(|| format!("vm {vm} is suspended: its memory is saved"));
        }
    }

    /// Its operators want it to have no process.
    pub(crate) fn guest_is_to_go(&self, vm: u32) -> bool {
        self.guests.all.get(&vm).is_some_and(|guest| guest.intent.is_some())
    }

    /// It has ended there, and is not ordered about before the pool has heard of that.
    pub(crate) fn guest_has_ended(&self, vm: u32, at: usize) -> bool {
        let boot = self.hosts.get(at).map(|h| h.boot);
        let ended = self.guests.all.get(&vm).and_then(|guest| guest.ended);
        ended.is_some_and(|(host, of)| host == at && Some(of) == boot)
    }

    /// Where a VM has a process.
    #[must_use]
    pub fn home_of(&self, vm: u32) -> Option<usize> {
        (0..self.hosts.len()).find(|host| self.runs(vm, *host))
    }

    /// How often a VM was reset.
    #[must_use]
    pub fn resets_of(&self, vm: u32) -> u32 {
        self.guests.all.get(&vm).map_or(0, |guest| guest.resets)
    }

    /// Whether people were told something with these words.
    #[must_use]
    pub fn was_told(&self, words: &str) -> usize {
        self.guests.told.iter().filter(|told| told.contains(words)).count()
    }

    fn tell(&mut self, what: String) {
        self.log(|| format!("told: {what}"));
        self.guests.told.push(what);
    }
}
