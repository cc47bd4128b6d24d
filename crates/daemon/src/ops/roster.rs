//! Who is in the pool, as the database has it.
//!
//! Owns: what a coordinator must know of joining and leaving hosts that its predecessor had no time to
//! tell it. `host.json` lists the members on every host, and messages change it, which may be lost; whom
//! the pool took in or out stands in the database, in the very commit that makes or removes the host's
//! row. Never takes out a host because nothing is known of it: a database may be put back from a backup.
//! A coordinator of an earlier version changes the rows alone: where both differ, the rows are right.

use std::sync::Arc;

use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Ref};
use haven_pooldb::{Image, Tx};
use serde::{Deserialize, Serialize};

use super::init::{secret, set_secret};
use super::membership;
use crate::identity::Member;
use crate::state::AppState;

/// Key of the secret that holds it.
const KEY: &str = "pool/roster";
/// Hosts that were taken out and are remembered; the oldest go first.
const GONE_MAX: usize = 256;
/// How often is looked again because the roster changed meanwhile.
const LOOKS_MAX: u32 = 5;

/// Whom the pool has taken in, and out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Roster {
    members: Vec<Member>,
    gone: Vec<HostId>,
}

impl Roster {
    fn of(db: &Image) -> Result<Self, ApiError> {
        let Some(text) = secret(db, KEY) else { return Ok(Self::default()) };
        serde_json::from_str(&text).map_err(ApiError::internal)
    }

    fn write(&self, tx: &mut Tx<'_>) -> Result<(), ApiError> {
        set_secret(tx, KEY, &serde_json::to_string(self).map_err(ApiError::internal)?)
    }

    fn knows(&self, host: HostId) -> bool {
        self.members.iter().any(|member| member.host == host)
    }

    fn put(&mut self, member: &Member) {
        self.members.retain(|known| known.host != member.host);
        self.gone.retain(|gone| *gone != member.host);
        self.members.push(member.clone());
    }

    fn take(&mut self, host: HostId) {
        self.members.retain(|known| known.host != host);
        self.gone.retain(|gone| *gone != host);
        self.gone.push(host);
        let excess = self.gone.len().saturating_sub(GONE_MAX);
        self.gone.drain(..excess);
    }

    /// What of it the rows bear out. A host on which the newest epoch counts is not gone in any case: it
    /// would lose its place while it runs something.
    fn borne_out(mut self, db: &Image, counts: impl Fn(HostId) -> bool) -> Self {
        self.members.retain(|member| has_row(db, member.host));
        self.gone.retain(|gone| !has_row(db, *gone) && !counts(*gone));
        self
    }

    /// Brings a list of members in line with it.
    fn apply(&self, listed: &mut Vec<Member>) {
        listed.retain(|member| !self.gone.contains(&member.host));
        for member in &self.members {
            if listed.iter().all(|known| known.host != member.host) {
                listed.push(member.clone());
            }
        }
    }
}

/// A host is a member, at this address, from this commit on.
///
/// # Errors
/// The database refuses.
pub(super) fn take_in(tx: &mut Tx<'_>, member: &Member) -> Result<(), ApiError> {
    let mut roster = Roster::of(tx)?;
    roster.put(member);
    roster.write(tx)
}

/// A host is a member no more.
///
/// # Errors
/// The database refuses.
pub(super) fn take_out(tx: &mut Tx<'_>, host: HostId) -> Result<(), ApiError> {
    let mut roster = Roster::of(tx)?;
    roster.take(host);
    roster.write(tx)
}

/// Brings this host's list of members in line with the database, tells it to the members, and notes
/// whom a database of an earlier version does not name.
///
/// # Errors
/// The database refuses, or `host.json` cannot be written.
pub async fn settle(state: &Arc<AppState>) -> Result<(), ApiError> {
    let armed = state.authority.armed().is_some();
    let counts = |host: HostId| armed && state.is_member(Ref::from_uuid(host.0));
    for _ in 0..LOOKS_MAX {
        let known = state.pool.read(|db| Ok::<_, ApiError>(Roster::of(db)?.borne_out(db, counts)));
        let roster = known.await??;
        let mut listed = listed(state);
        let before = listed.clone();
        roster.apply(&mut listed);
        if listed == before {
            break;
        }
        tracing::info!(members = listed.len(), "the database knows who joined or left before");
        membership::announce(state, |members| roster.apply(members))?;
    }
    let members = listed(state);
    let known = members.clone();
    let missing = move |db: &Image| Ok::<_, ApiError>(unnamed(db, &Roster::of(db)?, &known));
    if state.pool.read(missing).await??.is_empty() {
        return Ok(());
    }
    state
        .pool
        .write(move |tx| {
            let mut roster = Roster::of(tx)?;
            let missing = unnamed(tx, &roster, &members);
            missing.iter().for_each(|member| roster.put(member));
            roster.write(tx)
        })
        .await
}

fn listed(state: &AppState) -> Vec<Member> {
    state.identity.pool().map(|pool| pool.members).unwrap_or_default()
}

fn has_row(db: &Image, host: HostId) -> bool {
    db.get(Ref::<Host>::from_uuid(host.0)).is_some()
}

/// Listed hosts with a row that the roster does not name.
fn unnamed(db: &Image, roster: &Roster, listed: &[Member]) -> Vec<Member> {
    let missing = listed.iter();
    let missing = missing.filter(|known| !roster.knows(known.host) && has_row(db, known.host));
    missing.cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use haven_pooldb::{Database, MemStore};
    use uuid::Uuid;

    use super::*;

    fn member(n: u8) -> Member {
        Member {
            host: HostId(Uuid::from_u128(n.into())),
            name: format!("h{n}"),
            address: IpAddr::from([10, 0, 0, n]),
            api_port: 443,
            peer_port: 7443,
        }
    }

    #[test]
    fn only_who_was_taken_out_is_taken_off_a_list() {
        let mut roster = Roster::default();
        roster.put(&member(1));
        roster.put(&member(3));
        roster.take(member(2).host);
        // 4 is in no list of a database that was put back from a backup.
        let mut listed = vec![member(1), member(2), member(4)];
        roster.apply(&mut listed);
        assert_eq!(listed, [member(1), member(4), member(3)]);
        // What it says of addresses may be older than the list.
        let moved = Member { address: IpAddr::from([10, 0, 0, 77]), ..member(1) };
        let mut listed = vec![moved.clone()];
        roster.apply(&mut listed);
        assert_eq!(listed, [moved, member(3)]);
        roster.put(&member(2));
        roster.apply(&mut listed);
        assert_eq!(listed.last(), Some(&member(2)), "it came back");
    }

    /// A coordinator of an earlier version took out 1, and 2 came back under it: the roster knows neither.
    #[test]
    fn where_it_differs_from_the_rows_they_are_right() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let row = |n: u8| Ref::<Host>::from_uuid(member(n).host.0);
        db.transact(|tx| {
            tx.insert_with(row(2), Host::default())?;
            tx.insert_with(row(4), Host::default())
        })
        .unwrap();
        let mut roster = Roster::default();
        [1, 4].iter().for_each(|n| roster.put(&member(*n)));
        [2, 3, 5].iter().for_each(|n| roster.take(member(*n).host));
        let counts = |host: HostId| host == member(5).host;
        let roster = roster.borne_out(&db, counts);
        let mut listed = vec![member(2), member(3), member(5)];
        roster.apply(&mut listed);
        assert_eq!(listed, [member(2), member(5), member(4)]);
    }

    #[test]
    fn of_those_who_were_taken_out_the_newest_are_remembered() {
        let mut roster = Roster::default();
        let host = |n: usize| HostId(Uuid::from_u128(n as u128));
        (0..=GONE_MAX).for_each(|n| roster.take(host(n)));
        assert_eq!((roster.gone.len(), roster.gone[0]), (GONE_MAX, host(1)));
    }
}
