//! The hosts' copies of the pool database: how new they are, and getting one.
//!
//! Owns: what a new coordinator, or a person who has lost the old one, can ask of the members, this
//! host among them. A copy is a witness: what it holds was acknowledged, so a database that is older is
//! not the newest. Never makes a copy: [`crate::replicate`] and [`crate::own_copy`] do.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use haven_cluster::ids::HostId;
use haven_model::ApiError;
use haven_pooldb::Snapshot;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::backup;
use crate::peer_net::{Caller, forward_request};
use crate::state::AppState;

/// What this host's copy is: `GET`, of root.
pub const ABOUT_ROUTE: &str = "/haven/pool/copy-about";
/// The copy itself: `GET`, of root.
pub const COPY_ROUTE: &str = "/haven/pool/copy";

/// Longest wait for what a member says of its copy: a take-over waits for it.
const ASK_MAX: Duration = Duration::from_secs(2);
/// Largest answer to that.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest wait for a whole copy.
const FETCH_MAX: Duration = Duration::from_secs(60);
/// Largest copy.
const COPY_BYTES_MAX: usize = 512 << 20;

/// What a host says of itself when the coordinator is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Generation of its copy; `None`: it has none that can be read.
    pub generation: Option<u64>,
    /// When its copy was kept, in seconds since 1970.
    pub kept_s: Option<u64>,
    /// It answers for the pool now.
    pub coordinates: bool,
    /// The newest copy that anybody told it of, when it was to take the database over.
    #[serde(default)]
    pub told: Option<Told>,
}

/// What a host was told of copies. It counts when those who said so are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Names the arming under which it was said: the database may be another's under the next one.
    pub arming: Uuid,
    /// Generation of that copy.
    pub generation: u64,
}

/// A member and what it says, if it answers.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// Which.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// `None`: it does not answer.
    pub about: Option<About>,
}

/// This host's copy.
///
/// # Errors
/// There is none, it cannot be read, or it is of a pool that this host was in before.
pub async fn own(state: &Arc<AppState>) -> Result<Snapshot, ApiError> {
    let (replica, pool) = (state.agent().replica().clone(), state.identity.pool());
    let pool = pool.map(|pool| pool.pool.to_string());
    let load = move || {
        let copy = replica.load().map_err(|error| error.to_string())?;
        match pool.as_ref() == Some(&backup::pool_of(&copy).0) {
            true => Ok(copy),
            false => Err("it is another pool's".to_owned()),
        }
    };
    let loaded = tokio::task::spawn_blocking(load).await.map_err(ApiError::internal)?;
    loaded.map_err(|why| ApiError::not_allowed(format!("no copy of the pool database here: {why}")))
}

/// What this host says of itself.
pub async fn about(state: &Arc<AppState>) -> About {
    let paths = &state.config.paths;
    let kept = [paths.replica(), paths.replica_log()].into_iter().filter_map(|path| {
        let changed = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
        Some(changed.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
    });
    let kept_s = kept.max();
    let generation = own(state).await.ok().map(|copy| copy.generation);
    let told = match state.ha.get() {
        Some(ha) => ha.told().await,
        None => None,
    };
    About { generation, kept_s, coordinates: state.may_act(), told }
}

/// What these hosts say, asked all at the same time.
pub async fn ask(state: &Arc<AppState>, hosts: &[HostId]) -> Vec<Standing> {
    let me = state.identity.host();
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let mut questions = JoinSet::new();
    for member in members.into_iter().filter(|member| hosts.contains(&member.host)) {
        let state = state.clone();
        questions.spawn(async move {
            let about = match member.host == me {
                true => Some(about(&state).await),
                false => timeout(ASK_MAX, asked(&state, member.host)).await.ok().flatten(),
            };
            Standing { host: member.host, name: member.name, about }
        });
    }
    let mut answers = questions.join_all().await;
    answers.sort_by_key(|standing| standing.host);
    answers
}

/// What all members say.
pub async fn ask_all(state: &Arc<AppState>) -> Vec<Standing> {
    let members = state.identity.pool().map(|pool| pool.members).unwrap_or_default();
    let hosts: Vec<HostId> = members.iter().map(|member| member.host).collect();
    ask(state, &hosts).await
}

async fn asked(state: &Arc<AppState>, host: HostId) -> Option<About> {
    let bytes = get(state, host, ABOUT_ROUTE, ANSWER_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).ok()
}

/// The copy of a member.
///
/// # Errors
/// It does not answer, or has none.
pub async fn fetch(state: &Arc<AppState>, host: HostId) -> Result<Snapshot, ApiError> {
    if host == state.identity.host() {
        return own(state).await;
    }
    let asked = timeout(FETCH_MAX, get(state, host, COPY_ROUTE, COPY_BYTES_MAX)).await;
    let bytes = asked.ok().flatten();
    let missing = || ApiError::not_allowed(format!("host {} does not give its copy", host.0));
    serde_json::from_slice(&bytes.ok_or_else(missing)?).map_err(ApiError::internal)
}

async fn get(state: &AppState, host: HostId, path: &str, limit: usize) -> Option<Vec<u8>> {
    let mut request = Request::get(path).body(Body::empty()).ok()?;
    request.extensions_mut().insert(Caller::LocalRoot);
    let response = forward_request(&state.dialer, host, request).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    Some(axum::body::to_bytes(response.into_body(), limit).await.ok()?.to_vec())
}

/// The member whose copy is the newest, and its generation.
#[must_use]
pub fn newest(standings: &[Standing]) -> Option<(HostId, u64)> {
    let copies = standings.iter().filter_map(|standing| {
        Some((standing.about.as_ref()?.generation?, std::cmp::Reverse(standing.host)))
    });
    copies.max().map(|(generation, host)| (host.0, generation))
}

/// The newest generation that there was under an arming, as far as any of them knows: of a copy, or of
/// one that a host was told of.
#[must_use]
pub fn witnessed(standings: &[Standing], arming: Uuid) -> Option<u64> {
    let abouts = standings.iter().filter_map(|standing| standing.about.as_ref());
    let told = abouts.filter_map(|about| about.told).filter(|told| told.arming == arming);
    let told = told.map(|told| told.generation).max();
    newest(standings).map(|(_, generation)| generation).max(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_copy_is_that_of_the_first_host_that_has_it() {
        let standing = |host: u128, generation: Option<u64>| Standing {
            host: HostId(Uuid::from_u128(host)),
            name: String::new(),
            about: generation.map(|g| About { generation: Some(g), ..About::default() }),
        };
        let all =
            [standing(3, Some(7)), standing(2, Some(7)), standing(1, Some(6)), standing(4, None)];
        assert_eq!(newest(&all), Some((HostId(Uuid::from_u128(2)), 7)));
        assert_eq!(newest(&[standing(1, None)]), None);
    }

    #[test]
    fn what_a_host_was_told_counts_in_its_arming_alone() {
        let (now, before) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let about = |generation: u64, arming: Uuid| About {
            generation: Some(7),
            told: Some(Told { arming, generation }),
            ..About::default()
        };
        let standing = |about: About| Standing {
            host: HostId(Uuid::from_u128(3)),
            name: String::new(),
            about: Some(about),
        };
        let known = |told: u64, arming: Uuid| witnessed(&[standing(about(told, arming))], now);
        assert_eq!(known(9, now), Some(9));
        assert_eq!(known(6, now), Some(7));
        assert_eq!(known(9, before), Some(7));
        assert_eq!(witnessed(&[standing(About::default())], now), None);
    }
}
