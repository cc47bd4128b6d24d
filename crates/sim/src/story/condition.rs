//! What a story can ask of the world.

use haven_failover::arming::End;

use super::guests::Asked;
use super::restarts::Restarted;
use crate::World;

/// A condition, with hosts by number.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Not(Box<Condition>),
    AllRun,
    Healthy,
    Dark,
    Dead(usize),
    NoneOn(usize),
    SomeOn(usize),
    Coordinator(usize),
    NoCoordinator,
    Member(usize),
    Permitted(usize),
    Left(usize),
    TakenOut(usize),
    Running(usize),
    Fenced(usize),
    Reset(usize),
    FencedHost(usize),
    Alarm(String),
    AlarmOf(usize, String),
    NoAlarm,
    Armed(usize),
    NobodyArmed,
    Reminded(usize),
    ArmingEnded(End, String),
    GuardsAgree,
    Repeated,
    RunsOn(u32, usize),
    Hanging(usize, usize),
    Told(String, Option<usize>),
    Task(u32, String),
    Restarted(Restarted),
    OneKey(u64),
    TwoKeys(usize),
    Epoch(u64),
    Guest(Asked),
    Agile(u32),
    Tolerates(u32),
    Seen(String),
    WholeBallot(usize),
}

impl Condition {
    /// Reads a condition; `host` resolves a name.
    pub(super) fn read(
        words: &[&str],
        host: &dyn Fn(&str) -> Result<usize, String>,
    ) -> Result<Self, String> {
        let number = |word: &str| word.parse::<usize>().map_err(|_| format!("{word}: a number"));
        let small = |word: &str| word.parse::<u32>().map_err(|_| format!("{word}: a number"));
        let word = |word: &str| word.parse::<u64>().map_err(|_| format!("{word}: a number"));
        Ok(match words {
            ["not", rest @ ..] => Self::Not(Box::new(Self::read(rest, host)?)),
            ["all", "VMs", "run"] => Self::AllRun,
            ["healthy"] => Self::Healthy,
            ["dark"] => Self::Dark,
            ["vm", vm, "runs", "on", name] => {
                let vm = u32::try_from(number(vm)?).map_err(|error| error.to_string())?;
                Self::RunsOn(vm, host(name)?)
            }
            [count, "VMs", "hang", "on", name] => Self::Hanging(number(count)?, host(name)?),
            ["vm", vm, "is", "agile"] => {
                Self::Agile(u32::try_from(number(vm)?).map_err(|error| error.to_string())?)
            }
            ["the", "pool", "survives", count, "failures"] => {
                Self::Tolerates(u32::try_from(number(count)?).map_err(|error| error.to_string())?)
            }
            ["told", count, "times", rest @ ..] => Self::Told(rest.join(" "), Some(number(count)?)),
            ["told", rest @ ..] => Self::Told(rest.join(" "), None),
            ["guards", "agree"] => Self::GuardsAgree,
            ["what", "guards", "decided", "is", "repeated"] => Self::Repeated,
            ["all", "hold", "key", key, "alone"] => Self::OneKey(word(key)?),
            [name, "holds", "two", "keys"] => Self::TwoKeys(host(name)?),
            ["epoch", "is", epoch] => Self::Epoch(word(epoch)?),
            ["nobody", "coordinates"] => Self::NoCoordinator,
            ["no", "VM", "on", name] => Self::NoneOn(host(name)?),
            ["VMs", "on", name] => Self::SomeOn(host(name)?),
            [name, "is", "dead"] => Self::Dead(host(name)?),
            [name, "is", "member"] => Self::Member(host(name)?),
            [name, "coordinates"] => Self::Coordinator(host(name)?),
            [name, "holds", "a", "permit"] => Self::Permitted(host(name)?),
            [name, "is", "out", "of", "the", "pool"] => Self::TakenOut(host(name)?),
            [name, "left"] => Self::Left(host(name)?),
            [name, "fenced", "itself"] => Self::FencedHost(host(name)?),
            [count, "VMs", "run"] => Self::Running(number(count)?),
            ["fenced", count] => Self::Fenced(number(count)?),
            ["reset", count] => Self::Reset(number(count)?),
            ["reminded", count, "times"] => Self::Reminded(number(count)?),
            ["no", "host", "is", "armed"] => Self::NobodyArmed,
            [name, "is", "armed"] => Self::Armed(host(name)?),
            ["the", "pool", "was", "armed"] => Self::ArmingEnded(End::Armed, String::new()),
            ["arming", "was", "refused", "because", why @ ..] => {
                Self::ArmingEnded(End::Refused, why.join(" "))
            }
            ["arming", "was", "taken", "back", "because", why @ ..] => {
                Self::ArmingEnded(End::TakenBack, why.join(" "))
            }
            ["arming", "stopped", "halfway", "because", why @ ..] => {
                Self::ArmingEnded(End::Halved, why.join(" "))
            }
            ["no", "alarm"] => Self::NoAlarm,
            ["seen", rest @ ..] => {
                let named = |word: &&str| match host(word) {
                    Ok(number) => format!("host {number}"),
                    Err(_) => (*word).to_owned(),
                };
                Self::Seen(rest.iter().map(named).collect::<Vec<_>>().join(" "))
            }
            ["the", "ballot", "of", name, "is", "whole"] => Self::WholeBallot(host(name)?),
            ["alarm", "of", name, "says", rest @ ..] => Self::AlarmOf(host(name)?, rest.join(" ")),
            ["task", "of", "vm", vm, rest @ ..] => Self::Task(small(vm)?, rest.join(" ")),
            ["alarm", rest @ ..] => Self::Alarm(rest.join(" ")),
            _ => return Self::of_a_room(words),
        })
    }

    /// What is asked of one part of the pool alone.
    fn of_a_room(words: &[&str]) -> Result<Self, String> {
        match Restarted::read(words)? {
            Some(asked) => Ok(Self::Restarted(asked)),
            None => Asked::read(words).map(Self::Guest),
        }
    }

    pub(super) fn holds(&self, world: &World) -> bool {
        match self {
            Self::Not(other) => !other.holds(world),
            Self::Guest(asked) => asked.holds(world),
            Self::AllRun => world.all_run(),
            Self::Healthy => world.healthy(),
            Self::Agile(vm) => world.is_agile(*vm),
            Self::Tolerates(count) => world.tolerates() == *count,
            Self::RunsOn(vm, host) => world.runs(*vm, *host),
            Self::Hanging(count, host) => world.hanging_on(*host) == *count,
            Self::Told(text, count) => {
                let told = world.told_of_data().iter().filter(|told| *told == text).count();
                count.map_or(told > 0, |count| told == count)
            }
            Self::GuardsAgree => world.guards_agree(),
            Self::Repeated => world.records_repeat(),
            Self::Restarted(asked) => asked.holds(world),
            Self::OneKey(key) => world.one_key() == Some(*key),
            Self::TwoKeys(host) => world.between_keys(*host),
            Self::Epoch(epoch) => world.newest_epoch() == *epoch,
            Self::Dark => world.dark(),
            Self::Dead(host) => world.known_dead(*host),
            Self::NoneOn(host) => world.running_on(*host) == 0,
            Self::SomeOn(host) => world.running_on(*host) > 0,
            Self::Coordinator(host) => world.coordinator() == Some(*host),
            Self::NoCoordinator => world.coordinator().is_none(),
            Self::Member(host) => world.is_member(*host),
            Self::Permitted(host) => world.permitted(*host),
            Self::TakenOut(host) => world.is_taken_out(*host),
            Self::Left(host) => world.left(*host),
            Self::Running(count) => world.running() == *count,
            Self::Fenced(count) => world.casualties().1 == *count,
            Self::Reset(count) => world.casualties().0 == *count,
            Self::FencedHost(host) => world.fences.iter().any(|(who, _, _)| who == host),
            Self::Reminded(count) => usize::try_from(world.reminded()) == Ok(*count),
            Self::Armed(host) => world.is_armed(*host),
            Self::NobodyArmed => (0..world.host_count()).all(|host| !world.is_armed(host)),
            Self::ArmingEnded(end, why) => world.arming_ended(*end, why),
            Self::NoAlarm => world.alarms().next().is_none(),
            Self::AlarmOf(host, text) => {
                world.alarms_of(*host).iter().any(|alarm| alarm.contains(text.as_str()))
            }
            Self::Task(vm, how) => world.task_of(*vm).as_deref() == Some(how.as_str()),
            // Since the statement before.
            Self::Seen(text) => world.lines().iter().any(|line| line.contains(text.as_str())),
            Self::WholeBallot(host) => world.ballot_is_whole(*host),
            Self::Alarm(text) => world.alarms().any(|alarm| alarm.contains(text.as_str())),
        }
    }
}
