//! Tells one story: statement by statement, with the log of what follows.

use std::collections::BTreeMap;

use haven_cluster::invariant::{Invariant, fenced_once};

use super::condition::Condition;
use super::statement;
use crate::World;

/// Virtual time for the first epoch of a story, in milliseconds.
const FORMATION_MS: u64 = 120_000;

#[derive(Default)]
struct Teller {
    world: Option<World>,
    names: BTreeMap<String, usize>,
    log: String,
    /// Hosts may be fenced more than once.
    repeated: bool,
    /// The newest epoch of the time before the story.
    formed: u64,
}

/// The log of a story.
///
/// # Errors
/// What is wrong with the text, or what did not come true.
pub fn tell(input: &str) -> Result<String, String> {
    let mut teller = Teller::default();
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        teller.statement(line).map_err(|why| format!("line {number} `{line}`: {why}"))?;
    }
    teller.end()?;
    Ok(teller.log)
}

impl Teller {
    fn world(&mut self) -> Result<&mut World, String> {
        self.world.as_mut().ok_or_else(|| "a story begins with `pool`".to_owned())
    }

    fn note(&mut self, line: &str) {
        self.log.push_str(line);
        self.log.push('\n');
    }

    /// Takes over what the world logged.
    fn collect(&mut self) {
        let lines = self.world.as_mut().map(World::take_lines).unwrap_or_default();
        for line in lines.iter().filter(|line| !line.ends_with("replies Ok(())")) {
            self.note(line);
        }
    }

    fn host(&self, name: &str) -> Result<usize, String> {
        let known = self.names.get(name).copied();
        let given = || name.strip_prefix("host").and_then(|number| number.parse().ok());
        known.or_else(given).ok_or_else(|| format!("no host is called {name}"))
    }

    fn statement(&mut self, line: &str) -> Result<(), String> {
        self.note(&format!("> {line}"));
        let (head, tail) = line.split_once(": ").unwrap_or((line, ""));
        let head: Vec<&str> = head.split_whitespace().collect();
        let tail: Vec<&str> = tail.split_whitespace().collect();
        match head.as_slice() {
            ["pool", rest @ ..] => {
                let (options, seed) = statement::pool(rest)?;
                self.world = Some(World::new(options, seed));
            }
            ["boot"] => self.world()?.power_on_all(),
            ["form"] => self.form()?,
            ["fencing", "may", "repeat"] => self.repeated = true,
            ["guards", "are", "recorded"] => self.world()?.record_guards(),
            ["call", name, who] => self.call(name, who)?,
            ["call", name, "the", "host", "of", "vm", vm] => self.call_home(name, vm)?,
            ["run", ms] => {
                let ms = ms.parse::<u64>().map_err(|error| error.to_string())?;
                self.world()?.run_for(ms);
            }
            ["within", ms] => self.wait(ms, &tail, true)?,
            ["throughout", ms] => self.wait(ms, &tail, false)?,
            ["now"] => {
                let condition = Condition::read(&tail, &|name| self.host(name))?;
                if !condition.holds(self.world()?) {
                    return Err(format!("it is not so; {}", self.world()?.describe()));
                }
            }
            ["all", rest @ ..] => {
                for host in 0..self.world()?.host_count() {
                    let name = format!("host{host}");
                    let words: Vec<&str> = rest.iter().copied().chain([name.as_str()]).collect();
                    let fault = statement::fault(&words, &|name| self.host(name))?;
                    self.world()?.inject(0, fault);
                }
                self.world()?.run_for(1);
            }
            words => {
                let fault = statement::fault(words, &|name| self.host(name))?;
                self.world()?.inject(0, fault);
                self.world()?.run_for(1);
            }
        }
        self.collect();
        match &self.world()?.broken {
            Some(broken) => Err(format!("a promise is broken: {}", broken.what)),
            None => Ok(()),
        }
    }

    fn form(&mut self) -> Result<(), String> {
        let world = self.world()?;
        world.power_on_all();
        world.demand_health(FORMATION_MS, "the pool does not form");
        // Long enough for the first epochs to be closed.
        world.run_for(60_000);
        // How it formed is another story.
        world.take_lines();
        self.formed = world.newest_epoch();
        Ok(())
    }

    fn call(&mut self, name: &str, who: &str) -> Result<(), String> {
        let world = self.world()?;
        let host = match who {
            "coordinator" => world.coordinator(),
            "worker" => world.worker(),
            _ => None,
        };
        let host = host.map_or_else(|| self.host(who), Ok)?;
        self.names.insert(name.to_owned(), host);
        self.note(&format!("  {name} is host {host}"));
        Ok(())
    }

    fn call_home(&mut self, name: &str, vm: &str) -> Result<(), String> {
        let vm = vm.parse().map_err(|_| format!("{vm}: a number"))?;
        let home = self.world()?.home_of(vm).ok_or_else(|| format!("vm {vm} runs nowhere"))?;
        self.names.insert(name.to_owned(), home);
        self.note(&format!("  {name} is host {home}"));
        Ok(())
    }

    /// Waits until the condition holds, or sees that it holds all the time.
    fn wait(&mut self, ms: &str, tail: &[&str], until: bool) -> Result<(), String> {
        let ms = ms.parse::<u64>().map_err(|error| error.to_string())?;
        let condition = Condition::read(tail, &|name| self.host(name))?;
        let world = self.world()?;
        let start = world.now_ms();
        let end = world.run_until(start + ms, |world| condition.holds(world) == until);
        let held = condition.holds(world);
        let view = world.describe();
        let broken = world.broken.as_ref().map(|broken| broken.what.clone());
        self.collect();
        // What follows a broken promise says little.
        if let Some(what) = broken {
            return Err(format!("a promise is broken: {what}"));
        }
        if !held {
            return Err(format!("not so after {} ms; {view}", end - start));
        }
        self.note(&format!("  after {} ms", end - start));
        Ok(())
    }

    /// What must hold of every story.
    fn end(&mut self) -> Result<(), String> {
        let world = self.world()?;
        let once = fenced_once(world.fences.iter().map(|(host, _, _)| *host));
        if !self.repeated {
            once.map_err(|violation| violation.to_string())?;
        }
        for line in self.log.lines() {
            let Some((_, number)) = line.split_once(" knows epoch ") else { continue };
            let number = number.split_whitespace().next().unwrap_or_default();
            if number.parse::<u64>().is_ok_and(|number| number <= self.formed) {
                continue;
            }
            let why = format!(": epoch {number}: ");
            if !self.log.contains(&why) {
                let what = format!("nobody says why there is an epoch {number}");
                return Err(Invariant::Reasoned.broken(what).to_string());
            }
        }
        Ok(())
    }
}
