use uuid::Uuid;

use super::*;
use crate::api::{BootInfo, Input, IoFailed, IoId};
use crate::control::{GuardCommand, IsolationResponse, StatefileSpec};
use crate::ids::{Incarnation, Instant};
use crate::keys::Keys;
use crate::record::Seat;
use crate::report::Report;
use crate::statefile::blocks::Acceptor;
use crate::statefile::format::genesis;
use crate::timing::{Profile, Timing};

const GENERATION: Uuid = Uuid::from_u128(7);

fn host(n: u16) -> HostId {
    HostId(Uuid::from_u128(u128::from(n)))
}

fn spec(n: u16, slot: u16) -> HostSpec {
    HostSpec { host: host(n), slot, addresses: Vec::new() }
}

fn config(files: usize, hosts: Vec<HostSpec>) -> ArmConfig {
    let statefile = |n: usize| StatefileSpec {
        uuid: Uuid::from_u128(100 + n as u128),
        path: format!("/statefile{n}"),
    };
    ArmConfig {
        generation: GENERATION,
        host: host(1),
        keys: Keys::one("5a".repeat(32)),
        statefiles: (0..files).map(statefile).collect(),
        hosts,
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host(1),
    }
}

/// A coordinator of two hosts and its statefiles.
struct Pool {
    machine: Machine,
    now: u64,
    files: Vec<Vec<u8>>,
    /// IO to this statefile never returns.
    silent: Option<u8>,
    writes: usize,
}

impl Pool {
    fn new(files: usize) -> Self {
        let config = config(files, vec![spec(1, 0), spec(2, 1)]);
        let boot = BootInfo {
            host: host(1),
            incarnation: Incarnation(4),
            now: Instant(1),
            booted_at: Instant(0),
            running: 0,
        };
        let mut record = genesis(&config);
        let mut machine = Machine::new(boot, config, 1).unwrap();
        record.number = 3;
        record.coordinator = machine.me;
        machine.decided = Some(record);
        let files = (0..files).map(|_| vec![0xee; 4 << 20]).collect();
        Self { machine, now: 1, files, silent: None, writes: 0 }
    }

    fn put(&mut self, file: usize, block: u32, bytes: &[u8]) {
        let at = block as usize * BLOCK_SIZE;
        self.files[file][at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn owner(n: u16, slot: u8, inc: u64) -> Owner {
        Owner { generation: GENERATION, host: host(n), seat: Seat { slot, inc } }
    }

    /// A life of host `n` promised something in its place.
    fn live(&mut self, file: usize, n: u16, slot: u8, inc: u64) {
        let owner = Self::owner(n, slot, inc);
        let ballot = Ballot { owner, version: 9, state: Acceptor::blank() }.encode().unwrap();
        let parity = u8::try_from(inc % 2).unwrap();
        self.put(file, ballot_block(slot, parity, BallotCopy::First), &ballot.to_vec());
        let beat = Beat { owner, sequence: 5, report: Report::default() }.encode();
        self.put(file, beat_block(slot, parity), &beat.to_vec());
    }

    fn ask(&mut self, id: u64, hosts: Vec<HostSpec>) {
        let config = Box::new(config(self.files.len(), hosts));
        let command = GuardCommand::Reconfigure(config);
        self.machine.handle(Instant(self.now), Input::Command { id, command });
    }

    /// Serves IO for a while; the refusals, by command.
    fn serve(&mut self, ms: u64) -> Vec<(u64, String)> {
        let mut refused = Vec::new();
        let until = self.now + ns(ms);
        while self.now < until {
            while let Some(output) = self.machine.poll_output() {
                match output {
                    Output::Read { io, statefile, ranges } if Some(statefile) != self.silent => {
                        self.read(io, statefile, &ranges);
                    }
                    Output::Write { io, statefile, block, bytes }
                        if Some(statefile) != self.silent =>
                    {
                        self.writes += 1;
                        self.put(statefile.into(), block, &bytes.to_vec());
                        let done = Input::WriteDone { io, result: Ok(()) };
                        self.machine.handle(Instant(self.now), done);
                    }
                    Output::Reply(reply) => {
                        refused.extend(reply.result.err().map(|why| (reply.id, why.text)));
                    }
                    _ => {}
                }
            }
            self.now += ns(10);
            self.machine.handle(Instant(self.now), Input::Timer);
        }
        refused
    }

    fn read(&mut self, io: IoId, file: u8, ranges: &[BlockRange]) {
        let mut bytes = Vec::new();
        for range in ranges {
            let at = range.first as usize * BLOCK_SIZE;
            bytes.extend(&self.files[usize::from(file)][at..][..range.count as usize * BLOCK_SIZE]);
        }
        self.machine
            .handle(Instant(self.now), Input::ReadDone { io, result: Ok(bytes.as_slice().into()) });
    }

    fn has_place(&self, slot: u16) -> bool {
        self.machine.config.hosts.iter().any(|spec| spec.slot == slot)
    }

    fn place_is(&self, file: usize, n: u16, slot: u8) -> bool {
        let whole = BLOCK_SIZE * BALLOT_BLOCKS as usize;
        all_blocks(&spec(n, slot.into())).into_iter().all(|block| {
            let bytes = &self.files[file][block as usize * BLOCK_SIZE..];
            let owner = Beat::decode(&bytes[..BLOCK_SIZE].into()).map(|(_, beat)| beat.owner);
            let owner = owner.or(ballot_owner(&bytes[..whole]));
            owner.is_some_and(|owner| owner.host == host(n))
        })
    }
}

#[test]
fn a_place_that_nobody_had_is_blanked_before_the_host_is_taken_in() {
    let mut pool = Pool::new(3);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    assert!(!pool.has_place(2), "it is taken in before its place is blank");
    assert!(pool.serve(100).is_empty());
    assert!(pool.has_place(2));
    assert!((0..3).all(|file| pool.place_is(file, 3, 2)));
}

/// The coordinator before has added the host; its life here may have promised something.
#[test]
fn what_a_life_wrote_in_its_place_stays() {
    let mut pool = Pool::new(1);
    pool.live(0, 3, 2, 5);
    let before = pool.files[0].clone();
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    assert!(pool.serve(100).is_empty());
    assert!(pool.has_place(2));
    let place = |bytes: &[u8]| {
        all_blocks(&spec(3, 2))
            .into_iter()
            .map(move |b| bytes[b as usize * BLOCK_SIZE..][..16].to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(place(&pool.files[0]), place(&before));
}

#[test]
fn a_place_of_another_host_is_not_given_away() {
    let mut pool = Pool::new(1);
    pool.live(0, 9, 2, 1);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    let refused = pool.serve(100);
    assert!(refused[0].1.contains("belongs to another host"), "{refused:?}");
    assert!(!pool.has_place(2));
}

#[test]
fn a_host_is_added_though_one_of_three_statefiles_is_silent_and_not_with_two() {
    let mut pool = Pool::new(3);
    pool.silent = Some(1);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    pool.serve(100);
    assert!(!pool.has_place(2), "it is waited for at first");
    // Until then nothing else is decided about who is in the pool.
    pool.ask(2, vec![spec(1, 0), spec(2, 1)]);
    let refused = pool.serve(900);
    assert_eq!(refused.first().map(|(id, _)| *id), Some(2));
    assert!(pool.has_place(2));
    assert!(pool.place_is(0, 3, 2) && !pool.place_is(1, 3, 2) && pool.place_is(2, 3, 2));

    let mut pool = Pool::new(1);
    pool.silent = Some(0);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    let refused = pool.serve(2500);
    assert!(refused[0].1.contains("too few statefiles"), "{refused:?}");
    assert!(!pool.has_place(2));
}

#[test]
fn a_write_that_failed_may_land_and_is_waited_for() {
    let mut pool = Pool::new(1);
    pool.machine.assign_failed_at = Some(pool.now);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    assert_eq!(pool.serve(100).len(), 1);
    pool.now += ns(5000);
    pool.ask(2, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    assert!(pool.serve(100).is_empty());
    assert!(pool.has_place(2));
    let number = pool.machine.next_cycle;
    pool.machine.assign_wrote(0, number, false);
    let failed = Input::WriteDone { io: IoId(u64::MAX), result: Err(IoFailed) };
    pool.machine.handle(Instant(pool.now), failed);
    assert!(pool.machine.assign_failed_at.is_some());
}

#[test]
fn a_host_may_get_a_new_place_and_no_place_another_host() {
    let mut pool = Pool::new(1);
    pool.ask(1, vec![spec(1, 0), spec(3, 1)]);
    assert!(pool.serve(50)[0].1.contains("does not continue"));
    pool.ask(2, vec![spec(1, 2), spec(2, 1)]);
    assert!(pool.serve(50)[0].1.contains("does not continue"), "its own place while it lives");
    // Removed and added again, which this guard missed.
    pool.ask(3, vec![spec(1, 0), spec(2, 2)]);
    assert!(pool.serve(50).is_empty());
    assert!(pool.has_place(2) && !pool.has_place(1));
}

/// Serves IO, and keeps back the first write to the place of host 3 on the last statefile.
fn hung_write(pool: &mut Pool) -> IoId {
    let mut held = None;
    for _ in 0..50 {
        while let Some(output) = pool.machine.poll_output() {
            match output {
                Output::Read { io, statefile, ranges } => pool.read(io, statefile, &ranges),
                Output::Write { io, statefile, block, bytes } => {
                    let of_place = all_blocks(&spec(3, 2)).contains(&block);
                    if statefile == 2 && of_place && held.is_none() {
                        held = Some(io);
                        continue;
                    }
                    pool.put(statefile.into(), block, &bytes.to_vec());
                    pool.machine.handle(Instant(pool.now), Input::WriteDone { io, result: Ok(()) });
                }
                _ => {}
            }
        }
        pool.now += ns(10);
        pool.machine.handle(Instant(pool.now), Input::Timer);
    }
    held.unwrap()
}

/// The next coordinator has given the place, and its host lives there.
#[test]
fn who_lost_the_role_blanks_no_place_any_more() {
    let mut pool = Pool::new(3);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    let io = hung_write(&mut pool);
    let mut record = pool.machine.decided.clone().unwrap();
    record.number += 1;
    record.coordinator = Seat { slot: 1, inc: 1 };
    pool.machine.learn(record);
    for file in 0..3 {
        pool.live(file, 3, 2, 5);
        pool.live(file, 3, 2, 6);
    }
    let before = pool.files[2].clone();
    pool.machine.handle(Instant(pool.now), Input::WriteDone { io, result: Ok(()) });
    pool.serve(500);
    let changed = |block: &u32| {
        let at = *block as usize * BLOCK_SIZE;
        before[at..at + BLOCK_SIZE] != pool.files[2][at..at + BLOCK_SIZE]
    };
    assert!(!all_blocks(&spec(3, 2)).iter().any(changed), "a life's blocks are blanked");
}

/// The other statefiles have the place; nothing else is given one before the write has returned.
#[test]
fn a_write_that_is_stuck_on_one_of_three_holds_nobody_up_for_ever() {
    let mut pool = Pool::new(3);
    pool.ask(1, vec![spec(1, 0), spec(2, 1), spec(3, 2)]);
    let io = hung_write(&mut pool);
    assert!(pool.machine.assign.is_some());
    let wait = u64::from(Timing::of(Profile::Fast).t_lease_ms);
    pool.serve(2 * wait);
    assert!(pool.machine.assign.is_none() && pool.has_place(2));
    pool.ask(2, vec![spec(1, 0), spec(2, 1), spec(3, 2), spec(4, 3)]);
    let refused = pool.serve(50);
    assert!(refused.iter().any(|(id, _)| *id == 2), "{refused:?}");
    pool.machine.handle(Instant(pool.now), Input::WriteDone { io, result: Ok(()) });
    pool.serve(u64::from(Timing::of(Profile::Fast).t_late_ms));
    pool.ask(3, vec![spec(1, 0), spec(2, 1), spec(3, 2), spec(4, 3)]);
    pool.serve(500);
    assert!(pool.has_place(3));
}

/// That it was heard may be of a moment ago, when the earlier key was not dropped yet.
#[test]
fn who_was_heard_with_an_earlier_key_is_not_admitted() {
    let mut pool = Pool::new(1);
    let key = pool.machine.keys.view.sends.id;
    assert!(!pool.machine.is_keyed(1), "nothing was heard of it");
    pool.machine.peer_mut(1).unwrap().signed = key ^ 1;
    assert!(!pool.machine.is_keyed(1));
    pool.machine.peer_mut(1).unwrap().signed = key;
    assert!(pool.machine.is_keyed(1));
}
