//! Making a statefile ready for a new generation.

use uuid::Uuid;

use crate::BLOCK_SIZE;
use crate::api::ConfigError;
use crate::block::SharedBlock;
use crate::control::{ArmConfig, HostSpec};
use crate::record::{Member, Record, Seat, quorum};
use crate::report::Report;
use crate::statefile::blocks::{Acceptor, BALLOT_BYTES, Ballot, Beat, Owner, Superblock};
use crate::statefile::layout::{BallotCopy, SUPERBLOCKS, ballot_block, beat_block};

/// A write that formats a part of a statefile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatWrite {
    /// Index of the statefile.
    pub statefile: u8,
    /// First block.
    pub block: u32,
    /// A multiple of 4096 bytes.
    pub bytes: SharedBlock,
}

/// Checks what can be checked of a configuration without looking at the world.
pub(crate) fn check_config(config: &ArmConfig) -> Result<(), ConfigError> {
    config.timing.check()?;
    let mut seen = 0u64;
    for spec in &config.hosts {
        let slot = u8::try_from(spec.slot).ok().filter(|slot| *slot < 64);
        let bit = slot.map(crate::record::bit).filter(|bit| seen & bit == 0);
        seen |= bit.ok_or(ConfigError::BadSlot(spec.slot))?;
    }
    if !matches!(config.statefiles.len(), 1 | 3) {
        return Err(ConfigError::StatefileCount(config.statefiles.len()));
    }
    Ok(())
}

/// Record 0: every host with incarnation 0, so that any real incarnation proves that life dead.
pub(crate) fn genesis(config: &ArmConfig) -> Record {
    let mut members: Vec<Member> = config.hosts.iter().filter_map(member_zero).collect();
    members.sort_unstable_by_key(|member| member.seat.slot);
    let tolerate = u8::try_from(config.failures_to_tolerate).unwrap_or(u8::MAX);
    let coordinator = members
        .iter()
        .find(|member| member.host == config.first_coordinator)
        .or(members.first())
        .map_or(Seat { slot: 0, inc: 0 }, |member| member.seat);
    Record {
        number: 0,
        coordinator,
        armed: true,
        q: quorum(members.len(), tolerate),
        tolerate,
        timing: config.timing,
        statefiles: config.statefiles.iter().map(|spec| spec.uuid).collect(),
        area_live: 0,
        area_owner: coordinator,
        area_next: None,
        places: config.places(),
        members,
        open: Vec::new(),
    }
}

fn member_zero(spec: &HostSpec) -> Option<Member> {
    let slot = u8::try_from(spec.slot).ok()?;
    Some(Member { seat: Seat { slot, inc: 0 }, host: spec.host })
}

/// The writes that assign a host's place: blanked, and checksummed.
pub(crate) fn assign_writes(generation: Uuid, spec: &HostSpec) -> Vec<(u32, SharedBlock)> {
    let Some(member) = member_zero(spec) else { return Vec::new() };
    let slot = member.seat.slot;
    let owner = Owner { generation, host: spec.host, seat: member.seat };
    let beat = Beat { owner, sequence: 0, report: Report::default() }.encode();
    let ballot = Ballot { owner, version: 0, state: Acceptor::blank() }.encode();
    let ballot = ballot.unwrap_or_else(|| SharedBlock::padded(&[], BALLOT_BYTES));
    let mut writes = Vec::new();
    for parity in [0, 1] {
        writes.push((beat_block(slot, parity), beat.clone()));
        for copy in [BallotCopy::First, BallotCopy::Second] {
            writes.push((ballot_block(slot, parity, copy), ballot.clone()));
        }
    }
    writes
}

/// All writes that make the statefiles of `config` ready for its generation. To be performed in
/// order and read back, before any host is armed. The superblocks are blanked first and written
/// last: an interrupted format leaves a volume that no guard takes for valid.
pub fn format_writes(config: &ArmConfig) -> Result<Vec<FormatWrite>, ConfigError> {
    check_config(config)?;
    let genesis = genesis(config);
    let mut writes = Vec::new();
    for (statefile, spec) in (0u8..).zip(&config.statefiles) {
        let mut push = |block, bytes| writes.push(FormatWrite { statefile, block, bytes });
        for block in SUPERBLOCKS {
            push(block, SharedBlock::padded(&[], BLOCK_SIZE));
        }
        for host in &config.hosts {
            for (block, bytes) in assign_writes(config.generation, host) {
                push(block, bytes);
            }
        }
        let superblock = Superblock {
            generation: config.generation,
            statefile: spec.uuid,
            genesis: genesis.clone(),
        };
        let bytes = superblock.encode().ok_or(ConfigError::TooLong)?;
        for block in SUPERBLOCKS {
            push(block, bytes.clone());
        }
    }
    Ok(writes)
}
