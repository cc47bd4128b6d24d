//! What the protocol takes from the heap in its steady state, in a pool of three: counted by an
//! allocator of the test's own, over virtual time.
//!
//! Nothing may pile up: a membership that lasts for years must not need a byte more than it did in
//! its first minute, or the locked heap would grow some day in the middle of a beat.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use haven_cluster::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::{HostId, Incarnation, Instant};
use haven_cluster::timing::{Profile, Timing};
use haven_cluster::{BootInfo, Input, IoId, Machine, Output};
use uuid::Uuid;

use super::counting::{live, set_live, taken};

const BLOCK: usize = 4096;
const HOSTS: u16 = 3;
const MS: u64 = 1_000_000;
/// Every IO and datagram takes so long.
const LATENCY: u64 = MS;

fn config(number: u16) -> ArmConfig {
    let host = |n: u16| HostId(Uuid::from_u128(u128::from(n)));
    let address = |slot: u16| SocketAddr::from(([10, 0, 0, u8::try_from(slot + 1).unwrap()], 694));
    let spec = |slot| HostSpec { host: host(slot + 1), slot, addresses: vec![address(slot)] };
    ArmConfig {
        generation: Uuid::from_u128(77),
        host: host(number + 1),
        keys: haven_cluster::keys::Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec { uuid: Uuid::from_u128(99), path: "/s".to_owned() }],
        hosts: (0..HOSTS).map(spec).collect(),
        timing: Timing::of(Profile::Fast),
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host(1),
    }
}

/// What is on its way to a machine.
enum Coming {
    Datagram(Vec<u8>),
    Read(IoId, Arc<[haven_cluster::BlockRange]>),
    Written(IoId, u32, Vec<u8>),
}

/// What one machine took from the heap, by what it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    inputs: u64,
    allocations: u64,
}

struct World {
    now: u64,
    machines: Vec<Machine>,
    statefile: Vec<u8>,
    coming: BTreeMap<(u64, u64), (usize, Coming)>,
    posted: u64,
    /// Of the first machine.
    taken: BTreeMap<&'static str, Taken>,
    /// Bytes that the first machine holds on to.
    kept: i64,
}

impl World {
    fn new() -> Self {
        let mut statefile = vec![0; 4 << 20];
        for write in haven_cluster::statefile::format_writes(&config(0)).unwrap() {
            let at = write.block as usize * BLOCK;
            statefile[at..at + write.bytes.len()].copy_from_slice(&write.bytes.to_vec());
        }
        let machine = |slot: u16| {
            let own = config(slot);
            let boot = BootInfo {
                host: own.host,
                incarnation: Incarnation(1),
                now: Instant(100_000 * MS),
                booted_at: Instant(0),
                running: 0,
            };
            Machine::new(boot, own, u64::from(slot)).unwrap()
        };
        Self {
            now: 100_000 * MS,
            machines: (0..HOSTS).map(machine).collect(),
            statefile,
            coming: BTreeMap::new(),
            posted: 0,
            taken: BTreeMap::new(),
            kept: 0,
        }
    }

    fn post(&mut self, to: usize, what: Coming) {
        self.posted += 1;
        self.coming.insert((self.now + LATENCY, self.posted), (to, what));
    }

    /// One input, and what follows from it.
    fn give(&mut self, to: usize, name: &'static str, input: Input<'_>) {
        let before = (taken(), live());
        self.machines[to].handle(Instant(self.now), input);
        let (took, keeps) = (taken() - before.0, live() - before.1);
        if to == 0 {
            let sum = self.taken.entry(name).or_default();
            sum.inputs += 1;
            sum.allocations += took;
            self.kept += keeps;
        }
        loop {
            let before = live();
            let output = self.machines[to].poll_output();
            // Whatever it hands out was its own until now.
            let Some(output) = output else { break };
            self.perform(to, output);
            if to == 0 {
                self.kept += live() - before;
            }
        }
    }

    /// What it handed out is gone when this returns, but for what is posted: that is copied, and
    /// counted as the world's.
    fn perform(&mut self, from: usize, output: Output) {
        match output {
            Output::Send { to, bytes, .. } => {
                let slot = slot_of(to);
                let kept = live();
                let copy = bytes.as_slice().to_vec();
                self.post(slot, Coming::Datagram(copy));
                set_live(kept);
                self.machines[from].reuse(bytes);
            }
            Output::Read { io, ranges, .. } => {
                let kept = live();
                self.post(from, Coming::Read(io, ranges));
                set_live(kept);
            }
            Output::Write { io, block, bytes, .. } => {
                let kept = live();
                let copy = bytes.to_vec();
                self.post(from, Coming::Written(io, block, copy));
                set_live(kept);
            }
            Output::WatchdogArm { bite_ms } => {
                let armed = Input::WatchdogArmed { bite_ms: Ok(bite_ms) };
                self.give(from, "watchdog", armed);
            }
            Output::Fence { reason } | Output::Reset { reason } => panic!("{from} stops: {reason}"),
            _ => {}
        }
    }

    fn arrive(&mut self, to: usize, what: &Coming) {
        match what {
            Coming::Datagram(bytes) => {
                self.give(to, "datagram", Input::Datagram { network: 0, bytes });
            }
            Coming::Written(io, block, bytes) => {
                let at = *block as usize * BLOCK;
                self.statefile[at..at + bytes.len()].copy_from_slice(bytes);
                self.give(to, "write done", Input::WriteDone { io: *io, result: Ok(()) });
            }
            Coming::Read(io, ranges) => {
                let range = |r: &haven_cluster::BlockRange| {
                    let at = r.first as usize * BLOCK;
                    at..at + r.count as usize * BLOCK
                };
                let parts = ranges.iter().map(|r| &self.statefile[range(r)]);
                let bytes = parts.collect::<Vec<_>>().concat();
                let done = Input::ReadDone { io: *io, result: Ok(bytes.as_slice().into()) };
                self.give(to, "read done", done);
            }
        }
    }

    fn run(&mut self, ms: u64) {
        let until = self.now + ms * MS;
        while self.now < until {
            let arrival = self.coming.keys().next().map_or(u64::MAX, |(at, _)| *at);
            let due = self.machines.iter().map(|m| m.next_deadline().unwrap().0).min().unwrap();
            self.now = self.now.max(arrival.min(due));
            while let Some(first) = self.coming.first_entry() {
                if first.key().0 > self.now {
                    break;
                }
                let (to, what) = first.remove();
                self.arrive(to, &what);
            }
            for index in 0..self.machines.len() {
                if self.machines[index].next_deadline().unwrap().0 <= self.now {
                    self.give(index, "timer", Input::Timer);
                }
            }
        }
    }
}

fn slot_of(address: SocketAddr) -> usize {
    match address {
        SocketAddr::V4(v4) => usize::from(v4.ip().octets()[3]) - 1,
        SocketAddr::V6(_) => panic!("an address of another pool"),
    }
}

#[test]
fn a_membership_that_lasts_takes_nothing_more() {
    let mut world = World::new();
    world.run(60_000);
    let whole = |machine: &Machine, now| {
        let state = machine.state(Instant(now));
        state.permit.is_some() && state.epoch.is_some_and(|epoch| epoch.members.len() == 3)
    };
    assert!(world.machines.iter().all(|machine| whole(machine, world.now)), "no membership");
    world.taken.clear();
    let before = world.kept;
    world.run(60_000);
    let beats = 60_000 / u64::from(Timing::of(Profile::Fast).beat_ms);
    for (name, taken) in &world.taken {
        println!(
            "# {name}: {} a beat, {:.2} allocations each",
            taken.inputs as f64 / beats as f64,
            taken.allocations as f64 / taken.inputs as f64
        );
    }
    let all: u64 = world.taken.values().map(|taken| taken.allocations).sum();
    println!("figure guard_machine_allocations_per_beat_3 {:.2} count", all as f64 / beats as f64);
    println!("figure guard_machine_bytes_kept_3 {} B", world.kept - before);
    assert!(world.machines.iter().all(|machine| whole(machine, world.now)));
    assert_eq!(world.kept, before, "something piles up");
    assert_eq!(all, 0, "allocations in {beats} beats");
}
