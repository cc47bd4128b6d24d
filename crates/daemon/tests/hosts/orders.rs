//! Orders, reports and trust between the hosts of a pool, over real TLS.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::{TestHost, pool, spec};
use haven_cluster::ids::HostId;
use haven_daemon::identity::Member;
use haven_daemon::join::Token;
use haven_daemon::orders::{Order, OrderError, OrderReply, PoolUpdate, Refusal};
use haven_drivers::hypervisor::StopMode;
use haven_drivers::storage::SrSpec;
use uuid::Uuid;

fn sr() -> SrSpec {
    SrSpec { uuid: Uuid::new_v4(), kind: "nfs".to_owned(), device_config: Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_starts_and_stops_a_vm_on_another_host() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    let send = |order| first.side.orders.send(second.id(), order);
    let start = Order::StartVm { spec: spec(vm), placement: 1, paused: false };
    assert_eq!(send(start).await, Ok(OrderReply::Done));
    let Ok(OrderReply::Inventory(inventory)) = send(Order::Inventory).await else {
        panic!("an inventory")
    };
    assert_eq!(inventory.domains.len(), 1);
    assert_eq!(inventory.domains[0].uuid, vm);
    assert!(inventory.acting.is_empty());
    let stop = Order::StopVm { vm, mode: StopMode::Hard };
    assert_eq!(send(stop.clone()).await, Ok(OrderReply::Done));
    assert_eq!(send(stop).await, Ok(OrderReply::Done), "stopping is idempotent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_order_acts_once() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let (vm, id) = (Uuid::new_v4(), Uuid::new_v4());
    for _ in 0..3 {
        let start = Order::StartVm { spec: spec(vm), placement: 1, paused: false };
        let answer = first.side.orders.send_as(second.id(), id, start).await;
        assert_eq!(answer, Ok(OrderReply::Done));
    }
    assert_eq!(second.hypervisor.starts.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_up_placement_cannot_start_late() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    let orders = first.side.orders.clone();
    second.hypervisor.stalled.store(true, Ordering::SeqCst);
    let (host, spec_of_vm) = (second.id(), spec(vm));
    let start = Order::StartVm { spec: spec_of_vm, placement: 5, paused: false };
    let starting = tokio::spawn(async move { orders.send(host, start).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let close = || Order::ClosePlacement { vm, placement: 5, life: 0 };
    let answer = first.side.orders.send(host, close()).await;
    assert_eq!(answer, Ok(OrderReply::Running(true)), "the start acts already");
    second.hypervisor.stalled.store(false, Ordering::SeqCst);
    assert_eq!(starting.await.unwrap(), Ok(OrderReply::Done));
    let stop = Order::StopVm { vm, mode: StopMode::Hard };
    first.side.orders.send(host, stop).await.unwrap();
    let answer = first.side.orders.send(host, close()).await;
    assert_eq!(answer, Ok(OrderReply::Running(false)));
    let late = Order::StartVm { spec: spec(vm), placement: 5, paused: false };
    assert_eq!(
        first.side.orders.send(host, late).await,
        Err(OrderError::Refused(Refusal::PlacementClosed { given: 5, closed: 5 }))
    );
}

/// Whoever gave a VM away starts it no more by an order from before, though that comes late; nor does
/// a destination let in what was announced under a placement that is over (scenarios 84 and 97).
#[tokio::test(flavor = "multi_thread")]
async fn what_was_ordered_before_a_migration_is_void_after_it() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let (vm, host) = (Uuid::new_v4(), second.id());
    let send = |order| first.side.orders.send(host, order);
    let pace = haven_drivers::hypervisor::MigratePace::default();
    let away = Order::MigrateVm { vm, to: first.id(), placement: 4, pace, via: None };
    assert!(send(away).await.is_err(), "there is nothing to send");
    let void = |given| Err(OrderError::Refused(Refusal::PlacementClosed { given, closed: 4 }));
    let start = Order::StartVm { spec: spec(vm), placement: 3, paused: false };
    assert_eq!(send(start).await, void(3));
    let next = Order::StartVm { spec: spec(vm), placement: 5, paused: false };
    assert_eq!(send(next).await, Ok(OrderReply::Done));

    let other = Uuid::new_v4();
    let finish = Order::FinishMigrateIn { vm: other, placement: 4 };
    assert_eq!(send(finish).await, Ok(OrderReply::Done));
    let prepare = Order::PrepareMigrateIn { vm: other, placement: 4, from: first.id() };
    assert_eq!(send(prepare).await, void(4));
}

/// "It does not run here" of a host that has started anew says nothing about what its life before
/// wrote: that may still be on its way.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_life_that_held_a_vm_says_that_it_is_gone() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let close = |life| Order::ClosePlacement { vm: Uuid::new_v4(), placement: 1, life };
    let send = |order| first.side.orders.send(second.id(), order);
    assert_eq!(send(close(0)).await, Ok(OrderReply::Running(false)));
    let refused = Refusal::OtherLife { asked: 7, present: 0 };
    assert_eq!(send(close(7)).await, Err(OrderError::Refused(refused)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_not_coordinator_gives_no_orders() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let own = second.side.orders.send(first.id(), Order::HostFacts).await;
    assert_eq!(own, Err(OrderError::NotCoordinator));
    // A member that believes to be coordinator is refused by the others.
    let me = second.id();
    second
        .side
        .identity
        .update(|identity| {
            identity.pool.as_mut().unwrap().coordinator = me;
        })
        .unwrap();
    let usurped = second.side.orders.send(first.id(), Order::HostFacts).await;
    assert_eq!(usurped, Err(OrderError::Refused(Refusal::NotCoordinator)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_member_is_no_proof_of_its_identity() {
    let pool = pool(3, Default::default()).await;
    let [first, second, third] = &pool.hosts[..] else { panic!("three hosts") };
    let port = third.config.settings.peer_port;
    let second_id = second.id();
    // The second host's address now leads to the third one.
    first
        .side
        .identity
        .update(|identity| {
            let members = &mut identity.pool.as_mut().unwrap().members;
            members.iter_mut().find(|m| m.host == second_id).unwrap().peer_port = port;
        })
        .unwrap();
    let answer = first.side.orders.send(second_id, Order::HostFacts).await;
    assert!(matches!(answer, Err(OrderError::Unreachable { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_left_the_pool_is_shut_out_though_its_certificate_is_valid() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let before = first.side.identity.pool().unwrap();
    let members: Vec<Member> =
        before.members.iter().filter(|member| member.host == first.id()).cloned().collect();
    let update = Order::UpdatePool(Box::new(PoolUpdate { coordinator: first.id(), members }));
    assert_eq!(first.side.orders.send(first.id(), update).await, Ok(OrderReply::Done));
    let me = second.id();
    second
        .side
        .identity
        .update(|identity| identity.pool.as_mut().unwrap().coordinator = me)
        .unwrap();
    let answer = second.side.orders.send(first.id(), Order::HostFacts).await;
    let Err(OrderError::Refused(Refusal::Invalid(text))) = answer else { panic!("{answer:?}") };
    assert!(text.contains("403"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_storage_stops_neither_other_storage_nor_guests() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    second.storage.stalled.store(true, Ordering::SeqCst);
    let stalled = sr();
    let mut hanging = Vec::new();
    for _ in 0..8 {
        let (orders, host, sr) = (first.side.orders.clone(), second.id(), stalled.clone());
        hanging.push(tokio::spawn(async move { orders.send(host, Order::ScanSr { sr }).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let send = |order| {
        tokio::time::timeout(Duration::from_secs(3), first.side.orders.send(second.id(), order))
    };
    let space = send(Order::SrSpace { sr: sr() }).await.unwrap();
    assert!(matches!(space, Ok(OrderReply::Space(_))), "{space:?}");
    let start = Order::StartVm { spec: spec(Uuid::new_v4()), placement: 1, paused: false };
    assert_eq!(send(start).await.unwrap(), Ok(OrderReply::Done));
    second.storage.stalled.store(false, Ordering::SeqCst);
    for order in hanging {
        assert!(order.await.unwrap().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_hang_do_not_hold_up_a_stop() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let start = |vm| Order::StartVm { spec: spec(vm), placement: 1, paused: false };
    let vm = Uuid::new_v4();
    first.side.orders.send(second.id(), start(vm)).await.unwrap();
    second.hypervisor.stalled.store(true, Ordering::SeqCst);
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let (orders, host, order) = (first.side.orders.clone(), second.id(), start(Uuid::new_v4()));
        hanging.push(tokio::spawn(async move { orders.send(host, order).await }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stop = first.side.orders.send(second.id(), Order::StopVm { vm, mode: StopMode::Hard });
    let stopped = tokio::time::timeout(Duration::from_secs(3), stop).await;
    assert_eq!(stopped.unwrap(), Ok(OrderReply::Done));
    second.hypervisor.stalled.store(false, Ordering::SeqCst);
    for order in hanging {
        assert_eq!(order.await.unwrap(), Ok(OrderReply::Done), "those that waited start too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_report_what_runs_and_what_is_attached() {
    let mut pool = pool(2, Default::default()).await;
    let second_id = pool.hosts[1].id();
    let vm = Uuid::new_v4();
    let start = Order::StartVm { spec: spec(vm), placement: 1, paused: false };
    pool.hosts[0].side.orders.send(second_id, start).await.unwrap();
    let attached = sr();
    let attach = Order::AttachSr { sr: attached.clone(), remember: true };
    pool.hosts[0].side.orders.send(second_id, attach).await.unwrap();
    assert_eq!(
        pool.hosts[1].side.identity.pool().unwrap().storage,
        std::slice::from_ref(&attached)
    );
    let seen = async {
        loop {
            let report = pool.hosts[0].reports.recv().await.unwrap();
            let inventory = report.inventory.unwrap();
            let runs = inventory.domains.iter().any(|domain| domain.uuid == vm);
            if report.host == second_id && runs && inventory.attached == [attached.uuid] {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), seen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_was_missing_at_the_start_is_attached_when_it_comes() {
    let mut pool = pool(2, Default::default()).await;
    let [first, second] = &mut pool.hosts[..] else { panic!("two hosts") };
    let (host, wanted) = (second.id(), sr());
    second.storage.failing.store(true, Ordering::SeqCst);
    let remember = |identity: &mut haven_daemon::identity::HostIdentity| {
        identity.pool.as_mut().unwrap().storage.push(wanted.clone());
    };
    second.side.identity.update(remember).unwrap();
    let reports = &mut first.reports;
    let mut next = async || loop {
        let report = tokio::time::timeout(Duration::from_secs(5), reports.recv()).await;
        let report = report.unwrap().unwrap();
        if report.host == host {
            return report;
        }
    };
    while next().await.storage_faults.is_empty() {}
    let fault = next().await.storage_faults;
    assert!(fault[0].0 == wanted.uuid && fault[0].1.contains("mount failed"), "{fault:?}");
    second.storage.failing.store(false, Ordering::SeqCst);
    while next().await.inventory.unwrap().attached != [wanted.uuid] {}
    while !next().await.storage_faults.is_empty() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_an_earlier_process_of_the_coordinator_are_refused() {
    let mut pool = pool(2, Default::default()).await;
    let second = pool.hosts.pop().unwrap();
    let first = pool.hosts.pop().unwrap();
    let (vm, host) = (Uuid::new_v4(), second.id());
    assert!(first.side.orders.send(host, Order::Inventory).await.is_ok());
    let old = first.side.orders.clone();
    let old_term = first.side.authority.term().unwrap();
    let (dir, settings) = first.halt().await;
    let again = TestHost::start_in(dir, settings, Default::default(), Default::default()).await;
    assert!(again.side.authority.term().unwrap().coordinator > old_term.coordinator);
    assert!(again.side.orders.send(host, Order::Inventory).await.is_ok());
    let start = Order::StartVm { spec: spec(vm), placement: 1, paused: false };
    let answer = old.send(host, start).await;
    assert!(matches!(answer, Err(OrderError::Refused(Refusal::OlderEpoch { .. }))), "{answer:?}");
}

/// The order acts, its answer gets lost, and what came of the host refuses the repetition: that is
/// no word that nothing was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_repetition_does_not_say_that_the_order_was_not_carried_out() {
    let mut pool = pool(2, Default::default()).await;
    let second = pool.hosts.pop().unwrap();
    let orders = pool.hosts[0].side.orders.clone();
    let (host, hypervisor) = (second.id(), second.hypervisor.clone());
    hypervisor.stalled.store(true, Ordering::SeqCst);
    let start = Order::StartVm { spec: spec(Uuid::new_v4()), placement: 1, paused: false };
    let starting = tokio::spawn(async move { orders.send(host, start).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (dir, settings) = second.halt().await;
    let file = haven_daemon::config::Paths::new(dir.path()).host_json();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut known: serde_json::Value = serde_json::from_str(&text).unwrap();
    known["pool"]["coordinator"] = serde_json::json!(host.0);
    std::fs::write(&file, known.to_string()).unwrap();
    let again = TestHost::start_in(dir, settings, Default::default(), Default::default()).await;
    hypervisor.stalled.store(false, Ordering::SeqCst);
    let answer = starting.await.unwrap();
    assert!(matches!(answer, Err(OrderError::OutcomeUnknown { .. })), "{answer:?}");
    assert_eq!(hypervisor.starts.load(Ordering::SeqCst), 1);
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejected_host_is_unconfigured_and_may_join_again() {
    let pool = pool(2, Default::default()).await;
    let [first, second] = &pool.hosts[..] else { panic!("two hosts") };
    let vm = Uuid::new_v4();
    let start = Order::StartVm { spec: spec(vm), placement: 1, paused: false };
    first.side.orders.send(second.id(), start).await.unwrap();
    let refused = first.side.orders.send(second.id(), Order::EjectHost).await;
    let Err(OrderError::Failed { code, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(code, "HOST_HAS_RESIDENT_VMS");
    let stop = Order::StopVm { vm, mode: StopMode::Hard };
    first.side.orders.send(second.id(), stop).await.unwrap();
    let ejected = first.side.orders.send(second.id(), Order::EjectHost).await;
    assert_eq!(ejected, Ok(OrderReply::Done));
    assert_eq!(second.side.identity.pool(), None);
    assert!(!second.config.paths.tls().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_does_not_join_a_pool_with_another_ca_than_the_token_names() {
    let pool = pool(1, Default::default()).await;
    let address = format!("127.0.0.1:{}", pool.hosts[0].config.settings.api_port);
    let host = TestHost::start(Default::default()).await;
    let token = Token { address, ca_sha256: "00".repeat(32), secret: "whatever".to_owned() };
    let error = haven_daemon::join::host::join(&host.side.agent, &token.encode().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code, "JOINING_HOST_CONNECTION_FAILED");
    assert_eq!(host.side.identity.pool(), None);
    assert!(!host.config.paths.tls().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_no_destination() {
    let pool = pool(1, Default::default()).await;
    let stranger = HostId(Uuid::new_v4());
    let answer = pool.hosts[0].side.orders.send(stranger, Order::HostFacts).await;
    assert_eq!(answer, Err(OrderError::UnknownHost(stranger.0)));
}
