//! Epoch records: the links of the membership chain.

use uuid::Uuid;

use crate::codec::{Reader, Writer};
use crate::ids::HostId;
use crate::timing::Timing;

/// Hosts that a pool can have: slots are below this.
pub(crate) const SLOTS_MAX: usize = 64;
/// Areas of the metadata volume: numbers below it are handed out, and whoever lays the volume out
/// has so many.
pub const AREA_COUNT: u8 = 4;
/// Size of one of them, in bytes.
pub const AREA_BYTES: u64 = 64 << 20;
/// Longest encoding of a record; two of them and a header fit into a ballot copy.
pub(crate) const RECORD_BYTES_MAX: usize = 4_000;
/// Everybody may be admitted; it is not written down, so a record of a guard that knows no places has the
/// same bytes when another one writes it again.
const EVERY_PLACE: u64 = u64::MAX;
/// From this many open epochs on only put-outs may follow.
pub(crate) const OPEN_MAX: usize = 8;

/// A host by its slot, in one of its lives. A slot belongs to one host for a whole generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seat {
    pub(crate) slot: u8,
    pub(crate) inc: u64,
}

/// The bit of a slot in a set of slots.
pub(crate) const fn bit(slot: u8) -> u64 {
    1u64 << (slot % 64)
}

/// The slots of a set, ascending.
pub(crate) fn slots(set: u64) -> impl Iterator<Item = u8> + Clone {
    let mut left = set;
    std::iter::from_fn(move || {
        let slot = u8::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
        left &= left - 1;
        Some(slot)
    })
}

/// A member with the identity of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) seat: Seat,
    pub(crate) host: HostId,
}

/// What is needed of an earlier epoch that is not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenEpoch {
    pub(crate) number: u64,
    pub(crate) members: Vec<Seat>,
    pub(crate) coordinator: Seat,
    pub(crate) q: u8,
    pub(crate) timing: Timing,
    /// The area that its coordinator may have written.
    pub(crate) area: u8,
}

impl OpenEpoch {
    pub(crate) fn has(&self, seat: Seat) -> bool {
        self.members.contains(&seat)
    }
}

/// An epoch record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) number: u64,
    /// Ascending by slot.
    pub(crate) members: Vec<Member>,
    pub(crate) coordinator: Seat,
    /// False: the pool was disarmed by this record.
    pub(crate) armed: bool,
    pub(crate) q: u8,
    /// Failures to tolerate, from which `q` follows.
    pub(crate) tolerate: u8,
    pub(crate) timing: Timing,
    /// One or three.
    pub(crate) statefiles: Vec<Uuid>,
    pub(crate) area_live: u8,
    /// The coordinator that made `area_live` live; it may write it without copying.
    pub(crate) area_owner: Seat,
    /// The area to which the coordinator will copy the live one.
    pub(crate) area_next: Option<u8>,
    /// Slots of the hosts that are in the pool: nobody else is admitted, whatever a guard that was not
    /// told yet believes.
    pub(crate) places: u64,
    /// Earlier epochs that are not closed, ascending.
    pub(crate) open: Vec<OpenEpoch>,
}

/// Votes needed of `n` members to tolerate `f` failures at the same moment.
pub(crate) fn quorum(n: usize, f: u8) -> u8 {
    let q = (usize::from(f) + 1).max(n / 2 + 1).min(n.max(1));
    u8::try_from(q).unwrap_or(u8::MAX)
}

impl Record {
    pub(crate) fn has(&self, seat: Seat) -> bool {
        self.members.iter().any(|member| member.seat == seat)
    }
    /// The incarnation of the host in `slot`, if it is a member.
    pub(crate) fn member(&self, slot: u8) -> Option<Seat> {
        self.members.iter().map(|member| member.seat).find(|seat| seat.slot == slot)
    }
    pub(crate) fn seats(&self) -> impl Iterator<Item = Seat> + '_ {
        self.members.iter().map(|member| member.seat)
    }
    /// The host in this slot is in the pool.
    pub(crate) fn has_place(&self, slot: u8) -> bool {
        self.places & bit(slot) != 0
    }
    /// The set of member slots.
    pub(crate) fn slots(&self) -> u64 {
        self.seats().fold(0, |set, seat| set | bit(seat.slot))
    }
    /// This record as an open epoch of its successor.
    pub(crate) fn as_open(&self) -> OpenEpoch {
        OpenEpoch {
            number: self.number,
            members: self.seats().collect(),
            coordinator: self.coordinator,
            q: self.q,
            timing: self.timing,
            area: self.area_next.unwrap_or(self.area_live),
        }
    }
    /// This epoch and the open ones before it, oldest first.
    pub(crate) fn open_and_self(&self) -> Vec<OpenEpoch> {
        let mut all = self.open.clone();
        all.push(self.as_open());
        all
    }

    /// Its encoding is short enough to be proposed.
    pub(crate) fn fits(&self) -> bool {
        self.put(&mut Writer::with_capacity(1024)).is_some()
    }

    /// Appends the bytes of this record; `None` if it is too long to be proposed.
    pub(crate) fn put(&self, out: &mut Writer) -> Option<()> {
        let begin = out.len();
        out.u64(self.number);
        out.u8(u8::from(self.armed));
        out.u8(self.q);
        out.u8(self.tolerate);
        put_seat(out, self.coordinator);
        put_timing(out, &self.timing);
        out.u8(u8::try_from(self.statefiles.len()).ok()?);
        for uuid in &self.statefiles {
            out.uuid(*uuid);
        }
        out.u8(self.area_live);
        put_seat(out, self.area_owner);
        out.u8(self.area_next.unwrap_or(u8::MAX));
        out.u8(u8::try_from(self.members.len()).ok()?);
        for member in &self.members {
            put_seat(out, member.seat);
            out.uuid(member.host.0);
        }
        out.u8(u8::try_from(self.open.len()).ok()?);
        for open in &self.open {
            self.put_open(out, open)?;
        }
        if self.places != EVERY_PLACE {
            out.u64(self.places);
        }
        (out.len() - begin <= RECORD_BYTES_MAX).then_some(())
    }

    /// Members of an open epoch are a set of slots; incarnations only where they differ.
    fn put_open(&self, out: &mut Writer, open: &OpenEpoch) -> Option<()> {
        out.u64(open.number);
        out.u8(open.q);
        put_seat(out, open.coordinator);
        put_timing(out, &open.timing);
        out.u8(open.area);
        out.u64(open.members.iter().fold(0, |set, seat| set | bit(seat.slot)));
        let differing: Vec<Seat> =
            open.members.iter().copied().filter(|seat| !self.has(*seat)).collect();
        out.u8(u8::try_from(differing.len()).ok()?);
        for seat in differing {
            put_seat(out, seat);
        }
        Some(())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let mut record = Self {
            number: input.u64()?,
            armed: input.u8()? == 1,
            q: input.u8()?,
            tolerate: input.u8()?,
            coordinator: get_seat(&mut input)?,
            timing: get_timing(&mut input)?,
            statefiles: Vec::new(),
            area_live: 0,
            area_owner: Seat { slot: 0, inc: 0 },
            area_next: None,
            places: EVERY_PLACE,
            members: Vec::new(),
            open: Vec::new(),
        };
        for _ in 0..input.u8()? {
            record.statefiles.push(input.uuid()?);
        }
        record.area_live = input.u8()?;
        record.area_owner = get_seat(&mut input)?;
        record.area_next = Some(input.u8()?).filter(|area| *area != u8::MAX);
        for _ in 0..input.u8()? {
            let seat = get_seat(&mut input)?;
            record.members.push(Member { seat, host: HostId(input.uuid()?) });
        }
        for _ in 0..input.u8()? {
            let open = record.get_open(&mut input)?;
            record.open.push(open);
        }
        // What was written before there were places says nothing about them.
        record.places = input.u64().unwrap_or(EVERY_PLACE);
        Some(record)
    }

    fn get_open(&self, input: &mut Reader<'_>) -> Option<OpenEpoch> {
        let number = input.u64()?;
        let q = input.u8()?;
        let coordinator = get_seat(input)?;
        let timing = get_timing(input)?;
        let area = input.u8()?;
        let slots = input.u64()?;
        let mut members = Vec::new();
        for _ in 0..input.u8()? {
            members.push(get_seat(input)?);
        }
        let differing = members.iter().fold(0, |set, seat: &Seat| set | bit(seat.slot));
        members.extend(self.seats().filter(|seat| slots & !differing & bit(seat.slot) != 0));
        members.sort_unstable();
        Some(OpenEpoch { number, members, coordinator, q, timing, area })
    }
}

pub(crate) fn put_seat(out: &mut Writer, seat: Seat) {
    out.u8(seat.slot);
    out.u64(seat.inc);
}

pub(crate) fn get_seat(input: &mut Reader<'_>) -> Option<Seat> {
    let slot = input.u8().filter(|slot| usize::from(*slot) < SLOTS_MAX)?;
    Some(Seat { slot, inc: input.u64()? })
}

fn put_timing(out: &mut Writer, timing: &Timing) {
    for value in [
        timing.beat_ms,
        timing.t_net_ms,
        timing.t_put_ms,
        timing.t_lease_ms,
        timing.t_wd_ms,
        timing.t_late_ms,
        timing.margin_ms,
    ] {
        out.u32(value);
    }
}

fn get_timing(input: &mut Reader<'_>) -> Option<Timing> {
    Some(Timing {
        beat_ms: input.u32()?,
        t_net_ms: input.u32()?,
        t_put_ms: input.u32()?,
        t_lease_ms: input.u32()?,
        t_wd_ms: input.u32()?,
        t_late_ms: input.u32()?,
        margin_ms: input.u32()?,
    })
}
