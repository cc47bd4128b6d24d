//! Copies of the pool database on the members.
//!
//! Owns: when a copy is sent, and what of it: the changes since what a member is known to have,
//! or, to a member of which nothing is known, everything. With high availability off the copies
//! are what an administrator promotes by hand when the coordinator is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use haven_cluster::ids::HostId;
use haven_model::ApiError;
use haven_pooldb::StoreError;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::orders::{Order, OrderReply};
use crate::replica::{first_link, next_link};
use crate::state::{AppState, PoolDb};

/// Changes within this time go out together.
const GATHER: Duration = Duration::from_millis(500);
/// Pause after the first copy that a member did not take: most have just started. Each further one
/// doubles it.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Whole copies that are on their way at a time.
const WHOLES_MAX: usize = 4;

/// What a member is known to have.
#[derive(Clone, Debug)]
struct Acknowledged {
    /// Of this opening of the database: another one may be of another history.
    opening: u64,
    generation: u64,
    /// Checksum of the copy and all changes that it took since.
    link: String,
}

type Place = Arc<tokio::sync::Mutex<Option<Acknowledged>>>;

/// Changes since a generation (0: everything) as text.
#[derive(Debug)]
struct Packed {
    opening: u64,
    since: u64,
    generation: u64,
    text: Box<str>,
}

/// What the members are known to have; one copy at a time is on its way to each.
#[derive(Clone, Debug)]
pub struct Copies {
    members: Arc<Mutex<BTreeMap<HostId, Place>>>,
    /// Most members lack the same: what is on its way to one is not written anew for the others.
    packed: Arc<Mutex<Vec<Weak<Packed>>>>,
    wholes: Arc<Semaphore>,
}

impl Default for Copies {
    fn default() -> Self {
        let wholes = Arc::new(Semaphore::new(WHOLES_MAX));
        Self { members: Arc::default(), packed: Arc::default(), wholes }
    }
}

impl Copies {
    fn of(&self, member: HostId) -> Place {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.entry(member).or_default().clone()
    }

    fn keep_only(&self, members: &[HostId]) {
        let mut known = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|member, _| members.contains(member));
    }

    /// What somebody lacks who has `known`; `None`: that is of another time.
    async fn changes(
        &self,
        pool: &PoolDb,
        known: &Acknowledged,
    ) -> Result<Option<Arc<Packed>>, ApiError> {
        pool.read(|db| {
            let opening = pool.opening();
            if opening != known.opening {
                return Ok(None);
            }
            let pack = || Ok(db.batch_since(known.generation)?.map(|batch| text(&batch)));
            self.packed((opening, known.generation, db.generation()), pack)
        })
        .await?
    }

    async fn whole(&self, pool: &PoolDb) -> Result<Arc<Packed>, ApiError> {
        let packed = pool.read(|db| {
            let pack = || Ok(Some(text(&db.export()?)));
            self.packed((pool.opening(), 0, db.generation()), pack)
        });
        packed.await??.ok_or_else(|| ApiError::internal("there is no database"))
    }

    /// As somebody else holds it, else made now.
    fn packed(
        &self,
        (opening, since, generation): (u64, u64, u64),
        pack: impl FnOnce() -> Result<Option<Result<String, ApiError>>, StoreError>,
    ) -> Result<Option<Arc<Packed>>, ApiError> {
        let mut all = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|packed| packed.strong_count() > 0);
        let fits = |packed: &Arc<Packed>| {
            (packed.opening, packed.since, packed.generation) == (opening, since, generation)
        };
        if let Some(found) = all.iter().filter_map(Weak::upgrade).find(fits) {
            return Ok(Some(found));
        }
        let Some(text) = pack().map_err(ApiError::internal)? else { return Ok(None) };
        let text = text?.into_boxed_str();
        let packed = Arc::new(Packed { opening, since, generation, text });
        all.push(Arc::downgrade(&packed));
        Ok(Some(packed))
    }
}

fn text(value: &impl serde::Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(ApiError::internal)
}

/// Members that did not take their last copy.
#[derive(Debug, Default)]
struct Pauses(BTreeMap<HostId, Pause>);

#[derive(Debug)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl Pauses {
    fn failed(&mut self, member: HostId, now: Instant) {
        let longer = |pause: &Pause| (pause.length * 2).min(RETRY_MAX);
        let length = self.0.get(&member).map_or(RETRY_FIRST, longer);
        self.0.insert(member, Pause { length, until: now + length });
    }

    fn taken(&mut self, member: HostId) {
        self.0.remove(&member);
    }

    fn holds(&self, member: HostId, now: Instant) -> bool {
        self.0.get(&member).is_some_and(|pause| now < pause.until)
    }

    /// When the next one after `looked` is over.
    fn next(&self, looked: Instant) -> Option<Instant> {
        self.0.values().map(|pause| pause.until).filter(|until| looked < *until).min()
    }

    fn keep_only(&mut self, members: &[HostId]) {
        self.0.retain(|member, _| members.contains(member));
    }
}

/// Sends copies after each change, several changes at once; runs for ever. A member that does not
/// answer holds up no other.
pub async fn run(state: Arc<AppState>) {
    let mut generation = state.pool.watch();
    let mut sends: JoinSet<(HostId, Result<(), ApiError>)> = JoinSet::new();
    let mut under_way: BTreeMap<HostId, u64> = BTreeMap::new();
    let mut pauses = Pauses::default();
    // What was due then was seen to.
    let mut looked = Instant::now();
    loop {
        let pause = pauses.next(looked);
        tokio::select! {
            changed = generation.changed() => {
                if changed.is_err() {
                    return;
                }
                sleep(GATHER).await;
            }
            Some(ended) = sends.join_next() => {
                // A send that broke off has no name; all that are left are asked again.
                let Ok((member, result)) = ended else { under_way.clear(); continue };
                let sent = under_way.remove(&member);
                if let Err(error) = result {
                    tracing::debug!(%error, member = %member.0, "no copy of the database there");
                    pauses.failed(member, Instant::now());
                    continue;
                }
                pauses.taken(member);
                if sent == Some(*generation.borrow()) {
                    continue;
                }
            }
            () = sleep_until(pause.unwrap_or_else(Instant::now)), if pause.is_some() => {}
        }
        let now = *generation.borrow_and_update();
        looked = Instant::now();
        if !state.may_act() {
            continue;
        }
        let members = others(&state);
        pauses.keep_only(&members);
        for member in members {
            if under_way.contains_key(&member) || pauses.holds(member, looked) {
                continue;
            }
            under_way.insert(member, now);
            let state = state.clone();
            sends.spawn(async move { (member, send(&state, member).await) });
        }
    }
}

/// Sends what they lack to all members, now.
///
/// # Errors
/// A member did not take it.
pub async fn push(state: &Arc<AppState>) -> Result<(), ApiError> {
    let mut sends = JoinSet::new();
    for member in others(state) {
        let state = state.clone();
        sends.spawn(async move { send(&state, member).await });
    }
    let mut result = Ok(());
    while let Some(sent) = sends.join_next().await {
        result = sent.map_err(ApiError::internal).flatten().and(result);
    }
    result
}

fn others(state: &AppState) -> Vec<HostId> {
    let here = state.identity.host();
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let others: Vec<_> = members.into_iter().map(|m| m.host).filter(|m| *m != here).collect();
    state.copies.keep_only(&others);
    others
}

/// Brings one member up to date.
async fn send(state: &Arc<AppState>, member: HostId) -> Result<(), ApiError> {
    let place = state.copies.of(member);
    let mut place = place.lock().await;
    // Whatever goes wrong from here on: nothing is known of the member then.
    let known = place.take();
    let sent = match &known {
        Some(known) => changes(state, member, known).await?,
        None => None,
    };
    *place = Some(match sent {
        Some(known) => known,
        None => whole(state, member).await?,
    });
    Ok(())
}

/// Sends the changes since what the member has; `None`: it must have everything.
async fn changes(
    state: &Arc<AppState>,
    member: HostId,
    known: &Acknowledged,
) -> Result<Option<Acknowledged>, ApiError> {
    let Some(packed) = state.copies.changes(&state.pool, known).await? else { return Ok(None) };
    if packed.generation == known.generation {
        return Ok(Some(known.clone()));
    }
    let order = Order::UpdateReplica {
        generation: packed.generation,
        on: known.link.clone(),
        batch: packed.text.to_string(),
    };
    // A member that does not know this order, or did not keep it, gets everything.
    let kept = matches!(state.orders.send(member, order).await, Ok(OrderReply::Kept(true)));
    Ok(kept.then(|| Acknowledged {
        opening: known.opening,
        generation: packed.generation,
        link: next_link(&known.link, &packed.text),
    }))
}

async fn whole(state: &Arc<AppState>, member: HostId) -> Result<Acknowledged, ApiError> {
    let _turn = state.copies.wholes.acquire().await.map_err(ApiError::internal)?;
    let packed = state.copies.whole(&state.pool).await?;
    let link = first_link(&packed.text);
    let (generation, snapshot) = (packed.generation, packed.text.to_string());
    state
        .orders
        .send(member, Order::StoreReplica { generation, snapshot })
        .await
        .map_err(ApiError::internal)?;
    Ok(Acknowledged { opening: packed.opening, generation, link })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_member_that_starts_has_its_copy_soon_and_one_that_stays_away_costs_little() {
        let (member, other) = (HostId(Uuid::from_u128(1)), HostId(Uuid::from_u128(2)));
        let mut pauses = Pauses::default();
        let mut now = Instant::now();
        let mut seconds = Vec::new();
        for _ in 0..6 {
            assert!(!pauses.holds(member, now));
            pauses.failed(member, now);
            assert!(pauses.holds(member, now) && !pauses.holds(other, now));
            let next = pauses.next(now).unwrap();
            seconds.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10]);
        assert_eq!(pauses.next(now), None, "that one was seen to");
        pauses.taken(member);
        pauses.failed(member, now);
        assert_eq!(pauses.next(now), Some(now + RETRY_FIRST), "from the beginning");
        pauses.keep_only(&[other]);
        assert_eq!(pauses.next(now), None);
    }
}
