//! The console of a host: a login on a terminal, for pool admins alone, until its client goes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haven_daemon::config::HostConsoleSettings;
use haven_daemon::terminal::Writer;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use crate::access::user;
use crate::support::{TestPool, pool_with_consoles, post};

const LONGEST: Duration = Duration::from_secs(60);

/// Stands in for `login`: asks for a name, and says what its terminal is. It leaves its process id behind.
const LOGIN: &str = r#"#!/bin/sh
echo $$ > "$(dirname "$0")/pid"
printf 'name: '
read -r name
test -t 0 && echo "hello $name"
read -r go
stty size
sleep 1000
"#;

struct Bench {
    dir: tempfile::TempDir,
    pool: TestPool,
}

impl Bench {
    async fn new(count: usize, change: impl FnOnce(&mut HostConsoleSettings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let login = dir.path().join("login");
        std::fs::write(&login, LOGIN).unwrap();
        std::fs::set_permissions(&login, std::fs::Permissions::from_mode(0o755)).unwrap();
        let helper = Some(PathBuf::from(env!("CARGO_BIN_EXE_havend")));
        let mut settings = HostConsoleSettings { login, helper, ..HostConsoleSettings::default() };
        change(&mut settings);
        Self { dir, pool: pool_with_consoles(count, settings).await }
    }

    fn uuid(&self, number: usize) -> String {
        self.pool.hosts[number].daemon.state.identity.host().0.to_string()
    }

    async fn refusal(&self, number: usize) -> Json {
        let asked = json!({ "host": self.uuid(number) });
        let answer = post(&self.pool.socket(), "/haven/host/console", &asked).await.unwrap();
        answer["refusal"].clone()
    }

    fn process(&self) -> Option<u32> {
        std::fs::read_to_string(self.dir.path().join("pid")).ok()?.trim().parse().ok()
    }
}

/// Asks for a console: the status, and the stream.
async fn connect(socket: &Path, host: &str, session: &str) -> (String, UnixStream) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let head = format!("CONNECT /console?host={host}&session_id={session} HTTP/1.0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        answer.push(byte);
    }
    let answer = String::from_utf8(answer).unwrap();
    (answer.split_whitespace().nth(1).unwrap_or_default().to_owned(), stream)
}

async fn until(stream: &mut UnixStream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut buffer = [0; 1024];
        let read = timeout(LONGEST, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "ended after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    seen
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONGEST, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// On the coordinator itself, and through it on another host.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_admin_comes_as_far_as_the_login_of_any_host_and_it_ends_with_the_connection() {
    let bench = Bench::new(2, |_| ()).await;
    for number in [0, 1] {
        assert_eq!(bench.refusal(number).await, Json::Null);
        // A member leads to the coordinator as well.
        let socket = bench.pool.hosts[1 - number].socket();
        let (status, mut stream) = connect(&socket, &bench.uuid(number), &bench.pool.session).await;
        assert_eq!(status, "200");
        until(&mut stream, "name: ").await;
        Writer::typed(&mut stream, b"ana\n").await.unwrap();
        until(&mut stream, "hello ana").await;
        Writer::size(&mut stream, 132, 50).await.unwrap();
        Writer::typed(&mut stream, b"\n").await.unwrap();
        until(&mut stream, "50 132").await;
        let process = PathBuf::from(format!("/proc/{}", bench.process().unwrap()));
        assert!(process.exists());
        drop(stream);
        eventually("it is hung up, and reaped", || !process.exists()).await;
    }
    let audit = bench.pool.hosts[0].daemon.state.config.paths.audit_log();
    let written = || std::fs::read_to_string(&audit).unwrap_or_default();
    eventually("both ends are written down", || {
        written().matches("host_console/closed").count() == 2
    })
    .await;
    let log = written();
    assert!(log.contains(&bench.uuid(1)) && !log.contains("ana"), "{log}");
    let begun = Instant::now();
    loop {
        let told = bench.pool.ok("message.get_all_records", &[]).await.to_string();
        let both = ["HOST_CONSOLE_OPENED", "HOST_CONSOLE_CLOSED"];
        if both.iter().all(|name| told.matches(name).count() == 2) {
            break;
        }
        assert!(begun.elapsed() < LONGEST, "{told}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lower_roles_have_no_console_and_it_can_be_turned_off_for_the_pool() {
    let bench = Bench::new(1, |_| ()).await;
    for (name, role) in [("eva", "pool-operator"), ("leo", "read-only")] {
        let (_, session) = user(&bench.pool, name, role).await;
        let session = session.to_string();
        let (status, _) = connect(&bench.pool.socket(), &bench.uuid(0), &session).await;
        assert_eq!(status, "403", "{role}");
    }
    let row = bench.pool.ok("pool.get_all", &[]).await[0].clone();
    let params = [row, json!("haven_host_console"), json!("off")];
    bench.pool.ok("pool.add_to_other_config", &params).await;
    assert_eq!(bench.refusal(0).await, "off_in_pool");
    let (status, _) = connect(&bench.pool.socket(), &bench.uuid(0), &bench.pool.session).await;
    assert_eq!(status, "403");
    assert_eq!(bench.process(), None, "nothing was ever started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_refuse_whatever_the_pool_says_and_nothing_but_a_login_is_started() {
    let off = Bench::new(2, |settings| settings.enabled = false).await;
    let none = Bench::new(1, |settings| settings.login = PathBuf::from("/nonexistent")).await;
    for (bench, number, why) in
        [(&off, 0, "off_here"), (&off, 1, "off_here"), (&none, 0, "no_login")]
    {
        assert_eq!(bench.refusal(number).await, why);
        let uuid = bench.uuid(number);
        let (status, _) = connect(&bench.pool.socket(), &uuid, &bench.pool.session).await;
        assert_eq!(status, "503");
        assert_eq!(bench.process(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminals_are_few_and_one_on_which_nobody_types_is_closed() {
    let bench = Bench::new(1, |_| ()).await;
    let mut open = Vec::new();
    while bench.refusal(0).await == Json::Null {
        let (status, stream) =
            connect(&bench.pool.socket(), &bench.uuid(0), &bench.pool.session).await;
        assert_eq!(status, "200");
        open.push(stream);
    }
    assert_eq!((open.len(), bench.refusal(0).await), (8, json!("full")));
    let idle = Bench::new(1, |settings| settings.idle_max_s = Some(1)).await;
    let (_, mut stream) = connect(&idle.pool.socket(), &idle.uuid(0), &idle.pool.session).await;
    let mut rest = Vec::new();
    timeout(LONGEST, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
}
