//! The accounts: fair queueing over addresses, and over the sessions of each. No clock, no thread.
//!
//! Each account counts the service that its owner was given, each level the fair share of one of
//! those that ask eagerly: the average of what they were given, or of half of the processors if
//! that is more. Who is far ahead of its level waits until the level has risen. Two levels:
//! addresses among each other, and the sessions of one address.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use tokio::sync::oneshot;
use uuid::Uuid;

/// How far a session may be ahead of its level, in nanoseconds of service: a burst.
const AHEAD_NS: u64 = 5_000_000;
/// The same while it asks over one connection: one thing after the other is no flood.
const AHEAD_ALONE_NS: u64 = 50_000_000;
/// The same of an address, where several people may sit.
const AHEAD_TOGETHER_NS: u64 = 20_000_000;
/// What of being ahead is remembered at most: who was alone for long is not punished for it.
const DEBT_NS: u64 = 100_000_000;
/// Who asked within so long will ask again, though nothing of it waits here at this moment.
const EAGER_NS: u64 = 20_000_000;
/// Accounts without a call for so long are forgotten.
const FORGET_NS: u64 = 1_000_000_000;
/// How often it is counted who is eager.
const COUNT_NS: u64 = 1_000_000;
/// What a call costs at least: its part of the connection, which is not measured.
pub(super) const CALL_NS: u64 = 20_000;
/// Of all processors, what is shared out at least, as a divisor: the other half is for connections,
/// encryption, and whatever else a host does.
const PROCESSORS_DIVISOR: u64 = 2;
/// Calls of one session that wait; more are refused.
pub(super) const WAITING_MAX: usize = 256;
/// Calls of one session that are let in at once, when the rush is over.
const RELEASE_MAX: usize = 32;

/// Where a client sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// Root of a host, through the local socket.
    Root,
    /// Over the network; of the longer addresses the network alone, as a host has as many as it likes.
    Remote(IpAddr),
}

impl Address {
    /// The account of an address.
    #[must_use]
    pub fn remote(address: IpAddr) -> Self {
        let IpAddr::V6(long) = address else { return Self::Remote(address) };
        if let Some(short) = long.to_ipv4_mapped() {
            return Self::Remote(IpAddr::V4(short));
        }
        let network = u128::from(long) >> 64 << 64;
        Self::Remote(IpAddr::V6(Ipv6Addr::from(network)))
    }
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Where it comes from.
    pub address: Address,
    /// Its session; all without one are one client.
    pub session: Option<Uuid>,
}

/// What becomes of a call that arrives.
#[derive(Debug)]
pub(super) enum Entered {
    /// It goes on; so much was put to its account beforehand.
    Go(u64),
    /// It waits, and gets the same later.
    Wait(oneshot::Receiver<u64>),
    /// Too many of the same session wait.
    Full,
}

/// What a call comes to, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bill {
    /// Who it turned out to be.
    pub(super) owner: Who,
    /// What was put to the account of who entered, beforehand.
    pub(super) charged: u64,
    /// What was put to the owner's account since.
    pub(super) settled: u64,
    /// All that it cost.
    pub(super) cost: u64,
}

#[derive(Debug, Default)]
struct Account {
    given: u64,
    seen: u64,
    /// Calls here, whether they wait or not.
    inside: u32,
}

impl Account {
    fn eager(&self, now: u64) -> bool {
        self.seen + EAGER_NS >= now
    }

    fn end(&mut self, refund: u64) {
        self.inside = self.inside.saturating_sub(1);
        self.given = self.given.saturating_sub(refund);
    }

    /// Puts something to the account that is not done yet.
    fn reserve(&mut self, cost: u64, level: &Level) {
        self.given = (self.given + cost).min(level.at + DEBT_NS);
    }

    fn charge(&mut self, cost: u64, level: &mut Level) {
        level.work += cost;
        self.reserve(cost, level);
    }
}

/// What the average was given, and how many are counted.
#[derive(Debug, Default)]
struct Level {
    at: u64,
    eager: u64,
    /// Given since it rose last.
    work: u64,
}

impl Level {
    /// Rises by the share of one; `least` was there to be shared out.
    fn rise(&mut self, least: u64) {
        self.at += std::mem::take(&mut self.work).max(least) / self.eager.max(1);
    }

    /// Counts one that arrives; nobody saves up what it did not ask for.
    fn meet(&mut self, account: &mut Account, now: u64) {
        if !account.eager(now) || account.seen == 0 {
            self.eager += 1;
        }
        account.seen = now;
        account.inside += 1;
        account.given = account.given.max(self.at.saturating_sub(AHEAD_NS));
    }

    fn lets(&self, account: &Account, ahead: u64) -> bool {
        self.eager <= 1 || account.given <= self.at + ahead
    }
}

#[derive(Debug, Default)]
struct Member {
    account: Account,
    waiting: VecDeque<oneshot::Sender<u64>>,
    /// What its calls cost of late.
    usual: u64,
    /// The connection of its last call, and when it was another one for the last time.
    line: u64,
    changed: u64,
}

impl Member {
    fn ahead(&self, now: u64) -> u64 {
        let alone = self.changed + EAGER_NS < now;
        if alone { AHEAD_ALONE_NS } else { AHEAD_NS }
    }

    fn uses(&mut self, line: u64, now: u64) {
        let first = self.line == 0;
        if std::mem::replace(&mut self.line, line) != line && !first {
            self.changed = now;
        }
    }
}

#[derive(Debug, Default)]
struct House {
    account: Account,
    level: Level,
    members: BTreeMap<Option<Uuid>, Member>,
}

impl House {
    /// Counts who is eager, forgets who is gone.
    fn count(&mut self, now: u64, least: u64) -> bool {
        let level = &mut self.level;
        level.rise(least);
        level.eager = 0;
        self.members.retain(|_, member| {
            level.eager += u64::from(member.account.eager(now) || !member.waiting.is_empty());
            kept(&member.account, level, now)
        });
        level.eager > 0
    }
}

fn kept(account: &Account, level: &Level, now: u64) -> bool {
    account.inside > 0 || account.given > level.at || account.seen + FORGET_NS >= now
}

/// All accounts. Times are nanoseconds of one clock that never goes back.
#[derive(Debug)]
pub(super) struct Shares {
    processors: u64,
    houses: BTreeMap<Address, House>,
    level: Level,
    /// Sessions of which calls wait.
    queues: BTreeSet<(Address, Option<Uuid>)>,
    counted: u64,
    released: u64,
    ticking: bool,
}

impl Shares {
    /// Nobody was given anything yet.
    pub(super) fn new(processors: u64) -> Self {
        Self {
            processors,
            houses: BTreeMap::new(),
            level: Level::default(),
            queues: BTreeSet::new(),
            counted: 0,
            released: 0,
            ticking: false,
        }
    }

    /// Whether somebody must begin to look at those that wait.
    pub(super) fn begin_ticking(&mut self) -> bool {
        !std::mem::replace(&mut self.ticking, true)
    }

    /// Whether nobody waits, so that nobody needs to look.
    pub(super) fn end_ticking(&mut self) -> bool {
        self.ticking = !self.queues.is_empty();
        !self.ticking
    }

    fn count(&mut self, now: u64) {
        let passed = now.saturating_sub(self.counted);
        if passed < COUNT_NS {
            return;
        }
        self.counted = now;
        let least = passed.min(FORGET_NS) * self.processors / PROCESSORS_DIVISOR;
        let level = &mut self.level;
        level.rise(least);
        level.eager = 0;
        self.houses.retain(|_, house| {
            level.eager += u64::from(house.count(now, least));
            !house.members.is_empty() || kept(&house.account, level, now)
        });
    }

    /// A call arrives on connection `line`; `busy`: the processors are. At most `most` calls of its
    /// session wait.
    pub(super) fn enter(
        &mut self,
        (who, line): (Who, u64),
        most: usize,
        now: u64,
        busy: bool,
    ) -> Entered {
        self.count(now);
        let house = self.houses.entry(who.address).or_default();
        let member = house.members.entry(who.session).or_default();
        if member.waiting.len() >= most {
            member.waiting.retain(|waiter| !waiter.is_closed());
            if member.waiting.len() >= most {
                return Entered::Full;
            }
        }
        self.level.meet(&mut house.account, now);
        house.level.meet(&mut member.account, now);
        let usual = member.usual.max(CALL_NS);
        member.uses(line, now);
        let lets = self.level.lets(&house.account, AHEAD_TOGETHER_NS)
            && house.level.lets(&member.account, member.ahead(now));
        if member.waiting.is_empty() && (!busy || lets) {
            member.account.reserve(usual, &house.level);
            house.account.reserve(usual, &self.level);
            return Entered::Go(usual);
        }
        let (turn, waiter) = oneshot::channel();
        member.waiting.push_back(turn);
        self.queues.insert((who.address, who.session));
        Entered::Wait(waiter)
    }

    /// More of a call's cost is known; whether its owner should wait before it goes on.
    pub(super) fn goes_on(&mut self, who: Who, cost: u64, now: u64, busy: bool) -> bool {
        self.count(now);
        let house = self.houses.entry(who.address).or_default();
        let member = house.members.entry(who.session).or_default();
        member.account.charge(cost, &mut house.level);
        house.account.charge(cost, &mut self.level);
        (member.account.seen, house.account.seen) = (now, now);
        let lets = self.level.lets(&house.account, AHEAD_TOGETHER_NS)
            && house.level.lets(&member.account, member.ahead(now));
        busy && !lets
    }

    /// A call that entered as `entered` is over.
    pub(super) fn leave(&mut self, entered: Who, bill: Bill, now: u64) {
        let Bill { owner, charged, settled, cost } = bill;
        let same = entered == owner;
        let already = settled + if same { charged } else { 0 };
        let refund = if same { already.saturating_sub(cost) } else { charged };
        if let Some(house) = self.houses.get_mut(&entered.address) {
            house.account.end(refund);
            if let Some(member) = house.members.get_mut(&entered.session) {
                member.account.end(refund);
            }
        }
        let house = self.houses.entry(owner.address).or_default();
        let member = house.members.entry(owner.session).or_default();
        member.usual = (member.usual * 3 + cost) / 4;
        let more = cost.saturating_sub(already);
        member.account.reserve(more, &house.level);
        house.account.reserve(more, &self.level);
        let work = cost.saturating_sub(settled);
        house.level.work += work;
        self.level.work += work;
        (member.account.seen, house.account.seen) = (now, now);
    }

    /// Calls of a client that are here.
    #[cfg(test)]
    pub(super) fn inside(&self, who: Who) -> u32 {
        let member = |house: &House| house.members.get(&who.session).map(|m| m.account.inside);
        self.houses.get(&who.address).and_then(member).unwrap_or(0)
    }

    /// Lets in those whose turn it is; the level rises now and then only.
    pub(super) fn release(&mut self, now: u64, busy: bool) {
        self.count(now);
        if self.queues.is_empty() || busy && self.released == self.counted {
            return;
        }
        self.released = self.counted;
        for (address, session) in std::mem::take(&mut self.queues) {
            if self.release_of((address, session), now, busy) {
                self.queues.insert((address, session));
            }
        }
    }

    /// Whether some of the session still wait.
    fn release_of(&mut self, of: (Address, Option<Uuid>), now: u64, busy: bool) -> bool {
        let Some(house) = self.houses.get_mut(&of.0) else { return false };
        let Some(member) = house.members.get_mut(&of.1) else { return false };
        let usual = member.usual.max(CALL_NS);
        for _ in 0..RELEASE_MAX {
            let lets = self.level.lets(&house.account, AHEAD_TOGETHER_NS)
                && house.level.lets(&member.account, member.ahead(now));
            if busy && !lets {
                break;
            }
            let Some(turn) = member.waiting.pop_front() else { break };
            // Who hung up has no turn.
            if turn.send(usual).is_ok() {
                member.account.reserve(usual, &house.level);
                house.account.reserve(usual, &self.level);
            }
        }
        !member.waiting.is_empty()
    }
}
