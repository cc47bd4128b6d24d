//! The other hosts of the pool: real machines of the protocol, driven in turn.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use haven_block_io::boottime_ns;
use haven_cluster::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::{HostId, Incarnation, Instant};
use haven_cluster::timing::Timing;
use haven_cluster::{
    BLOCK_SIZE, BlockRange, BootInfo, Input, Machine, Output, ReadBytes, SharedBlock,
};
use uuid::Uuid;

const BLOCK: u64 = BLOCK_SIZE as u64;
/// What the guard writes, as the host in slot 0: its beats, and both copies of its ballots.
const GUARD_BLOCKS: [(u32, u32); 3] = [(8, 2), (256, 4), (512, 4)];
/// Longest sleep when nobody has anything to do.
const NAP: Duration = Duration::from_millis(2);
/// IPv4 and UDP headers of a datagram.
const HEADERS: u64 = 28;

/// What went over the network between the guard and the others, headers included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// The latest that a peer got its turn.
    pub(crate) late: Duration,
}

struct Peer {
    machine: Machine,
    /// With the guard; among themselves they need none.
    socket: UdpSocket,
    slot: u16,
}

/// The statefile as the peers see it: in memory, so that 63 of them cost one thread little. The
/// guard reads and writes the file.
struct Statefile {
    file: File,
    blocks: Vec<SharedBlock>,
    /// What was read last: room for the next read.
    parts: Vec<SharedBlock>,
}

impl Statefile {
    fn new(file: File, blocks: u64) -> Self {
        let zero = SharedBlock::padded(&[], BLOCK_SIZE);
        let blocks = vec![zero; usize::try_from(blocks).unwrap()];
        Self { file, blocks, parts: Vec::new() }
    }

    fn write(&mut self, block: u32, bytes: &[u8]) {
        self.file.write_all_at(bytes, u64::from(block) * BLOCK).unwrap();
        for (place, bytes) in
            self.blocks.iter_mut().skip(block as usize).zip(bytes.chunks(BLOCK_SIZE))
        {
            *place = bytes.to_vec().into();
        }
    }

    fn read(&mut self, ranges: &[BlockRange]) -> ReadBytes<'_> {
        for (first, count) in GUARD_BLOCKS {
            for block in first..first + count {
                let mut bytes = [0; BLOCK_SIZE];
                self.file.read_exact_at(&mut bytes, u64::from(block) * BLOCK).unwrap();
                let read = SharedBlock::from(bytes.to_vec());
                let known = &mut self.blocks[block as usize];
                if *known != read {
                    *known = read;
                }
            }
        }
        self.parts.clear();
        for range in ranges {
            let first = range.first as usize;
            self.parts.extend_from_slice(&self.blocks[first..first + range.count as usize]);
        }
        ReadBytes::Shared(&self.parts)
    }
}

pub(crate) struct Peers {
    config: ArmConfig,
    peers: Vec<Peer>,
    statefile: Statefile,
    guard: SocketAddr,
    by_address: BTreeMap<SocketAddr, usize>,
    mail: VecDeque<(usize, Vec<u8>)>,
    traffic: Traffic,
}

impl Peers {
    pub(crate) fn new(hosts: u16, timing: Timing, dir: &Path) -> Self {
        let path = dir.join("statefile");
        let size = 4 << 20;
        std::fs::write(&path, vec![0; size]).unwrap();
        let config = config(hosts, timing, path.clone());
        let file = File::options().read(true).write(true).open(path).unwrap();
        let mut statefile = Statefile::new(file, size as u64 / BLOCK);
        for write in haven_cluster::statefile::format_writes(&config).unwrap() {
            statefile.write(write.block, &write.bytes.to_vec());
        }
        let address = |slot: usize| config.hosts[slot].addresses[0];
        let peers = (1..hosts).map(|slot| {
            let spec = &config.hosts[usize::from(slot)];
            let boot = BootInfo {
                host: spec.host,
                incarnation: Incarnation(1),
                now: now(),
                booted_at: Instant(0),
                running: 0,
            };
            let own = ArmConfig { host: spec.host, ..config.clone() };
            let machine = Machine::new(boot, own, u64::from(slot)).unwrap();
            let socket = UdpSocket::bind(spec.addresses[0]).unwrap();
            socket.set_nonblocking(true).unwrap();
            Peer { machine, socket, slot }
        });
        let peers: Vec<Peer> = peers.collect();
        let by_address = peers.iter().enumerate().map(|(i, p)| (address(p.slot.into()), i));
        Self {
            guard: address(0),
            by_address: by_address.collect(),
            peers,
            statefile,
            mail: VecDeque::new(),
            traffic: Traffic::default(),
            config,
        }
    }

    /// The configuration of the host in this slot.
    pub(crate) fn config(&self, slot: usize) -> ArmConfig {
        ArmConfig { host: self.config.hosts[slot].host, ..self.config.clone() }
    }

    pub(crate) fn forget(&mut self) {
        self.traffic = Traffic::default();
    }

    /// How far they are, for a person.
    pub(crate) fn view(&self) -> String {
        let states = self.peers.iter().map(|peer| peer.machine.state(now()));
        let line = |state: haven_cluster::control::GuardState| {
            let epoch = state.epoch.map(|epoch| (epoch.number.0, epoch.members.len()));
            format!("{:?} {epoch:?}", state.phase)
        };
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        for state in states {
            *lines.entry(line(state)).or_default() += 1;
        }
        format!("{lines:#?}, late by {:?}", self.traffic.late)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Everybody does what is due.
    pub(crate) fn turn(&mut self) {
        let mut idle = true;
        let mut buffer = [0; 16 << 10];
        for index in 0..self.peers.len() {
            while let Ok(count) = self.peers[index].socket.recv(&mut buffer) {
                self.traffic.sent += count as u64 + HEADERS;
                let input = Input::Datagram { network: 0, bytes: &buffer[..count] };
                self.peers[index].machine.handle(now(), input);
                self.perform(index);
                idle = false;
            }
            let due = self.peers[index].machine.next_deadline().unwrap();
            if due <= now() {
                let late = Duration::from_nanos(now().0 - due.0);
                self.traffic.late = self.traffic.late.max(late);
                self.peers[index].machine.handle(now(), Input::Timer);
                self.perform(index);
                idle = false;
            }
        }
        while let Some((index, bytes)) = self.mail.pop_front() {
            let input = Input::Datagram { network: 0, bytes: &bytes };
            self.peers[index].machine.handle(now(), input);
            self.perform(index);
            self.peers[index].machine.reuse(bytes);
        }
        if idle {
            std::thread::sleep(NAP);
        }
    }

    fn perform(&mut self, index: usize) {
        while let Some(output) = self.peers[index].machine.poll_output() {
            match output {
                Output::Send { to, bytes, .. } if to == self.guard => {
                    self.traffic.received += bytes.len() as u64 + HEADERS;
                    let _lost: Result<usize, _> = self.peers[index].socket.send_to(&bytes, to);
                    self.peers[index].machine.reuse(bytes);
                }
                Output::Send { to, bytes, .. } => {
                    self.mail.extend(self.by_address.get(&to).map(|peer| (*peer, bytes)));
                }
                Output::Read { io, ranges, .. } => {
                    let result = Ok(self.statefile.read(&ranges));
                    self.peers[index].machine.handle(now(), Input::ReadDone { io, result });
                }
                Output::Write { io, block, bytes, .. } => {
                    self.statefile.write(block, &bytes.to_vec());
                    let done = Input::WriteDone { io, result: Ok(()) };
                    self.peers[index].machine.handle(now(), done);
                }
                Output::WatchdogArm { bite_ms } => {
                    let armed = Input::WatchdogArmed { bite_ms: Ok(bite_ms) };
                    self.peers[index].machine.handle(now(), armed);
                }
                Output::Fence { reason } | Output::Reset { reason } => {
                    panic!("a peer stops ({reason}): this machine is too busy for so many");
                }
                _ => {}
            }
        }
    }
}

fn now() -> Instant {
    Instant(boottime_ns())
}

fn config(hosts: u16, timing: Timing, path: PathBuf) -> ArmConfig {
    let host = |n: u16| HostId(Uuid::from_u128(u128::from(n)));
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let spec = |slot: u16| HostSpec {
        host: host(slot + 1),
        slot,
        addresses: vec![SocketAddr::from(([127, 0, 2, u8::try_from(slot + 1).unwrap()], port))],
    };
    ArmConfig {
        generation: Uuid::from_u128(77),
        host: host(1),
        keys: haven_cluster::keys::Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec {
            uuid: Uuid::from_u128(99),
            path: path.display().to_string(),
        }],
        hosts: (0..hosts).map(spec).collect(),
        timing,
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host(2),
    }
}
