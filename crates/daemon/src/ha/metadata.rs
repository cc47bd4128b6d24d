//! How the metadata volume is while this host writes the pool database there.
//!
//! Owns: noticing that the volume is gone, full, damaged, rolled back or slow; having it mended from
//! memory; and the alert about it: raised once when it begins, taken back once when it is over. An
//! alert is a row of that same database: where it cannot be written, `haven ha status` and the log
//! say so at once, and the alert follows as soon as the volume takes a change.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use haven_model::{ApiError, Message, MessageClass, Ref, alerts};
use haven_pooldb::{Seal, StoreError, Tx};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::area::{METADATA_BYTES, Volume};
use super::takeover::{self, Ha};
use crate::agent::permit::PermitGate;
use crate::ops::{message, rows};
use haven_failover::Held;

/// How often the volume is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// An answer, or a change, that takes longer is a trouble.
const SLOW: Duration = Duration::from_secs(5);
/// A trouble is over when nothing was seen of it for so long.
const QUIET: Duration = Duration::from_secs(15);

/// Words of an area that is too small.
const AREA_FULL: &str = "were needed";

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be read or written.
    Unreadable,
    /// There is no room.
    Full,
    /// What it holds is not what was written.
    Damaged,
    /// It holds an older database, or another's.
    RolledBack,
    /// It takes too long.
    Slow,
}

impl Trouble {
    /// What the words of a failed commit mean.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if has(&["No space left", AREA_FULL, "quota"]) {
            Self::Full
        } else if has(&["something else than was written"]) {
            Self::RolledBack
        } else {
            Self::Unreadable
        }
    }

    /// Whether a store says that an area cannot hold so much, however much room its volume has.
    #[must_use]
    pub fn is_small_area(error: &StoreError) -> bool {
        error.to_string().contains(AREA_FULL)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "cannot be read or written",
            Self::Full => "has no room",
            Self::Damaged => "does not hold what was written there",
            Self::RolledBack => "holds an older database, or that of another host",
            Self::Slow => "takes too long to answer",
        }
    }
}

impl From<&StoreError> for Trouble {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) | StoreError::Damaged { .. } | StoreError::Gap { .. } => {
                Self::Damaged
            }
            StoreError::Older { .. } | StoreError::Foreign { .. } => Self::RolledBack,
            StoreError::Io(text) => Self::of(text),
            StoreError::SchemaTooNew { .. } => Self::Unreadable,
        }
    }
}

#[derive(Clone, Debug)]
struct Open {
    kind: Trouble,
    text: String,
    since_ms: u64,
    /// When anything was seen of it last.
    seen: Instant,
    /// The alert is written.
    told: bool,
}

#[derive(Debug, Default)]
struct Inner {
    open: Option<Open>,
    must_mend: bool,
}

/// What is known of the volume. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Inner>>);

impl Health {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is wrong. True when that is news.
    pub(super) fn fails(&self, kind: Trouble, text: &str) -> bool {
        let mut inner = self.lock();
        let seen = Instant::now();
        match &mut inner.open {
            Some(open) if open.kind == kind => {
                (open.seen, open.text) = (seen, text.to_owned());
                false
            }
            Some(open) => {
                (open.seen, open.kind, open.text) = (seen, kind, text.to_owned());
                true
            }
            None => {
                let (since_ms, text) = (super::wall_ms(), text.to_owned());
                inner.open = Some(Open { kind, text, since_ms, seen, told: false });
                true
            }
        }
    }

    /// A take-over failed, perhaps for what is known already. True when that is news.
    pub(super) fn hinders(&self, error: &ApiError) -> bool {
        let known =
            self.lock().open.as_ref().is_some_and(|open| open.seen.elapsed() < LOOK_INTERVAL);
        !known && self.fails(Trouble::Unreadable, &error.to_string())
    }

    /// What the volume holds is not what this host wrote: it is to be written anew from memory.
    pub(super) fn must_mend(&self) -> bool {
        self.lock().must_mend
    }

    /// The database is open on the volume again.
    pub(super) fn opened(&self) {
        self.lock().must_mend = false;
    }

    /// This host writes there no more.
    fn forget(&self) {
        *self.lock() = Inner::default();
    }

    /// One sentence, if something is wrong.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let open = self.lock().open.clone()?;
        Some(format!("The metadata volume {} ({}).", open.kind.words(), open.text))
    }
}

/// Looks until `stop`.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    let mut look = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let acts = ha.link.armed().is_some_and(|view| view.may_act);
        let held = ha.held().await;
        let Held::Area(area) = held else {
            // Who takes over, or is between two areas, keeps what it knows.
            if !acts {
                ha.health.forget();
            }
            continue;
        };
        look = examine(&ha, area, look).await;
        if let Err(error) = tell(&ha).await {
            tracing::debug!(%error, "the state of the metadata volume could not be written down");
        }
    }
}

/// A question to the volume that is not answered yet, and what the answer must say at least.
struct Look {
    answer: JoinHandle<Result<Seal, StoreError>>,
    generation: u64,
}

/// Asks the volume, by its path, for the seal of the live area. One question is out at a time.
async fn examine(ha: &Ha, area: u8, pending: Option<Look>) -> Option<Look> {
    let waited = ha.state.pool.waiting_for();
    if waited > SLOW {
        let text = format!("a change has waited for {} s", waited.as_secs());
        complain(ha, Trouble::Slow, &text);
    }
    let mut look = match pending {
        Some(look) => look,
        None => ask(ha, area).await?,
    };
    let Ok(answer) = tokio::time::timeout(SLOW, &mut look.answer).await else {
        complain(ha, Trouble::Slow, "a question has not been answered");
        return Some(look);
    };
    let Ok(answer) = answer else { return None };
    let trouble = judge(ha, answer, look.generation)?;
    complain(ha, Trouble::from(&trouble), &trouble.to_string());
    ha.health.lock().must_mend = true;
    None
}

async fn ask(ha: &Ha, area: u8) -> Option<Look> {
    // What readers see is sealed.
    let generation = ha.state.pool.read(|db| db.generation()).await.ok()?;
    let path = takeover::metadata(ha).ok()?;
    let question = move || Volume::open(&path)?.seal(area);
    Some(Look { answer: tokio::task::spawn_blocking(question), generation })
}

/// What is wrong with the answer.
fn judge(ha: &Ha, answer: Result<Seal, StoreError>, known: u64) -> Option<StoreError> {
    let state = ha.link.state()?;
    let (epoch, me) = (state.epoch.as_ref()?, state.me?);
    let me = super::area::owner(epoch.generation, me);
    match answer {
        Err(error) => Some(error),
        // The pool was armed with it, and no life has taken it over yet.
        Ok(seal) if super::area::owner_of_live(epoch).is_some_and(|owner| owner != me) => {
            drop(seal);
            None
        }
        Ok(seal) if seal.owner != me => {
            Some(StoreError::Foreign { found: seal.owner, expected: me })
        }
        Ok(seal) if seal.generation < known => {
            Some(StoreError::Older { found: seal.generation, known })
        }
        Ok(_) => None,
    }
}

pub(super) fn complain(ha: &Ha, kind: Trouble, text: &str) {
    if ha.health.fails(kind, text) {
        tracing::error!(text, "the metadata volume {}", kind.words());
    }
}

/// Writes the alert, or takes it back.
async fn tell(ha: &Ha) -> Result<(), ApiError> {
    let (open, must_mend) = {
        let inner = ha.health.lock();
        (inner.open.clone(), inner.must_mend)
    };
    let Some(open) = open.filter(|_| !must_mend && ha.state.may_act()) else { return Ok(()) };
    let sentence = format!("The metadata volume {} ({}).", open.kind.words(), open.text);
    if !open.told {
        ha.state.pool.write(move |tx| raise(tx, sentence)).await?;
        if let Some(open) = &mut ha.health.lock().open {
            open.told = true;
        }
        return Ok(());
    }
    if open.seen.elapsed() < QUIET {
        return Ok(());
    }
    let seconds = super::wall_ms().saturating_sub(open.since_ms) / 1000;
    tracing::info!(seconds, "the metadata volume is well again");
    let text = format!("It is well again after {seconds} s. {sentence}");
    ha.state.pool.write(move |tx| clear(tx, text)).await?;
    ha.health.lock().open = None;
    Ok(())
}

fn about(tx: &Tx<'_>) -> Result<(MessageClass, String), ApiError> {
    Ok((MessageClass::Pool, rows::pool(tx)?.1.uuid.clone()))
}

fn raise(tx: &mut Tx<'_>, body: String) -> Result<(), ApiError> {
    let about = about(tx)?;
    // The coordinator before may have said so already.
    if broken(tx).is_empty() {
        message::insert(tx, alerts::METADATA_LUN_BROKEN, about, body)?;
    }
    Ok(())
}

fn clear(tx: &mut Tx<'_>, body: String) -> Result<(), ApiError> {
    let about = about(tx)?;
    broken(tx).into_iter().try_for_each(|message| tx.remove(message))?;
    message::insert(tx, alerts::METADATA_LUN_HEALTHY, about, body).map(drop)
}

fn broken(tx: &Tx<'_>) -> Vec<Ref<Message>> {
    let all = tx.iter::<Message>();
    let ours = all.filter(|(_, row)| row.name == alerts::METADATA_LUN_BROKEN.name);
    ours.map(|(message, _)| message).collect()
}

/// Makes sure that there is a volume of full size to be written anew. A device that is gone is not
/// made up; a file is, in a directory that is there.
pub(super) async fn restore_volume(ha: &Ha, path: &Path) -> Result<(), ApiError> {
    let path = path.to_owned();
    let make = move || {
        let file = std::fs::File::options().write(true).create(true).truncate(false).open(path)?;
        let found = file.metadata()?;
        if found.is_file() && found.len() < METADATA_BYTES {
            file.set_len(METADATA_BYTES)?;
            file.sync_all()?;
        }
        Ok::<_, std::io::Error>(())
    };
    let made = takeover::blocking(make).await?;
    made.map_err(|error| {
        complain(ha, Trouble::of(&error.to_string()), &error.to_string());
        takeover::store_failed(StoreError::Io(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use haven_block_io::AreaError;

    use super::*;

    #[test]
    fn a_trouble_is_news_once_and_again_when_it_is_another() {
        let health = Health::default();
        assert_eq!(health.sentence(), None);
        assert!(health.fails(Trouble::Slow, "5 s"));
        assert!(!health.fails(Trouble::Slow, "10 s"));
        assert!(health.sentence().unwrap().contains("10 s"));
        assert!(health.fails(Trouble::Full, "no room"));
    }

    #[test]
    fn the_words_of_the_system_tell_a_full_volume_from_a_lost_one() {
        let full = std::io::Error::from_raw_os_error(28).to_string();
        assert_eq!(Trouble::of(&full), Trouble::Full);
        let small = AreaError::Full { capacity: 9, wanted: 10 }.to_string();
        assert_eq!(Trouble::of(&small), Trouble::Full);
        assert!(Trouble::is_small_area(&StoreError::Io(small)));
        assert!(!Trouble::is_small_area(&StoreError::Io(full)));
        assert_eq!(Trouble::of("Input/output error"), Trouble::Unreadable);
        let older = StoreError::Older { found: 1, known: 2 };
        assert_eq!(Trouble::from(&older), Trouble::RolledBack);
    }
}
