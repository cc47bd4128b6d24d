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
use haven_cluster::{BootInfo, Input, IoId, Machine, Output};
use uuid::Uuid;

const BLOCK: u64 = 4096;
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

pub(crate) struct Peers {
    config: ArmConfig,
    peers: Vec<Peer>,
    file: File,
    guard: SocketAddr,
    by_address: BTreeMap<SocketAddr, usize>,
    mail: VecDeque<(usize, Vec<u8>)>,
    traffic: Traffic,
}

impl Peers {
    pub(crate) fn new(hosts: u16, timing: Timing, dir: &Path) -> Self {
        let path = dir.join("statefile");
        std::fs::write(&path, vec![0; 4 << 20]).unwrap();
        let config = config(hosts, timing, path.clone());
        let file = File::options().read(true).write(true).open(path).unwrap();
        for write in haven_cluster::statefile::format_writes(&config).unwrap() {
            file.write_all_at(&write.bytes, u64::from(write.block) * BLOCK).unwrap();
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
            file,
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
                }
                Output::Send { to, bytes, .. } => {
                    self.mail.extend(self.by_address.get(&to).map(|peer| (*peer, bytes)));
                }
                Output::Read { io, ranges, .. } => {
                    let blocks: u32 = ranges.iter().map(|range| range.count).sum();
                    let mut bytes = vec![0; blocks as usize * BLOCK as usize];
                    let mut rest = bytes.as_mut_slice();
                    for range in &*ranges {
                        let (head, tail) = rest.split_at_mut(range.count as usize * BLOCK as usize);
                        self.file.read_exact_at(head, u64::from(range.first) * BLOCK).unwrap();
                        rest = tail;
                    }
                    self.read_done(index, io, &bytes);
                }
                Output::Write { io, block, bytes, .. } => {
                    self.file.write_all_at(&bytes.to_vec(), u64::from(block) * BLOCK).unwrap();
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

    fn read_done(&mut self, index: usize, io: IoId, bytes: &[u8]) {
        let done = Input::ReadDone { io, result: Ok(bytes.into()) };
        self.peers[index].machine.handle(now(), done);
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
        key: "5a".repeat(32),
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
