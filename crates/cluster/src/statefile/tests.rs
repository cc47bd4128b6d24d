//! The formats: what is written is read back, and nothing else is taken for it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use uuid::Uuid;

use super::blocks::{Acceptor, Ballot, Beat, Owner, Superblock};
use super::{STATEFILE_BLOCKS, format_writes};
use crate::BLOCK_SIZE;
use crate::codec::Writer;
use crate::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use crate::datagram::{Datagram, Key};
use crate::ids::HostId;
use crate::keys::{Keyring, Keys};
use crate::record::{Member, OPEN_MAX, OpenEpoch, Record, Seat};
use crate::report::{BallotNumber, Flags, Report};
use crate::timing::{Profile, Timing};

fn seat(slot: u8, inc: u64) -> Seat {
    Seat { slot, inc }
}

/// The largest record that a pool comes to: 64 hosts, eight open epochs.
fn record(hosts: u8) -> Record {
    let member = |slot| Member { seat: seat(slot, 7), host: HostId(Uuid::from_u128(slot.into())) };
    let timing = Timing::of(Profile::Default);
    let open = |number: usize| OpenEpoch {
        number: number as u64 + 90,
        members: (0..hosts).map(|slot| seat(slot, if slot == 3 { 6 } else { 7 })).collect(),
        coordinator: seat(3, 6),
        q: hosts / 2 + 1,
        timing,
        area: 2,
    };
    Record {
        number: 99,
        members: (0..hosts).map(member).collect(),
        coordinator: seat(1, 7),
        armed: true,
        q: hosts / 2 + 1,
        tolerate: 1,
        timing,
        statefiles: vec![Uuid::from_u128(5), Uuid::from_u128(6), Uuid::from_u128(7)],
        area_live: 1,
        area_owner: seat(3, 6),
        area_next: Some(4),
        places: 0xF0F0,
        open: (0..OPEN_MAX).map(open).collect(),
    }
}

fn owner() -> Owner {
    Owner { generation: Uuid::from_u128(1), host: HostId(Uuid::from_u128(2)), seat: seat(9, 4) }
}

fn report() -> Report {
    Report {
        flags: Flags(Flags::VOTE | Flags::PERMIT),
        confirmed: 99,
        hears: 0xF0,
        progress: 0xFF,
        proposal: 100,
        drained: 98,
        running: 12,
        protected: 3,
    }
}

fn decode(copy: &[u8]) -> Option<Ballot> {
    Ballot::parse(Ballot::checked(&copy.into())?.1)
}

/// A guard from before there were places may have filled the last byte: who completes its record writes
/// the same bytes again.
#[test]
fn a_record_without_places_has_the_bytes_that_it_had_before_there_were_any() {
    let bytes = |record: &Record| {
        let mut out = Writer::with_capacity(4096);
        record.put(&mut out).expect("it fits");
        out.into_bytes()
    };
    let with = bytes(&record(9));
    let without = with[..with.len() - 8].to_vec();
    let read = Record::decode(&without).expect("a record");
    assert_eq!(read, Record { places: u64::MAX, ..record(9) });
    assert_eq!(bytes(&read), without);
}

#[test]
fn the_largest_record_fits_twice_into_a_ballot() {
    let state = Acceptor {
        decided: Some(record(64)),
        promised: BallotNumber { counter: 8, seat: seat(1, 7) },
        accepted: Some((BallotNumber { counter: 8, seat: seat(1, 7) }, record(64))),
    };
    let ballot = Ballot { owner: owner(), version: 3, state };
    let bytes = ballot.encode().expect("it fits");
    assert_eq!(decode(&bytes.to_vec()), Some(ballot));
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let state = Acceptor { decided: Some(record(2)), ..Acceptor::blank() };
    let ballot = Ballot { owner: owner(), version: 3, state }.encode().expect("it fits").to_vec();
    let beat = Beat { owner: owner(), sequence: 77, report: report() };
    assert_eq!(Beat::decode(&(&beat.encode()).into()).map(|(_, beat)| beat), Some(beat));
    assert_eq!(beat.encode().head().len(), BLOCK_SIZE - crate::block::BEAT_ZEROES);
    for at in (0..BLOCK_SIZE).step_by(37) {
        let mut torn = beat.encode().to_vec();
        torn[at] ^= 1;
        assert_eq!(Beat::decode(&(&torn).into()), None, "byte {at}");
    }
    for at in (0..2 * BLOCK_SIZE).step_by(61) {
        let mut torn = ballot.clone();
        torn[at] ^= 0x80;
        assert_eq!(decode(&torn), None, "byte {at}");
    }
}

#[test]
fn a_datagram_is_authentic_or_nothing() {
    let key = Key::from_hex(&"0f".repeat(32)).expect("a key");
    let datagram = Datagram {
        generation: Uuid::from_u128(1),
        from: seat(1, 7),
        sequence: 1234,
        to: 2,
        echo: (5, 1200),
        report: report(),
        record: Some(Cow::Owned(record(64))),
    };
    let bytes = datagram.encode(&key, vec![7]).expect("it fits");
    assert!(bytes.len() <= crate::DATAGRAM_BYTES_MAX);
    let ring = |keys: &Keys| Keyring::new(keys).expect("keys");
    let (one, other) = (Keys::one("0f".repeat(32)), Keys::one("0e".repeat(32)));
    assert_eq!(Datagram::decode(&ring(&one), &bytes), Some((datagram, key.id())));
    assert_eq!(Datagram::decode(&ring(&other), &bytes), None);
    // While keys change the other one does as well.
    let also = one.named(key.id());
    let both = ring(&Keys { other_key: also, ..other });
    assert_eq!(Datagram::decode(&both, &bytes).map(|(_, signed)| signed), Some(key.id()));
    for at in (0..bytes.len()).step_by(41) {
        let mut forged = bytes.clone();
        forged[at] ^= 4;
        assert_eq!(Datagram::decode(&ring(&one), &forged), None, "byte {at}");
    }
    assert_eq!(Datagram::decode(&ring(&one), &bytes[..20]), None);
    let (whole, _) = Datagram::decode(&ring(&one), &bytes).expect("it is authentic");
    let bare = Datagram { record: None, ..whole };
    let bare = bare.encode(&key, Vec::new()).expect("it fits");
    assert_eq!(bare.len(), crate::BARE_DATAGRAM_BYTES);
}

fn config(hosts: u16) -> ArmConfig {
    let spec = |slot: u16| HostSpec {
        host: HostId(Uuid::from_u128(u128::from(slot) + 1)),
        slot,
        addresses: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 694)],
    };
    ArmConfig {
        generation: Uuid::from_u128(1),
        host: HostId(Uuid::from_u128(1)),
        keys: Keys::one("00".repeat(32)),
        statefiles: vec![StatefileSpec { uuid: Uuid::from_u128(9), path: String::new() }],
        hosts: (0..hosts).map(spec).collect(),
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: HostId(Uuid::from_u128(1)),
    }
}

#[test]
fn format_stays_within_the_volume_and_ends_with_the_superblocks() {
    let writes = format_writes(&config(64)).expect("a valid configuration");
    for write in &writes {
        let blocks = u32::try_from(write.bytes.len() / BLOCK_SIZE).expect("small");
        assert_eq!(write.bytes.len() % BLOCK_SIZE, 0);
        assert!(write.block + blocks <= STATEFILE_BLOCKS);
    }
    let last = writes.last().expect("some writes");
    let superblock = Superblock::decode(&(&last.bytes).into()).expect("a superblock");
    assert_eq!(superblock.genesis.members.len(), 64);
    assert!(superblock.genesis.members.iter().all(|member| member.seat.inc == 0));
}

#[test]
fn no_two_places_overlap() {
    let writes = format_writes(&config(64)).expect("a valid configuration");
    let mut blocks: Vec<u32> = Vec::new();
    for write in writes.iter().filter(|write| write.block >= 2) {
        let count = u32::try_from(write.bytes.len() / BLOCK_SIZE).expect("small");
        blocks.extend(write.block..write.block + count);
    }
    let all = blocks.len();
    blocks.sort_unstable();
    blocks.dedup();
    assert_eq!(blocks.len(), all);
}

#[test]
fn bad_configurations_are_refused() {
    let mut two = config(2);
    two.hosts[1].slot = 0;
    assert!(format_writes(&two).is_err());
    let mut many = config(2);
    many.statefiles = vec![many.statefiles[0].clone(); 2];
    assert!(format_writes(&many).is_err());
    let mut hasty = config(2);
    hasty.timing.t_lease_ms = 900;
    assert!(format_writes(&hasty).is_err());
}
