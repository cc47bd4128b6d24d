//! Descriptions of single devices, of snapshots, and of where a saved domain's disks are now.

use super::domain::{nic_element, qemu_copy, qemu_disk, source_key, xen_disk};
use crate::hypervisor::{DiskCopy, DiskOverlay, DiskSpec, NicSpec};
use crate::xml::{Element, el};

/// Renders devices for the kind of hypervisor.
pub(crate) struct Devices {
    /// Xen instead of QEMU.
    pub(crate) xen: bool,
}

impl Devices {
    /// A disk or CD drive.
    pub(crate) fn disk(&self, disk: &DiskSpec) -> Result<String, String> {
        if self.xen { xen_disk(disk).render() } else { qemu_disk(disk).render() }
    }

    /// A network interface.
    pub(crate) fn nic(&self, nic: &NicSpec) -> Result<String, String> {
        nic_element(nic, !self.xen).render()
    }
}

fn text(element: &Element) -> String {
    // Rendering into memory fails only for names that are no UTF-8, which these are not.
    element.render().unwrap_or_default()
}

/// A snapshot of these of the `present` disks, with the memory or without.
pub(crate) fn snapshot_xml(
    present: &[String],
    disks: &[DiskOverlay],
    memory: Option<&str>,
) -> String {
    let overlay = |target: &String| match disks.iter().find(|disk| disk.target == *target) {
        Some(disk) => el("disk")
            .attr("name", target.as_str())
            .attr("snapshot", "external")
            .attr("type", "file")
            .child(el("driver").attr("type", "qcow2"))
            .child(el("source").attr("file", disk.path.as_str())),
        None => el("disk").attr("name", target.as_str()).attr("snapshot", "no"),
    };
    let mut tree = el("domainsnapshot");
    if let Some(path) = memory {
        tree = tree.child(el("memory").attr("snapshot", "external").attr("file", path));
    }
    text(&tree.child(el("disks").children(present.iter().map(overlay))))
}

/// Where a disk is copied to.
pub(crate) fn copy_xml(copy: &DiskCopy) -> Result<String, String> {
    qemu_copy(&copy.path, copy.format).render()
}

/// A saved domain's description with its disks where `disks` says. They may have moved: the VM
/// went back to a snapshot, or its disks were snapshotted since.
pub(crate) fn with_disks(xml: &str, disks: &[DiskSpec]) -> Result<String, String> {
    let mut tree = Element::parse(xml)?;
    let devices = tree.children_mut().iter_mut().find(|child| child.name == "devices");
    for device in devices.into_iter().flat_map(|devices| devices.children_mut()) {
        let target = device.at(&["target"]).and_then(|target| target.get_attr("dev"));
        let found = disks.iter().find(|disk| target == Some(disk.target.as_str()));
        let Some(disk) = found.filter(|disk| device.name == "disk" && !disk.path.is_empty()) else {
            continue;
        };
        let sources = device.children_mut().iter_mut().filter(|child| child.name == "source");
        for source in sources {
            source.set_attr(source_key(disk), &disk.path);
        }
        // What lay below the old file does not lie below the new one.
        device.children_mut().retain(|child| child.name != "backingStore");
    }
    tree.render()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::hypervisor::DiskFormat;

    #[test]
    fn a_snapshot_leaves_other_disks_alone() {
        let present = ["vda".to_owned(), "sdd".to_owned()];
        let disks = [DiskOverlay { target: "vda".into(), path: "/sr/new.qcow2".into() }];
        let xml = snapshot_xml(&present, &disks, None);
        assert!(xml.contains("file=\"/sr/new.qcow2\"") && !xml.contains("<memory"), "{xml}");
        assert!(xml.contains("name=\"sdd\" snapshot=\"no\""), "{xml}");
        assert!(snapshot_xml(&present, &disks, Some("/sr/m")).contains("<memory"));
    }

    #[test]
    fn a_saved_domain_finds_its_disks_where_they_are_now() {
        let xml = "<domain><title>a &amp; b</title><devices><disk type='file'>\
                   <source file='/old'/><backingStore type='file'><source file='/older'/>\
                   </backingStore><target dev='vda'/></disk><disk type='file'>\
                   <source file='/cd'/><target dev='sdd'/></disk><disk type='block'>\
                   <source dev='/dev/sr0'/><target dev='sde'/></disk></devices></domain>";
        let disk = |path: &str, target: &str| DiskSpec {
            vdi: Uuid::nil(),
            path: path.into(),
            format: DiskFormat::Qcow2,
            target: target.into(),
            read_only: false,
            cdrom: false,
            bus: crate::hypervisor::DiskBus::Virtio,
        };
        let now = [disk("/new", "vda"), disk("/dev/sr1", "sde")];
        let moved = with_disks(xml, &now).unwrap();
        assert!(moved.contains("file=\"/new\"") && moved.contains("file=\"/cd\""), "{moved}");
        assert!(moved.contains("<source dev=\"/dev/sr1\"/>"), "{moved}");
        assert!(!moved.contains("old") && moved.contains("a &amp; b"), "{moved}");
    }
}
