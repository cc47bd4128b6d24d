//! Domain descriptions: a [`DomainSpec`](crate::hypervisor::DomainSpec) as libvirt XML.
//!
//! Owns: which devices a guest gets and how. Pure: no IO, so that the result is compared with
//! golden files.

mod domain;

pub(crate) use crate::xml::Element;
pub(crate) use domain::{METADATA_NAMESPACE, START_ATTRIBUTE};
pub use domain::{RenderContext, domain_xml};

#[cfg(test)]
mod tests;
