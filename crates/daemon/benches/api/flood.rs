//! What the reads of 32 sessions lose while one client floods. The client that floods works on the
//! same two cores as the others and the server: its own work costs the others too. Reads with and without
//! the flood take turns, so that a processor that is slower for a while slows both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::JoinHandle;

use crate::client::{Connection, Server};
use crate::{Daemon, PASSWORD, figure, reads};

/// Connections of the client that floods.
const CONNECTIONS: usize = 64;
/// Connections that ask for lists of everything.
const LISTS: usize = 16;
/// Connections that log in, each again and again.
const LOGINS: usize = 32;
/// How often reads without the flood and reads beside it take turns.
const ROUNDS: u32 = 3;
/// Pause after the flood begins, and after it ends.
const PAUSE: Duration = Duration::from_millis(300);
/// Requests that one connection sends before it reads an answer.
const PIPELINED: usize = 64;
/// Connections that ask for lists and never read them.
const SILENT: usize = 64;

/// How a client floods.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One session, many connections, cheap reads.
    Reads,
    /// One connection, many requests at a time.
    Pipelined,
    /// One session, lists of everything over several connections.
    Lists,
    /// A connection for every call.
    Connections,
    /// Logins over several connections.
    Logins,
    /// Connections over which nothing is asked.
    Handshakes,
    /// Lists that are asked for and never read.
    Silent,
}

const KINDS: &[(Kind, &str)] = &[
    (Kind::Reads, "flood"),
    (Kind::Pipelined, "flood_pipelined"),
    (Kind::Lists, "flood_lists"),
    (Kind::Connections, "flood_connections"),
    (Kind::Logins, "flood_logins"),
    (Kind::Handshakes, "flood_handshakes"),
    (Kind::Silent, "flood_silent"),
];

/// All kinds one after the other.
pub(crate) async fn all(
    daemon: &Daemon,
    server: &Server,
    mut readers: Vec<Connection>,
    vms: &[Json],
    length: Duration,
) {
    let length = length / ROUNDS;
    for (kind, name) in KINDS {
        let (mut alone, mut flooded, mut cpu) = (0.0, 0.0, 0.0);
        let (mut times, calls) = (Vec::new(), Arc::new(AtomicU64::new(0)));
        for _ in 0..ROUNDS {
            let (rate, _, back) = reads(readers, vms, length).await;
            alone += rate;
            let flood = start(*kind, server, vms, &calls).await;
            tokio::time::sleep(PAUSE).await;
            let before = daemon.cpu_ms();
            let (rate, some, back) = reads(back, vms, length).await;
            cpu += daemon.cpu_ms() - before;
            flooded += rate;
            times.extend(some);
            readers = back;
            for one in flood {
                one.abort();
            }
            tokio::time::sleep(PAUSE).await;
        }
        times.sort_unstable();
        let passed = (length * ROUNDS).as_secs_f64();
        let reads = format!("reads_{}_per_s", name.replacen("flood", "flooded", 1));
        figure(&reads, flooded / f64::from(ROUNDS), "calls/s");
        figure(&format!("reads_{name}_p99_ms"), crate::percentile(&times, 0.99), "ms");
        figure(&format!("{name}_cost"), (1.0 - flooded / alone) * 100.0, "%");
        let calls = calls.load(Ordering::Relaxed) as f64;
        let pauses = (PAUSE * ROUNDS).as_secs_f64();
        figure(&format!("{name}_calls_per_s"), calls / (passed + pauses), "calls/s");
        figure(&format!("{name}_server_cpu"), cpu / passed / 10.0, "%");
        figure(&format!("{name}_memory_mib"), daemon.memory_mib() as f64, "MiB");
    }
}

async fn start(
    kind: Kind,
    server: &Server,
    vms: &[Json],
    calls: &Arc<AtomicU64>,
) -> Vec<JoinHandle<()>> {
    let session = server.login("root", PASSWORD).await.session;
    let count = match kind {
        Kind::Reads | Kind::Connections | Kind::Handshakes => CONNECTIONS,
        Kind::Pipelined => 1,
        Kind::Lists => LISTS,
        Kind::Logins => LOGINS,
        Kind::Silent => SILENT,
    };
    let mut flood = Vec::new();
    for _ in 0..count {
        let (server, session, vm) = (server.clone(), session.clone(), vms[0].clone());
        flood.push(tokio::spawn(one(kind, server, (session, vm), calls.clone())));
    }
    flood
}

async fn one(kind: Kind, server: Server, (session, vm): (String, Json), calls: Arc<AtomicU64>) {
    let count = || calls.fetch_add(1, Ordering::Relaxed);
    let read =
        |connection: &Connection| connection.body("VM.get_record", std::slice::from_ref(&vm));
    let connect = || async {
        let mut connection = server.connect().await;
        connection.session.clone_from(&session);
        connection
    };
    match kind {
        Kind::Reads | Kind::Lists => {
            let mut connection = connect().await;
            let list = connection.body("VM.get_all_records", &[]);
            let body = if matches!(kind, Kind::Lists) { list } else { read(&connection) };
            loop {
                connection.post("/jsonrpc", "application/json", body.clone()).await;
                count();
            }
        }
        Kind::Connections => loop {
            let mut connection = connect().await;
            let body = read(&connection);
            connection.post("/jsonrpc", "application/json", body).await;
            count();
        },
        Kind::Logins => loop {
            server.login("root", PASSWORD).await;
            count();
        },
        Kind::Handshakes => loop {
            server.connect().await;
            count();
        },
        Kind::Pipelined => {
            let body = read(&connect().await);
            server.pipeline(&body, PIPELINED).await;
        }
        Kind::Silent => {
            let body = connect().await.body("VM.get_all_records", &[]);
            server.never_read(&body).await;
        }
    }
}
