//! Who is looked at next when many log in at the same time: addresses take turns, and the users of
//! an address among each other. Who comes waits; only when too many of one address wait already,
//! or somebody waits for too long, there is a refusal.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::fair::Address;

/// Logins that are looked at at the same time. Hashing has a bound of its own, which is smaller:
/// the others ask the operating system.
const AT_ONCE_MAX: usize = 8;
/// Logins of one address that wait.
const WAITING_OF_ONE_MAX: usize = 128;
/// Logins that wait in all.
const WAITING_MAX: usize = 1024;
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest name by which users of an address are told from each other, in bytes.
const USER_BYTES_MAX: usize = 64;

/// Too many logins wait, or this one has waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many logins are waiting; try again in a moment")]
pub struct Crowded;

type Waiter = oneshot::Sender<()>;

/// The logins of one address that wait.
#[derive(Debug, Default)]
struct House {
    waiting: usize,
    order: VecDeque<String>,
    by_user: BTreeMap<String, VecDeque<Waiter>>,
}

impl House {
    fn push(&mut self, user: String, waiter: Waiter) {
        self.waiting += 1;
        if !self.by_user.contains_key(&user) {
            self.order.push_back(user.clone());
        }
        self.by_user.entry(user).or_default().push_back(waiter);
    }

    fn pop(&mut self) -> Option<Waiter> {
        let user = self.order.pop_front()?;
        let line = self.by_user.get_mut(&user)?;
        let waiter = line.pop_front();
        if line.is_empty() {
            self.by_user.remove(&user);
        } else {
            self.order.push_back(user);
        }
        self.waiting -= 1;
        waiter
    }

    /// Who hung up leaves the queue.
    fn sweep(&mut self) {
        for line in self.by_user.values_mut() {
            line.retain(|waiter| !waiter.is_closed());
        }
        self.by_user.retain(|_, line| !line.is_empty());
        self.order.retain(|user| self.by_user.contains_key(user));
        self.waiting = self.by_user.values().map(VecDeque::len).sum();
    }
}

#[derive(Debug, Default)]
struct Queue {
    inside: usize,
    waiting: usize,
    order: VecDeque<Address>,
    houses: BTreeMap<Address, House>,
}

impl Queue {
    /// `None`: it goes on at once.
    fn enter(
        &mut self,
        address: Address,
        user: &str,
    ) -> Result<Option<oneshot::Receiver<()>>, Crowded> {
        if self.inside < AT_ONCE_MAX {
            self.inside += 1;
            return Ok(None);
        }
        if self.is_full(address) {
            self.sweep();
            if self.is_full(address) {
                return Err(Crowded);
            }
        }
        if !self.houses.contains_key(&address) {
            self.order.push_back(address);
        }
        let name = user.get(..user.floor_char_boundary(USER_BYTES_MAX)).unwrap_or_default();
        let (waiter, turn) = oneshot::channel();
        self.houses.entry(address).or_default().push(name.to_owned(), waiter);
        self.waiting += 1;
        Ok(Some(turn))
    }

    fn is_full(&self, address: Address) -> bool {
        let of_one = self.houses.get(&address).map_or(0, |house| house.waiting);
        of_one >= WAITING_OF_ONE_MAX || self.waiting >= WAITING_MAX
    }

    fn sweep(&mut self) {
        self.houses.values_mut().for_each(House::sweep);
        self.houses.retain(|_, house| house.waiting > 0);
        self.order.retain(|address| self.houses.contains_key(address));
        self.waiting = self.houses.values().map(|house| house.waiting).sum();
    }

    fn pop(&mut self) -> Option<Waiter> {
        let address = self.order.pop_front()?;
        let house = self.houses.get_mut(&address)?;
        let waiter = house.pop();
        if house.waiting == 0 {
            self.houses.remove(&address);
        } else {
            self.order.push_back(address);
        }
        self.waiting -= 1;
        waiter
    }

    /// One is done: the next goes on, if somebody still waits.
    fn leave(&mut self) {
        while let Some(waiter) = self.pop() {
            if waiter.send(()).is_ok() {
                return;
            }
        }
        self.inside -= 1;
    }
}

/// The queue. One for the whole process.
#[derive(Debug, Default)]
pub struct Desk(Mutex<Queue>);

/// A login that is looked at; the next one is when this is dropped.
#[derive(Debug)]
pub struct Seat<'d>(&'d Desk);

impl Desk {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a login.
    ///
    /// # Errors
    /// Too many wait already, or it took too long.
    pub async fn turn(&self, address: IpAddr, user: &str) -> Result<Seat<'_>, Crowded> {
        let turn = self.queue().enter(Address::remote(address), user)?;
        let Some(turn) = turn else { return Ok(Seat(self)) };
        let mut waits = Waits { desk: self, turn };
        match timeout(WAIT_MAX, &mut waits.turn).await {
            Ok(Ok(())) => Ok(Seat(self)),
            // It may have been called in this very moment.
            _ => waits.called().ok_or(Crowded),
        }
    }
}

/// A login that waits. Its client may hang up in the very moment in which it is called: the seat that
/// it was given then goes to the next one.
#[derive(Debug)]
struct Waits<'d> {
    desk: &'d Desk,
    turn: oneshot::Receiver<()>,
}

impl<'d> Waits<'d> {
    /// From here on it is not called any more; the seat, if it has been. A call that was taken already
    /// is not given a second time.
    fn called(&mut self) -> Option<Seat<'d>> {
        self.turn.close();
        self.turn.try_recv().is_ok().then(|| Seat(self.desk))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        drop(self.called());
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.queue().leave();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn enter(queue: &mut Queue, last: u8, user: &str) -> Option<oneshot::Receiver<()>> {
        queue.enter(Address::remote(address(last)), user).unwrap()
    }

    #[test]
    fn addresses_take_turns_and_the_users_of_one_too() {
        let mut queue = Queue::default();
        for _ in 0..AT_ONCE_MAX {
            assert!(enter(&mut queue, 1, "root").is_none());
        }
        let mut waiting: Vec<_> =
            (0..WAITING_OF_ONE_MAX).filter_map(|_| enter(&mut queue, 1, "root")).collect();
        assert_eq!(waiting.len(), WAITING_OF_ONE_MAX);
        assert!(queue.enter(Address::remote(address(1)), "alice").is_err(), "too many of one");
        // Who hangs up makes room.
        waiting.truncate(WAITING_OF_ONE_MAX - 1);
        let mut alice = enter(&mut queue, 1, "alice").unwrap();
        let mut other = enter(&mut queue, 2, "bob").unwrap();
        let called = |turn: &mut oneshot::Receiver<()>| turn.try_recv().is_ok();
        queue.leave();
        assert!(called(&mut waiting[0]) && !called(&mut other));
        queue.leave();
        assert!(called(&mut other), "another address is next");
        queue.leave();
        assert!(called(&mut alice), "another user of the first is next");
        drop(waiting);
        for _ in 0..AT_ONCE_MAX {
            queue.leave();
        }
        assert_eq!(
            (queue.inside, queue.waiting, queue.houses.len(), queue.order.len()),
            (0, 0, 0, 0)
        );
    }

    #[test]
    fn all_that_wait_are_bounded() {
        let mut queue = Queue::default();
        let mut turns = Vec::new();
        for number in 0..AT_ONCE_MAX + WAITING_MAX {
            turns.push(enter(&mut queue, u8::try_from(number % 200).unwrap(), "root"));
        }
        assert!(queue.enter(Address::remote(address(250)), "root").is_err());
        turns.clear();
        assert!(queue.enter(Address::remote(address(250)), "root").is_ok());
    }

    #[tokio::test]
    async fn who_hangs_up_in_the_moment_of_its_call_leaves_its_seat_to_the_next() {
        let desk = Desk::default();
        let mut seats = Vec::new();
        for _ in 0..AT_ONCE_MAX {
            seats.push(desk.turn(address(1), "root").await.unwrap());
        }
        let [mut first, mut second] = [1, 2].map(|last| Box::pin(desk.turn(address(last), "root")));
        for waiting in [&mut first, &mut second] {
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        // The first is called, and never looks.
        drop(seats.pop());
        assert_eq!(desk.queue().inside, AT_ONCE_MAX);
        drop(first);
        seats.push(second.await.unwrap());
        drop(seats);
        assert_eq!(desk.queue().inside, 0);
        assert_eq!(desk.queue().waiting, 0);
    }

    #[tokio::test]
    async fn many_at_once_of_one_address_all_have_their_turn() {
        let desk = std::sync::Arc::new(Desk::default());
        let mut logins = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let desk = desk.clone();
            logins.spawn(async move {
                let _seat = desk.turn(address(1), "root").await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            });
        }
        while let Some(done) = logins.join_next().await {
            done.unwrap();
        }
        assert_eq!(desk.queue().inside, 0);
    }
}
