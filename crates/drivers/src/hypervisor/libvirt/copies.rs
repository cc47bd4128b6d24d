//! A disk moves while its guest runs: the copy, how far it is, and its end.
//!
//! The file of the copy is made before, by who knows its storage; libvirt only opens it. Nothing
//! here decides which of the two files counts: that is written in the pool's database, and the
//! guest is paused while it changes (docs/decisions).

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;
use virt::domain::Domain;
use virt::error::Error;
use virt::sys;

use super::block_ffi;
use super::driver::LibvirtHypervisor;
use super::xml::{Element, device_xml};
use crate::hypervisor::{CopyState, DiskCopy, DiskState, HypervisorError};

/// Longest wait for the end of a copy: what is on its way to storage must arrive first.
const END_DEADLINE: Duration = Duration::from_secs(60);

impl LibvirtHypervisor {
    pub(super) fn begin_copy(
        &self,
        call: &'static str,
        vm: Uuid,
        copy: &DiskCopy,
    ) -> Result<(), HypervisorError> {
        let xml = device_xml::copy_xml(copy)
            .map_err(|text| HypervisorError::Failed { call: call.to_owned(), text })?;
        let (target, bytes_s) = (copy.target.clone(), copy.bandwidth_mib_s << 20);
        let deadline = self.config.start_deadline;
        self.on_domain(&self.lanes.job, call, deadline, vm, move |domain| {
            block_ffi::copy(domain, &target, &xml, bytes_s)
        })
    }

    pub(super) fn end_copy(
        &self,
        call: &'static str,
        vm: Uuid,
        (target, pivot): (String, bool),
    ) -> Result<(), HypervisorError> {
        self.on_domain(&self.lanes.job, call, END_DEADLINE, vm, move |domain| {
            block_ffi::end(domain, &target, pivot)
        })
    }

    pub(super) fn look_at_disk(
        &self,
        vm: Uuid,
        target: &str,
    ) -> Result<DiskState, HypervisorError> {
        let (name, deadline) = (target.to_owned(), self.config.query_deadline);
        let found =
            self.on_domain(&self.lanes.query, "disk state", deadline, vm, move |domain| {
                look(domain, &name)
            })?;
        found.ok_or_else(|| HypervisorError::Failed {
            call: "disk state".to_owned(),
            text: format!("the domain has no disk {target}"),
        })
    }
}

/// The description last: a job that ends between the questions is not taken for ready.
fn look(domain: &Domain, target: &str) -> Result<Option<DiskState>, Error> {
    let progress = block_ffi::progress(domain, target)?;
    let (state, _) = domain.get_state()?;
    let executes = state == sys::VIR_DOMAIN_RUNNING || state == sys::VIR_DOMAIN_BLOCKED;
    Ok(read(&domain.get_xml_desc(0)?, target, progress).map(|read| DiskState { executes, ..read }))
}

/// What a description says of a disk.
fn read(xml: &str, target: &str, progress: Option<block_ffi::Progress>) -> Option<DiskState> {
    let tree = Element::parse(xml).ok()?;
    let mut disks = tree.at(&["devices"])?.all("disk");
    let disk = disks.find(|disk| {
        disk.at(&["target"]).and_then(|target| target.get_attr("dev")) == Some(target)
    })?;
    let copy = disk.at(&["mirror"]).map(|mirror| {
        let (done_bytes, total_bytes) = progress.unwrap_or_default();
        let all = progress.is_some() && done_bytes == total_bytes;
        let ready = all && mirror.get_attr("ready") == Some("yes");
        CopyState { path: source(mirror), done_bytes, total_bytes, ready }
    });
    Some(DiskState { path: source(disk), executes: false, copy })
}

/// Files of a domain's disks, and of their copies.
pub(super) fn files(xml: &str) -> Option<Vec<PathBuf>> {
    let tree = Element::parse(xml).ok()?;
    let disks = tree.at(&["devices"])?.all("disk");
    let each = disks.flat_map(|disk| disk.at(&["mirror"]).into_iter().chain([disk]));
    let files = each.map(source).filter(|path| !path.is_empty());
    Some(files.map(PathBuf::from).collect())
}

fn source(element: &Element) -> String {
    let source = element.at(&["source"]);
    let path = source.and_then(|source| source.get_attr("file").or(source.get_attr("dev")));
    path.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(mirror: &str) -> String {
        format!(
            "<domain><devices><disk type='file'><source file='/cd'/><target dev='sdd'/></disk>\
             <disk type='file'><source file='/a'/>{mirror}<target dev='vda'/></disk></devices>\
             </domain>"
        )
    }

    #[test]
    fn a_copy_is_ready_when_libvirt_says_so_and_nothing_is_left_to_do() {
        let mirror = |ready: &str| {
            format!("<mirror type='file' job='copy' {ready}><source file='/b'/></mirror>")
        };
        let copy = |ready: &str, progress| {
            read(&domain(&mirror(ready)), "vda", progress).and_then(|disk| disk.copy)
        };
        let is_ready = |ready, progress| copy(ready, progress).is_some_and(|copy| copy.ready);
        assert!(is_ready("ready='yes'", Some((9, 9))));
        assert!(!is_ready("ready='yes'", Some((8, 9))));
        assert!(!is_ready("ready='yes'", None), "it has ended");
        assert!(!is_ready("ready='abort'", Some((9, 9))));
        assert!(!is_ready("ready='pivot'", Some((9, 9))));
        assert!(!is_ready("", Some((9, 9))));
        assert_eq!(copy("", Some((1, 9))).map(|copy| copy.path).as_deref(), Some("/b"));
    }

    #[test]
    fn disks_and_their_copies_are_files() {
        let mirror = "<mirror type='file' job='copy'><source file='/b'/></mirror>";
        let listed = files(&domain(mirror)).unwrap();
        assert_eq!(listed, ["/cd", "/b", "/a"].map(PathBuf::from));
    }

    #[test]
    fn a_disk_without_a_copy_is_where_it_is() {
        let disk = read(&domain(""), "vda", None);
        assert_eq!(disk, Some(DiskState { path: "/a".to_owned(), ..DiskState::default() }));
        assert_eq!(read(&domain(""), "vdb", None), None);
    }
}
