//! Runs a model to its end and says what was found.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, HasDiscoveries, Model};

/// What an exploration found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// States that differ.
    pub states: usize,
    /// The longest of the shortest ways to a state, in steps.
    pub depth: usize,
    /// Every reachable state was visited.
    pub complete: bool,
    /// The broken promise with the shortest run that breaks it, one step a line.
    pub broken: Option<(&'static str, String)>,
}

/// Visits every state, breadth first, until a promise is broken, all is seen, or `limit` states were
/// visited (then `complete` is false).
pub fn explore<M>(model: M, threads: usize, limit: usize) -> Report
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::Any)
        .target_state_count(limit)
        .spawn_bfs()
        .join();
    let broken = checker.discoveries().into_iter().next().map(|(name, path)| {
        let steps: Vec<String> = path.into_actions().iter().map(|a| format!("{a:?}")).collect();
        (name, steps.join("\n"))
    });
    Report {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        complete: broken.is_none() && checker.state_count() < limit,
        broken,
    }
}
