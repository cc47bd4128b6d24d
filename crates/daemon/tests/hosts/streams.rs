//! Byte streams between hosts: migrations, consoles, forwarded requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use haven_cluster::control::GuardCommand;
use haven_daemon::consoles::{self, ConsoleKind, ConsoleTarget};
use haven_daemon::orders::{Order, OrderError, OrderReply, Via};
use haven_daemon::peer_net::{
    Caller, ForwardedFor, Target, TunnelError, forward_request, forwarded_caller, open_tunnel,
};
use haven_drivers::hypervisor::DomainState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};
use uuid::Uuid;

use crate::support::{TestHost, pool};

/// A socket that sends everything back.
fn echo(path: std::path::PathBuf) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
}

async fn migrate(first: &TestHost, second: &TestHost, vm: Uuid) -> Result<OrderReply, OrderError> {
    migrate_via(first, second, vm, None).await
}

/// The same to another address of the second host, and whether to no other.
async fn migrate_via(
    first: &TestHost,
    second: &TestHost,
    vm: Uuid,
    via: Option<(&str, bool)>,
) -> Result<OrderReply, OrderError> {
    let via = via.map(|(address, must)| Via { address: address.parse().unwrap(), must });
    let pace = haven_drivers::hypervisor::MigratePace::default();
    // Each migration has a placement of its own: an earlier one gives nothing away.
    static PLACEMENT: AtomicU64 = AtomicU64::new(1);
    let placement = PLACEMENT.fetch_add(1, Ordering::Relaxed);
    let order = Order::MigrateVm { vm, to: second.id(), placement, pace, via };
    first.side.orders.send(first.id(), order).await
}

/// F11, D38: migration is for members only, encrypted, and never open to whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_passes_through_the_peer_port_only_when_it_was_announced() {
    let pool = pool(2, Router::new()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    first.hypervisor.domains.lock().unwrap().insert(vm, DomainState::Running);
    echo(second.config.paths.libvirt_socket());
    let refused = migrate(first, second, vm).await;
    assert!(matches!(refused, Err(OrderError::Hypervisor(_))), "{refused:?}");
    let prepare = Order::PrepareMigrateIn { vm, placement: 2, from: first.id() };
    assert_eq!(first.side.orders.send(second.id(), prepare).await, Ok(OrderReply::Done));
    echo(second.config.paths.migrate_socket(vm));
    let migrated = migrate(first, second, vm).await;
    assert!(matches!(migrated, Ok(OrderReply::Migrated(_))), "{migrated:?}");
    assert!(!first.config.paths.migrate_socket(vm).exists(), "the source's socket is gone");
    // At another address it is the same host, if it answers there; nothing moves before that is known.
    let back = || first.hypervisor.domains.lock().unwrap().insert(vm, DomainState::Running);
    back();
    let there = migrate_via(first, second, vm, Some(("127.0.0.1", true))).await;
    assert!(matches!(there, Ok(OrderReply::Migrated(_))), "{there:?}");
    back();
    let nowhere = migrate_via(first, second, vm, Some(("127.0.0.9", true))).await;
    let said = nowhere.unwrap_err().to_string();
    assert!(said.contains("does not answer at 127.0.0.9:"), "{said}");
    let either = migrate_via(first, second, vm, Some(("127.0.0.9", false))).await;
    assert!(matches!(either, Ok(OrderReply::Migrated(_))), "{either:?}");
    let finish = Order::FinishMigrateIn { vm, placement: 2 };
    first.side.orders.send(second.id(), finish).await.unwrap();
    let dialer = &first.side.agent.parts().dialer;
    for target in [Target::Libvirt, Target::Migrate(vm)] {
        let closed = open_tunnel(dialer, second.id(), target).await.map(|_| ()).unwrap_err();
        assert!(matches!(closed, TunnelError::Refused(status) if status == 403), "{closed}");
    }
}

/// C115, D40.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_is_reached_on_this_host_and_on_another() {
    let pool = pool(2, Router::new()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    echo(second.dir.path().join(format!("{vm}.vnc")));
    for host in [first, second] {
        let target = ConsoleTarget { vm, host: second.id(), kind: ConsoleKind::Vnc };
        let mut console = consoles::open(&host.side.agent, target).await.unwrap();
        console.write_all(b"RFB 003.008\n").await.unwrap();
        let mut answer = [0; 12];
        console.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"RFB 003.008\n");
    }
    let serial = ConsoleTarget { vm, host: second.id(), kind: ConsoleKind::Serial };
    assert!(consoles::open(&first.side.agent, serial).await.is_err(), "nothing listens there");
}

/// The coordinator's application: a console below `/console`, else what it was asked.
fn application(
    host: tokio::sync::watch::Receiver<Option<(haven_daemon::agent::Agent, Uuid)>>,
) -> Router {
    let console = move |request: Request| {
        let host = host.clone();
        async move {
            let (agent, vm) = host.borrow().clone().unwrap();
            let target = ConsoleTarget { vm, host: agent.host(), kind: ConsoleKind::Vnc };
            consoles::serve(&agent, target, request).await
        }
    };
    let tell = |request: Request| async move {
        let caller = forwarded_caller(request.headers());
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1000).await.unwrap();
        format!("{path} {caller:?} {}", String::from_utf8_lossy(&body))
    };
    Router::new().route("/console", any(console)).fallback(tell)
}

/// What a member's API does: everything goes to the coordinator.
fn forwarding(agent: std::sync::Arc<std::sync::OnceLock<haven_daemon::agent::Agent>>) -> Router {
    Router::new().fallback(move |request: Request| {
        let agent = agent.get().unwrap().clone();
        async move {
            let coordinator = agent.parts().authority.coordinator().unwrap();
            forward_request(&agent.parts().dialer, coordinator, request).await.unwrap()
        }
    })
}

/// A16, B04: any host's address will do.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_forwards_requests_and_consoles_and_says_for_whom() {
    let (told, host) = tokio::sync::watch::channel(None);
    let pool = pool(2, application(host)).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    told.send_replace(Some((first.side.agent.clone(), vm)));
    echo(first.dir.path().join(format!("{vm}.vnc")));
    let agent = std::sync::Arc::new(std::sync::OnceLock::new());
    agent.set(second.side.agent.clone()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let unix = second.dir.path().join("api.sock");
    let local = UnixListener::bind(&unix).unwrap();
    let (router, stop) = (forwarding(agent), second.stop.clone());
    tokio::spawn(haven_daemon::peer_net::serve_unix(local, router.clone(), stop));
    let remote = router.layer(axum::Extension(Caller::Remote(address)));
    tokio::spawn(async move { axum::serve(listener, remote).await });

    let mut client = tokio::net::UnixStream::connect(&unix).await.unwrap();
    let answer = http(&mut client, "POST /haven/x?y=1 HTTP/1.1\r\nhost: h\r\nx-haven-caller: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi").await;
    assert!(answer.ends_with(&format!("/haven/x {:?} hi", ForwardedFor::Root)), "{answer}");

    // A client cannot make itself root by the header that members use.
    let mut client = TcpStream::connect(address).await.unwrap();
    let answer = http(
        &mut client,
        "GET /z HTTP/1.1\r\nhost: h\r\nx-haven-caller: root\r\nconnection: close\r\n\r\n",
    )
    .await;
    let remote = ForwardedFor::Remote(address.ip());
    assert!(answer.ends_with(&format!("/z {remote:?} ")), "{answer}");

    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("CONNECT /console?uuid=1 {version}\r\nhost: h\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(b"\r\n\r\n") {
            let read = tokio::time::timeout(Duration::from_secs(5), client.read(&mut byte));
            assert_eq!(read.await.unwrap().unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
            seen.extend(byte);
        }
        let head = String::from_utf8_lossy(&seen).into_owned();
        assert!(head.contains(" 200 "), "{head}");
        client.write_all(b"RFB 003.008\n").await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"RFB 003.008\n", "{version}");
    }
}

async fn http<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_for_the_announced_source_alone() {
    let pool = pool(3, Router::new()).await;
    let [first, second, third] = &pool.hosts[..] else { panic!("three hosts") };
    let vm = Uuid::new_v4();
    echo(second.config.paths.migrate_socket(vm));
    echo(second.config.paths.libvirt_socket());
    let prepare = Order::PrepareMigrateIn { vm, placement: 1, from: third.id() };
    first.side.orders.send(second.id(), prepare).await.unwrap();
    let tunnel = |host: &TestHost, target| {
        let dialer = host.side.agent.parts().dialer.clone();
        let second = second.id();
        async move { open_tunnel(&dialer, second, target).await.map(|_| ()) }
    };
    assert!(tunnel(third, Target::Libvirt).await.is_ok());
    for target in [Target::Libvirt, Target::Migrate(vm)] {
        let refused = tunnel(first, target).await;
        assert!(matches!(refused, Err(TunnelError::Refused(_))), "{refused:?}");
    }
}

/// A guest that arrives at a host which is leaving would execute where no guard looks any more: nothing is
/// let in, and what is on its way is cut off (scenarios 84 and 103).
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_leaves_cuts_the_migrations_to_it() {
    let pool = pool(2, Router::new()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    let send = |order| first.side.orders.send(second.id(), order);
    let prepare = Order::PrepareMigrateIn { vm, placement: 2, from: first.id() };
    assert_eq!(send(prepare).await, Ok(OrderReply::Done));
    echo(second.config.paths.migrate_socket(vm));
    let dialer = &first.side.agent.parts().dialer;
    let target = Target::Migrate(vm);
    let mut memory = open_tunnel(dialer, second.id(), target).await.unwrap();
    let mut page = [0; 4];
    memory.write_all(b"page").await.unwrap();
    memory.read_exact(&mut page).await.unwrap();
    // No guard runs on these hosts: it is refused, and what was cut stays so.
    assert!(send(Order::Guard(Box::new(GuardCommand::Exclude))).await.is_err());
    let ended = tokio::time::timeout(Duration::from_secs(30), memory.read(&mut page)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    let closed = open_tunnel(dialer, second.id(), target).await.map(|_| ());
    assert!(matches!(closed, Err(TunnelError::Refused(status)) if status == 403), "{closed:?}");
}
