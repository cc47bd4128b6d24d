//! Golden files: `HAVEN_UPDATE_GOLDEN=1` rewrites them.

use std::path::PathBuf;

use uuid::Uuid;

use super::{Element, RenderContext, domain_xml};
use crate::hypervisor::{
    BootSpec, CpuModel, CrashAction, DiskBus, DiskFormat, DiskSpec, DomainExtra, DomainSpec,
    NicSpec,
};

fn disk(n: u128, target: &str, path: &str) -> DiskSpec {
    DiskSpec {
        vdi: Uuid::from_u128(n),
        path: path.into(),
        format: DiskFormat::Qcow2,
        target: target.into(),
        read_only: false,
        cdrom: false,
        bus: DiskBus::Virtio,
    }
}

fn full_spec() -> DomainSpec {
    let mut cd = disk(0, "hdc", "");
    cd.cdrom = true;
    cd.read_only = true;
    cd.format = DiskFormat::Raw;
    DomainSpec {
        uuid: Uuid::from_u128(0x11),
        name: "web <1> & \"co\"".into(),
        memory_bytes: 512 << 20,
        vcpus: 2,
        boot: BootSpec::Firmware { order: vec!["cdrom".into(), "hd".into()] },
        cpu_model: CpuModel::Named("qemu64".into()),
        disks: vec![disk(0x21, "vda", "/run/sr-mount/s/21.qcow2"), cd],
        nics: vec![NicSpec {
            mac: "52:54:00:00:00:01".into(),
            bridge: "xbr0".into(),
            mtu: 9000,
            send_kib_s: 2048,
        }],
        watchdog_action: Some("reset".into()),
        extra: DomainExtra {
            epoch: 7,
            on_crash: CrashAction::Restart,
            machine: None,
            serial_log: Some("/var/log/haven/serial/11.log".into()),
            vcpus_max: 4,
            cores_per_socket: 2,
            ..DomainExtra::default()
        },
    }
}

fn kernel_spec() -> DomainSpec {
    DomainSpec {
        uuid: Uuid::from_u128(0x12),
        name: "tick".into(),
        boot: BootSpec::Kernel {
            kernel: "/boot/vmlinuz".into(),
            ramdisk: "/boot/initrd".into(),
            args: "console=ttyS0 quiet".into(),
        },
        cpu_model: CpuModel::Host,
        disks: vec![disk(0x22, "vda", "/dev/sdb")],
        ..DomainSpec::default()
    }
}

fn context(virt_type: &str) -> RenderContext {
    RenderContext {
        virt_type: virt_type.into(),
        machine: "pc-i440fx-10.0".into(),
        vnc_socket: "/run/haven/vnc/x.sock".into(),
        serial_socket: "/run/haven/serial/x.sock".into(),
        start: Uuid::from_u128(0x99),
    }
}

fn check(name: &str, spec: &DomainSpec, virt_type: &str) {
    let xml = domain_xml(spec, &context(virt_type)).unwrap();
    Element::parse(&xml).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.xml"));
    if std::env::var_os("HAVEN_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &xml).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(xml, golden, "{} differs", path.display());
}

#[test]
fn golden_kvm_firmware() {
    check("kvm-firmware", &full_spec(), "kvm");
}

#[test]
fn golden_tcg_firmware() {
    check("tcg-firmware", &full_spec(), "qemu");
}

#[test]
fn golden_strings_of_the_firmware() {
    let mut spec = kernel_spec();
    let strings = [
        ("bios-vendor", "A <Vendor>"),
        ("system-manufacturer", "Somebody"),
        ("system-serial-number", ""),
        ("baseboard-asset-tag", "7"),
        ("oem-1", "not known"),
    ];
    spec.extra.bios = strings.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
    check("tcg-firmware-strings", &spec, "qemu");
}

#[test]
fn golden_tcg_kernel() {
    check("tcg-kernel", &kernel_spec(), "qemu");
}

#[test]
fn golden_xen_pv() {
    check("xen-pv", &kernel_spec(), "xen");
}

#[test]
fn golden_xen_hvm() {
    check("xen-hvm", &full_spec(), "xen");
}

/// A drive of the host in the guest's drive.
#[test]
fn golden_kvm_host_drive() {
    let mut spec = kernel_spec();
    let mut drive = disk(0x40, "sdd", "/dev/sr0");
    (drive.cdrom, drive.read_only, drive.format) = (true, true, DiskFormat::Raw);
    spec.disks.push(drive);
    check("kvm-host-drive", &spec, "kvm");
}

#[test]
fn a_disk_is_reached_by_the_bus_that_was_asked_for() {
    let mut spec = kernel_spec();
    let plain = domain_xml(&spec, &context("kvm")).unwrap();
    assert!(!plain.contains("virtio-scsi"), "{plain}");
    for (number, bus) in DiskBus::ALL.into_iter().enumerate() {
        let target = format!("vd{}", char::from(b'b' + u8::try_from(number).unwrap()));
        spec.disks.push(DiskSpec { bus, ..disk(0x30, &target, "/run/sr-mount/s/30.qcow2") });
    }
    let mut drive = disk(0, "sdf", "");
    (drive.cdrom, drive.bus) = (true, DiskBus::Scsi);
    spec.disks.push(drive);
    let xml = domain_xml(&spec, &context("kvm")).unwrap();
    for part in [
        "<target dev=\"vda\" bus=\"virtio\"",
        "<target dev=\"vdb\" bus=\"virtio\"",
        "<target dev=\"vdc\" bus=\"scsi\"",
        "<target dev=\"vdd\" bus=\"sata\"",
        "<target dev=\"sdf\" bus=\"sata\"",
        "<address type=\"drive\" controller=\"0\" unit=\"2\"",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    assert_eq!(xml.matches("model=\"virtio-scsi\"").count(), 1, "{xml}");
}
