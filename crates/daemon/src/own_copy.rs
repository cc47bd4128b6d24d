//! The coordinator's own copy of the pool database, on its own disk.
//!
//! Owns: when it is written: after changes that are durable already, on a thread of its own, so that
//! nobody's answer waits for it. It is a witness like a member's copy, the only one of a host that is
//! alone: what it holds was durable where the pool's database lies, so a database that is older is not
//! the newest. One that is behind, or torn, tells less and never anything wrong. Its files are those of a
//! member's copy ([`crate::replica`]), as a coordinator becomes a member and a member coordinator.

use std::sync::Arc;
use std::time::Duration;

use haven_model::ApiError;
use haven_pooldb::Image;
use tokio::time::sleep;

use crate::orders::Term;
use crate::replica::{Replica, ReplicaError, first_link, next_link};
use crate::state::{AppState, PoolDb};

/// Changes within this time are kept together: what a rollback may take along unnoticed, if nobody
/// else has a copy.
const GATHER: Duration = Duration::from_millis(50);
/// Pause after a copy that could not be kept.
const RETRY: Duration = Duration::from_secs(2);

/// What this process knows to be kept.
#[derive(Debug)]
struct Known {
    /// Of this opening of the database: another one may be of another history.
    opening: u64,
    generation: u64,
    /// Checksum of the copy and all changes that it took since.
    link: String,
}

/// Why there is no copy of what is newest.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// This host may not act at this moment.
    #[error("no right to act")]
    NoTerm,
    #[error("the thread broke off: {0}")]
    Thread(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Keeps a copy after each change while this host coordinates; runs for ever.
pub async fn run(state: Arc<AppState>) {
    let mut generation = state.pool.watch();
    // The database may be open already.
    generation.mark_changed();
    let (mut known, mut told) = (None, false);
    while generation.changed().await.is_ok() {
        generation.borrow_and_update();
        match keep(&state, known.take()).await {
            Ok(kept) => {
                (known, told) = (kept, false);
                sleep(GATHER).await;
            }
            Err(failure) => {
                if !told && !matches!(failure, Failure::NoTerm) {
                    tracing::warn!(%failure, "this host cannot keep its own copy of the database");
                    told = true;
                }
                sleep(RETRY).await;
                generation.mark_changed();
            }
        }
    }
}

async fn keep(state: &Arc<AppState>, known: Option<Known>) -> Result<Option<Known>, Failure> {
    if !state.pool.is_open() {
        return Ok(None);
    }
    let term = state.authority.term().map_err(|_| Failure::NoTerm)?;
    let (pool, replica) = (state.pool.clone(), state.agent().replica().clone());
    let kept = tokio::task::spawn_blocking(move || bring_up_to_date(&pool, &replica, term, known));
    Ok(kept.await??)
}

/// Adds what the copy lacks, or writes it anew. `None`: there is no database here any more.
fn bring_up_to_date(
    pool: &PoolDb,
    replica: &Replica,
    term: Term,
    known: Option<Known>,
) -> Result<Option<Known>, ReplicaError> {
    if let Some(known) = known
        && let Some(kept) = follow(pool, replica, term, known)?
    {
        return Ok(Some(kept));
    }
    // Readers and writers go on while it is made into text.
    let Some((opening, image)) = pool.look(|db, opening| (opening, Image::mirror(db))) else {
        return Ok(None);
    };
    let text = serde_json::to_string(&image.export()?)?;
    replica.store_own(term, image.generation(), &text)?;
    Ok(Some(Known { opening, generation: image.generation(), link: first_link(&text) }))
}

/// `None`: it must be written anew.
fn follow(
    pool: &PoolDb,
    replica: &Replica,
    term: Term,
    known: Known,
) -> Result<Option<Known>, ReplicaError> {
    let changes = pool.look(|db, opening| {
        let same = opening == known.opening;
        same.then(|| (db.generation(), db.batch_since(known.generation)))
    });
    let Some((generation, batch)) = changes.flatten() else { return Ok(None) };
    if generation == known.generation {
        return Ok(Some(known));
    }
    let Some(batch) = batch? else { return Ok(None) };
    let text = serde_json::to_string(&batch)?;
    let kept = replica.follow(term, generation, (&known.link, &text))?;
    let link = || next_link(&known.link, &text);
    Ok(kept.then(|| Known { opening: known.opening, generation, link: link() }))
}

/// The local database, if this host's copy is no newer: what that holds was durable in the pool.
///
/// # Errors
/// `DATABASE_ROLLED_BACK`: the database was put back, or the pool went on elsewhere since.
pub async fn witnessed(state: &Arc<AppState>, found: u64) -> Result<(), ApiError> {
    // Without a copy that can be read nothing is known.
    let known = crate::copies::own(state).await.map_or(0, |copy| copy.generation);
    match known > found {
        true => Err(ApiError::with(haven_model::codes::DATABASE_ROLLED_BACK, &[&found, &known])),
        false => Ok(()),
    }
}
