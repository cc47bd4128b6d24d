//! A step of a change of keys: whether every other member is ready for it.

use crate::keys::{KeyStep, Keyring, Rekey};
use crate::machine::Machine;
use crate::mutation::{Mutation, on};
use crate::record::Seat;

impl Machine {
    /// Takes a step, unless it does not follow or a member is not ready.
    pub(crate) fn rekey(&mut self, id: u64, change: &Rekey) {
        if change.generation != self.config.generation {
            return self.refuse(id, "HA_CONFIG_INVALID", "the change of keys is of another arming");
        }
        let next = match self.config.keys.after(&change.step) {
            Ok(next) => next,
            Err(wrong) => return self.refuse(id, "HA_KEYS_NOT_READY", &wrong.to_string()),
        };
        let Some(ring) = Keyring::new(&next) else {
            return self.refuse(id, "HA_KEYS_NOT_READY", "the key is not 32 bytes");
        };
        if ring.view == self.keys.view {
            return self.reply_ok(id);
        }
        if let Some(text) = self.is_early(&change.step) {
            return self.refuse(id, "HA_KEYS_NOT_READY", &text);
        }
        self.config.keys = next;
        self.keys = ring;
        // What this host holds now is said at once: others wait for it.
        self.beat_asap = true;
        self.changed();
        self.reply_ok(id);
    }

    /// Why the step is not to be taken now.
    fn is_early(&self, step: &KeyStep) -> Option<String> {
        let member = self.is_member();
        let unready = |ready: &dyn Fn(Seat) -> bool| {
            let decided = self.decided.as_ref().filter(|_| member)?;
            // Also those of whom it may be decided in this moment that they are members.
            let values = self.accepted_values().map(|(_, value)| value);
            let next = values.filter(|value| value.number > decided.number);
            let all = std::iter::once(decided).chain(next).flat_map(|record| &record.members);
            let mut others = all.filter(|other| other.seat != self.me);
            others.find(|other| !ready(other.seat)).map(|other| other.host)
        };
        let (host, what) = match step {
            KeyStep::Take(_) if member => {
                return Some("a member takes one step after the other".to_owned());
            }
            // Who accepts more harms nobody.
            KeyStep::Take(_) | KeyStep::Accept(_) => return None,
            KeyStep::Send(_) if on(Mutation::KeySentEarly) => return None,
            KeyStep::Send(key) => {
                let tag = self.keys.view.tag();
                (unready(&|seat| self.accepts(seat, tag, *key))?, "does not accept")
            }
            KeyStep::Only(_) if on(Mutation::KeyDroppedEarly) => return None,
            KeyStep::Only(key) => (unready(&|seat| self.signs(seat, *key))?, "does not send with"),
        };
        Some(format!("host {} {what} the new key yet, as far as this guard heard", host.0))
    }

    /// The newest datagram of this life that arrived was authentic by that key.
    fn signs(&self, seat: Seat, key: u64) -> bool {
        let peer = self.peer(seat.slot).filter(|peer| peer.inc() == seat.inc);
        peer.is_some_and(|peer| peer.signed == key)
    }

    /// This life says that it holds both keys, or sends with that one.
    fn accepts(&self, seat: Seat, tag: u8, key: u64) -> bool {
        let peer = self.peer(seat.slot).filter(|peer| peer.inc() == seat.inc);
        peer.is_some_and(|peer| peer.report.flags.keys() == tag) || self.signs(seat, key)
    }

    /// While this guard holds two keys nobody is admitted who does not: some send with the one, some may
    /// send with the other in a moment. While it holds one, nobody who does not send with it: that he was
    /// heard may be of a moment ago, before the earlier key was dropped.
    pub(crate) fn is_keyed(&self, slot: u8) -> bool {
        let tag = self.keys.view.tag();
        let Some(peer) = self.peer(slot) else { return false };
        match tag {
            0 => peer.signed == self.keys.view.sends.id,
            tag => peer.report.flags.keys() == tag,
        }
    }
}
