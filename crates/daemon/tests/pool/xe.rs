//! The thin client of `xe` against daemons: over the local socket and over TLS, on the
//! coordinator and on a member, and clients that do not keep to the protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::support::{PASSWORD, TestPool, pool};

/// Runs the independent client; what its terminal shows.
pub(crate) async fn xe(place: &str, args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xe_thin_client.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(place).args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {out}{err}");
    out.into_owned()
}

fn local(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

fn remote(pool: &TestPool, host: usize) -> String {
    format!("127.0.0.1:{}", pool.hosts[host].api_port())
}

/// Over the network with a password, as the original client sends it.
async fn as_root(pool: &TestPool, args: &[&str]) -> String {
    let password = format!("password={PASSWORD}");
    let args = [args, &["username=root", &password]].concat();
    xe(&remote(pool, 0), &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_xe() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    pool.vm("web1", &sr, 256).await;
    let here = local(&pool.socket());
    // Root needs no password on its host.
    let uuid = xe(&here, &["vm-list", "name-label=web1", "--minimal"]).await;
    let uuid = uuid.lines().next().unwrap().to_owned();
    let listed = as_root(&pool, &["vm-list", "params=name-label,power-state"]).await;
    let web = "name-label ( RW)     : web1\n    power-state ( RO): halted\n";
    assert!(listed.contains(web) && listed.ends_with("exit 0\n"), "{listed}");
    assert_eq!(as_root(&pool, &["vm-start", "vm=web1"]).await, "exit 0\n");
    let get = ["vm-param-get", &format!("uuid={uuid}"), "param-name=power-state"];
    assert_eq!(as_root(&pool, &get).await, "running\nexit 0\n");
    let again = as_root(&pool, &["vm-start", "vm=web1"]).await;
    assert!(again.contains(&format!("{uuid} (web1)")) && again.ends_with("exit 1\n"), "{again}");
    let set = ["vm-param-set", &format!("uuid={uuid}"), "other-config:x=1", "name-description=d"];
    assert_eq!(as_root(&pool, &set).await, "exit 0\n");
    let wait = ["event-wait", "class=vm", &format!("uuid={uuid}"), "power-state=running"];
    assert_eq!(as_root(&pool, &wait).await, "exit 0\n");
    assert_eq!(as_root(&pool, &["vm-shutdown", "vm=web1", "--force"]).await, "exit 0\n");
    let made = as_root(&pool, &["network-create", "name-label=dmz"]).await;
    assert_eq!(made.lines().count(), 2, "{made}");
    let id = format!("uuid={uuid}");
    let kept = xe(&here, &["vm-uninstall", &id, "--typed", "no"]).await;
    assert!(kept.contains("Aborted (you typed: 'no')"), "{kept}");
    let gone = xe(&here, &["vm-uninstall", &id, "--typed", "yes"]).await;
    assert!(gone.contains("All objects destroyed"), "{gone}");
    // What a template's plan made goes with its machine.
    let sr = pool.ok("SR.get_uuid", &[sr]).await;
    let sr = format!("sr-uuid={}", sr.as_str().unwrap());
    let made = xe(&here, &["vm-install", "template=Linux", &sr, "new-name-label=inst"]).await;
    let made = format!("uuid={}", made.lines().next().unwrap());
    let gone = xe(&here, &["vm-uninstall", &made, "--force"]).await;
    assert!(gone.contains("VDI: ") && gone.ends_with("exit 0\n"), "{gone}");
    let none = as_root(&pool, &["vm-list", "name-label=web1", "--json"]).await;
    assert_eq!(none, "[]\nexit 0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_users_and_wrong_words() {
    let pool = pool(1).await;
    let there = remote(&pool, 0);
    for (args, expected) in [
        (&["vm-list", "username=root", "password=wrong"][..], "2> Authentication failed\n"),
        (&["vm-list"], "2> Username/password must be specified\n"),
        (&["vm-frobnicate"], "2> Unknown command: vm-frobnicate\n"),
        (&["vm-param-get"], "2> Required parameter not found: uuid\n"),
        (&["help", "vm-pause"], "command name            : vm-pause\n"),
        (&[""], "2> Syntax error"),
    ] {
        let shown = xe(&there, args).await;
        assert!(shown.contains(expected), "{args:?}: {shown}");
    }
    // No session stays behind.
    assert_eq!(pool.hosts[0].daemon.state.sessions.all().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sends_strangers_away_and_root_on() {
    let pool = pool(2).await;
    let member = local(&pool.hosts[1].socket());
    let names = xe(&member, &["host-list", "params=name-label", "--minimal"]).await;
    assert_eq!(names, "host0,host1\nexit 0\n");
    let password = format!("password={PASSWORD}");
    let sent_away = xe(&remote(&pool, 1), &["host-list", "username=root", &password]).await;
    assert!(sent_away.contains("127.0.0.1") && sent_away.ends_with("exit 1\n"), "{sent_away}");
    // A prompt works through the member as well.
    let uuid = pool.hosts[1].daemon.state.identity.host().0.to_string();
    let asked = xe(&member, &["host-forget", &format!("uuid={uuid}"), "--typed", "nope"]).await;
    assert!(asked.contains("Aborted (you typed: 'nope')"), "{asked}");
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 2);
}

/// What the daemon answers to these bytes on its local socket.
async fn raw(socket: PathBuf, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let mut answer = Vec::new();
    // The daemon may hang up before it has read everything.
    let talk = async {
        let _sent = stream.write_all(bytes).await;
        let _ended = stream.shutdown().await;
        let _read = stream.read_to_end(&mut answer).await;
    };
    timeout(Duration::from_secs(20), talk).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_break_the_rules_get_nothing() {
    let pool = pool(1).await;
    let request = |body: &str, extra: &[u8]| {
        let head = format!("POST /cli HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        [head.as_bytes(), extra].concat()
    };
    let hello = haven_xe::wire::hello();
    // Another protocol, no length, too long, cut short: all end at once.
    for bytes in [
        request("vm-list", b"HTTP/1.1 200 OK\r\n\r\n and so on, long enough"),
        b"POST /cli HTTP/1.0\r\ncontent-length: many\r\n\r\n".to_vec(),
        b"POST /cli HTTP/1.0\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
        b"POST /cli HTTP/1.0\r\ncontent-length: 10\r\n\r\nvm".to_vec(),
        [b"POST /cli HTTP/1.0\r\n".as_slice(), &vec![b'x'; 40_000]].concat(),
    ] {
        let answer = raw(pool.socket(), &bytes).await;
        assert!(answer.len() <= hello.len(), "{:?}", String::from_utf8_lossy(&answer));
    }
    // A frame that lies about its length in the middle of a question changes nothing.
    let sr = pool.nfs().await;
    let vm = pool.vm("web1", &sr, 256).await;
    let uuid = pool.ok("VM.get_uuid", &[vm.clone()]).await;
    let body = format!("vm-uninstall\nuuid={}", uuid.as_str().unwrap());
    let lie = [hello.as_slice(), &i32::MAX.to_le_bytes()].concat();
    raw(pool.socket(), &request(&body, &lie)).await;
    assert_eq!(pool.ok("VM.get_power_state", &[vm]).await, json!("Halted"));
    // HTTP on the same socket is as it was.
    assert_eq!(pool.ok("pool.get_all", &[]).await.as_array().unwrap().len(), 1);
}
