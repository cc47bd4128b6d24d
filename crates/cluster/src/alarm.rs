//! What a guard wants a person to know, as sentences that programs can take apart again.
//!
//! A guard and its daemon may be of different versions, so what travels is the sentence. Whoever
//! has words of its own reads it back with [`Alarm::from_str`](std::str::FromStr).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::invariant::Invariant;

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
    /// Many beats of a member are lost, or come late.
    Lossy(u16),
    /// A heartbeat network brings nothing from a member, and another one does.
    PeerNetwork {
        /// Whose beats.
        slot: u16,
        /// Which, counted from 1.
        network: u8,
    },
    /// Two members, the one in the lower slot first, do not both hear the other, on any network.
    Unlinked {
        /// The one.
        slot: u16,
        /// The other.
        other: u16,
    },
    /// A heartbeat network (counted from 1) brings nothing from anybody, and another one does.
    OwnNetwork(u8),
    /// A statefile is slow, compared with the time-outs.
    SlowStatefile(Uuid),
    /// Somebody sends datagrams that no host of this arming signed.
    Strangers,
    /// A promise that must always hold does not.
    Broken(Invariant),
}

/// Where the slots, the statefile, the network and the promise stand in a sentence.
const SLOT: &str = "{slot}";
const OTHER: &str = "{other}";
const STATEFILE: &str = "{statefile}";
const NETWORK: &str = "{network}";
const PROMISE: &str = "{promise}";

/// What a sentence is about.
#[derive(Clone, Copy, Debug)]
struct About {
    slot: u16,
    other: u16,
    statefile: Uuid,
    network: u8,
    promise: Invariant,
}

/// A sentence, and what it means.
type Sentence = (&'static str, fn(About) -> Alarm);

impl Alarm {
    const SENTENCES: [Sentence; 21] = [
        ("No watchdog with a short enough bite time: no permit.", |_| Self::NoWatchdog),
        ("Statefile {statefile} belongs to another generation.", |about| {
            Self::ForeignStatefile(about.statefile)
        }),
        ("Statefile {statefile} has no readable superblock.", |about| {
            Self::BadSuperblock(about.statefile)
        }),
        ("Statefile {statefile} is older than what was seen.", |about| {
            Self::RegressedStatefile(about.statefile)
        }),
        ("Statefile {statefile} does not answer.", |about| Self::LostStatefile(about.statefile)),
        ("Ballot of slot {slot} is unreadable on {statefile}.", |about| Self::BadBallot {
            slot: about.slot,
            statefile: about.statefile,
        }),
        ("The statefile does not answer; the network carries on.", |_| Self::SilentStatefile),
        ("No host hears another and no isolation address answers.", |_| Self::Dark),
        ("Some members do not hear each other.", |_| Self::Parted),
        ("Slot {slot} was put out three times in an hour: quarantined.", |about| {
            Self::Quarantined(about.slot)
        }),
        ("Too many epochs are open: nobody can be admitted.", |_| Self::TooManyEpochs),
        ("Slot {slot} lost its statefile: drain that host.", |about| Self::Diskless(about.slot)),
        ("Slot {slot} belongs to another host.", |about| Self::WrongSlot(about.slot)),
        ("Another machine beats under this host's name: this one stands back.", |_| Self::Twin),
        ("Many beats of slot {slot} are lost, or come late.", |about| Self::Lossy(about.slot)),
        (
            "Heartbeat network {network} brings nothing from slot {slot}, and another one does.",
            |about| Self::PeerNetwork { slot: about.slot, network: about.network },
        ),
        ("Slot {slot} and slot {other} have no link that works both ways.", |about| {
            Self::Unlinked { slot: about.slot, other: about.other }
        }),
        (
            "Heartbeat network {network} brings nothing from anybody, and another one does.",
            |about| Self::OwnNetwork(about.network),
        ),
        ("Statefile {statefile} is slow, compared with the time-outs.", |about| {
            Self::SlowStatefile(about.statefile)
        }),
        ("Datagrams arrive that no host of this arming signed.", |_| Self::Strangers),
        ("Invariant {promise} is broken: this must never happen.", |about| {
            Self::Broken(about.promise)
        }),
    ];

    /// The slot that it is about.
    #[must_use]
    pub fn slot(self) -> Option<u16> {
        match self {
            Self::BadBallot { slot, .. }
            | Self::Quarantined(slot)
            | Self::Diskless(slot)
            | Self::WrongSlot(slot)
            | Self::Lossy(slot)
            | Self::PeerNetwork { slot, .. }
            | Self::Unlinked { slot, .. } => Some(slot),
            _ => None,
        }
    }

    /// The second slot that it is about.
    #[must_use]
    pub fn other(self) -> Option<u16> {
        match self {
            Self::Unlinked { other, .. } => Some(other),
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
            | Self::SlowStatefile(id)
            | Self::BadBallot { statefile: id, .. } => Some(id),
            _ => None,
        }
    }

    /// The heartbeat network that it is about, counted from 1.
    #[must_use]
    pub fn network(self) -> Option<u8> {
        match self {
            Self::PeerNetwork { network, .. } | Self::OwnNetwork(network) => Some(network),
            _ => None,
        }
    }

    /// The promise that it is about.
    #[must_use]
    pub fn promise(self) -> Option<Invariant> {
        match self {
            Self::Broken(promise) => Some(promise),
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
            Self::Lossy(_) => "lossy",
            Self::PeerNetwork { .. } => "peer_network",
            Self::Unlinked { .. } => "unlinked",
            Self::OwnNetwork(_) => "own_network",
            Self::SlowStatefile(_) => "slow_statefile",
            Self::Strangers => "strangers",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = About {
            slot: self.slot().unwrap_or(0),
            other: self.other().unwrap_or(0),
            statefile: self.statefile().unwrap_or_default(),
            network: self.network().unwrap_or(0),
            promise: self.promise().unwrap_or(NONE),
        };
        let found = Self::SENTENCES.iter().find(|(_, make)| make(about) == *self);
        for part in found.map_or("", |(sentence, _)| *sentence).split_inclusive('}') {
            let (text, place) = part.split_at(part.find('{').unwrap_or(part.len()));
            f.write_str(text)?;
            match place {
                SLOT => write!(f, "{}", about.slot)?,
                OTHER => write!(f, "{}", about.other)?,
                STATEFILE => write!(f, "{}", about.statefile)?,
                NETWORK => write!(f, "{}", about.network)?,
                PROMISE => f.write_str(about.promise.id())?,
                unknown => f.write_str(unknown)?,
            }
        }
        Ok(())
    }
}

/// Stands for the promise in what is about none.
const NONE: Invariant = Invariant::RunsOnce;

/// No guard of this version says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no alarm of this version")]
pub struct UnknownAlarm;

impl FromStr for Alarm {
    type Err = UnknownAlarm;

    fn from_str(text: &str) -> Result<Self, UnknownAlarm> {
        let read = |(sentence, make): &Sentence| {
            let mut about =
                About { slot: 0, other: 0, statefile: Uuid::nil(), network: 0, promise: NONE };
            let mut words = text.split(' ');
            for expected in sentence.split(' ') {
                let word = words.next()?;
                let bare = |word| str::trim_end_matches(word, ['.', ',']);
                let value = bare(word);
                match bare(expected) {
                    SLOT => about.slot = value.parse().ok()?,
                    OTHER => about.other = value.parse().ok()?,
                    NETWORK => about.network = value.parse().ok()?,
                    STATEFILE => about.statefile = value.parse().ok()?,
                    PROMISE => about.promise = value.parse().ok()?,
                    same if same == value => (),
                    _ => return None,
                }
            }
            words.next().is_none().then(|| make(about))
        };
        Self::SENTENCES.iter().find_map(read).ok_or(UnknownAlarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_is_a_sentence_that_is_read_back() {
        let statefile = Uuid::from_u128(11);
        let about =
            About { slot: 7, other: 9, statefile, network: 2, promise: Invariant::OneChain };
        for (_, make) in Alarm::SENTENCES {
            let alarm = make(about);
            let sentence = alarm.to_string();
            assert!(!sentence.is_empty() && !sentence.contains('{'), "{alarm:?}: {sentence}");
            assert_eq!(sentence.parse(), Ok(alarm), "{sentence}");
        }
        let kinds: std::collections::BTreeSet<_> =
            Alarm::SENTENCES.iter().map(|(_, make)| make(about).kind()).collect();
        assert_eq!(kinds.len(), Alarm::SENTENCES.len());
        assert_eq!("Slot seven belongs to another host.".parse::<Alarm>(), Err(UnknownAlarm));
        let sentence = "Invariant fork is broken: this must never happen.";
        assert_eq!(Alarm::Broken(Invariant::OneChain).to_string(), sentence);
        assert_eq!(
            "Invariant S9 is broken: this must never happen.".parse::<Alarm>(),
            Err(UnknownAlarm)
        );
        assert_eq!("Something new.".parse::<Alarm>(), Err(UnknownAlarm));
    }
}
