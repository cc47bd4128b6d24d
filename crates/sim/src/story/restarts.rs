//! What stories say and ask of restarts.

use haven_planner::{Protection, Ready};

use crate::World;
use crate::restarts::{Setting, Vms};

type Host<'h> = &'h dyn Fn(&str) -> Result<usize, String>;

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word}: a number"))
}

/// Reads `vm 3` or `vms 0 to 9`, and what follows.
fn vms<'w, 'a>(words: &'w [&'a str]) -> Result<Option<(Vms, &'w [&'a str])>, String> {
    Ok(match words {
        ["vm", vm, rest @ ..] => Some(((number(vm)?, number(vm)?), rest)),
        ["vms", from, "to", to, rest @ ..] => Some(((number(from)?, number(to)?), rest)),
        _ => None,
    })
}

/// Reads a setting; nothing, if it is none.
pub(super) fn fault(words: &[&str], host: Host<'_>) -> Result<Option<Setting>, String> {
    match vms(words)? {
        Some((vms, rest)) => of_vms(vms, rest),
        None => of_pool(words, host),
    }
}

fn of_vms(vms: Vms, words: &[&str]) -> Result<Option<Setting>, String> {
    Ok(Some(match words {
        ["has" | "have", "order", order] => Setting::Order(vms, number(order)?),
        ["has" | "have", "start", "delay", seconds] => Setting::Delay(vms, number(seconds)?),
        ["is" | "are", "best", "effort"] => Setting::Protect(vms, Protection::BestEffort),
        ["is" | "are", "not", "protected"] => Setting::Protect(vms, Protection::None),
        ["does" | "do", "not", "start"] => Setting::Starts(vms, false),
        ["starts" | "start", "again"] => Setting::Starts(vms, true),
        _ => return Ok(None),
    }))
}

fn of_pool(words: &[&str], host: Host<'_>) -> Result<Option<Setting>, String> {
    Ok(Some(match words {
        ["agent" | "agents", "of", rest @ ..] => match vms(rest)? {
            Some((vms, ["answers" | "answer", "after", ms])) => {
                Setting::Agent(vms, Some(number(ms)?))
            }
            Some((vms, ["never", "answers" | "answer"])) => Setting::Agent(vms, None),
            _ => return Ok(None),
        },
        ["nothing", "starts", "on", name] => Setting::StartsOn(host(name)?, false),
        ["VMs", "start", "again", "on", name] => Setting::StartsOn(host(name)?, true),
        ["each", "host", "has", "room", "for", room] => Setting::Room(None, number(room)?),
        [name, "has", "room", "for", room] => Setting::Room(Some(host(name)?), number(room)?),
        ["a", "start", "takes", ms] => Setting::Takes(number(ms)?),
        ["starts", "per", "host", starts] => Setting::PerHost(number(starts)?),
        ["orders", "wait", "for", "agents", seconds, "s"] => {
            Setting::Gate(Ready::AgentAnswers, number(seconds)?)
        }
        _ => return Ok(None),
    }))
}

/// What a story can ask of restarts.
#[derive(Clone, Debug)]
pub(super) enum Restarted {
    Run(Vms),
    Tried(u32, u32),
    Told(u32, u32),
    ToldPrevented(u32),
    AtOnce(usize),
    NobodyOvertaken,
}

impl Restarted {
    /// Reads a condition; nothing, if it is no such.
    pub(super) fn read(words: &[&str]) -> Result<Option<Self>, String> {
        Ok(Some(match (vms(words)?, words) {
            (Some((vms, ["runs" | "run"])), _) => Self::Run(vms),
            (Some(((vm, _), ["was", "tried", times, "times"])), _) => {
                Self::Tried(vm, number(times)?)
            }
            (Some(((vm, _), ["was", "told", "of", times, "times"])), _) => {
                Self::Told(vm, number(times)?)
            }
            (None, ["prevention", "was", "told", times, "times"]) => {
                Self::ToldPrevented(number(times)?)
            }
            (None, ["at", "most", starts, "starts", "at", "once", "on", "a", "host"]) => {
                Self::AtOnce(number(starts)?)
            }
            (None, ["nobody", "was", "overtaken"]) => Self::NobodyOvertaken,
            _ => return Ok(None),
        }))
    }

    pub(super) fn holds(&self, world: &World) -> bool {
        let seen = &world.manager.policy.seen;
        match *self {
            Self::Run((from, to)) => (from..=to).all(|vm| world.runs_somewhere(vm)),
            Self::Tried(vm, times) => seen.tries.get(&vm).copied().unwrap_or(0) >= times,
            Self::Told(vm, times) => seen.told.get(&vm).copied().unwrap_or(0) == times,
            Self::ToldPrevented(times) => seen.told_prevented == times,
            Self::AtOnce(starts) => seen.peak <= starts,
            Self::NobodyOvertaken => seen.overtaken == 0,
        }
    }
}
