//! The driver on libvirt's mock driver, which lives in this process.

use super::*;
use crate::hypervisor::BootSpec;

struct Bench {
    driver: LibvirtHypervisor,
    _dir: tempfile::TempDir,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let config = LibvirtConfig {
        uri: "test:///default".into(),
        run_dir: dir.path().to_owned(),
        ..LibvirtConfig::default()
    };
    Bench { driver: LibvirtHypervisor::new(config).unwrap(), _dir: dir }
}

fn spec() -> DomainSpec {
    DomainSpec {
        uuid: Uuid::new_v4(),
        name: "mock".into(),
        boot: BootSpec::Firmware { order: vec!["hd".into()] },
        cpu_model: crate::hypervisor::CpuModel::Host,
        ..DomainSpec::default()
    }
}

fn state(driver: &LibvirtHypervisor, vm: Uuid) -> Option<DomainState> {
    driver.inventory().unwrap().into_iter().find(|d| d.uuid == vm).map(|d| d.state)
}

#[test]
fn a_domain_is_started_paused_continued_and_stopped() {
    let Bench { driver, _dir } = bench();
    let spec = spec();
    let vm = spec.uuid;
    driver.start(&spec, false).unwrap();
    assert_eq!(state(&driver, vm), Some(DomainState::Running));
    assert_eq!(driver.start(&spec, false), Err(HypervisorError::AlreadyRunning(vm)));
    driver.pause(vm).unwrap();
    assert_eq!(state(&driver, vm), Some(DomainState::Paused));
    driver.unpause(vm).unwrap();
    assert_eq!(state(&driver, vm), Some(DomainState::Running));
    driver.stop(vm, StopMode::Hard).unwrap();
    assert_eq!(state(&driver, vm), None);
    assert_eq!(driver.stop(vm, StopMode::Hard), Err(HypervisorError::NotRunning(vm)));
    assert_eq!(driver.pause(vm), Err(HypervisorError::NotRunning(vm)));
}

#[test]
fn domains_of_others_are_not_listed() {
    let Bench { driver, _dir } = bench();
    // The mock host has a running domain of its own.
    assert_eq!(driver.inventory(), Ok(Vec::new()));
}

#[test]
fn without_consent_nothing_is_left_behind() {
    let Bench { driver, _dir } = bench();
    let spec = spec();
    let refused = driver.start_with(&spec, false, Arc::new(|| false));
    assert_eq!(refused, Err(HypervisorError::Cancelled));
    assert_eq!(state(&driver, spec.uuid), None);
}

#[test]
fn a_disk_that_is_not_there_is_named() {
    let Bench { driver, _dir } = bench();
    let mut spec = spec();
    spec.disks.push(crate::hypervisor::DiskSpec {
        vdi: Uuid::new_v4(),
        path: "/no/such/disk".into(),
        format: crate::hypervisor::DiskFormat::Raw,
        target: "vda".into(),
        read_only: false,
        cdrom: false,
        bus: crate::hypervisor::DiskBus::Virtio,
    });
    let refused = driver.start(&spec, false).unwrap_err();
    assert!(refused.to_string().contains("/no/such/disk"), "{refused}");
}

#[test]
fn events_arrive() {
    let Bench { driver, _dir } = bench();
    let events = driver.events();
    let spec = spec();
    // The event connection opens in the background: start until it is there.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        driver.start(&spec, false).unwrap();
        driver.stop(spec.uuid, StopMode::Hard).unwrap();
        while let Ok(event) = events.recv_timeout(Duration::from_millis(200)) {
            // The connection may have opened in the middle; the end is always seen.
            if matches!(event, HypervisorEvent::Lifecycle { vm, state: None, .. } if vm == spec.uuid)
            {
                return;
            }
        }
        assert!(std::time::Instant::now() < until, "no event came");
    }
}

#[test]
fn sockets_lie_in_the_run_directory() {
    let Bench { driver, _dir } = bench();
    let vm = Uuid::from_u128(1);
    let dir = _dir.path().to_string_lossy().into_owned();
    assert_eq!(driver.vnc_socket(vm), format!("{dir}/vnc/{vm}.sock"));
    assert_eq!(driver.serial_socket(vm), format!("{dir}/serial/{vm}.sock"));
    assert!(_dir.path().join("migrate").is_dir());
}

#[test]
fn what_a_start_left_behind_gives_way_and_is_not_listed() {
    let Bench { driver, _dir } = bench();
    let spec = spec();
    let vm = spec.uuid;
    let starting = _dir.path().join(STARTING_DIR);
    // As if a start had been cut short after libvirt made the domain.
    let leave_behind = || {
        let start = Uuid::new_v4();
        let xml = driver.render(&spec, start, Duration::from_secs(10)).unwrap();
        let connection = Connection::open("test:///default").unwrap();
        Domain::create_xml(connection.get(), &xml, 0).unwrap().suspend().unwrap();
        std::fs::write(starting.join(start.to_string()), "").unwrap();
    };
    leave_behind();
    driver.start(&spec, true).unwrap();
    assert_eq!(state(&driver, vm), Some(DomainState::Paused), "paused on purpose: it stays");
    assert_eq!(std::fs::read_dir(&starting).unwrap().count(), 0);
    // Another start's mark says nothing about this domain, e.g. when it came by migration.
    std::fs::write(starting.join(Uuid::new_v4().to_string()), "").unwrap();
    assert_eq!(driver.start(&spec, false), Err(HypervisorError::AlreadyRunning(vm)));
    assert_eq!(state(&driver, vm), Some(DomainState::Paused));
    driver.stop(vm, StopMode::Hard).unwrap();
    leave_behind();
    assert_eq!(state(&driver, vm), None);
    assert_eq!(driver.stop(vm, StopMode::Hard), Err(HypervisorError::NotRunning(vm)));
}

#[test]
fn statistics_name_the_domains_that_run() {
    let Bench { driver, _dir } = bench();
    let spec = spec();
    driver.start(&spec, false).unwrap();
    let all = driver.statistics().unwrap();
    assert!(all.iter().any(|stats| stats.uuid == spec.uuid), "{all:?}");
}

#[test]
fn statistics_that_hang_hold_up_no_inventory() {
    let Bench { driver, _dir } = bench();
    let spec = spec();
    driver.start(&spec, false).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let stuck = driver.lanes.statistics.call("stuck", Duration::from_millis(20), move |_| {
        let _ = held.recv();
        Ok(())
    });
    assert!(matches!(stuck, Err(HypervisorError::Deadline { .. })), "{stuck:?}");
    driver.statistics().unwrap_err();
    assert_eq!(state(&driver, spec.uuid), Some(DomainState::Running));
    drop(release);
}

#[test]
fn a_domain_that_cannot_be_described_is_not_taken_for_one_that_ended() {
    let vm = Uuid::new_v4();
    assert_eq!(undescribed(vm, HypervisorError::NotRunning(vm)), Ok(None));
    // libvirtd ended after it had listed its domains.
    let gone = HypervisorError::Disconnected("client socket is closed".to_owned());
    assert_eq!(undescribed(vm, gone.clone()), Err(gone));
    let odd = HypervisorError::Failed { call: "inventory".to_owned(), text: "cputime".to_owned() };
    assert_eq!(undescribed(vm, odd).unwrap().map(|domain| domain.uuid), Some(vm));
}
