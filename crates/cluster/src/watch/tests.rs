use uuid::Uuid;

use super::*;
use crate::BLOCK_SIZE;
use crate::api::{BlockRange, BootInfo, Input, IoId};
use crate::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use crate::ids::{HostId, Incarnation, Instant};
use crate::keys::Keys;
use crate::record::Seat;
use crate::statefile::blocks::{Acceptor, Ballot, Owner};
use crate::statefile::format_writes;
use crate::statefile::layout::{BallotCopy, ballot_block};
use crate::timing::Profile;

/// Blocks below are superblocks and beats.
const BALLOTS: u32 = 256;
/// Steps of the clock.
const STEP: u64 = 10_000_000;

fn config() -> ArmConfig {
    let host = HostId(Uuid::from_u128(1));
    ArmConfig {
        generation: Uuid::from_u128(7),
        host,
        keys: Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec { uuid: Uuid::from_u128(100), path: "/statefile".into() }],
        hosts: vec![HostSpec { host, slot: 0, addresses: Vec::new() }],
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 0,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host,
    }
}

/// One of two machines with the same disk, and what it asked of the statefile.
struct Twin {
    machine: Machine,
    asked: Vec<Output>,
    gone: bool,
}

impl Twin {
    fn new(now: u64, seed: u64) -> Self {
        Self::of(config(), now, seed)
    }

    fn of(config: ArmConfig, now: u64, seed: u64) -> Self {
        let boot = BootInfo {
            host: config.host,
            incarnation: Incarnation(5),
            now: Instant(now),
            booted_at: Instant(0),
            running: 0,
        };
        let machine = Machine::new(boot, config, seed).unwrap();
        Self { machine, asked: Vec::new(), gone: false }
    }

    fn input(&mut self, now: u64, input: Input<'_>) {
        self.machine.handle(Instant(now), input);
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Read { .. } | Output::Write { .. } => self.asked.push(output),
                Output::WatchdogArm { bite_ms } => {
                    self.machine
                        .handle(Instant(now), Input::WatchdogArmed { bite_ms: Ok(bite_ms) });
                }
                Output::Reset { .. } | Output::Restart { .. } => self.gone = true,
                _ => {}
            }
        }
    }

    /// Carries out what was asked, in order; beats only with `beats`. Whether anything was done.
    fn serve(&mut self, now: u64, disk: &mut [u8], beats: bool) -> bool {
        let held =
            |output: &Output| matches!(output, Output::Write { block, .. } if *block < BALLOTS);
        if self.gone || self.asked.first().is_none_or(|first| held(first) && !beats) {
            return false;
        }
        match self.asked.remove(0) {
            Output::Read { io, ranges, .. } => self.read(now, disk, io, &ranges),
            Output::Write { io, block, bytes, .. } => {
                let (at, bytes) = (block as usize * BLOCK_SIZE, bytes.to_vec());
                disk[at..at + bytes.len()].copy_from_slice(&bytes);
                self.input(now, Input::WriteDone { io, result: Ok(()) });
            }
            _ => {}
        }
        true
    }

    fn read(&mut self, now: u64, disk: &[u8], io: IoId, ranges: &[BlockRange]) {
        let part = |range: &BlockRange| {
            let from = range.first as usize * BLOCK_SIZE;
            disk[from..from + range.count as usize * BLOCK_SIZE].to_vec()
        };
        let bytes: Vec<u8> = ranges.iter().flat_map(part).collect();
        self.input(now, Input::ReadDone { io, result: Ok(bytes.as_slice().into()) });
    }

    fn acts(&self) -> bool {
        !self.gone && self.machine.permit_valid()
    }
}

fn formatted(config: &ArmConfig) -> Vec<u8> {
    let mut disk = vec![0; 4 << 20];
    for write in format_writes(config).unwrap() {
        put(&mut disk, write.block, &write.bytes.to_vec());
    }
    disk
}

fn put(disk: &mut [u8], block: u32, bytes: &[u8]) {
    let at = block as usize * BLOCK_SIZE;
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Both write their first ballot before either has read the other's, and from then on each reads back
/// its own beat before the other one writes again: what each reads is its own.
#[test]
fn of_two_that_began_together_one_goes() {
    let mut disk = formatted(&config());
    let mut now = 60_000_000_000;
    let mut twins = [Twin::new(now, 1), Twin::new(now, 2)];
    twins.iter_mut().for_each(|twin| twin.input(now, Input::Timer));
    // In turn, until both are done with their ballots.
    loop {
        let [one, other] = &mut twins;
        let first = one.serve(now, &mut disk, false);
        if !other.serve(now, &mut disk, false) && !first {
            break;
        }
    }
    assert!(
        twins.iter().all(|twin| twin.machine.carry == Carry::Done),
        "they did not begin together"
    );
    for _ in 0..500 {
        for twin in &mut twins {
            while twin.serve(now, &mut disk, true) {}
            if !twin.gone {
                twin.input(now, Input::Timer);
            }
            while twin.serve(now, &mut disk, true) {}
        }
        assert!(!twins.iter().all(Twin::acts), "both act after {} ms", now / 1_000_000 - 60_000);
        now += STEP;
    }
    assert_eq!(twins.iter().filter(|twin| twin.gone).count(), 1, "one of them had to go");
    assert_eq!(twins.iter().filter(|twin| twin.acts()).count(), 1, "the other one acts");
}

/// The life before this one failed twice to write its ballot, and both times the first copy landed. This
/// life sees that copy; then it rots, and what the second one says is older by more than one write. It is
/// no doubt that may last: at any time before this life's first write it goes on.
#[test]
fn a_life_that_only_reads_goes_on_when_a_copy_rots() {
    let mut config = config();
    let added = HostSpec { host: HostId(Uuid::from_u128(2)), slot: 1, addresses: Vec::new() };
    config.hosts.push(added);
    let mut whole = formatted(&config);
    let owner =
        Owner { generation: config.generation, host: config.host, seat: Seat { slot: 0, inc: 4 } };
    for (copy, version) in [(BallotCopy::First, 10), (BallotCopy::Second, 8)] {
        let ballot = Ballot { owner, version, state: Acceptor::blank() }.encode().unwrap();
        put(&mut whole, ballot_block(0, 0, copy), &ballot.to_vec());
    }
    let mut rotten = whole.clone();
    put(&mut rotten, ballot_block(0, 0, BallotCopy::First), &[0xee; BLOCK_SIZE]);
    // The place of a host that is being added is not written yet.
    let mut early = whole.clone();
    for copy in [BallotCopy::First, BallotCopy::Second] {
        put(&mut early, ballot_block(1, 0, copy), &[0; 2 * BLOCK_SIZE]);
    }
    for (mut first, steps, carry) in [(early, 400, Carry::Reading), (whole, 20, Carry::Read)] {
        let mut now = 60_000_000_000;
        let mut life = Twin::of(config.clone(), now, 1);
        let mut go = |disk: &mut [u8], steps: u32| {
            for _ in 0..steps {
                life.input(now, Input::Timer);
                while life.serve(now, disk, true) {}
                now += STEP;
            }
            life.machine.carry
        };
        assert_eq!(go(&mut first, steps), carry);
        assert_eq!(go(&mut rotten.clone(), 400), Carry::Done, "after {carry:?} it waits for ever");
    }
}
