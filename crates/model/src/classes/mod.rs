//! The classes of the API, one file each. The declarations here are the only ones: tables,
//! records on the wire, accessors and documents are derived from them.

mod auth;
mod blob;
mod bond;
mod caller;
mod certificate;
mod cluster;
mod cluster_host;
mod console;
mod crashdump;
mod data_source;
mod diagnostics;
mod dr_task;
mod driver_variant;
mod event;
mod feature;
mod gpu_group;
mod host;
mod host_cpu;
mod host_crashdump;
mod host_driver;
mod host_metrics;
mod host_patch;
mod lvhd;
mod message;
mod network;
mod network_sriov;
mod observer;
mod pbd;
mod pci;
mod pgpu;
mod pif;
mod pif_metrics;
mod pool;
mod pool_patch;
mod pool_update;
mod probe_result;
mod pusb;
mod pvs_cache_storage;
mod pvs_proxy;
mod pvs_server;
mod pvs_site;
mod rate_limit;
mod repository;
mod role;
mod sdn_controller;
mod secret;
mod session;
mod sm;
mod sr;
mod sr_stat;
mod subject;
mod task;
mod tunnel;
mod usb_group;
mod user;
mod vbd;
mod vbd_metrics;
mod vdi;
mod vdi_nbd_server_info;
mod vgpu;
mod vgpu_type;
mod vif;
mod vif_metrics;
mod vlan;
mod vm;
mod vm_appliance;
mod vm_group;
mod vm_guest_metrics;
mod vm_metrics;
mod vmpp;
mod vmss;
mod vtpm;
mod vusb;

pub use auth::Auth;
pub use blob::Blob;
pub use bond::Bond;
pub use caller::Caller;
pub use certificate::Certificate;
pub use cluster::Cluster;
pub use cluster_host::ClusterHost;
pub use console::Console;
pub use crashdump::Crashdump;
pub use data_source::DataSource;
pub use diagnostics::Diagnostics;
pub use dr_task::DrTask;
pub use driver_variant::DriverVariant;
pub use event::Event;
pub use feature::Feature;
pub use gpu_group::GpuGroup;
pub use host::Host;
pub use host_cpu::HostCpu;
pub use host_crashdump::HostCrashdump;
pub use host_driver::HostDriver;
pub use host_metrics::HostMetrics;
pub use host_patch::HostPatch;
pub use lvhd::Lvhd;
pub use message::Message;
pub use network::Network;
pub use network_sriov::NetworkSriov;
pub use observer::Observer;
pub use pbd::Pbd;
pub use pci::Pci;
pub use pgpu::Pgpu;
pub use pif::Pif;
pub use pif_metrics::PifMetrics;
pub use pool::Pool;
pub use pool_patch::PoolPatch;
pub use pool_update::PoolUpdate;
pub use probe_result::ProbeResult;
pub use pusb::Pusb;
pub use pvs_cache_storage::PvsCacheStorage;
pub use pvs_proxy::PvsProxy;
pub use pvs_server::PvsServer;
pub use pvs_site::PvsSite;
pub use rate_limit::RateLimit;
pub use repository::Repository;
pub use role::Role;
pub use sdn_controller::SdnController;
pub use secret::Secret;
pub use session::Session;
pub use sm::Sm;
pub use sr::Sr;
pub use sr_stat::SrStat;
pub use subject::Subject;
pub use task::Task;
pub use tunnel::Tunnel;
pub use usb_group::UsbGroup;
pub use user::User;
pub use vbd::Vbd;
pub use vbd_metrics::VbdMetrics;
pub use vdi::Vdi;
pub use vdi_nbd_server_info::VdiNbdServerInfo;
pub use vgpu::Vgpu;
pub use vgpu_type::VgpuType;
pub use vif::Vif;
pub use vif_metrics::VifMetrics;
pub use vlan::Vlan;
pub use vm::Vm;
pub use vm_appliance::VmAppliance;
pub use vm_group::VmGroup;
pub use vm_guest_metrics::VmGuestMetrics;
pub use vm_metrics::VmMetrics;
pub use vmpp::Vmpp;
pub use vmss::Vmss;
pub use vtpm::Vtpm;
pub use vusb::Vusb;

use crate::{Class, ClassMeta};

/// All classes of the API, in its order.
pub const CLASSES: &[&ClassMeta] = &[
    Session::META,
    Auth::META,
    Subject::META,
    Role::META,
    Task::META,
    Event::META,
    Pool::META,
    PoolPatch::META,
    PoolUpdate::META,
    Vm::META,
    VmMetrics::META,
    VmGuestMetrics::META,
    Vmpp::META,
    Vmss::META,
    VmAppliance::META,
    DrTask::META,
    Host::META,
    HostCrashdump::META,
    HostPatch::META,
    HostMetrics::META,
    HostCpu::META,
    Network::META,
    Vif::META,
    VifMetrics::META,
    Pif::META,
    PifMetrics::META,
    Bond::META,
    Vlan::META,
    Sm::META,
    Sr::META,
    SrStat::META,
    ProbeResult::META,
    Lvhd::META,
    Vdi::META,
    Vbd::META,
    VbdMetrics::META,
    Pbd::META,
    Crashdump::META,
    Vtpm::META,
    Console::META,
    User::META,
    DataSource::META,
    Blob::META,
    Message::META,
    Secret::META,
    Tunnel::META,
    NetworkSriov::META,
    Pci::META,
    Pgpu::META,
    GpuGroup::META,
    Vgpu::META,
    VgpuType::META,
    PvsSite::META,
    PvsServer::META,
    PvsProxy::META,
    PvsCacheStorage::META,
    Feature::META,
    SdnController::META,
    VdiNbdServerInfo::META,
    Pusb::META,
    UsbGroup::META,
    Vusb::META,
    Cluster::META,
    ClusterHost::META,
    Certificate::META,
    Diagnostics::META,
    Repository::META,
    Observer::META,
    VmGroup::META,
    HostDriver::META,
    DriverVariant::META,
    Caller::META,
    RateLimit::META,
];
