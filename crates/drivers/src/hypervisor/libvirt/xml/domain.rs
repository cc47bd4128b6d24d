//! The description of one domain.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::firmware::{FIRMWARE, FirmwareString};
use crate::hypervisor::{
    BootSpec, CpuModel, CrashAction, DiskBus, DiskFormat, DiskSpec, DomainSpec, NicSpec,
};
use crate::xml::{Element, el};

/// Translation cache of a TCG guest. Without it QEMU may take 1 GiB beside the guest's memory;
/// below 32 MiB booting takes twice as long.
const TB_CACHE_MIB: u32 = 32;
/// virtio-blk shows at most this many characters of a serial number.
const DISK_SERIAL_CHARS_MAX: usize = 20;
/// XML namespace of the metadata element.
pub(crate) const METADATA_NAMESPACE: &str = "urn:haven:domain:1";

/// Attribute of the metadata element: which start made the domain.
pub(crate) const START_ATTRIBUTE: &str = "start";

/// What the host adds to a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderContext {
    /// `kvm`, `qemu` (TCG), `xen`, or `test` (libvirt's mock driver).
    pub virt_type: String,
    /// Machine type if the VM names none, e.g. `pc-i440fx-10.0`.
    pub machine: String,
    /// Unix socket of the VNC server.
    pub vnc_socket: String,
    /// Unix socket of the serial console.
    pub serial_socket: String,
    /// Names this start of the VM.
    pub start: Uuid,
}

/// Renders the description of a domain.
pub fn domain_xml(spec: &DomainSpec, ctx: &RenderContext) -> Result<String, String> {
    let tree = if ctx.virt_type == "xen" { xen_domain(spec, ctx) } else { qemu_domain(spec, ctx) };
    tree.render()
}

fn head(spec: &DomainSpec, ctx: &RenderContext) -> Element {
    let metadata = el("haven:vm")
        .attr("xmlns:haven", METADATA_NAMESPACE)
        .attr("uuid", spec.uuid.to_string())
        .attr("epoch", spec.extra.epoch.to_string())
        .attr(START_ATTRIBUTE, ctx.start.to_string());
    let memory = (spec.memory_bytes >> 10).to_string();
    let balloon = match spec.extra.memory_target {
        0 => memory.clone(),
        target => (target.min(spec.memory_bytes) >> 10).to_string(),
    };
    el("domain")
        .attr("type", ctx.virt_type.as_str())
        .child(el("name").text(crate::hypervisor::libvirt::domain_name(spec.uuid)))
        .child(el("uuid").text(spec.uuid.to_string()))
        .child(el("title").text(title(spec)))
        .child(el("metadata").child(metadata))
        .child(el("memory").attr("unit", "KiB").text(memory))
        .child(el("currentMemory").attr("unit", "KiB").text(balloon))
        .child(vcpus(spec))
}

/// As many CPUs as it may ever have, of which some are there from the start.
fn vcpus(spec: &DomainSpec) -> Element {
    let (now, most) = (spec.vcpus.max(1), spec.extra.vcpus_max.max(spec.vcpus).max(1));
    let tree = el("vcpu").attr("placement", "static");
    let tree = if now < most { tree.attr("current", now.to_string()) } else { tree };
    tree.text(most.to_string())
}

/// libvirt refuses an empty title.
fn title(spec: &DomainSpec) -> String {
    if spec.name.is_empty() { spec.uuid.to_string() } else { spec.name.clone() }
}

fn life(tree: Element, spec: &DomainSpec) -> Element {
    let on_crash = match spec.extra.on_crash {
        CrashAction::Destroy => "destroy",
        CrashAction::Restart => "restart",
        CrashAction::Preserve => "preserve",
    };
    tree.child(el("on_poweroff").text("destroy"))
        .child(el("on_reboot").text("restart"))
        .child(el("on_crash").text(on_crash))
}

fn qemu_domain(spec: &DomainSpec, ctx: &RenderContext) -> Element {
    let tcg = ctx.virt_type == "qemu";
    let machine = spec.extra.machine.as_deref().unwrap_or(&ctx.machine);
    let mut os_type = el("type").attr("arch", "x86_64").text("hvm");
    if !machine.is_empty() {
        os_type = os_type.attr("machine", machine);
    }
    let mut features = el("features").child(el("acpi")).child(el("apic"));
    if tcg {
        let cache = el("tb-cache").attr("unit", "MiB").text(TB_CACHE_MIB.to_string());
        features = features.child(el("tcg").child(cache));
    }
    let mut os = boot(el("os").child(os_type), &spec.boot);
    let mut tree = head(spec, ctx);
    if let Some(sysinfo) = firmware(&spec.extra.bios) {
        tree = tree.child(sysinfo);
        os = os.child(el("smbios").attr("mode", "sysinfo"));
    }
    let tree = tree.child(os).child(features).child(processors(spec, tcg)).child(clock());
    life(tree, spec).child(qemu_devices(spec, ctx))
}

/// What the firmware says of itself; none: as the hypervisor has it.
fn firmware(strings: &BTreeMap<String, String>) -> Option<Element> {
    let entry = |string: &FirmwareString| {
        let text = strings.get(string.key).filter(|text| !text.is_empty())?;
        Some(el("entry").attr("name", string.entry).text(text.as_str()))
    };
    let tables = FIRMWARE.chunk_by(|one, next| one.table == next.table).filter_map(|strings| {
        let entries: Vec<Element> = strings.iter().filter_map(entry).collect();
        let table = strings.first().filter(|_| !entries.is_empty())?.table;
        Some(el(table).children(entries))
    });
    let tables: Vec<Element> = tables.collect();
    (!tables.is_empty()).then(|| el("sysinfo").attr("type", "smbios").children(tables))
}

fn boot(os: Element, boot: &BootSpec) -> Element {
    match boot {
        BootSpec::Firmware { order } => {
            os.children(order.iter().map(|device| el("boot").attr("dev", device.as_str())))
        }
        BootSpec::Kernel { kernel, ramdisk, args } => {
            let os = os.child(el("kernel").text(kernel.as_str()));
            let os =
                if ramdisk.is_empty() { os } else { os.child(el("initrd").text(ramdisk.as_str())) };
            if args.is_empty() { os } else { os.child(el("cmdline").text(args.as_str())) }
        }
    }
}

/// The processors, with their sockets and cores where somebody asked for them.
fn processors(spec: &DomainSpec, tcg: bool) -> Element {
    let tree = cpu(&spec.cpu_model, tcg);
    let most = spec.extra.vcpus_max.max(spec.vcpus).max(1);
    let cores = spec.extra.cores_per_socket;
    if cores == 0 || !most.is_multiple_of(cores) {
        return tree;
    }
    let topology = el("topology")
        .attr("sockets", (most / cores).to_string())
        .attr("cores", cores.to_string())
        .attr("threads", "1");
    tree.child(topology)
}

fn cpu(model: &CpuModel, tcg: bool) -> Element {
    match model {
        // `check=none`: TCG filters features silently, and the pool's level was checked before.
        CpuModel::Named(name) => {
            let tree = el("cpu")
                .attr("mode", "custom")
                .attr("match", "exact")
                .attr("check", if tcg { "none" } else { "partial" })
                .child(el("model").attr("fallback", "forbid").text(name.as_str()));
            // Part of this model's definition, but no Intel processor has it.
            let svm = || el("feature").attr("policy", "disable").attr("name", "svm");
            if name == "qemu64" && !tcg { tree.child(svm()) } else { tree }
        }
        CpuModel::Host => el("cpu").attr("mode", if tcg { "maximum" } else { "host-model" }),
    }
}

fn clock() -> Element {
    let timer = |name: &str| el("timer").attr("name", name);
    el("clock")
        .attr("offset", "utc")
        .child(timer("rtc").attr("tickpolicy", "catchup"))
        .child(timer("pit").attr("tickpolicy", "delay"))
        .child(timer("hpet").attr("present", "no"))
}

fn qemu_devices(spec: &DomainSpec, ctx: &RenderContext) -> Element {
    let mut serial = el("serial")
        .attr("type", "unix")
        .child(el("source").attr("mode", "bind").attr("path", ctx.serial_socket.as_str()));
    if let Some(file) = &spec.extra.serial_log {
        serial = serial.child(el("log").attr("file", file.as_str()).attr("append", "on"));
    }
    let serial = serial.child(el("target").attr("port", "0"));
    let agent = el("channel")
        .attr("type", "unix")
        .child(el("target").attr("type", "virtio").attr("name", "org.qemu.guest_agent.0"));
    let vnc = el("graphics")
        .attr("type", "vnc")
        .child(el("listen").attr("type", "socket").attr("socket", ctx.vnc_socket.as_str()));
    let video = el("video").child(el("model").attr("type", "vga").attr("vram", "16384"));
    let rng = el("rng")
        .attr("model", "virtio")
        .child(el("backend").attr("model", "random").text("/dev/urandom"));
    let scsi = spec.disks.iter().any(|disk| disk.bus == DiskBus::Scsi && !disk.cdrom);
    let controller =
        || el("controller").attr("type", "scsi").attr("index", "0").attr("model", "virtio-scsi");
    let mut devices = el("devices")
        .children(scsi.then(controller))
        .children(spec.disks.iter().map(qemu_disk))
        .children(spec.nics.iter().map(|nic| nic_element(nic, true)))
        .child(serial)
        .child(agent)
        .child(el("input").attr("type", "tablet").attr("bus", "usb"))
        .child(vnc)
        .child(video);
    if let Some(action) = &spec.watchdog_action {
        let watchdog = el("watchdog").attr("model", "i6300esb").attr("action", action.as_str());
        devices = devices.child(watchdog);
    }
    devices
        .child(el("memballoon").attr("model", "virtio"))
        .child(rng)
        .child(el("panic").attr("model", "isa"))
}

/// What of an element `source` says where the disk is.
pub(super) fn source_key(disk: &DiskSpec) -> &'static str {
    if is_block_device(&disk.path) { "dev" } else { "file" }
}

fn is_block_device(path: &str) -> bool {
    path.starts_with("/dev/")
}

pub(super) fn qemu_disk(disk: &DiskSpec) -> Element {
    let block = is_block_device(&disk.path);
    let mut driver = el("driver")
        .attr("name", "qemu")
        .attr("type", format_name(disk.format))
        .attr("cache", "none")
        .attr("error_policy", "stop")
        .attr("io", "threads");
    if !disk.cdrom && !disk.read_only {
        driver = driver.attr("discard", "unmap");
    }
    let mut tree = el("disk")
        .attr("type", if block { "block" } else { "file" })
        .attr("device", if disk.cdrom { "cdrom" } else { "disk" });
    if !disk.path.is_empty() {
        tree = tree.child(driver).child(el("source").attr(source_key(disk), disk.path.as_str()));
    }
    let bus = match disk.bus {
        DiskBus::Scsi | DiskBus::Sata if !disk.cdrom => disk.bus.as_str(),
        _ => bus_of_target(&disk.target),
    };
    tree = tree.child(el("target").attr("dev", disk.target.as_str()).attr("bus", bus));
    if disk.cdrom || disk.read_only {
        tree = tree.child(el("readonly"));
    }
    if !disk.vdi.is_nil() && !disk.cdrom {
        let serial: String =
            disk.vdi.simple().to_string().chars().take(DISK_SERIAL_CHARS_MAX).collect();
        tree = tree.child(el("serial").text(serial));
    }
    if disk.bus == DiskBus::Scsi && !disk.cdrom {
        let letter = disk.target.bytes().last().unwrap_or(b'a');
        let address = el("address")
            .attr("type", "drive")
            .attr("controller", "0")
            .attr("unit", letter.saturating_sub(b'a').to_string());
        tree = tree.child(address);
    }
    tree
}

/// The file that a disk is copied to; the guest goes on in it with the settings that say how files
/// are reached.
pub(super) fn qemu_copy(path: &str, format: DiskFormat) -> Element {
    let block = is_block_device(path);
    let driver = el("driver")
        .attr("name", "qemu")
        .attr("type", format_name(format))
        .attr("cache", "none")
        .attr("io", "threads")
        .attr("discard", "unmap");
    el("disk")
        .attr("type", if block { "block" } else { "file" })
        .child(driver)
        .child(el("source").attr(if block { "dev" } else { "file" }, path))
}

fn format_name(format: DiskFormat) -> &'static str {
    match format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    }
}

fn bus_of_target(target: &str) -> &'static str {
    match target.get(..2) {
        Some("hd") => "ide",
        Some("sd") => "sata",
        Some("xv") => "xen",
        Some("fd") => "fdc",
        _ => "virtio",
    }
}

pub(super) fn nic_element(nic: &NicSpec, virtio: bool) -> Element {
    let mut tree = el("interface").attr("type", "bridge");
    if !nic.mac.is_empty() {
        tree = tree.child(el("mac").attr("address", nic.mac.as_str()));
    }
    tree = tree.child(el("source").attr("bridge", nic.bridge.as_str()));
    if virtio {
        tree = tree.child(el("model").attr("type", "virtio"));
    }
    if nic.mtu > 0 {
        tree = tree.child(el("mtu").attr("size", nic.mtu.to_string()));
    }
    if nic.send_kib_s > 0 {
        // libvirt's "outbound" is what the guest sends, as XenAPI's rate limit means it.
        let limit = el("outbound").attr("average", nic.send_kib_s.to_string());
        tree = tree.child(el("bandwidth").child(limit));
    }
    tree
}

/// A kernel means a paravirtualised guest, firmware a fully virtualised one.
fn xen_domain(spec: &DomainSpec, ctx: &RenderContext) -> Element {
    let paravirtual = matches!(spec.boot, BootSpec::Kernel { .. });
    let (machine, kind) = if paravirtual { ("xenpv", "linux") } else { ("xenfv", "hvm") };
    let os = el("os").child(el("type").attr("arch", "x86_64").attr("machine", machine).text(kind));
    let os = if paravirtual {
        os
    } else {
        os.child(el("loader").attr("type", "rom").text("/usr/lib/xen/boot/hvmloader"))
    };
    let mut tree = head(spec, ctx).child(boot(os, &spec.boot));
    if !paravirtual {
        tree = tree.child(el("features").children([el("acpi"), el("apic"), el("pae")]));
    }
    tree = tree.child(el("clock").attr("offset", "utc"));
    let vnc = el("graphics")
        .attr("type", "vnc")
        .attr("port", "-1")
        .child(el("listen").attr("type", "address").attr("address", "127.0.0.1"));
    let console_target = if paravirtual { "xen" } else { "serial" };
    let devices = el("devices")
        .children(spec.disks.iter().map(xen_disk))
        .children(spec.nics.iter().map(|nic| nic_element(nic, false)))
        .child(el("console").attr("type", "pty").child(el("target").attr("type", console_target)))
        .child(vnc);
    life(tree, spec).child(devices)
}

pub(super) fn xen_disk(disk: &DiskSpec) -> Element {
    let block = is_block_device(&disk.path);
    let mut tree = el("disk")
        .attr("type", if block { "block" } else { "file" })
        .attr("device", if disk.cdrom { "cdrom" } else { "disk" });
    if !disk.path.is_empty() {
        let driver = el("driver").attr("name", "qemu").attr("type", format_name(disk.format));
        tree = tree.child(driver).child(el("source").attr(source_key(disk), disk.path.as_str()));
    }
    // Xen guests know their disks as xvda…; vda is KVM's name for the same position.
    let target = match disk.target.strip_prefix("vd") {
        Some(letter) => format!("xvd{letter}"),
        None => disk.target.clone(),
    };
    let bus = bus_of_target(&target);
    tree = tree.child(el("target").attr("dev", target).attr("bus", bus));
    if disk.cdrom || disk.read_only { tree.child(el("readonly")) } else { tree }
}
