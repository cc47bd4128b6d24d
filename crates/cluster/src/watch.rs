//! Whether another machine lives under this host's name: its disk was copied with all that is on it.
//!
//! Owns: how long a new life only reads. Its first write proves all earlier lives of its host dead, at
//! once; if one of them is another machine, that one's guests still run. So a life writes nothing before
//! it has seen its own blocks stand still, and no living member hears this host. Whoever sees another
//! one stands back for as long as that one shows any sign of life. Two lives that began to write in
//! the same moment as one are told apart by the sequences of their beats, which begin anywhere. Each
//! reads back what it has just written, so neither would ever see the other: until its first permit a
//! life looks at its own block before each write too, and asks for nothing before such a look.

use crate::api::Output;
use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::record::bit;
use crate::rng::Rng;
use crate::statefile::blocks::Beat;
use crate::timing::{Timing, ns};

/// Sequences begin below this: twins do not begin near each other, and none ever ends.
const FIRST_SEQUENCE_MAX: u64 = 1 << 48;

/// What a life that has not written saw of its own blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    /// When this life began to watch.
    begun: u64,
    /// Since when no sign of another one was seen: nothing changed there, and nobody heard this host.
    since: u64,
    /// Begin of the last round of reads, all of it.
    read: u64,
    /// Changes that were seen: the first one on each statefile may be a late write of the life before.
    changes: u32,
    /// No life of this host ever wrote in this generation.
    blank: bool,
    /// Another one writes there.
    twin: bool,
    /// A look at the own block before it is written.
    look: Look,
    /// A look between two own beats showed nobody else.
    settled: bool,
}

/// A look at the own block between two beats of a life that has no permit yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    Due,
    /// The round of reads is under way.
    Begun,
    /// It showed nobody else.
    Clean,
}

impl Watch {
    /// How long the blocks must have stood still. Nobody whose blocks stand still for `T_put`, and whom no
    /// member hears, stays a member; once another one was seen, until all its permits are over.
    fn quiet_ns(self, timing: &Timing) -> u64 {
        if self.twin {
            timing.t_dead_ns().max(timing.t_vote_void_ns())
        } else {
            ns(u64::from(timing.t_put_ms))
        }
    }
}

/// Where the sequences of a life begin.
pub(crate) fn first_sequence(seed: u64) -> u64 {
    Rng::new(!seed).below(FIRST_SEQUENCE_MAX)
}

impl Machine {
    /// The first complete round was read: from here on it is watched.
    pub(crate) fn begin_watch(&mut self) {
        let slot = usize::from(self.me.slot);
        let written = self.peer(self.me.slot).is_some_and(|peer| peer.wrote_inc > 0)
            || self.files.iter().any(|file| file.ballots(slot).any(|b| b.owner.seat.inc > 0));
        self.watch =
            Watch { begun: self.now, since: self.now, blank: !written, ..Watch::default() };
    }

    /// A round of reads that began at `start` is complete.
    pub(crate) fn watched(&mut self, start: u64) {
        self.watch.read = start;
        if self.carry != Carry::Read || !self.is_heard() {
            return;
        }
        // It may live by votes alone. Members heard the life before this one for `T_net` after its end,
        // and say so for a beat or two longer.
        self.watch.since = self.now;
        let timing = self.timing();
        let echo = ns(u64::from(timing.t_net_ms) + u64::from(timing.t_put_ms));
        if self.now >= self.watch.begun.saturating_add(echo) {
            self.stand_back("members hear another machine under this host's name");
        }
    }

    /// Another one lives: this life waits for its end.
    fn stand_back(&mut self, seen: &str) {
        if !self.watch.twin {
            self.watch.twin = true;
            self.output(Output::Note(format!("{seen}: this one stands back")));
            self.changed();
        }
    }

    /// This host's own beat block changed, as a read that began at `start` shows, and this life did not
    /// write it.
    pub(crate) fn own_block_changed(&mut self, start: u64) {
        if !matches!(self.carry, Carry::Read) {
            return;
        }
        let late = ns(u64::from(self.timing().t_late_ms));
        self.watch.since = self.now;
        self.watch.changes += 1;
        // A life has one write of its beat under way on each statefile.
        let more = usize::try_from(self.watch.changes).is_ok_and(|n| n > self.files.len());
        let another = more || start >= self.booted_at.saturating_add(late);
        if another {
            self.stand_back("another machine beats under this host's name");
        }
    }

    /// Nobody else lives under this host's name, as far as is to be seen: this life may write.
    pub(crate) fn is_alone(&self) -> bool {
        let timing = self.timing();
        let quiet = self.watch.quiet_ns(&timing);
        let stood_still = self.watch.read >= self.watch.since.saturating_add(quiet);
        // What was read long ago says nothing of now: storage that stalled may go on for both.
        let fresh = self.now < self.watch.read.saturating_add(ns(u64::from(timing.t_put_ms)));
        let alone = self.watch.blank || (stood_still && fresh && !self.is_heard());
        alone || on(Mutation::TwinUnseen)
    }

    /// A beat is due: whether it is only looked at the own block, for now.
    pub(crate) fn looks_first(&mut self) -> bool {
        let looks = !self.permit.ever && self.watch.look != Look::Clean;
        self.watch.look = if looks { Look::Begun } else { Look::Due };
        looks
    }

    /// A round of reads is complete, of a life that has written: it showed nobody else. The write is due.
    pub(crate) fn looked(&mut self) {
        if self.watch.look == Look::Begun {
            self.watch.look = Look::Clean;
            // The other one has had a beat's time to write over this one's.
            self.watch.settled |= self.last_round.is_some();
            self.round_due = true;
        }
    }

    /// This life looked at its own block between two of its beats: nobody began together with it.
    pub(crate) fn is_settled(&self) -> bool {
        self.watch.settled
    }

    /// Another one was seen, and this life waits for its end.
    pub(crate) fn has_twin(&self) -> bool {
        self.carry == Carry::Read && self.watch.twin
    }

    /// A member that lives, on the disk or on the network, says that it hears this host.
    fn is_heard(&self) -> bool {
        let others = self.peers.iter().filter(|peer| peer.slot != self.me.slot);
        others
            .filter(|peer| self.disk_live(peer.slot) || self.heard(peer.slot))
            .any(|peer| peer.report.hears & bit(self.me.slot) != 0)
    }

    /// A beat of this very life that this life did not send (0: none was heard): both began in the same
    /// moment. The other one may go on; a tombstone of this one would be taken for its own.
    pub(crate) fn is_doubled(&mut self, sequence: u64) -> bool {
        let own = self.began_with..=self.sequence;
        let doubled = sequence != 0 && !own.contains(&sequence) && !self.finished;
        if doubled && self.carry == Carry::Done {
            self.reset("another machine writes as this very life: this host's disk was copied");
        } else if doubled {
            self.restart(self.me.inc);
        }
        doubled
    }

    /// This host's own beat block, as a read that began at `start` showed it.
    pub(crate) fn observe_own(&mut self, beat: &Beat, again: bool, start: u64) {
        let inc = beat.owner.seat.inc;
        let me = self.me;
        if inc > me.inc || (inc == me.inc && self.carry != Carry::Done) {
            self.incarnation_taken(inc);
        } else if inc == me.inc {
            self.is_doubled(beat.sequence);
        } else if again {
            self.own_block_changed(start);
        }
    }
}

#[cfg(test)]
mod tests;
