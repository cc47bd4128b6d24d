//! The keys of the datagrams' MAC, and how they change while the pool is armed.
//!
//! A guard sends with one key and accepts at most one besides. All of them change together, in three
//! steps: each accepts the new key besides; each sends with it; each drops the old one. No guard takes
//! a step that another member is not ready for ([`Machine`](crate::Machine) looks), so at every moment
//! any two members understand each other. Owns: what a guard may hold, and what each step makes of it.
//! A secret is in no text that is printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::datagram::Key;

/// 32 bytes, hexadecimal. Neither `Debug` nor anything else shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A key and the number that it has among the keys of one arming: a later one has a higher number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedKey {
    /// Its number; 0: the one by which the pool was armed.
    pub number: u64,
    /// The key.
    pub secret: Secret,
}

/// Names a key without giving it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyName {
    /// [`NumberedKey::number`].
    pub number: u64,
    /// Follows from the key: two keys of one number are told apart by it.
    pub id: u64,
}

/// The keys that a guard holds. Part of its arming: an older version wrote `key` alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The key by which it sends, and which it accepts.
    pub key: Secret,
    /// The number of that key.
    #[serde(default)]
    pub key_number: u64,
    /// A key that it accepts besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_key: Option<NumberedKey>,
}

/// The names of the keys that a guard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysView {
    /// By which it sends.
    pub sends: KeyName,
    /// Which it accepts besides.
    #[serde(default)]
    pub also: Option<KeyName>,
}

/// One step of a guard. Each may be given twice: the second time nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step", content = "with")]
pub enum KeyStep {
    /// Accept this key besides.
    Accept(NumberedKey),
    /// Send with the key of this id, which is accepted already; accept the one before besides.
    Send(u64),
    /// Accept only the key of this id, by which this guard sends already.
    Only(u64),
    /// Hold exactly these: for a guard that is no member.
    Take(Keys),
}

/// A step, and in which arming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekey {
    /// [`ArmConfig::generation`](crate::control::ArmConfig::generation).
    pub generation: Uuid,
    /// What to do.
    pub step: KeyStep,
}

/// A step that does not follow from the keys that a guard holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongStep {
    /// The key is not 32 bytes.
    #[error("the key is not 32 bytes in hexadecimal")]
    BadKey,
    /// It accepts another key besides.
    #[error("this guard accepts another key besides already, which is to be dropped first")]
    Full,
    /// It does not hold the key.
    #[error("this guard does not hold that key")]
    Unknown,
    /// It sends with another one.
    #[error("this guard sends with another key")]
    Unsent,
}

impl Keys {
    /// One key, by which a pool is armed.
    #[must_use]
    pub fn one(key: impl Into<Secret>) -> Self {
        Self { key: key.into(), key_number: 0, other_key: None }
    }

    fn sends(&self) -> NumberedKey {
        NumberedKey { number: self.key_number, secret: self.key.clone() }
    }

    /// The names of these keys; `None`: one of them is none.
    #[must_use]
    pub fn view(&self) -> Option<KeysView> {
        let also = match &self.other_key {
            Some(other) => Some(other.name()?),
            None => None,
        };
        Some(KeysView { sends: self.sends().name()?, also })
    }

    /// The key of this id, if it is one of these.
    #[must_use]
    pub fn named(&self, id: u64) -> Option<NumberedKey> {
        let own = std::iter::once(self.sends()).chain(self.other_key.clone());
        own.into_iter().find(|key| key.name().is_some_and(|name| name.id == id))
    }

    /// These keys as its guard holds them, where it is a step behind or before what is kept of it: its
    /// daemon ended between the note and the deed. `None`: it holds a key that is not among these.
    #[must_use]
    pub fn seen_as(&self, view: &KeysView) -> Option<Self> {
        let sends = self.named(view.sends.id)?;
        let other_key = match view.also {
            Some(also) => Some(self.named(also.id)?),
            None => None,
        };
        Some(Self { key: sends.secret, key_number: sends.number, other_key })
    }

    /// What a guard with these keys holds after this step.
    ///
    /// # Errors
    /// The step does not follow from them.
    pub fn after(&self, step: &KeyStep) -> Result<Self, WrongStep> {
        let view = self.view().ok_or(WrongStep::BadKey)?;
        match step {
            KeyStep::Take(keys) => keys.view().map(|_| keys.clone()).ok_or(WrongStep::BadKey),
            KeyStep::Accept(key) => {
                let name = key.name().ok_or(WrongStep::BadKey)?;
                match view.holds(name.id) {
                    true => Ok(self.clone()),
                    false if view.also.is_some() => Err(WrongStep::Full),
                    false => Ok(Self { other_key: Some(key.clone()), ..self.clone() }),
                }
            }
            KeyStep::Send(id) if view.sends.id == *id => Ok(self.clone()),
            KeyStep::Send(id) => {
                let key = self.named(*id).ok_or(WrongStep::Unknown)?;
                let (key, key_number) = (key.secret, key.number);
                Ok(Self { key, key_number, other_key: Some(self.sends()) })
            }
            KeyStep::Only(id) if view.sends.id == *id => {
                Ok(Self { other_key: None, ..self.clone() })
            }
            KeyStep::Only(_) => Err(WrongStep::Unsent),
        }
    }
}

impl NumberedKey {
    /// Its name; `None`: it is not 32 bytes.
    #[must_use]
    pub fn name(&self) -> Option<KeyName> {
        let id = Key::from_hex(self.secret.text())?.id();
        Some(KeyName { number: self.number, id })
    }
}

impl KeysView {
    /// The key of this id is one of them.
    #[must_use]
    pub fn holds(&self, id: u64) -> bool {
        self.sends.id == id || self.also.is_some_and(|also| also.id == id)
    }

    /// The same keys in the same order, whatever number an earlier version left them.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let id = |name: KeyName| name.id;
        self.sends.id == other.sends.id && self.also.map(id) == other.also.map(id)
    }

    /// The newer one.
    #[must_use]
    pub fn newest(&self) -> KeyName {
        self.also.map_or(self.sends, |also| also.max(self.sends))
    }

    /// What a report says of two keys, whichever is sent with; 0: there is one only.
    pub(crate) fn tag(&self) -> u8 {
        let Some(also) = self.also else { return 0 };
        let folded = (self.sends.id ^ also.id) % 255;
        u8::try_from(folded).unwrap_or(0) + 1
    }
}

/// The keys of one guard, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    pub(crate) view: KeysView,
    sends: Key,
    also: Option<Key>,
}

impl Keyring {
    pub(crate) fn new(keys: &Keys) -> Option<Self> {
        let also = keys.other_key.as_ref().map(|other| Key::from_hex(other.secret.text()));
        Some(Self {
            view: keys.view()?,
            sends: Key::from_hex(keys.key.text())?,
            also: also.flatten(),
        })
    }
    /// The key by which this guard sends.
    pub(crate) fn sends(&self) -> &Key {
        &self.sends
    }
    /// Those by which it is sent to: the one that all use outside a change is tried first.
    pub(crate) fn accepts(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.sends).chain(&self.also)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8, number: u64) -> NumberedKey {
        NumberedKey { number, secret: Secret::of([byte; 32]) }
    }
    fn id(byte: u8) -> u64 {
        key(byte, 0).name().unwrap().id
    }

    #[test]
    fn three_steps_lead_from_one_key_to_the_next_and_each_may_be_said_twice() {
        let mut keys = Keys::one(Secret::of([1; 32]));
        for step in [KeyStep::Accept(key(2, 1)), KeyStep::Send(id(2)), KeyStep::Only(id(2))] {
            keys = keys.after(&step).unwrap();
            assert_eq!(keys.after(&step).unwrap(), keys);
            assert!(keys.view().unwrap().holds(id(2)));
        }
        let last = Keys { key: Secret::of([2; 32]), key_number: 1, other_key: None };
        assert_eq!(keys, last);
    }

    #[test]
    fn steps_that_do_not_follow_are_refused() {
        let one = Keys::one(Secret::of([1; 32]));
        assert_eq!(one.after(&KeyStep::Send(id(2))), Err(WrongStep::Unknown));
        assert_eq!(one.after(&KeyStep::Only(id(2))), Err(WrongStep::Unsent));
        let two = one.after(&KeyStep::Accept(key(2, 1))).unwrap();
        assert_eq!(two.after(&KeyStep::Accept(key(3, 2))), Err(WrongStep::Full));
        assert_eq!(two.after(&KeyStep::Only(id(2))), Err(WrongStep::Unsent));
        let bad = NumberedKey { number: 1, secret: Secret::from("short".to_owned()) };
        assert_eq!(one.after(&KeyStep::Accept(bad)), Err(WrongStep::BadKey));
        // Back again, while nobody sends with it.
        assert_eq!(two.after(&KeyStep::Only(id(1))), Ok(one));
    }

    #[test]
    fn what_is_kept_of_a_guard_may_be_a_step_before_it() {
        let one = Keys::one(Secret::of([1; 32]));
        let two = one.after(&KeyStep::Accept(key(2, 1))).unwrap();
        let turned = two.after(&KeyStep::Send(id(2))).unwrap();
        let last = turned.after(&KeyStep::Only(id(2))).unwrap();
        for (kept, held) in [(&two, &one), (&turned, &two), (&turned, &turned)] {
            assert_eq!(kept.seen_as(&held.view().unwrap()).as_ref(), Some(held));
        }
        assert_eq!(last.seen_as(&turned.view().unwrap()), None);
    }

    #[test]
    fn two_keys_have_one_tag_whichever_is_sent_with() {
        let one = Keys::one(Secret::of([1; 32]));
        let two = one.after(&KeyStep::Accept(key(2, 1))).unwrap();
        let turned = two.after(&KeyStep::Send(id(2))).unwrap();
        let tag = |keys: &Keys| keys.view().unwrap().tag();
        assert_eq!(tag(&one), 0);
        assert_ne!(tag(&two), 0);
        assert_eq!(tag(&two), tag(&turned));
    }

    #[test]
    fn no_text_shows_a_key() {
        let mut keys = Keys::one(Secret::of([0xab; 32]));
        keys.other_key = Some(key(0xcd, 7));
        let step = Rekey { generation: Uuid::nil(), step: KeyStep::Take(keys.clone()) };
        let ring = Keyring::new(&keys).unwrap();
        let texts = format!("{keys:?} {step:?} {ring:?}");
        assert!(!texts.contains("abab") && !texts.contains("cdcd"), "{texts}");
        assert!(texts.contains("Secret(..)"), "{texts}");
    }
}
