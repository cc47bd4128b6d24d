//! Fairness on a made-up processor: no clock, no thread, the same result every time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::IpAddr;

use tokio::sync::oneshot::Receiver;
use uuid::Uuid;

use super::shares::{Address, Bill, CALL_NS, Entered, Shares, WAITING_MAX, Who};

const READ_NS: u64 = 40_000;
const HANDSHAKE_NS: u64 = 300_000;
const LIST_NS: u64 = 28_000_000;
const SLICE_NS: u64 = 500_000;
const TICK_NS: u64 = 2_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// A session, with as many connections as it likes, each of which asks again when it has its answer.
#[derive(Clone, Copy)]
struct Client {
    who: Who,
    connections: usize,
    cost: u64,
    think: u64,
}

fn client(address: u8, session: u128, connections: usize) -> Client {
    let address = Address::remote(IpAddr::from([10, 0, 0, address]));
    let who = Who { address, session: Some(Uuid::from_u128(session)) };
    Client { who, connections, cost: READ_NS, think: 100_000 }
}

fn readers(count: u128) -> Vec<Client> {
    (0..count).map(|session| client(1, session + 1, 1)).collect()
}

struct Call {
    client: usize,
    line: u64,
    charged: u64,
    left: u64,
}

/// One processor, which takes calls in the order in which they are let in.
struct Machine {
    clients: Vec<Client>,
    shares: Shares,
    now: u64,
    busy: bool,
    let_in: VecDeque<Call>,
    waiting: Vec<(Call, Receiver<u64>)>,
    thinking: BinaryHeap<Reverse<(u64, usize, u64)>>,
    /// Processor time of each client, and how many calls of it had to wait.
    given: Vec<u64>,
    waited: Vec<u64>,
}

impl Machine {
    fn new(clients: Vec<Client>, busy: bool) -> Self {
        let mut thinking = BinaryHeap::new();
        for (number, client) in clients.iter().enumerate() {
            for connection in 0..client.connections {
                let line = (number * 1000 + connection + 1) as u64;
                thinking.push(Reverse(((connection as u64 + 1) * 100, number, line)));
            }
        }
        let count = clients.len();
        Self {
            clients,
            shares: Shares::new(1),
            now: SECOND_NS,
            busy,
            let_in: VecDeque::new(),
            waiting: Vec::new(),
            thinking,
            given: vec![0; count],
            waited: vec![0; count],
        }
    }

    fn arrive(&mut self, (client, line): (usize, u64), left: u64) {
        let who = self.clients[client].who;
        match self.shares.enter((who, line), WAITING_MAX, self.now, self.busy) {
            Entered::Go(charged) => self.let_in.push_back(Call { client, line, charged, left }),
            Entered::Wait(turn) => {
                self.waited[client] += 1;
                self.waiting.push((Call { client, line, charged: 0, left }, turn));
            }
            Entered::Full => panic!("the queue is long enough"),
        }
    }

    fn let_in_released(&mut self) {
        self.shares.release(self.now, self.busy);
        for (mut call, mut turn) in std::mem::take(&mut self.waiting) {
            match turn.try_recv() {
                Ok(charged) => {
                    call.charged = charged;
                    self.let_in.push_back(call);
                }
                Err(_) => self.waiting.push((call, turn)),
            }
        }
    }

    /// A call of which others come in between, as the long answers do.
    fn serve(&mut self, call: Call) {
        let client = self.clients[call.client];
        let slice = call.left.min(SLICE_NS);
        self.now += slice;
        self.given[call.client] += slice;
        let (charged, cost) = (call.charged, slice);
        let bill = Bill { owner: client.who, charged, settled: 0, cost };
        self.shares.leave(client.who, bill, self.now);
        match call.left - slice {
            0 => self.thinking.push(Reverse((self.now + client.think, call.client, call.line))),
            left => self.arrive((call.client, call.line), left),
        }
    }

    fn run(&mut self, length: u64) {
        let end = self.now + length;
        while self.now < end {
            while let Some(Reverse((at, client, line))) = self.thinking.peek().copied() {
                if at > self.now {
                    break;
                }
                self.thinking.pop();
                self.arrive((client, line), self.clients[client].cost);
            }
            self.let_in_released();
            match self.let_in.pop_front() {
                Some(call) => self.serve(call),
                None => {
                    let next = self.thinking.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
                    self.now = next.max(self.now + 1).min(self.now + TICK_NS);
                }
            }
        }
    }

    /// Part of the processor that a client got, in per cent.
    fn share(&self, client: usize) -> u64 {
        self.given[client] * 100 / self.given.iter().sum::<u64>()
    }
}

#[test]
fn who_floods_over_many_connections_gets_the_share_of_two() {
    let mut clients = readers(32);
    clients.push(client(1, 99, 64));
    let mut machine = Machine::new(clients, true);
    machine.run(SECOND_NS);
    assert!(machine.share(32) <= 7, "{} %", machine.share(32));
    assert!(machine.given[32] > 0);
    assert_eq!(machine.waited[..32].iter().sum::<u64>(), 0, "the others never wait");
}

#[test]
fn long_lists_of_one_session_cost_the_others_no_more_than_reads() {
    let mut clients = readers(32);
    clients.push(Client { cost: LIST_NS, ..client(1, 99, 8) });
    let mut machine = Machine::new(clients, true);
    machine.run(4 * SECOND_NS);
    assert!(machine.share(32) <= 9, "{} %", machine.share(32));
    assert!(machine.given[32] >= 2 * LIST_NS, "and it comes to its end");
}

#[test]
fn nobody_waits_while_there_is_enough_or_nobody_else_asks() {
    for (clients, busy) in [(vec![client(1, 1, 64)], true), (readers(8), false)] {
        let mut clients = clients;
        if !busy {
            clients.push(client(1, 99, 64));
        }
        let mut machine = Machine::new(clients, busy);
        machine.run(SECOND_NS);
        assert_eq!(machine.waited.iter().sum::<u64>(), 0);
    }
}

#[test]
fn many_sessions_of_one_address_are_one_client_beside_another_address() {
    let mut clients: Vec<Client> = (0..60).map(|session| client(1, session + 1, 2)).collect();
    clients.push(client(2, 999, 4));
    let mut machine = Machine::new(clients, true);
    machine.run(SECOND_NS / 2);
    assert!(machine.share(60) >= 25, "{} %", machine.share(60));
}

#[test]
fn one_call_after_the_other_is_never_slowed() {
    let clients = vec![client(1, 1, 1), client(1, 2, 16), client(1, 3, 16)];
    let mut machine = Machine::new(clients, true);
    machine.run(SECOND_NS);
    assert_eq!(machine.waited[0], 0);
    assert!(machine.share(0) >= 15, "{} %", machine.share(0));
}

#[test]
fn who_waits_goes_on_when_the_rush_is_over() {
    let mut clients = readers(16);
    clients.push(client(1, 99, 64));
    let mut machine = Machine::new(clients, true);
    machine.run(SECOND_NS / 10);
    assert!(!machine.waiting.is_empty());
    machine.busy = false;
    machine.run(SECOND_NS / 100);
    assert!(machine.waiting.is_empty());
}

#[test]
fn calls_that_wait_are_bounded_and_who_hung_up_makes_room() {
    let mut shares = Shares::new(1);
    let (one, other) = (client(1, 1, 1).who, client(1, 2, 1).who);
    let mut turns = Vec::new();
    // Far ahead of the other.
    for now in 0..10_000 {
        if let Entered::Go(charged) = shares.enter((other, 1), WAITING_MAX, SECOND_NS + now, true) {
            let bill = Bill { owner: other, charged, settled: 0, cost: CALL_NS };
            shares.leave(other, bill, SECOND_NS + now);
        }
        match shares.enter((one, 2), WAITING_MAX, SECOND_NS + now, true) {
            Entered::Go(_) => {}
            Entered::Wait(turn) => turns.push(turn),
            Entered::Full => break,
        }
    }
    assert_eq!(turns.len(), WAITING_MAX);
    turns.clear();
    let again = shares.enter((one, 2), WAITING_MAX, SECOND_NS + 9999, true);
    assert!(matches!(again, Entered::Wait(_)), "{again:?}");
}

#[test]
fn a_connection_for_every_call_does_not_make_a_new_client_of_its_owner() {
    let mut shares = Shares::new(1);
    let (reader, owner) = (client(1, 1, 1).who, client(1, 2, 1).who);
    let stranger = Who { session: None, ..owner };
    let (mut now, mut free) = (SECOND_NS, 0);
    let bill = |owner, charged| Bill { owner, charged, settled: 0, cost: READ_NS };
    let mut waiting = Vec::new();
    for line in 2..2000 {
        now += READ_NS;
        if let Entered::Go(charged) = shares.enter((reader, 1), WAITING_MAX, now, true) {
            shares.leave(reader, bill(reader, charged), now);
        }
        // A new connection each time, which begins with its handshake.
        match shares.enter((stranger, line), usize::MAX, now, true) {
            Entered::Go(charged) => {
                let handshake = Bill { cost: HANDSHAKE_NS, ..bill(stranger, charged) };
                shares.leave(stranger, handshake, now);
            }
            Entered::Wait(turn) => {
                waiting.push(turn);
                continue;
            }
            Entered::Full => panic!("there is no limit"),
        }
        match shares.enter((stranger, line), usize::MAX, now, true) {
            Entered::Go(charged) => {
                free += 1;
                shares.leave(stranger, bill(owner, charged), now);
            }
            Entered::Wait(turn) => waiting.push(turn),
            Entered::Full => panic!("there is no limit"),
        }
    }
    assert!(free < 500, "{free}");
    assert!(!waiting.is_empty());
}

#[test]
fn a_long_address_counts_as_its_network() {
    let of = |text: &str| Address::remote(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
}
