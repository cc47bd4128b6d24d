//! Pictures of guests' screens.
//!
//! Owns: how often a screen is photographed. One picture at a time, and each is good for a moment:
//! however many people look, a guest is asked at most once in that time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::execute::Case;
use super::lanes::Lane;
use crate::orders::{OrderError, OrderReply, OrderResult};

/// How long a picture is good.
const FRESH: Duration = Duration::from_secs(2);
/// Pictures that are kept at a time.
const KEPT_MAX: usize = 16;

/// The pictures of the last moment, in base64.
#[derive(Clone, Debug, Default)]
pub(super) struct Screens {
    kept: Arc<Mutex<BTreeMap<Uuid, (Instant, String)>>>,
}

impl Screens {
    fn fresh(&self, vm: Uuid, now: Instant) -> Option<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (taken, _)| now.duration_since(*taken) < FRESH);
        kept.get(&vm).map(|(_, picture)| picture.clone())
    }

    fn keep(&self, vm: Uuid, now: Instant, picture: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.insert(vm, (now, picture));
        }
    }
}

impl Case {
    pub(super) async fn screenshot(&self, vm: Uuid) -> OrderResult {
        let agent = &self.agent;
        let place = agent.lanes.enter(Lane::Screen).await?;
        if let Some(picture) = agent.screens.fresh(vm, Instant::now()) {
            return Ok(OrderReply::Picture(picture));
        }
        let (hypervisor, acting) = (agent.parts.hypervisor.clone(), self.begin()?);
        let taking = tokio::task::spawn_blocking(move || {
            let picture = hypervisor.screenshot(vm).map(|bytes| STANDARD.encode(bytes));
            drop((acting, place));
            picture
        });
        let internal = |error| OrderError::failed("INTERNAL_ERROR", format!("{error}"));
        let picture = taking.await.map_err(|error: tokio::task::JoinError| internal(error))??;
        agent.screens.keep(vm, Instant::now(), picture.clone());
        Ok(OrderReply::Picture(picture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_good_for_a_moment_and_few_are_kept() {
        let screens = Screens::default();
        let now = Instant::now();
        for number in 0..40 {
            screens.keep(Uuid::from_u128(number), now, "picture".to_owned());
        }
        assert_eq!(screens.kept.lock().unwrap().len(), KEPT_MAX);
        let first = Uuid::from_u128(0);
        assert_eq!(screens.fresh(first, now), Some("picture".to_owned()));
        assert_eq!(screens.fresh(first, now + FRESH), None);
        assert!(screens.kept.lock().unwrap().is_empty(), "old ones take no room");
    }
}
