//! Whether a guest hangs or boots in a loop, and what is done about it.
//!
//! For: the pool daemon, which looks and performs, and the simulator's guests. A guest hangs when its
//! agent answered since it booted and then, for a whole interval, neither it answered nor did the guest
//! read, write or send. It is reset while its budget lasts. What it does by itself, reboots and ends after
//! which the pool starts it again, is taken from the same budget. When that is used up the guest is left
//! alone, and a person is told once. Of one whose agent never answered nothing can be said: it is
//! reported as unmonitored, and never reset.

use serde::{Deserialize, Serialize};

/// Most resets that a policy may allow within its window; so many moments are kept.
pub const RESETS_MAX: u32 = 20;
/// Time within which a reboot that was asked for may come.
const EXPECTED_MS: u64 = 300_000;

/// What was asked for a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchPolicy {
    /// Nothing moves for so long: it hangs.
    pub interval_ms: u64,
    /// After a boot nothing is judged for so long.
    pub grace_ms: u64,
    /// Most resets within the window; reboots of its own count.
    pub resets_max: u32,
    /// How long a reset counts.
    pub window_ms: u64,
}

impl Default for WatchPolicy {
    fn default() -> Self {
        Self { interval_ms: 30_000, grace_ms: 120_000, resets_max: 3, window_ms: 3_600_000 }
    }
}

impl WatchPolicy {
    /// Looks that are further apart say nothing of the time between them.
    #[must_use]
    pub fn gap_max_ms(&self) -> u64 {
        self.interval_ms / 2
    }
}

/// When somebody looks: by a clock that nobody sets, and by the one that other hosts have too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Of this watcher alone.
    pub now_ms: u64,
    /// Since 1970.
    pub wall_ms: u64,
}

/// What is seen of a guest that executes undisturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Tells this start of the VM from others; a migration is none.
    pub start: u64,
    /// Tells whose counters these are: they begin anew with each process.
    pub counter: u64,
    /// Its agent answers.
    pub agent: bool,
    /// Grows with everything that it reads, writes or sends. What it receives is no sign of life: others
    /// send it.
    pub io: u64,
    /// How often it has booted since those counters began.
    pub boots: u64,
}

/// What a look sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It executes.
    Runs(Pulse),
    /// Nothing can be said of it now: it is paused, suspended, moved or worked on, its host does not
    /// answer, or its storage stalls.
    Aside,
}

/// How a watched guest stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Under watch.
    #[default]
    Watched,
    /// Its agent never answered since it booted.
    Unmonitored,
    /// Its budget is used up: nothing is done to it any more.
    LeftAlone,
}

/// What outlives the watcher. It is durable before a reset is ordered: a new coordinator gives no guest
/// more resets than the last one would have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchRecord {
    /// Moments of resets and of reboots of its own, since 1970, oldest first.
    pub spent_ms: Vec<u64>,
    /// How it stands.
    pub standing: Standing,
    /// In which start its agent answered since it booted.
    pub heard: Option<u64>,
}

impl WatchRecord {
    /// Forgets what is older than the window. What a clock that was set back calls the future is now.
    fn prune(&mut self, policy: &WatchPolicy, wall_ms: u64) {
        for at in &mut self.spent_ms {
            *at = (*at).min(wall_ms);
        }
        self.spent_ms.retain(|at| wall_ms - at < policy.window_ms);
    }

    fn spend(&mut self, wall_ms: u64) {
        let most = usize::try_from(RESETS_MAX).unwrap_or(usize::MAX);
        let excess = self.spent_ms.len().saturating_sub(most);
        self.spent_ms.drain(..excess);
        self.spent_ms.push(wall_ms);
    }

    /// How many more may be spent.
    fn room(&self, policy: &WatchPolicy) -> u32 {
        let spent = u32::try_from(self.spent_ms.len()).unwrap_or(u32::MAX);
        policy.resets_max.min(RESETS_MAX).saturating_sub(spent)
    }

    /// Told once: whether it stood otherwise before.
    fn leave_alone(&mut self) -> bool {
        std::mem::replace(&mut self.standing, Standing::LeftAlone) != Standing::LeftAlone
    }
}

/// Why a guest is reset, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing has moved for so long.
    Hangs {
        /// In milliseconds.
        quiet_ms: u64,
    },
    /// It boots again and again by itself.
    Loops,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Reset it; the record is made durable first.
    Reset(Why),
    /// Tell a person that it is left alone.
    GiveUp(Why),
    /// Tell that it cannot be watched: its agent never answered.
    Unmonitored,
}

/// What one watcher remembers of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    start: Option<u64>,
    /// Counter, IO and boots at the last look.
    counted: Option<(u64, u64, u64)>,
    /// The last look that counts.
    last: Option<u64>,
    /// When something moved last, or watching began.
    moved: Option<u64>,
    grace_until: u64,
    /// Reboots that somebody asked for and that have not been seen, and until when they may come.
    expected: (u64, u64),
    /// Nothing could be said of it since the last look that counted.
    aside: bool,
}

impl Watch {
    /// One look. The record belongs to the VM, and is written down if this changed it.
    pub fn look(
        &mut self,
        at: Moment,
        policy: &WatchPolicy,
        record: &mut WatchRecord,
        seen: Seen,
    ) -> Action {
        let Seen::Runs(pulse) = seen else {
            self.set_aside();
            return Action::Nothing;
        };
        if self.last.is_some_and(|last| at.now_ms.saturating_sub(last) > policy.gap_max_ms()) {
            self.set_aside();
        }
        self.last = Some(at.now_ms);
        record.prune(policy, at.wall_ms);
        self.meet(at, policy, record, pulse.start);
        let before = self.counted.replace((pulse.counter, pulse.io, pulse.boots));
        let before = before.filter(|(counter, ..)| *counter == pulse.counter);
        let boots = before.map_or(0, |(_, _, boots)| pulse.boots.saturating_sub(boots));
        let aside = std::mem::take(&mut self.aside);
        if boots > 0 && self.rebooted(at, policy, record, (boots, aside)) {
            return Action::GiveUp(Why::Loops);
        }
        let moves = pulse.agent || before.is_none_or(|(_, io, _)| io != pulse.io);
        if moves || self.moved.is_none() {
            self.moved = Some(at.now_ms);
        }
        if pulse.agent {
            answers(policy, record, pulse.start);
        }
        self.judge(at, policy, record, pulse.start)
    }

    /// Somebody asked the guest to reboot so often: the next times that it does are none of its own.
    pub fn expect_reboots(&mut self, now_ms: u64, count: u64) {
        let (known, _) = self.expected;
        self.expected = (known.saturating_add(count), now_ms.saturating_add(EXPECTED_MS));
    }

    /// What lies behind says nothing: its time begins anew, and boots meanwhile are none of its own.
    fn set_aside(&mut self) {
        (self.last, self.moved, self.aside) = (None, None, true);
    }

    /// A start that this watcher has not seen before.
    fn meet(&mut self, at: Moment, policy: &WatchPolicy, record: &mut WatchRecord, start: u64) {
        if self.start.replace(start) == Some(start) {
            return;
        }
        (self.counted, self.moved, self.aside) = (None, None, false);
        // Another watcher has heard it: it is up.
        match record.heard == Some(start) {
            true => self.grace_until = 0,
            false => self.booted(at, policy, record),
        }
    }

    fn booted(&mut self, at: Moment, policy: &WatchPolicy, record: &mut WatchRecord) {
        record.heard = None;
        self.moved = Some(at.now_ms);
        self.grace_until = at.now_ms.saturating_add(policy.grace_ms.max(policy.interval_ms));
    }

    /// It has booted so often since the last look that counted, perhaps while it was `aside`. True: too
    /// often, and nobody was told yet.
    fn rebooted(
        &mut self,
        at: Moment,
        policy: &WatchPolicy,
        record: &mut WatchRecord,
        (boots, aside): (u64, bool),
    ) -> bool {
        self.booted(at, policy, record);
        let (expected, until) = self.expected;
        let expected = if at.now_ms < until { expected } else { 0 };
        self.expected = (expected.saturating_sub(boots), until);
        let own = if aside { 0 } else { boots.saturating_sub(expected) };
        let own = own.min(u64::from(RESETS_MAX) + 1);
        let mut over = false;
        for _ in 0..own {
            over |= record.room(policy) == 0;
            record.spend(at.wall_ms);
        }
        over && record.leave_alone()
    }

    fn judge(
        &mut self,
        at: Moment,
        policy: &WatchPolicy,
        record: &mut WatchRecord,
        start: u64,
    ) -> Action {
        if at.now_ms < self.grace_until {
            return Action::Nothing;
        }
        if record.heard != Some(start) {
            let told = record.standing != Standing::Watched;
            if told {
                return Action::Nothing;
            }
            record.standing = Standing::Unmonitored;
            return Action::Unmonitored;
        }
        let quiet_ms = at.now_ms.saturating_sub(self.moved.unwrap_or(at.now_ms));
        if quiet_ms < policy.interval_ms || record.standing == Standing::LeftAlone {
            return Action::Nothing;
        }
        let why = Why::Hangs { quiet_ms };
        if record.room(policy) == 0 {
            record.leave_alone();
            return Action::GiveUp(why);
        }
        record.spend(at.wall_ms);
        // It boots by this reset.
        self.set_aside();
        self.booted(at, policy, record);
        Action::Reset(why)
    }
}

/// Its agent answers: it can be watched, and once there is room in its budget it is.
fn answers(policy: &WatchPolicy, record: &mut WatchRecord, start: u64) {
    record.heard = Some(start);
    record.standing = match record.standing {
        Standing::LeftAlone if record.room(policy) == 0 => Standing::LeftAlone,
        _ => Standing::Watched,
    };
}

/// What becomes of a VM whose guest stopped by itself: shut itself down, or its process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnd {
    /// It is to run: it is started again.
    Restart,
    /// It stays down until somebody starts it.
    Stays,
    /// It stays down: it has ended too often. A person is told.
    GiveUp,
}

/// Judges a guest that stopped by itself. `restarts`: it is one that is to run, and neither the VM nor
/// the pool says that such an end is to be respected. Without a policy it is not watched, and started
/// again however often that happens.
#[must_use]
pub fn after_end(
    restarts: bool,
    policy: Option<&WatchPolicy>,
    record: &mut WatchRecord,
    wall_ms: u64,
) -> AfterEnd {
    if !restarts {
        return AfterEnd::Stays;
    }
    let Some(policy) = policy else { return AfterEnd::Restart };
    record.prune(policy, wall_ms);
    if record.room(policy) > 0 {
        record.spend(wall_ms);
        return AfterEnd::Restart;
    }
    match record.leave_alone() {
        true => AfterEnd::GiveUp,
        false => AfterEnd::Stays,
    }
}

/// Whether a guest that ended by itself is to run all the same: by its VM's own word on guests that shut
/// themselves down, else by the pool's. One whose process `crashed` did not want to end.
#[must_use]
pub fn restarts_after_end(crashed: bool, own: Option<bool>, pool: bool) -> bool {
    crashed || own.unwrap_or(pool)
}

#[cfg(test)]
mod tests;
