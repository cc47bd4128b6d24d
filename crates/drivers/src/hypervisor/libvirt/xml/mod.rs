//! Domain descriptions: a [`DomainSpec`](crate::hypervisor::DomainSpec) as libvirt XML.
//!
//! Owns: which devices a guest gets and how. Pure: no IO, so that the result is compared with
//! golden files.

pub(crate) mod device_xml;
mod domain;

pub(crate) use crate::xml::Element;
pub(crate) use device_xml::{snapshot_xml, with_disks};
pub(crate) use domain::{METADATA_NAMESPACE, START_ATTRIBUTE};
pub use domain::{RenderContext, domain_xml};

#[cfg(test)]
mod tests;
