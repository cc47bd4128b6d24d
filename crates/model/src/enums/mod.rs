//! The enums of the API. None of them may ever gain a value here: clients refuse unknown ones.

mod host;
mod network;
mod other;
mod pool;
mod storage;
mod vm;

pub use host::{
    HostAllowedOperations, HostDisplay, HostNtpMode, HostNumaAffinityPolicy, HostSchedGran,
    PciDom0Access,
};
pub use network::{
    BondMode, IpConfigurationMode, Ipv6ConfigurationMode, NetworkDefaultLockingMode,
    NetworkOperations, NetworkPurpose, PifIgmpStatus, PrimaryAddressType, PvsProxyStatus,
    SdnControllerProtocol, SriovConfigurationMode, TunnelProtocol, VifIpv4ConfigurationMode,
    VifIpv6ConfigurationMode, VifLockingMode, VifOperations,
};
pub use other::{
    AfterApplyGuidance, EventOperation, LivepatchStatus, MessageClass, TaskAllowedOperations,
    TaskStatusType, UpdateAfterApplyGuidance, UpdateGuidances, UpdateStatus, UpdateSyncFrequency,
    VmppArchiveFrequency, VmppArchiveTargetType, VmppBackupFrequency, VmppBackupType,
    VmssFrequency, VmssType,
};
pub use pool::{
    CertificatePurpose, CertificateType, ClusterHostOperation, ClusterOperation, HelloReturn,
    LatestSyncedUpdatesAppliedState, Origin, PoolAllowedOperations, PoolGuestSecurebootReadiness,
    TelemetryFrequency,
};
pub use storage::{
    ImageFormatType, OnBoot, PersistenceBackend, SrHealth, StorageOperations, VbdMode,
    VbdOperations, VbdType, VdiOperations, VdiType,
};
pub use vm::{
    AllocationAlgorithm, ConsoleProtocol, DomainType, OnCrashBehaviour, OnNormalExit,
    OnSoftrebootBehavior, PlacementPolicy, TristateType, VgpuTypeImplementation,
    VmApplianceOperation, VmOperations, VmPowerState, VmSecurebootCertificatesState,
    VmSecurebootReadiness, VmUefiMode, VtpmOperations, VusbOperations,
};

use crate::EnumMeta;

/// All enums of the API, by area.
pub const ENUMS: &[&[&EnumMeta]] =
    &[host::ENUMS, network::ENUMS, other::ENUMS, pool::ENUMS, storage::ENUMS, vm::ENUMS];
