//! Changes of a running domain: devices, sizes, snapshots.

use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::domain::Domain;
use virt::domain_snapshot::DomainSnapshot;
use virt::error::Error;
use virt::sys;

use super::driver::LibvirtHypervisor;
use super::ffi;
use super::xml::{Element, device_xml, snapshot_xml};
use crate::hypervisor::{DiskOverlay, DomainChange, HypervisorError};

/// How long a guest may take to let go of a device.
const DETACH_DEADLINE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const DETACH_POLL: Duration = Duration::from_millis(250);
/// What libvirt may take beyond that.
const DETACH_GRACE: Duration = Duration::from_secs(15);

const LIVE: u32 = sys::VIR_DOMAIN_AFFECT_LIVE;

impl LibvirtHypervisor {
    pub(super) fn change_domain(
        &self,
        vm: Uuid,
        change: &DomainChange,
    ) -> Result<(), HypervisorError> {
        let name = change.name();
        match change.clone() {
            DomainChange::AttachDisk(disk) => {
                let xml = self.device(|tree| tree.disk(&disk))?;
                self.live(name, vm, move |d| d.attach_device_flags(&xml, LIVE).map(|_| ()))
            }
            DomainChange::Media(disk) => {
                let xml = self.device(|tree| tree.disk(&disk))?;
                // The guest may have locked its drive; an administrator's hand is stronger.
                let flags = LIVE | sys::VIR_DOMAIN_DEVICE_MODIFY_FORCE;
                self.live(name, vm, move |d| d.update_device_flags(&xml, flags).map(|_| ()))
            }
            DomainChange::AttachNic(nic) => {
                let xml = self.device(|tree| tree.nic(&nic))?;
                self.live(name, vm, move |d| d.attach_device_flags(&xml, LIVE).map(|_| ()))
            }
            DomainChange::MoveNic(nic) => {
                let xml = self.device(|tree| tree.nic(&nic))?;
                self.live(name, vm, move |d| d.update_device_flags(&xml, LIVE).map(|_| ()))
            }
            DomainChange::DetachDisk { target } => self.detach(name, vm, Device::Disk(target)),
            DomainChange::DetachNic { mac } => self.detach(name, vm, Device::Nic(mac)),
            DomainChange::ResizeDisk { target, bytes } => {
                let flags = sys::VIR_DOMAIN_BLOCK_RESIZE_BYTES;
                self.live(name, vm, move |d| d.block_resize(&target, bytes, flags).map(|_| ()))
            }
            DomainChange::Vcpus(count) => {
                self.live(name, vm, move |d| d.set_vcpus_flags(count, LIVE).map(|_| ()))
            }
            DomainChange::Memory { bytes } => self.live(name, vm, move |d| {
                d.set_memory_flags(bytes >> 10, sys::VIR_DOMAIN_MEM_LIVE).map(|_| ())
            }),
            DomainChange::Snapshot { disks, memory, quiesce } => {
                self.snapshot(name, vm, &disks, memory.as_deref(), quiesce)
            }
            DomainChange::CopyDisk(copy) => self.begin_copy(name, vm, &copy),
            DomainChange::EndCopy { target, pivot } => self.end_copy(name, vm, (target, pivot)),
            DomainChange::Nmi => self.live(name, vm, ffi::inject_nmi),
        }
    }

    fn device(
        &self,
        make: impl FnOnce(device_xml::Devices) -> Result<String, String>,
    ) -> Result<String, HypervisorError> {
        make(device_xml::Devices { xen: self.is_xen() })
            .map_err(|text| HypervisorError::Failed { call: "describe the device".into(), text })
    }

    /// A change that may touch storage: on the lane of starts, with their deadline.
    fn live(
        &self,
        call: &'static str,
        vm: Uuid,
        work: impl FnOnce(&Domain) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), HypervisorError> {
        self.on_domain(&self.lanes.start, call, self.config.start_deadline, vm, work)
    }

    fn detach(&self, call: &'static str, vm: Uuid, device: Device) -> Result<(), HypervisorError> {
        let deadline = DETACH_DEADLINE + DETACH_GRACE;
        let shown = device.name().to_owned();
        let gone = self.on_domain(&self.lanes.start, call, deadline, vm, move |domain| {
            let until = Instant::now() + DETACH_DEADLINE;
            // libvirt returns when the guest has let go, or after a while of its own.
            let Some(described) = device.find(&domain.get_xml_desc(0)?) else { return Ok(true) };
            domain.detach_device_flags(&described, LIVE)?;
            loop {
                if device.find(&domain.get_xml_desc(0)?).is_none() {
                    return Ok(true);
                }
                if Instant::now() >= until {
                    return Ok(false);
                }
                std::thread::sleep(DETACH_POLL);
            }
        })?;
        if gone {
            return Ok(());
        }
        let seconds = DETACH_DEADLINE.as_secs();
        let text = format!("the guest did not let go of {shown} within {seconds} s");
        Err(HypervisorError::Failed { call: call.to_owned(), text })
    }

    fn snapshot(
        &self,
        call: &'static str,
        vm: Uuid,
        disks: &[DiskOverlay],
        memory: Option<&str>,
        quiesce: bool,
    ) -> Result<(), HypervisorError> {
        let disks = disks.to_vec();
        let memory = memory.map(str::to_owned);
        let mut flags = sys::VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
            | sys::VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
            | sys::VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC;
        flags |= match memory {
            Some(_) => sys::VIR_DOMAIN_SNAPSHOT_CREATE_LIVE,
            None => sys::VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY,
        };
        if quiesce {
            flags |= sys::VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE;
        }
        let deadline =
            if memory.is_some() { self.config.job_deadline } else { self.config.start_deadline };
        self.on_domain(&self.lanes.job, call, deadline, vm, move |domain| {
            let present = targets(&domain.get_xml_desc(0)?);
            let xml = snapshot_xml(&present, &disks, memory.as_deref());
            DomainSnapshot::create_xml(domain, &xml, flags).map(|_| ())
        })
    }
}

/// Targets of all disks of a domain.
pub(super) fn targets(xml: &str) -> Vec<String> {
    let Ok(tree) = Element::parse(xml) else { return Vec::new() };
    let devices = tree.at(&["devices"]);
    let disks = devices.into_iter().flat_map(|devices| devices.all("disk"));
    disks.filter_map(|disk| attribute(disk, "target", "dev").map(str::to_owned)).collect()
}

/// What is unplugged.
enum Device {
    Disk(String),
    Nic(String),
}

impl Device {
    fn name(&self) -> &str {
        match self {
            Self::Disk(name) | Self::Nic(name) => name,
        }
    }

    /// The device as the domain has it, if it has it. What cannot be read is not taken for gone.
    fn find(&self, xml: &str) -> Option<String> {
        let Ok(tree) = Element::parse(xml) else { return Some(String::new()) };
        let devices = tree.at(&["devices"])?;
        let found = match self {
            Self::Disk(target) => {
                devices.all("disk").find(|d| attribute(d, "target", "dev") == Some(target.as_str()))
            }
            Self::Nic(mac) => devices.all("interface").find(|nic| {
                attribute(nic, "mac", "address").is_some_and(|a| a.eq_ignore_ascii_case(mac))
            }),
        };
        found.map(|device| device.render().unwrap_or_default())
    }
}

fn attribute<'e>(device: &'e Element, child: &str, key: &str) -> Option<&'e str> {
    device.at(&[child])?.get_attr(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_as_the_domain_has_it() {
        let xml = "<domain><devices><disk type='file'><source file='/a'/><target dev='vda'/>\
                   </disk><interface type='bridge'><mac address='02:00:00:00:00:0A'/>\
                   <source bridge='b'/></interface></devices></domain>";
        let nic = Device::Nic("02:00:00:00:00:0a".into()).find(xml).unwrap();
        assert!(nic.contains("bridge=\"b\""), "{nic}");
        assert!(Device::Disk("vda".into()).find(xml).unwrap().contains("/a"));
        assert_eq!(Device::Disk("vdb".into()).find(xml), None);
        assert!(Device::Disk("vdb".into()).find("<domain>").is_some(), "unreadable is not gone");
    }
}
