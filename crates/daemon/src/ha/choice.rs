//! What a person chose instead of a live area that is lost.
//!
//! Owns: for how long the choice counts. It is older than what was there, so it is void as soon as anybody
//! is seen to have gone on since; and what cannot be read may hold just that.

use std::time::{Duration, Instant};

use haven_model::ApiError;
use haven_pooldb::{Snapshot, StoreError};

use super::newest::{self, Unread};
use super::takeover::{Ha, Live};
use crate::copies;

/// For so long after a choice a live area that cannot be read is tried again; a person who waits for the
/// take-over still sees it come through.
const READ_AGAIN: Duration = Duration::from_secs(20);

/// The copy of the database that a person chose.
#[derive(Debug)]
pub(super) struct Chosen {
    copy: Snapshot,
    terms: Terms,
}

/// Under which a copy was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    /// The newest generation that anybody knew of then. A copy that is newer was acknowledged since.
    known: u64,
    /// Instead of this live area, of this owner. When another one is live, somebody went on after all,
    /// and the choice is void.
    instead: (u8, Option<String>),
    at: Instant,
}

impl Ha {
    /// A person chose this copy instead of the live area, which is lost; nobody knew of a newer one than
    /// `known` then.
    pub async fn choose(&self, copy: Snapshot, known: u64) {
        let live = self.link().state().as_deref().and_then(Live::of);
        let terms = |live: Live| Terms { known, instead: live.names(), at: Instant::now() };
        let chosen = live.map(|live| Chosen { copy, terms: terms(live) });
        *self.chosen.lock().await = chosen;
    }

    /// What a person chose instead of this live area.
    ///
    /// # Errors
    /// Nobody can tell yet whether it is void: it is to be asked again.
    pub(super) async fn chosen(&self, live: &Live) -> Result<Option<Snapshot>, ApiError> {
        // Not locked while it is looked: a read may take for ever, and a person may choose anew.
        let terms = self.chosen.lock().await.as_ref().map(|chosen| chosen.terms.clone());
        let Some(terms) = terms else { return Ok(None) };
        let void = terms.instead != live.names() || self.is_overtaken(live, &terms).await?;
        let mut chosen = self.chosen.lock().await;
        match chosen.as_ref() {
            Some(other) if other.terms != terms => {
                return Err(ApiError::internal("another copy was chosen meanwhile"));
            }
            _ => {}
        }
        if void && chosen.take().is_some() {
            tracing::warn!("the pool has gone on since a person chose a copy; it is not used");
        }
        Ok(chosen.as_ref().map(|chosen| chosen.copy.clone()))
    }

    /// Whether somebody who answers knows of something newer, or the live area holds it, whole.
    async fn is_overtaken(&self, live: &Live, terms: &Terms) -> Result<bool, ApiError> {
        let standings = copies::ask(&self.state, &live.members).await;
        if self.witnessed(live, &standings).await > Some(terms.known) {
            return Ok(true);
        }
        let there = newest::in_live_area(self, live).await.map(|database| database.generation());
        is_newer(there, terms.known, terms.at.elapsed())
    }

    /// What a person chose is taken, or of no use any more.
    pub(super) async fn unchoose(&self) {
        *self.chosen.lock().await = None;
    }
}

/// Whether the live area holds something newer than `known`, so long after the choice.
fn is_newer(there: Result<u64, Unread>, known: u64, since: Duration) -> Result<bool, ApiError> {
    let error = match there {
        Ok(generation) => return Ok(generation > known),
        Err(Unread::Damaged(StoreError::Corrupt(_) | StoreError::Older { .. })) => {
            return Ok(false);
        }
        Err(Unread::Damaged(error)) => error.into(),
        Err(Unread::Failed(error)) => error,
    };
    if since < READ_AGAIN {
        return Err(error);
    }
    tracing::warn!(%error, "the live area cannot be read; the copy that a person chose is taken");
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_older_for_that() {
        let io = || Err(Unread::Damaged(StoreError::Io("Input/output error".to_owned())));
        let failed = || Err(Unread::Failed(ApiError::internal("nobody looked")));
        let corrupt = || Err(Unread::Damaged(StoreError::Corrupt("no seal".to_owned())));
        let older = || Err(Unread::Damaged(StoreError::Older { found: 1, known: 2 }));
        let soon = Duration::ZERO;
        assert!(is_newer(Ok(8), 7, soon).unwrap() && !is_newer(Ok(7), 7, soon).unwrap());
        assert!(!is_newer(corrupt(), 7, soon).unwrap() && !is_newer(older(), 7, soon).unwrap());
        assert!(is_newer(io(), 7, soon).is_err() && is_newer(failed(), 7, soon).is_err());
        assert!(!is_newer(io(), 7, READ_AGAIN).unwrap(), "it is lost, as the person said");
    }
}
