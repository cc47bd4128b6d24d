//! Emptying a host, one live migration after the other, without breaking the pool on the way.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::game::{Game, Stuck};
use crate::lint::{self, Finding};
use crate::model::Model;
use crate::pack::Wish;
use crate::place::{Why, explain};
use crate::reason::{Purpose, verdict};
use crate::state::State;
use crate::tolerance::{Budget, tolerance_up_to};
use crate::view::{Pool, Vm};

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The VM.
    pub vm: Uuid,
    /// Its name.
    pub name: String,
    /// Where to.
    pub to: Uuid,
}

/// An evacuation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evacuation {
    /// The host to be emptied.
    pub host: Uuid,
    /// The migrations, in their order; each is possible when those before it are done.
    pub moves: Vec<Move>,
    /// Failures that are tolerated, up to the goal, while the host is still full but takes nothing
    /// any more.
    pub tolerates_before: u32,
    /// The least that is tolerated at any moment on the way.
    pub tolerates_on_the_way: u32,
    /// What is tolerated once the host is empty.
    pub tolerates_after: u32,
}

impl Evacuation {
    /// The pool with the host closed, and the same once all moves are made.
    #[must_use]
    pub fn begin_and_end(&self, pool: &Pool) -> (Pool, Pool) {
        let begin = closed(pool, self.host);
        let mut end = begin.clone();
        for step in &self.moves {
            end.occupy(step.vm, step.to);
            end.vacate(step.vm, self.host);
        }
        (begin, end)
    }
}

/// The pool in which a host takes nothing any more.
fn closed(pool: &Pool, host: Uuid) -> Pool {
    let mut pool = pool.clone();
    if let Some(row) = pool.hosts.iter_mut().find(|row| row.id == host) {
        row.enabled = false;
    }
    pool
}

/// Plans the evacuation of a host. Its VMs are placed together, so that of the ways that exist the
/// one is found which leaves the most failures tolerated, up to `goal`.
///
/// # Errors
/// There is no room for all: for each VM that cannot leave, why.
pub fn evacuate(
    pool: &Pool,
    host: Uuid,
    goal: u32,
    budget: Budget,
) -> Result<Evacuation, Vec<Why>> {
    let closed = closed(pool, host);
    let placed = destinations(&closed, host, goal, budget)?;
    let moves = placed.into_iter().map(|(vm, to)| Move { vm: vm.id, name: vm.name.clone(), to });
    let tolerates_before = tolerance_up_to(&closed, goal, budget).failures;
    let mut plan = Evacuation {
        host,
        moves: moves.collect(),
        tolerates_before,
        tolerates_on_the_way: tolerates_before,
        tolerates_after: tolerates_before,
    };
    walk(&closed, &mut plan, goal, budget);
    Ok(plan)
}

/// The VMs that are to leave, largest first, with their destinations.
fn destinations(
    closed: &Pool,
    host: Uuid,
    goal: u32,
    budget: Budget,
) -> Result<Vec<(&Vm, Uuid)>, Vec<Why>> {
    let Some(model) = Model::new(closed, Purpose::Ordinary) else { return Ok(Vec::new()) };
    let game = Game::new(&model);
    let at = (0..model.hosts.len()).find(|&at| model.host(at).is_some_and(|row| row.id == host));
    let Some(at) = at else { return Ok(Vec::new()) };
    let mut state = State::new(&model);
    state.fail(&model, [at].into_iter().collect());
    let leaves = |&item: &usize| model.vm(item).is_some_and(|vm| vm.resident == Some(host));
    let items: Vec<usize> = (0..model.items.len()).filter(leaves).collect();
    // What is on its way already only needs its present migration to end.
    let items: Vec<usize> = items
        .into_iter()
        .filter(|&item| model.vm(item).is_some_and(|vm| vm.also_on.is_empty()))
        .collect();
    let now = Stuck { blows: Vec::new(), state, items };
    let goal = usize::try_from(goal).unwrap_or(usize::MAX).min(model.hosts.len());
    let found = (0..=goal)
        .rev()
        .find_map(|failures| game.find(&now, failures, Wish::Spread, &mut budget.work()).ok());
    let Some(found) = found else { return Err(stuck(closed, &model, &now)) };
    let named = found.moved.iter().filter_map(|&(item, to)| {
        now.items.contains(&item).then_some(())?;
        Some((model.vm(item)?, model.host(to)?.id))
    });
    Ok(named.collect())
}

/// Those that find no place when each takes the roomiest host in its turn.
fn stuck(closed: &Pool, model: &Model<'_>, now: &Stuck) -> Vec<Why> {
    let mut pool = closed.clone();
    let mut behind = Vec::new();
    for vm in now.items.iter().filter_map(|&item| model.vm(item)) {
        let able =
            pool.hosts.iter().filter(|host| verdict(&pool, vm, host, Purpose::Ordinary).is_ok());
        match able.max_by_key(|host| (host.memory_free, std::cmp::Reverse(host.id))) {
            Some(host) => {
                let to = host.id;
                pool.occupy(vm.id, to);
            }
            None => {
                let verdicts = explain(&pool, vm, None, Purpose::Ordinary);
                behind.push(Why { vm: vm.id, verdicts });
            }
        }
    }
    behind
}

/// Goes through the moves: while one is under way both hosts hold room for its VM.
fn walk(closed: &Pool, plan: &mut Evacuation, goal: u32, budget: Budget) {
    let mut pool = closed.clone();
    for step in &plan.moves {
        pool.occupy(step.vm, step.to);
        let under_way = tolerance_up_to(&pool, goal, budget).failures;
        plan.tolerates_on_the_way = plan.tolerates_on_the_way.min(under_way);
        pool.vacate(step.vm, plan.host);
    }
    plan.tolerates_after = tolerance_up_to(&pool, goal, budget).failures;
    plan.tolerates_on_the_way = plan.tolerates_on_the_way.min(plan.tolerates_after);
}

/// What is wrong with an evacuation: moves that are impossible at their turn, VMs that stay, and
/// moments at which fewer failures are tolerated than `agreed`.
#[must_use]
pub fn lint_evacuation(
    pool: &Pool,
    plan: &Evacuation,
    agreed: u32,
    budget: Budget,
) -> Vec<Finding> {
    let mut pool = closed(pool, plan.host);
    let mut found = Vec::new();
    for step in &plan.moves {
        let vm = pool.vm(step.vm).cloned();
        let (Some(vm), Some(to)) = (vm, pool.host(step.to)) else {
            found.push(Finding::Unknown(step.vm));
            continue;
        };
        if vm.resident != Some(plan.host) {
            found.push(Finding::Twice { vm: vm.name });
            continue;
        }
        // Its own room on the host that it leaves does not bar it from anywhere.
        if let Err(why) = verdict(&pool, &vm, to, Purpose::Ordinary) {
            found.push(Finding::Refused { vm: vm.name.clone(), host: to.name.clone(), why });
        }
        pool.occupy(step.vm, step.to);
        let tolerates = tolerance_up_to(&pool, agreed, budget).failures;
        if tolerates < agreed {
            found.push(Finding::Weakens { vm: vm.name, tolerates, agreed });
        }
        pool.vacate(step.vm, plan.host);
    }
    found.extend(lint::left_behind(&pool, plan.host));
    found
}
