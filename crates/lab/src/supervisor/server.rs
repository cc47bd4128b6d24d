//! The supervisor's process: its socket, its hosts' threads, its end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::actor::{Actor, Message};
use super::log::event;
use super::net::Infrastructure;
use super::sweep;
use crate::config::LabConfig;
use crate::forward;
use crate::protocol::{Answer, HostCommand, HostStatus, Request};

/// Longest wait for a host's answer: a power-off waits for stuck processes.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// What the clients' threads have the main thread do.
enum Order {
    Stop,
    Forward(SocketAddr, Vec<SocketAddr>, Sender<Result<()>>),
}

struct Supervisor {
    config: LabConfig,
    infrastructure: u32,
    orders: Sender<Order>,
    hosts: Mutex<BTreeMap<u32, Sender<Message>>>,
}

/// Runs the supervisor of a lab until it is told to stop, or, with `with_parent`, until its stdin
/// ends.
pub fn run(config: &LabConfig, with_parent: bool) -> Result<()> {
    event(&format!("lab {} starts", config.id));
    sweep(config)?;
    let mut infrastructure = Infrastructure::start(config)?;
    fs::write(config.dir.join("infrastructure.pid"), infrastructure.pid().to_string())?;
    let (orders, ordered) = channel();
    let mut hosts = BTreeMap::new();
    let mut threads = Vec::new();
    for n in 1..=config.hosts {
        let (sender, receiver) = channel();
        threads.push(actor(config, n, infrastructure.pid(), receiver)?);
        hosts.insert(n, sender);
    }
    if with_parent {
        let orders = orders.clone();
        thread::spawn(move || {
            let _ = std::io::stdin().read(&mut [0; 1]);
            let _ = orders.send(Order::Stop);
        });
    }
    let supervisor = Arc::new(Supervisor {
        config: config.clone(),
        infrastructure: infrastructure.pid(),
        orders,
        hosts: Mutex::new(hosts),
    });
    listen(config, &supervisor)?;
    let mut forwarders = obey(&supervisor, &ordered);
    event("stopping");
    for forwarder in &mut forwarders {
        let _ = forwarder.kill();
        let _ = forwarder.wait();
    }
    lock(&supervisor.hosts).clear();
    for thread in threads {
        if thread.join().is_err() {
            event("a host's thread had panicked");
        }
    }
    infrastructure.stop();
    let _ = fs::remove_file(config.socket());
    event("stopped");
    Ok(())
}

/// Works for the clients' threads until the lab is to stop. Here because children die with the
/// thread that started them.
fn obey(supervisor: &Supervisor, orders: &Receiver<Order>) -> Vec<Child> {
    let mut forwarders = Vec::new();
    while let Ok(Order::Forward(listen, targets, answer)) = orders.recv() {
        let Supervisor { config, infrastructure, .. } = supervisor;
        let started = forward::start(config, *infrastructure, listen, &targets);
        // The asker may have gone.
        let _ = answer.send(started.map(|child| forwarders.push(child)));
    }
    forwarders
}

/// Starts a host's thread, which starts the host's processes: they die with that thread.
fn actor(
    config: &LabConfig,
    n: u32,
    infrastructure: u32,
    commands: Receiver<Message>,
) -> Result<JoinHandle<()>> {
    let actor = Actor::new(config.clone(), n, infrastructure);
    Ok(thread::Builder::new().name(format!("h{n}")).spawn(move || actor.run(&commands))?)
}

fn listen(config: &LabConfig, supervisor: &Arc<Supervisor>) -> Result<()> {
    let path = config.socket();
    if path.exists() {
        fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
    let supervisor = Arc::clone(supervisor);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let supervisor = Arc::clone(&supervisor);
            thread::spawn(move || supervisor.client(&stream));
        }
    });
    Ok(())
}

impl Supervisor {
    fn client(&self, stream: &UnixStream) {
        let mut line = String::new();
        if BufReader::new(stream).read_line(&mut line).is_err() {
            return;
        }
        let outcome = serde_json::from_str(&line)
            .context("not a request")
            .and_then(|request: Request| self.answer(request));
        let answer = outcome.unwrap_or_else(|error| Answer::Failed(format!("{error:#}")));
        if let Ok(text) = serde_json::to_string(&answer) {
            let mut stream = stream;
            let _ = writeln!(stream, "{text}");
        }
    }

    fn answer(&self, request: Request) -> Result<Answer> {
        match request {
            Request::Shutdown => {
                self.orders.send(Order::Stop)?;
                Ok(Answer::Done)
            }
            Request::Forward { listen, targets } => {
                let (sender, receiver) = channel();
                self.orders.send(Order::Forward(listen, targets, sender))?;
                receiver.recv_timeout(ANSWER_WAIT)??;
                Ok(Answer::Done)
            }
            Request::Host { host, command } => {
                self.ask(host, &command).map(|status| Answer::Hosts(vec![status]))
            }
            Request::Status => {
                let numbers: Vec<u32> = lock(&self.hosts).keys().copied().collect();
                let statuses = numbers.into_iter().map(|n| self.ask(n, &HostCommand::Status));
                Ok(Answer::Hosts(statuses.collect::<Result<_>>()?))
            }
        }
    }

    fn ask(&self, n: u32, command: &HostCommand) -> Result<HostStatus> {
        let Some(host) = lock(&self.hosts).get(&n).cloned() else { bail!("there is no host {n}") };
        let (sender, receiver) = channel();
        host.send((command.clone(), sender)).context("the lab is stopping")?;
        receiver.recv_timeout(ANSWER_WAIT).context("the host's thread does not answer")?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The supervisor leaves its caller's session, so that a closed terminal does not end the lab.
pub fn detach() {
    let _ = rustix::process::setsid();
    let _ = rustix::process::set_parent_process_death_signal(None::<Signal>);
}
