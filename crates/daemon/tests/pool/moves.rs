//! Hosts of an armed pool that get another address, that must give way, and that leave.

use std::time::Duration;

use haven_cluster::control::GuardCommand;
use haven_cluster::ids::HostId;
use haven_daemon::orders::{Order, OrderError, Refusal};
use haven_drivers::hypervisor::{DomainSpec, Hypervisor};
use haven_model::{Host, Placement, Ref, Vm};
use serde_json::json;
use uuid::Uuid;
use x509_parser::prelude::{GeneralName, Pem};

use crate::armed::Armed;
use crate::guards::Wants;

fn uuid(pool: &Armed, number: usize) -> Uuid {
    pool.state(number).identity.host().0
}

/// What a client may call the host that shows this certificate.
fn addresses(pem: &str) -> Vec<String> {
    let pem = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
    let cert = pem.parse_x509().unwrap();
    let names = cert.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
    let address = |name: &GeneralName<'_>| match name {
        GeneralName::IPAddress(bytes) => {
            let bytes: [u8; 4] = (*bytes).try_into().ok()?;
            Some(std::net::Ipv4Addr::from(bytes).to_string())
        }
        _ => None,
    };
    names.iter().filter_map(address).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_another_address_while_the_pool_is_armed() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let id = uuid(&pool, 1);
    let host = pool.call(0, "host.get_by_uuid", &[json!(id.to_string())]).await.unwrap();
    let old = pool.call(0, "host.get_address", &[host.clone()]).await.unwrap();
    let old = old.as_str().unwrap().to_owned();
    let before = pool.guards.config().unwrap();
    let armed = pool.guards.commands();

    let mut codes = Vec::new();
    for wrong in ["0.0.0.0", "nowhere", "192.0.2.1"] {
        let refused = pool.call(0, "host.set_address", &[host.clone(), json!(wrong)]).await;
        codes.push(refused.unwrap_err()[0].clone());
    }
    let invalid = "INVALID_IP_ADDRESS_SPECIFIED";
    assert_eq!(codes, [invalid, invalid, "OPERATION_NOT_ALLOWED"], "it must answer there first");
    assert_eq!(pool.guards.config().unwrap(), before);

    pool.call(0, "host.set_address", &[host.clone(), json!("127.0.0.9")]).await.unwrap();
    let after = pool.guards.config().unwrap();
    let spec = |config: &haven_cluster::control::ArmConfig| {
        config.hosts.iter().find(|spec| spec.host.0 == id).cloned().unwrap()
    };
    assert_eq!(spec(&after).addresses, ["127.0.0.9:694".parse().unwrap()]);
    assert_eq!(spec(&after).slot, spec(&before).slot);
    assert_eq!(pool.call(0, "host.get_address", &[host.clone()]).await.unwrap(), "127.0.0.9");
    pool.until("all know where it is, also after a restart", async |pool| {
        pool.hosts.iter().all(|host| {
            let text = std::fs::read_to_string(host.config.paths.host_json()).unwrap();
            text.matches("127.0.0.9").count() == 2
        })
    })
    .await;
    let told = pool.guards.commands().split_off(armed.len());
    assert!(told.iter().all(|(_, name)| *name == "reconfigure"), "{told:?}");
    assert_eq!(pool.guards.members(), [0, 1, 2], "nobody went out for it");
    let shown = pool.call(0, "host.get_server_certificate", &[host.clone()]).await.unwrap();
    assert_eq!(addresses(shown.as_str().unwrap()), ["127.0.0.9", &old], "both are in use for now");
    // And the next move forgets where it was first.
    pool.call(0, "host.set_address", &[host.clone(), json!("127.0.0.10")]).await.unwrap();
    let shown = pool.call(0, "host.get_server_certificate", &[host.clone()]).await.unwrap();
    assert_eq!(addresses(shown.as_str().unwrap()), ["127.0.0.10", "127.0.0.9"]);
    pool.call(0, "host.set_address", &[host.clone(), json!("127.0.0.9")]).await.unwrap();
    pool.write(0, "after").await.unwrap();
    pool.call(0, "host.disable", &[host.clone()]).await.unwrap();
    // What nobody said is not undone by what the host reports of itself.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(pool.call(0, "host.get_address", &[host]).await.unwrap(), "127.0.0.9");
}

/// Its daemon was away for so short a time that nobody noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_missed_a_change_of_the_pool_hears_of_it_when_it_reports() {
    let mut pool = Armed::new(3).await;
    let host = pool.host(1).await;
    pool.kill(2).await;
    pool.ok("host.set_address", &[host, json!("127.0.0.9")]).await;
    pool.start(2).await;
    pool.until("host 2 knows where host 1 is", async |pool| {
        let text = std::fs::read_to_string(pool.hosts[2].config.paths.host_json()).unwrap();
        text.contains("127.0.0.9")
    })
    .await;
}

/// Its guard beats on, to where the moved host is not any more: after some minutes that one would
/// hear nobody.
#[tokio::test(flavor = "multi_thread")]
async fn no_host_moves_while_a_member_cannot_be_told() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let (moved, untold) = (pool.host(1).await, pool.host(2).await);
    let before = pool.guards.config().unwrap();
    pool.kill(2).await;
    let refused = pool.call(0, "host.set_address", &[moved.clone(), json!("127.0.0.9")]).await;
    assert_eq!(refused.unwrap_err(), ["HOST_OFFLINE", untold.as_str().unwrap()]);
    assert_eq!(pool.guards.config().unwrap(), before);
    pool.start(2).await;
    pool.until("all can be told", async |pool| {
        pool.call(0, "host.set_address", &[moved.clone(), json!("127.0.0.9")]).await.is_ok()
    })
    .await;
}

/// From outside nobody sees that it has just been put out, and runs its machines until its permit
/// is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_put_out_just_now_is_not_declared_dead() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let vm = pool.vm("web", 256).await;
    let (here, there) = (pool.host(0).await, pool.host(2).await);
    pool.ok("VM.start_on", &[vm.clone(), there.clone(), json!(false), json!(false)]).await;
    pool.guards.put_out(2);
    let metrics = pool.ok("host.get_metrics", &[there.clone()]).await;
    pool.until("it counts as silent", async |pool| {
        pool.call(0, "host_metrics.get_live", &[metrics.clone()]).await == Ok(json!(false))
    })
    .await;
    let refused = pool.call(0, "host.declare_dead", &[there.clone()]).await;
    if refused.is_ok() {
        // What would have come of it.
        let _started = pool
            .call(0, "VM.start_on", &[vm.clone(), here.clone(), json!(false), json!(false)])
            .await;
        assert!(pool.world.violations().is_empty(), "{:?}", pool.world.violations());
    }
    assert_eq!(refused.unwrap_err()[0], "OPERATION_NOT_ALLOWED");
    assert_eq!(pool.ok("VM.get_resident_on", &[vm.clone()]).await, there);
    assert!(pool.guards.commands().contains(&(0, "proven_dead")), "the guard weighs the word");

    pool.world.power_off(2);
    pool.guards.want(Wants { word_counts: true, ..Wants::default() });
    pool.ok("host.declare_dead", &[there]).await;
    pool.until("it may start elsewhere", async |pool| {
        let start = [vm.clone(), here.clone(), json!(false), json!(false)];
        pool.call(0, "VM.start_on", &start).await.is_ok()
    })
    .await;
}

/// Between the farewell of its guard and its own nobody guards what a host runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_leaves_runs_nothing_once_its_guard_has_gone() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    // Nobody arms it anew.
    pool.guards.want(Wants { refuses: Some(2), ..Wants::default() });
    let orders = pool.state(0).orders.clone();
    let leaving = HostId(uuid(&pool, 2));
    for command in [GuardCommand::Exclude, GuardCommand::EmergencyDisarm] {
        orders.send(leaving, Order::Guard(Box::new(command))).await.unwrap();
    }
    let order = Order::StartVm { spec: Box::new(guest()), placement: 1, paused: false };
    let refused = orders.send(leaving, order).await;
    assert!(pool.world.hypervisor(2).inventory().unwrap().is_empty());
    assert_eq!(refused, Err(OrderError::Refused(Refusal::NoPermit)));
}

/// While the newest epoch has a host the others count on it, or wait for nobody but it; and while an
/// earlier one has it, who comes next could not learn how its life ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_not_given_up_before_the_guards_have_gone_on_without_it() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let id = uuid(&pool, 2);
    let lost = pool.ok("host.get_by_uuid", &[json!(id.to_string())]).await;
    pool.kill(2).await;
    let metrics = pool.ok("host.get_metrics", &[lost.clone()]).await;
    pool.until("it is silent", async |pool| {
        pool.call(0, "host_metrics.get_live", &[metrics.clone()]).await == Ok(json!(false))
    })
    .await;
    let destroy = [lost.clone()];
    let stays = async |pool: &Armed| {
        let early = pool.call(0, "host.destroy", &destroy);
        assert!(tokio::time::timeout(Duration::from_secs(2), early).await.is_err(), "at once");
        let known = pool.ok("host.get_all", &[]).await;
        assert_eq!(known.as_array().unwrap().len(), 3, "it is known for as long as it counts");
    };
    stays(&pool).await;
    pool.guards.want(Wants { owed: Some(HostId(id)), ..Wants::default() });
    pool.guards.put_out(2);
    stays(&pool).await;
    assert!(pool.guards.commands().contains(&(0, "settle")), "the guard is asked to forget it");
    pool.guards.want(Wants::default());
    pool.until("it is forgotten", async |pool| {
        let all = pool.call(0, "host.get_all", &[]).await.unwrap();
        all.as_array().unwrap().len() == 2 || pool.call(0, "host.destroy", &destroy).await.is_ok()
    })
    .await;
    assert_eq!(pool.guards.places().count_ones(), 2, "no guard admits it any more");
}

/// It knows nothing of that when it is back; whoever gives a command there is told what it means.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_forgotten_while_it_was_off_says_so() {
    let mut pool = Armed::new(3).await;
    let id = json!(uuid(&pool, 2));
    let lost = pool.ok("host.get_by_uuid", &[id.clone()]).await;
    pool.kill(2).await;
    pool.until("it is forgotten", async |pool| {
        pool.call(0, "host.destroy", &[lost.clone()]).await.is_ok()
    })
    .await;
    pool.start(2).await;
    let unknown = vec!["HOST_UNKNOWN_TO_MASTER".to_owned(), id.as_str().unwrap().to_owned()];
    pool.until("it is told", async |pool| {
        pool.call(2, "host.get_all", &[]).await == Err(unknown.clone())
    })
    .await;
    let place = format!("unix:{}", pool.socket(2).display());
    let said = crate::xe::xe(&place, &["host-list"]).await;
    assert!(said.contains("taken out of the pool") && said.ends_with("exit 1\n"), "{said}");
    let other = crate::xe::xe(&format!("unix:{}", pool.socket(1).display()), &["host-list"]).await;
    assert!(other.ends_with("exit 0\n"), "{other}");
}

/// A host of which the pool knows nothing, and its reference.
async fn forgotten() -> (Armed, Vec<String>) {
    let mut pool = Armed::new(2).await;
    let id = uuid(&pool, 1).to_string();
    let lost = pool.ok("host.get_by_uuid", &[json!(id)]).await;
    pool.kill(1).await;
    pool.until("it is forgotten", async |pool| {
        pool.call(0, "host.destroy", &[lost.clone()]).await.is_ok()
    })
    .await;
    pool.start(1).await;
    (pool, vec!["HOST_UNKNOWN_TO_MASTER".to_owned(), id])
}

/// What comes of that is hard to take back, so only who has read the database says it.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_coordinator_with_its_database_says_that_a_host_is_forgotten() {
    let (pool, unknown) = forgotten().await;
    let asked = async || pool.call(1, "host.get_all", &[]).await;
    let state = pool.state(0);
    let database = state.pool.suspend().await.unwrap();
    let early = asked().await.unwrap_err();
    assert!(!early.concat().contains(&unknown[0]), "{early:?}");
    let place = format!("unix:{}", pool.socket(1).display());
    let early = crate::xe::xe(&place, &["host-list"]).await;
    assert!(!early.contains("taken out of the pool") && early.ends_with("exit 1\n"), "{early}");
    state.pool.open(database).await;
    assert_eq!(asked().await, Err(unknown));
}

/// What is no call is answered as what it is: a client that fetches a file must not keep the error as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_host_gives_no_error_for_a_file() {
    let (pool, unknown) = forgotten().await;
    let (status, text) = crate::support::get(&pool.socket(1), "/export_raw_vdi?vdi=x").await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains(&unknown[0]), "{text}");
}

/// A call that was cut off may have taken a place away: the coordinator finds the difference.
#[tokio::test(flavor = "multi_thread")]
async fn the_places_of_the_hosts_of_the_pool_are_given_back() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    assert_eq!(pool.guards.places(), 0b111);
    pool.guards.take_places(0b011);
    pool.until("host 2 has its place", async |pool| pool.guards.places() == 0b111).await;
}

fn guest() -> DomainSpec {
    serde_json::from_value(json!({
        "uuid": Uuid::new_v4(), "name": "t", "memory_bytes": 1, "vcpus": 1,
        "boot": {"firmware": {"order": ["hd"]}}, "cpu_model": "host",
        "disks": [], "nics": [], "watchdog_action": null
    }))
    .unwrap()
}

/// Isolation response `shutdown`: guests are asked; who does not listen is the guard's to stop.
#[tokio::test(flavor = "multi_thread")]
async fn guests_of_a_host_that_gives_way_are_asked_to_shut_down() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let runs = |number: usize| -> Vec<Uuid> {
        let found = pool.world.hypervisor(number).inventory().unwrap();
        found.iter().map(|domain| domain.uuid).collect()
    };
    let (polite, deaf, other) = (guest(), guest(), guest());
    for (number, spec) in [(1, &polite), (1, &deaf), (2, &other)] {
        pool.world.hypervisor(number).start(spec, false).unwrap();
    }
    pool.world.ignore_shutdown(1, deaf.uuid);
    pool.until("its guests are counted", async |pool| pool.guards.load(1) == Some(2)).await;

    pool.guards.give_way(1);
    pool.until("one has shut down", async |_| runs(1) == [deaf.uuid]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(runs(1), [deaf.uuid], "the daemon pulls no plug");
    assert_ne!(pool.guards.load(1), Some(0));
    assert_eq!(runs(2), [other.uuid], "nobody else is asked");

    pool.guards.give_way(2);
    pool.until("the guard need not wait for the end", async |pool| pool.guards.load(2) == Some(0))
        .await;
    assert!(runs(2).is_empty());
}

/// The pool went on with a database in which a guest has no record: somebody is told, once, and when
/// the record is back the guest is not started beside itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_a_record_is_told_of_and_never_started_twice() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let spec = guest();
    pool.world.hypervisor(1).start(&spec, false).unwrap();
    let told = async |pool: &Armed| {
        let all = pool.call(0, "message.get_all_records", &[]).await.unwrap();
        let rows = all.as_object().unwrap().values();
        let about = |row: &&serde_json::Value| {
            row["name"] == "ALARM" && row["body"].as_str().unwrap().contains(&spec.uuid.to_string())
        };
        rows.filter(about).count()
    };
    pool.until("somebody is told", async |pool| told(pool).await == 1).await;

    let state = pool.state(0);
    let vm = Ref::<Vm>::from_uuid(spec.uuid);
    let row = Vm { uuid: spec.uuid.to_string(), name_label: "back".into(), ..Vm::default() };
    state.pool.write(move |tx| tx.insert_with(vm, row)).await.unwrap();
    let start = [json!(vm.to_string()), json!(false), json!(false)];
    let refused = pool.call(0, "VM.start", &start).await.unwrap_err();
    assert_eq!(refused[0], "VM_BAD_POWER_STATE");
    pool.until("it is known to run", async |pool| {
        let power = pool.call(0, "VM.get_power_state", &[json!(vm.to_string())]).await;
        power.unwrap() == "Running"
    })
    .await;
    let runs = |number: usize| pool.world.hypervisor(number).inventory().unwrap().len();
    assert_eq!([runs(0), runs(1), runs(2)], [0, 1, 0]);
    assert_eq!(told(&pool).await, 1, "once");
}

/// What must never happen is shown by two inventories: a person is told which promise broke, and neither guest is
/// stopped, for nobody knows which of them has the newer disks.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_runs_on_two_hosts_is_an_alarm_and_neither_is_stopped() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let spec = guest();
    let vm = Ref::<Vm>::from_uuid(spec.uuid);
    let row = Vm { uuid: spec.uuid.to_string(), name_label: "t".into(), ..Vm::default() };
    pool.state(0).pool.write(move |tx| tx.insert_with(vm, row)).await.unwrap();
    pool.world.hypervisor(1).start(&spec, false).unwrap();
    pool.until("it is known to run", async |pool| {
        let power = pool.call(0, "VM.get_power_state", &[json!(vm.to_string())]).await;
        power.unwrap() == "Running"
    })
    .await;
    let told = async |pool: &Armed| {
        let all = pool.call(0, "message.get_all_records", &[]).await.unwrap();
        let rows = all.as_object().unwrap().values();
        let about = |row: &&serde_json::Value| {
            let body = row["body"].as_str().unwrap();
            row["obj_uuid"] == spec.uuid.to_string() && body.contains("two_hosts")
        };
        rows.filter(about).map(|row| row["body"].as_str().unwrap().to_owned()).next()
    };
    assert_eq!(told(&pool).await, None);
    pool.world.hypervisor(2).start(&spec, false).unwrap();
    pool.until("somebody is told", async |pool| told(pool).await.is_some()).await;
    let body = told(&pool).await.unwrap();
    assert!(body.contains("\"invariant\":\"S1\""), "{body}");
    let runs = |number: usize| pool.world.hypervisor(number).inventory().unwrap().len();
    assert_eq!([runs(0), runs(1), runs(2)], [0, 1, 1]);
}

/// The database has a VM on a host that does not run it (it was rolled back, or edited): it follows the host that
/// does, a person is told, and the VM is started nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_the_database_has_elsewhere_is_followed_and_told() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let spec = guest();
    let vm = Ref::<Vm>::from_uuid(spec.uuid);
    let row = Vm { uuid: spec.uuid.to_string(), name_label: "astray".into(), ..Vm::default() };
    pool.state(0).pool.write(move |tx| tx.insert_with(vm, row)).await.unwrap();
    pool.world.hypervisor(1).start(&spec, false).unwrap();
    let on = async |pool: &Armed| {
        pool.state(0).pool.read(|db| db.get(vm).unwrap().resident_on).await.unwrap()
    };
    let host = |number| Ref::<Host>::from_uuid(uuid(&pool, number));
    let (one, two) = (host(1), host(2));
    pool.until("it is known to run", async |pool| on(pool).await == one).await;
    let lives = pool.state(0).lives();
    let wrong = vec![lives.holder(two)];
    let astray = move |tx: &mut haven_pooldb::Tx<'_>| {
        tx.update(Ref::<Placement>::from_id(vm.id()), |row: &mut Placement| {
            row.number += 1;
            row.holders = wrong;
        })?;
        tx.update(vm, |row: &mut Vm| row.resident_on = two)
    };
    pool.state(0).pool.write(astray).await.unwrap();
    pool.until("the database follows", async |pool| on(pool).await == one).await;
    let all = pool.call(0, "message.get_all_records", &[]).await.unwrap();
    let told = all.as_object().unwrap().values().any(|row| {
        row["obj_uuid"] == spec.uuid.to_string()
            && row["body"].as_str().unwrap().contains("found_elsewhere")
    });
    assert!(told, "{all}");
    let runs = |number: usize| pool.world.hypervisor(number).inventory().unwrap().len();
    assert_eq!([runs(0), runs(1), runs(2)], [0, 1, 0]);
}
