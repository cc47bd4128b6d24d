//! What a guard wants a person to know, as sentences that programs can take apart again.
//!
//! A guard and its daemon may be of different versions, so what travels is the sentence. Whoever
//! has words of its own reads it back with [`Alarm::from_str`](std::str::FromStr).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A condition that a person must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// There is no watchdog that bites in time: this host gets no permit.
    NoWatchdog,
    /// The statefile belongs to another arming.
    ForeignStatefile(Uuid),
    /// The statefile has no superblock that can be read.
    BadSuperblock(Uuid),
    /// The statefile is older than what was seen of it.
    RegressedStatefile(Uuid),
    /// One of three statefiles does not answer.
    LostStatefile(Uuid),
    /// Neither copy of a ballot can be read.
    BadBallot {
        /// Whose.
        slot: u16,
        /// Where.
        statefile: Uuid,
    },
    /// No statefile answers; the members hold on by the network.
    SilentStatefile,
    /// Every host is alone.
    Dark,
    /// The network is parted.
    Parted,
    /// A host came and went too often.
    Quarantined(u16),
    /// So many memberships are unfinished that no host can join.
    TooManyEpochs,
    /// A member has lost its statefile for long.
    Diskless(u16),
    /// A member sits in the slot of another host.
    WrongSlot(u16),
    /// Another machine beats under this host's name: a copy of its disk.
    Twin,
}

/// Where the slot and the statefile stand in a sentence.
const SLOT: &str = "{slot}";
const STATEFILE: &str = "{statefile}";

/// A sentence, and what it means for a slot and a statefile.
type Sentence = (&'static str, fn(u16, Uuid) -> Alarm);

impl Alarm {
    const SENTENCES: [Sentence; 14] = [
        ("No watchdog with a short enough bite time: no permit.", |_, _| Self::NoWatchdog),
        ("Statefile {statefile} belongs to another generation.", |_, id| {
            Self::ForeignStatefile(id)
        }),
        ("Statefile {statefile} has no readable superblock.", |_, id| Self::BadSuperblock(id)),
        ("Statefile {statefile} is older than what was seen.", |_, id| {
            Self::RegressedStatefile(id)
        }),
        ("Statefile {statefile} does not answer.", |_, id| Self::LostStatefile(id)),
        ("Ballot of slot {slot} is unreadable on {statefile}.", |slot, statefile| {
            Self::BadBallot { slot, statefile }
        }),
        ("The statefile does not answer; the network carries on.", |_, _| Self::SilentStatefile),
        ("No host hears another and no isolation address answers.", |_, _| Self::Dark),
        ("Some members do not hear each other.", |_, _| Self::Parted),
        ("Slot {slot} was put out three times in an hour: quarantined.", |slot, _| {
            Self::Quarantined(slot)
        }),
        ("Too many epochs are open: nobody can be admitted.", |_, _| Self::TooManyEpochs),
        ("Slot {slot} lost its statefile: drain that host.", |slot, _| Self::Diskless(slot)),
        ("Slot {slot} belongs to another host.", |slot, _| Self::WrongSlot(slot)),
        ("Another machine beats under this host's name: this one stands back.", |_, _| Self::Twin),
    ];

    /// The slot that it is about.
    #[must_use]
    pub fn slot(self) -> Option<u16> {
        match self {
            Self::BadBallot { slot, .. }
            | Self::Quarantined(slot)
            | Self::Diskless(slot)
            | Self::WrongSlot(slot) => Some(slot),
            _ => None,
        }
    }

    /// The statefile that it is about.
    #[must_use]
    pub fn statefile(self) -> Option<Uuid> {
        match self {
            Self::ForeignStatefile(id)
            | Self::BadSuperblock(id)
            | Self::RegressedStatefile(id)
            | Self::LostStatefile(id)
            | Self::BadBallot { statefile: id, .. } => Some(id),
            _ => None,
        }
    }

    /// One word for the kind, for those who have sentences of their own.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::NoWatchdog => "no_watchdog",
            Self::ForeignStatefile(_) => "foreign_statefile",
            Self::BadSuperblock(_) => "bad_superblock",
            Self::RegressedStatefile(_) => "regressed_statefile",
            Self::LostStatefile(_) => "lost_statefile",
            Self::BadBallot { .. } => "bad_ballot",
            Self::SilentStatefile => "silent_statefile",
            Self::Dark => "dark",
            Self::Parted => "parted",
            Self::Quarantined(_) => "quarantined",
            Self::TooManyEpochs => "too_many_epochs",
            Self::Diskless(_) => "diskless",
            Self::WrongSlot(_) => "wrong_slot",
            Self::Twin => "twin",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, statefile) = (self.slot().unwrap_or(0), self.statefile().unwrap_or_default());
        let own = |make: fn(u16, Uuid) -> Self| make(slot, statefile) == *self;
        let found = Self::SENTENCES.iter().find(|(_, make)| own(*make));
        let sentence = found.map_or("", |(sentence, _)| *sentence);
        let sentence = sentence.replace(SLOT, &slot.to_string());
        f.write_str(&sentence.replace(STATEFILE, &statefile.to_string()))
    }
}

/// No guard of this version says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no alarm of this version")]
pub struct UnknownAlarm;

impl FromStr for Alarm {
    type Err = UnknownAlarm;

    fn from_str(text: &str) -> Result<Self, UnknownAlarm> {
        let read = |(sentence, make): &Sentence| {
            let (mut slot, mut statefile) = (0, Uuid::nil());
            let mut words = text.split(' ');
            for expected in sentence.split(' ') {
                let word = words.next()?;
                let value = word.strip_suffix('.').unwrap_or(word);
                match expected.strip_suffix('.').unwrap_or(expected) {
                    SLOT => slot = value.parse().ok()?,
                    STATEFILE => statefile = value.parse().ok()?,
                    same if same == value => (),
                    _ => return None,
                }
            }
            words.next().is_none().then(|| make(slot, statefile))
        };
        Self::SENTENCES.iter().find_map(read).ok_or(UnknownAlarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_is_a_sentence_that_is_read_back() {
        let (slot, statefile) = (7, Uuid::from_u128(11));
        for (_, make) in Alarm::SENTENCES {
            let alarm = make(slot, statefile);
            let sentence = alarm.to_string();
            assert!(!sentence.is_empty() && !sentence.contains('{'), "{alarm:?}: {sentence}");
            assert_eq!(sentence.parse(), Ok(alarm), "{sentence}");
        }
        let kinds: std::collections::BTreeSet<_> =
            Alarm::SENTENCES.iter().map(|(_, make)| make(slot, statefile).kind()).collect();
        assert_eq!(kinds.len(), Alarm::SENTENCES.len());
        assert_eq!("Slot seven belongs to another host.".parse::<Alarm>(), Err(UnknownAlarm));
        assert_eq!("Something new.".parse::<Alarm>(), Err(UnknownAlarm));
    }
}
