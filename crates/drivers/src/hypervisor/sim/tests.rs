use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::hypervisor::{
    DiskBus, DiskCopy, DiskFormat, DiskSpec, DomainChange, DomainSpec, DomainState, Hypervisor,
    HypervisorError, HypervisorEvent, MigratePace, MigrateTarget, StopMode,
};

const GIB: u64 = 1 << 30;

fn vm(n: u128) -> DomainSpec {
    DomainSpec { uuid: Uuid::from_u128(n), memory_bytes: GIB, ..DomainSpec::default() }
}

fn to(host: usize) -> MigrateTarget {
    MigrateTarget { uri: host_uri(host), data_uri: String::new(), pace: MigratePace::default() }
}

#[test]
fn a_domain_lives_and_ends() {
    let world = SimWorld::new(1, 2 * GIB);
    let host = world.hypervisor(0);
    let events = host.events();
    host.start(&vm(1), false).unwrap();
    assert_eq!(host.start(&vm(1), false), Err(HypervisorError::AlreadyRunning(vm(1).uuid)));
    assert_eq!(host.inventory().unwrap()[0].state, DomainState::Running);
    host.pause(vm(1).uuid).unwrap();
    host.suspend(vm(1).uuid, "/s").unwrap();
    assert!(host.inventory().unwrap().is_empty());
    host.resume(&vm(1), "/s").unwrap();
    host.stop(vm(1).uuid, StopMode::Hard).unwrap();
    assert_eq!(host.stop(vm(1).uuid, StopMode::Hard), Err(HypervisorError::NotRunning(vm(1).uuid)));
    let last = events.try_iter().last().unwrap();
    assert!(matches!(last, HypervisorEvent::Lifecycle { state: None, .. }));
}

#[test]
fn memory_is_counted() {
    let world = SimWorld::new(1, 2 * GIB);
    let host = world.hypervisor(0);
    host.start(&vm(1), false).unwrap();
    host.start(&vm(2), false).unwrap();
    assert!(matches!(host.start(&vm(3), false), Err(HypervisorError::NoMemory(_))));
}

#[test]
fn a_migration_moves_the_domain_and_never_runs_it_twice() {
    let world = SimWorld::new(2, 2 * GIB);
    let (a, b) = (world.hypervisor(0), world.hypervisor(1));
    a.start(&vm(1), false).unwrap();
    let stats = a.migrate(vm(1).uuid, &to(1)).unwrap();
    assert!(stats.processed_bytes == GIB && stats.downtime_ms > 0);
    assert!(a.inventory().unwrap().is_empty());
    assert_eq!(b.inventory().unwrap()[0].state, DomainState::Running);
    assert!(world.violations().is_empty());
}

#[test]
fn a_cancelled_migration_leaves_the_domain_where_it_was() {
    let world = SimWorld::new(2, 2 * GIB);
    let delays = Delays { migrate: Duration::from_secs(20), ..Delays::default() };
    world.set_delays(delays);
    let (a, b) = (world.hypervisor(0), world.hypervisor(1));
    a.start(&vm(1), false).unwrap();
    let id = vm(1).uuid;
    std::thread::scope(|scope| {
        let job = scope.spawn(|| a.migrate(id, &to(1)));
        assert!(b.wait_state(id, Some(DomainState::Incoming), Duration::from_secs(5)));
        a.cancel_job(id).unwrap();
        assert_eq!(job.join().unwrap(), Err(HypervisorError::Cancelled));
    });
    assert!(b.inventory().unwrap().is_empty());
    assert_eq!(a.inventory().unwrap()[0].state, DomainState::Running);
}

#[test]
fn a_dead_destination_leaves_the_domain_running_at_the_source() {
    let world = SimWorld::new(2, 2 * GIB);
    let a = world.hypervisor(0);
    a.start(&vm(1), false).unwrap();
    world.power_off(1);
    assert!(matches!(a.migrate(vm(1).uuid, &to(1)), Err(HypervisorError::Failed { .. })));
    assert_eq!(a.inventory().unwrap()[0].state, DomainState::Running);
}

#[test]
fn running_twice_is_noticed() {
    let world = SimWorld::new(2, 2 * GIB);
    world.hypervisor(0).start(&vm(1), false).unwrap();
    world.hypervisor(1).start(&vm(1), false).unwrap();
    assert_eq!(world.violations(), [Violation { vm: vm(1).uuid, hosts: vec![0, 1] }]);
}

#[test]
fn ordered_failures_and_power_loss_happen() {
    let world = SimWorld::new(1, 2 * GIB);
    let host = world.hypervisor(0);
    world.fail_next(0, "start", HypervisorError::Cancelled);
    assert_eq!(host.start(&vm(1), false), Err(HypervisorError::Cancelled));
    host.start(&vm(1), false).unwrap();
    world.power_off(0);
    assert!(matches!(host.inventory(), Err(HypervisorError::Disconnected(_))));
    world.power_on(0);
    assert!(host.inventory().unwrap().is_empty());
}

#[test]
fn consent_is_asked_after_the_delay() {
    let world = SimWorld::new(1, 2 * GIB);
    let delay = Duration::from_millis(50);
    world.set_delays(Delays { start: delay, ..Delays::default() });
    let host = world.hypervisor(0);
    let until = std::time::Instant::now() + delay / 2;
    let consent = std::sync::Arc::new(move || std::time::Instant::now() < until);
    assert_eq!(host.start_with(&vm(1), false, consent), Err(HypervisorError::Cancelled));
    assert!(host.inventory().unwrap().is_empty());
}

#[test]
fn a_disk_is_copied_and_the_guest_goes_on_in_the_copy_or_not() {
    let world = SimWorld::new(1, 2 * GIB);
    world.set_delays(Delays { copy_looks: 2, ..Delays::default() });
    let host = world.hypervisor(0);
    let disk = DiskSpec {
        vdi: Uuid::from_u128(9),
        path: "/a".to_owned(),
        format: DiskFormat::Qcow2,
        target: "vda".to_owned(),
        read_only: false,
        cdrom: false,
        bus: DiskBus::Virtio,
    };
    host.start(&DomainSpec { disks: vec![disk], ..vm(1) }, false).unwrap();
    let id = vm(1).uuid;
    let copy = DomainChange::CopyDisk(DiskCopy {
        target: "vda".to_owned(),
        path: "/b".to_owned(),
        format: DiskFormat::Qcow2,
        bandwidth_mib_s: 0,
    });
    let end = |pivot| DomainChange::EndCopy { target: "vda".to_owned(), pivot };
    host.change(id, &copy).unwrap();
    assert!(!host.disk_state(id, "vda").unwrap().copy.unwrap().ready);
    assert!(host.change(id, &end(true)).is_err(), "it is not ready");
    host.change(id, &end(false)).unwrap();
    assert_eq!(host.disk_state(id, "vda").unwrap().path, "/a");
    host.change(id, &copy).unwrap();
    while !host.disk_state(id, "vda").unwrap().copy.unwrap().ready {}
    host.change(id, &end(true)).unwrap();
    let state = host.disk_state(id, "vda").unwrap();
    assert_eq!((state.path.as_str(), state.copy), ("/b", None));
}
