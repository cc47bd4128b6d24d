//! Liveness, as far as an exploration can say it: nothing is ever stuck.
//!
//! Stateright's `eventually` is not used: it takes a cycle for progress, and forgets at a state that
//! is reached on two ways what one of them still owes. Asked instead is whether from *every* reachable
//! state in which the faults have ceased the goal can still be reached (AG EF in CTL): the graph is
//! explored whole, then walked backwards from the goal. That says that no state is a trap; that the
//! way out is taken, and how soon, is said by the simulator and the lab.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

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

/// The graph as far as it was explored.
struct Graph<S, A> {
    states: Vec<S>,
    /// Edges, from and to.
    edges: Vec<(u32, u32)>,
    /// The step by which a state was reached first.
    parents: Vec<Option<(u32, A)>>,
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
    let good = backwards(model, &graph);
    let is_stuck = |at: &usize| model.is_calm(&graph.states[*at]) && !good[*at];
    let stuck = (0..graph.states.len()).find(is_stuck).filter(|_| graph.complete);
    Report {
        states: graph.states.len(),
        depth: (0..graph.states.len()).last().map_or(0, |last| way_to(&graph, last).len()),
        complete: graph.complete,
        broken: stuck.map(|at| (PROMISE, way_to(&graph, at).join("\n"))),
    }
}

fn walk<M>(model: &M, limit: usize) -> Graph<M::State, M::Action>
where
    M: Goal,
    M::State: Clone + Eq + Hash,
    M::Action: Clone,
{
    let mut known: HashMap<M::State, u32> = HashMap::new();
    let mut graph =
        Graph { states: Vec::new(), edges: Vec::new(), parents: Vec::new(), complete: true };
    for state in model.init_states() {
        known.insert(state.clone(), graph.states.len() as u32);
        graph.states.push(state);
        graph.parents.push(None);
    }
    let mut from = 0;
    let mut actions = Vec::new();
    while from < graph.states.len() {
        let state = graph.states[from].clone();
        model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = model.next_state(&state, action.clone()) else { continue };
            let to = *known.entry(next.clone()).or_insert_with(|| {
                graph.states.push(next);
                graph.parents.push(Some((from as u32, action)));
                graph.states.len() as u32 - 1
            });
            graph.edges.push((from as u32, to));
        }
        from += 1;
        if graph.states.len() > limit {
            graph.complete = false;
            break;
        }
    }
    graph
}

/// From which states the goal can be reached.
fn backwards<M: Goal>(model: &M, graph: &Graph<M::State, M::Action>) -> Vec<bool> {
    let mut starts = vec![0_u32; graph.states.len() + 1];
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
    let mut good: Vec<bool> = graph.states.iter().map(|state| model.is_reached(state)).collect();
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

fn way_to<S, A: Debug>(graph: &Graph<S, A>, state: usize) -> Vec<String> {
    let mut steps = Vec::new();
    let mut at = state;
    while let Some((from, action)) = &graph.parents[at] {
        steps.push(format!("{action:?}"));
        at = *from as usize;
    }
    steps.reverse();
    steps
}
