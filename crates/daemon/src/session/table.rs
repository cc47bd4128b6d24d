//! The sessions that are open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use haven_api::events::Subscription;
use haven_model::{Ref, RoleLevel, Subject};
use tokio::sync::watch;
use uuid::Uuid;

/// Seconds without a call after which a session ends.
const IDLE_S_MAX: i64 = 24 * 3600;
/// Sessions of one user name, and of one originator.
const SESSIONS_MAX: usize = 500;
/// Sessions that were ended on purpose and are remembered, so that no cookie opens them again.
const ENDED_MAX: usize = 10_000;
/// `last_active` is refreshed at most this often, in seconds.
const REFRESH_S: i64 = 600;

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `auth_user_name`.
    pub user: String,
    /// `originator`.
    pub originator: String,
    /// What the user may do; [`RoleLevel::LocalRootOnly`]: root of the pool, everything.
    pub role: RoleLevel,
    /// The user's row, unless it is root.
    pub subject: Ref<Subject>,
}

impl Login {
    /// Root of the pool.
    #[must_use]
    pub fn root(user: &str, originator: &str) -> Self {
        Self {
            user: user.to_owned(),
            originator: originator.to_owned(),
            role: RoleLevel::LocalRootOnly,
            subject: Ref::NULL,
        }
    }
}

/// One session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its identity; the reference is `OpaqueRef:<id>`.
    pub id: Uuid,
    /// `auth_user_name`.
    pub user: String,
    /// `originator`.
    pub originator: String,
    /// What it may do now.
    pub role: RoleLevel,
    /// The user's row, unless it is root.
    pub subject: Ref<Subject>,
    /// Seconds since 1970.
    pub created: i64,
    /// Seconds since 1970, accurate to ten minutes.
    pub last_active: i64,
    /// Becomes true when it ends: blocked calls wake up.
    pub closed: watch::Receiver<bool>,
}

impl Session {
    /// Whether it is root's.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.role == RoleLevel::LocalRootOnly
    }

    /// Waits until the session ends.
    pub async fn ended(&self) {
        let mut closed = self.closed.clone();
        // An error means that the table dropped it, which is the same.
        let _ended = closed.wait_for(|closed| *closed).await;
    }
}

/// What `event.next` tells a session.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// What was registered.
    pub wanted: Subscription,
    /// Up to which generation it was told.
    pub generation: u64,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    followed: Option<Followed>,
    /// Counts calls, to find the session that was used longest ago.
    used: u64,
    close: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<Uuid, Entry>,
    uses: u64,
    ended: VecDeque<Uuid>,
}

/// All sessions of this coordinator.
#[derive(Debug, Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

impl Sessions {
    /// Opens a session; the one used longest ago gives way when there are too many of this user
    /// or originator.
    pub fn open(&self, login: Login, now: i64) -> Session {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open(Uuid::new_v4(), login, now)
    }

    /// The session of this identity, opened again if another coordinator opened it first; `None`
    /// if it was ended on purpose. The caller knows that the user signed in under it.
    pub fn resume(&self, id: Uuid, login: Login, now: i64) -> Option<Session> {
        if let Some(session) = self.get(id, now) {
            return (session.user == login.user).then_some(session);
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (!inner.ended.contains(&id)).then(|| inner.open(id, login, now))
    }

    /// Ends a session for good: it cannot be resumed.
    pub fn end(&self, id: Uuid) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.close(id);
        inner.ended.push_back(id);
        if inner.ended.len() > ENDED_MAX {
            inner.ended.pop_front();
        }
    }

    /// The session, if it is open; counts as a use.
    pub fn get(&self, id: Uuid, now: i64) -> Option<Session> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.uses += 1;
        let used = inner.uses;
        let entry = inner.entries.get_mut(&id)?;
        if now - entry.session.last_active > IDLE_S_MAX + REFRESH_S {
            inner.close(id);
            return None;
        }
        if now - entry.session.last_active >= REFRESH_S {
            entry.session.last_active = now;
        }
        entry.used = used;
        Some(entry.session.clone())
    }

    /// Looks at or changes what `event.next` tells a session; `None`: it has ended.
    pub fn follow<T>(&self, id: Uuid, work: impl FnOnce(&mut Option<Followed>) -> T) -> Option<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.get_mut(&id).map(|entry| work(&mut entry.followed))
    }

    /// Whether there is such a session, without counting as a use.
    pub fn is_open(&self, id: Uuid) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.contains_key(&id)
    }

    /// Ends a session; false if there was none.
    pub fn close(&self, id: Uuid) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).close(id)
    }

    /// Ends all sessions of a user, root's aside.
    pub fn close_subject(&self, subject: Ref<Subject>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.close_where(|session| session.subject == subject && !session.is_root());
    }

    /// Gives all sessions of a user another role, at once.
    pub fn set_role(&self, subject: Ref<Subject>, role: RoleLevel) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |entry: &&mut Entry| entry.session.subject == subject && !entry.session.is_root();
        inner.entries.values_mut().filter(own).for_each(|entry| entry.session.role = role);
    }

    /// Ends all sessions: this host is no longer the coordinator.
    pub fn close_all(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).close_where(|_| true);
    }

    /// All open sessions.
    pub fn all(&self) -> Vec<Session> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.entries.values().map(|entry| entry.session.clone()).collect()
    }
}

impl Inner {
    fn open(&mut self, id: Uuid, login: Login, now: i64) -> Session {
        self.drop_idle(now);
        self.make_room(|session| session.user == login.user);
        self.make_room(|session| session.originator == login.originator);
        let (close, closed) = watch::channel(false);
        let session = Session {
            id,
            user: login.user,
            originator: login.originator,
            role: login.role,
            subject: login.subject,
            created: now,
            last_active: now,
            closed,
        };
        self.uses += 1;
        let used = self.uses;
        self.entries
            .insert(session.id, Entry { session: session.clone(), followed: None, used, close });
        session
    }

    fn close(&mut self, id: Uuid) -> bool {
        let Some(entry) = self.entries.remove(&id) else { return false };
        entry.close.send_replace(true);
        true
    }

    fn close_where(&mut self, which: impl Fn(&Session) -> bool) {
        let ids: Vec<Uuid> = self
            .entries
            .values()
            .filter(|entry| which(&entry.session))
            .map(|entry| entry.session.id)
            .collect();
        for id in ids {
            self.close(id);
        }
    }

    fn drop_idle(&mut self, now: i64) {
        self.close_where(|session| now - session.last_active > IDLE_S_MAX + REFRESH_S);
    }

    fn make_room(&mut self, which: impl Fn(&Session) -> bool) {
        while self.entries.values().filter(|entry| which(&entry.session)).count() >= SESSIONS_MAX {
            let oldest = self
                .entries
                .values()
                .filter(|entry| which(&entry.session))
                .min_by_key(|entry| entry.used)
                .map(|entry| entry.session.id);
            let Some(oldest) = oldest else { return };
            self.close(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_used_longest_ago_gives_way() {
        let sessions = Sessions::default();
        let first = sessions.open(Login::root("root", "a"), 0);
        let second = sessions.open(Login::root("root", "a"), 0);
        for _ in 2..SESSIONS_MAX {
            sessions.open(Login::root("root", "a"), 1);
        }
        assert!(sessions.get(first.id, 1).is_some());
        sessions.open(Login::root("root", "b"), 2);
        assert!(sessions.get(first.id, 2).is_some());
        assert!(sessions.get(second.id, 2).is_none());
        assert_eq!(sessions.all().len(), SESSIONS_MAX);
    }

    #[test]
    fn an_idle_session_ends_and_a_used_one_does_not() {
        let sessions = Sessions::default();
        let idle = sessions.open(Login::root("root", ""), 0);
        let used = sessions.open(Login::root("root", ""), 0);
        for hour in 1..48 {
            assert!(sessions.get(used.id, hour * 3600).is_some());
        }
        assert!(sessions.get(idle.id, 48 * 3600).is_none());
    }

    #[test]
    fn a_session_is_resumed_unless_it_was_ended() {
        let (sessions, id) = (Sessions::default(), Uuid::from_u128(7));
        let login = |user| Login::root(user, "web");
        assert_eq!(sessions.resume(id, login("root"), 0).unwrap().id, id);
        assert!(sessions.resume(id, login("somebody"), 0).is_none(), "it is root's");
        sessions.close_all();
        assert!(sessions.resume(id, login("root"), 1).is_some(), "the next coordinator");
        sessions.end(id);
        assert!(sessions.resume(id, login("root"), 2).is_none());
    }

    #[tokio::test]
    async fn closing_wakes_who_waits() {
        let sessions = Sessions::default();
        let session = sessions.open(Login::root("root", ""), 0);
        let waiter = tokio::spawn(async move { session.ended().await });
        sessions.close_all();
        tokio::time::timeout(std::time::Duration::from_secs(5), waiter).await.unwrap().unwrap();
    }
}
