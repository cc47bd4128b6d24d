//! Liveness, as far as an exploration can say it: nothing is ever stuck.
//!
//! Stateright's `eventually` is not used: it takes a cycle for progress, and forgets at a state that
//! is reached on two ways what one of them still owes. Asked instead is whether from *every* reachable
//! state in which the faults have ceased the goal can still be reached (AG EF in CTL): the graph is
//! explored whole, then walked backwards from the goal. That says that no state is a trap; that the
//! way out is taken, and how soon, is said by the simulator and the lab.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use crate::Report;

/// What is promised when nothing is ever stuck.
const PROMISE: &str = "from here the goal can be reached";

/// A model with a goal.
pub trait Goal: Model {
    /// It is reached.
    fn is_reached(&self, state: &Self::State) -> bool;

    /// The faults have ceased, for good: no step from here is a fault.
    fn is_calm(&self, state: &Self::State) -> bool;
}

/// The graph as far as it was explored. States are known by a fingerprint of 64 bits, as in
/// Stateright; what they were is found again by walking the way to them once more.
struct Graph {
    prints: Vec<u64>,
    reached: Vec<bool>,
    calm: Vec<bool>,
    /// Edges, from and to.
    edges: Vec<(u32, u32)>,
    /// The state from which one was reached first; an initial one is its own.
    parents: Vec<u32>,
    complete: bool,
}

/// Explores all states, `limit` at most, and looks for one from which the goal cannot be reached.
pub fn reach<M>(model: &M, limit: usize) -> Report
where
    M: Goal,
    M::State: Clone + Eq + Hash,
    M::Action: Clone + Debug,
{
    let graph = walk(model, limit);
    let good = backwards(&graph);
    let count = graph.parents.len();
    let stuck = (0..count).find(|at| graph.calm[*at] && !good[*at]).filter(|_| graph.complete);
    Report {
        states: count,
        depth: count.checked_sub(1).map_or(0, |last| line_to(&graph, last).len() - 1),
        complete: graph.complete,
        broken: stuck.map(|at| (PROMISE, way_to(model, &graph, at).join("\n"))),
    }
}

fn print_of(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn walk<M>(model: &M, limit: usize) -> Graph
where
    M: Goal,
    M::State: Clone + Eq + Hash,
    M::Action: Clone,
{
    let mut known: HashMap<u64, u32> = HashMap::new();
    let mut graph = Graph {
        prints: Vec::new(),
        reached: Vec::new(),
        calm: Vec::new(),
        edges: Vec::new(),
        parents: Vec::new(),
        complete: true,
    };
    let mut open = VecDeque::new();
    let mut note =
        |graph: &mut Graph, open: &mut VecDeque<_>, state: M::State, from: Option<u32>| {
            let print = print_of(&state);
            *known.entry(print).or_insert_with(|| {
                let new = graph.parents.len() as u32;
                graph.prints.push(print);
                graph.reached.push(model.is_reached(&state));
                graph.calm.push(model.is_calm(&state));
                graph.parents.push(from.unwrap_or(new));
                open.push_back(state);
                new
            })
        };
    for state in model.init_states() {
        note(&mut graph, &mut open, state, None);
    }
    let mut from = 0;
    let mut actions = Vec::new();
    while let Some(state) = open.pop_front() {
        model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = model.next_state(&state, action) else { continue };
            let to = note(&mut graph, &mut open, next, Some(from));
            graph.edges.push((from, to));
        }
        from += 1;
        if graph.parents.len() > limit {
            graph.complete = false;
            break;
        }
    }
    graph
}

/// From which states the goal can be reached.
fn backwards(graph: &Graph) -> Vec<bool> {
    let mut starts = vec![0_u32; graph.parents.len() + 1];
    for (_, to) in &graph.edges {
        starts[*to as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut into = vec![0_u32; graph.edges.len()];
    let mut filled = starts.clone();
    for (from, to) in &graph.edges {
        into[filled[*to as usize] as usize] = *from;
        filled[*to as usize] += 1;
    }
    let mut good = graph.reached.clone();
    let mut open: Vec<usize> = (0..good.len()).filter(|at| good[*at]).collect();
    while let Some(at) = open.pop() {
        for from in &into[starts[at] as usize..starts[at + 1] as usize] {
            if !std::mem::replace(&mut good[*from as usize], true) {
                open.push(*from as usize);
            }
        }
    }
    good
}

/// The states on the way to one, by their place.
fn line_to(graph: &Graph, state: usize) -> Vec<usize> {
    let mut line = vec![state];
    let mut at = state;
    while graph.parents[at] as usize != at {
        at = graph.parents[at] as usize;
        line.push(at);
    }
    line.reverse();
    line
}

fn way_to<M>(model: &M, graph: &Graph, state: usize) -> Vec<String>
where
    M: Goal,
    M::State: Clone + Hash,
    M::Action: Clone + Debug,
{
    let line = line_to(graph, state);
    let mut prints = line.into_iter().map(|at| graph.prints[at]);
    let first = prints.next();
    let mut here = model.init_states().into_iter().find(|state| Some(print_of(state)) == first);
    let mut steps = Vec::new();
    for print in prints {
        let Some(state) = here.take() else { break };
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        let mut ways = actions.into_iter().filter_map(|action| {
            let next = model.next_state(&state, action.clone())?;
            (print_of(&next) == print).then_some((action, next))
        });
        if let Some((action, next)) = ways.next() {
            steps.push(format!("{action:?}"));
            here = Some(next);
        }
    }
    steps
}
