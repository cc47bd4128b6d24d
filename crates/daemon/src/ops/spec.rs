//! What a host needs to know to run a VM, from the database.

use std::collections::BTreeMap;
use std::path::Path;

use haven_drivers::hypervisor::{
    BootSpec, CpuModel, CrashAction, DiskBus, DiskFormat, DiskSpec, DomainExtra, DomainSpec,
    NicSpec,
};
use haven_drivers::storage::SrSpec;
use haven_model::{
    ApiError, Host, Network, OnCrashBehaviour, Pbd, Ref, Sr, Vbd, VbdMode, VbdType, Vdi, Vif, Vm,
    VmPowerState, codes,
};
use haven_pooldb::Image;
use uuid::Uuid;

use super::rows::{self, uuid};

/// Key of `pool.cpu_info`: the CPU model that guests get.
pub const CPU_MODEL_KEY: &str = "guest_model";
/// Key of `host.cpu_info`: the models that guests can get there, separated by spaces.
pub const GUEST_MODELS_KEY: &str = "guest_models";
/// What every hypervisor can emulate on every host.
pub const COMMON_CPU_MODEL: &str = "qemu64";
/// `model` of `VM.last_boot_CPU_flags` where the guest saw the processors of its host.
const HOST_MODEL: &str = "host";
/// Key of `VDI.sm_config`: `qcow2` or `raw`.
pub const FORMAT_KEY: &str = "image-format";

/// The domain of a VM. `mount` is where hosts attach their repositories.
///
/// # Errors
/// A row is missing, or a device makes no sense.
pub fn domain(
    db: &Image,
    reference: Ref<Vm>,
    mount: &Path,
    epoch: u64,
) -> Result<DomainSpec, ApiError> {
    let row = db.require(reference)?;
    let mut disks = Vec::new();
    for vbd in &row.vbds {
        disks.push(disk(db, db.require(*vbd)?, mount)?);
    }
    disks.sort_by(|a, b| a.target.cmp(&b.target));
    let mut vifs: Vec<&Vif> = row.vifs.iter().filter_map(|vif| db.get(*vif)).collect();
    vifs.sort_by_key(|vif| vif.device.parse::<u32>().unwrap_or(u32::MAX));
    let nics = vifs.into_iter().map(|vif| nic(db, vif)).collect::<Result<_, _>>()?;
    // What goes on sees the processors that it began with.
    let began = booted(row).filter(|_| row.power_state != VmPowerState::Halted);
    let cpu_model = match began {
        Some(model) => model,
        None => guest_cpu(db)?,
    };
    Ok(DomainSpec {
        uuid: uuid(&row.uuid)?,
        name: row.name_label.clone(),
        memory_bytes: u64::try_from(row.memory_static_max).unwrap_or(0),
        vcpus: u32::try_from(row.vcpus_at_startup).unwrap_or(1).max(1),
        boot: boot(row),
        cpu_model,
        disks,
        nics,
        watchdog_action: row.platform.get("watchdog").cloned(),
        extra: DomainExtra {
            epoch,
            on_crash: on_crash(row),
            vcpus_max: u32::try_from(row.vcpus_max).unwrap_or(0),
            memory_target: u64::try_from(row.memory_dynamic_max).unwrap_or(0),
            bios: row.bios_strings.clone(),
            cores_per_socket: super::vm::booted::cores_per_socket(row).ok().flatten().unwrap_or(0),
            ..DomainExtra::default()
        },
    })
}

/// The processors that guests get which start now.
fn guest_cpu(db: &Image) -> Result<CpuModel, ApiError> {
    let (_, pool) = rows::pool(db)?;
    let model = pool.cpu_info.get(CPU_MODEL_KEY).filter(|model| !model.is_empty());
    Ok(model.map_or(CpuModel::Host, |model| CpuModel::Named(model.clone())))
}

/// `VM.last_boot_CPU_flags` of a VM that starts now on a host.
///
/// # Errors
/// The host is gone.
pub fn boot_flags(db: &Image, host: Ref<Host>) -> Result<BTreeMap<String, String>, ApiError> {
    let info = &db.require(host)?.cpu_info;
    let of_host = |key: &str| info.get(key).cloned().unwrap_or_default();
    let (model, features) = match guest_cpu(db)? {
        CpuModel::Named(model) => (model, String::new()),
        CpuModel::Host => (HOST_MODEL.to_owned(), of_host("flags")),
    };
    let flags = [("vendor", of_host("vendor")), ("model", model), ("features", features)];
    Ok(flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The processors that a VM saw when it started last, if that is known.
#[must_use]
pub fn booted(row: &Vm) -> Option<CpuModel> {
    match row.last_boot_cpu_flags.get("model")?.as_str() {
        HOST_MODEL => Some(CpuModel::Host),
        model => Some(CpuModel::Named(model.to_owned())),
    }
}

fn on_crash(row: &Vm) -> CrashAction {
    match row.actions_after_crash {
        OnCrashBehaviour::Destroy | OnCrashBehaviour::CoredumpAndDestroy => CrashAction::Destroy,
        OnCrashBehaviour::Preserve => CrashAction::Preserve,
        OnCrashBehaviour::Restart
        | OnCrashBehaviour::CoredumpAndRestart
        | OnCrashBehaviour::RenameRestart => CrashAction::Restart,
    }
}

fn boot(row: &Vm) -> BootSpec {
    if !row.pv_kernel.is_empty() {
        return BootSpec::Kernel {
            kernel: row.pv_kernel.clone(),
            ramdisk: row.pv_ramdisk.clone(),
            args: row.pv_args.clone(),
        };
    }
    let order = row.hvm_boot_params.get("order").map_or("cd", String::as_str);
    let names = order.chars().filter_map(|letter| match letter {
        'c' => Some("hd"),
        'd' => Some("cdrom"),
        'n' => Some("network"),
        _ => None,
    });
    BootSpec::Firmware { order: names.map(str::to_owned).collect() }
}

/// Name of the device with this number: `vda` for disk 0, `sdd` for CD drive 3.
#[must_use]
pub fn target(userdevice: &str, cdrom: bool) -> Option<String> {
    let number: u8 = userdevice.parse().ok().filter(|number| *number < 26)?;
    let prefix = if cdrom { "sd" } else { "vd" };
    Some(format!("{prefix}{}", char::from(b'a' + number)))
}

/// A device of a VM.
///
/// # Errors
/// Its disk's repository is missing, or its number makes no sense.
pub fn disk(db: &Image, vbd: &Vbd, mount: &Path) -> Result<DiskSpec, ApiError> {
    let cdrom = vbd.r#type == VbdType::Cd;
    let target = target(&vbd.userdevice, cdrom)
        .ok_or_else(|| ApiError::with(codes::INVALID_DEVICE, &[&vbd.userdevice]))?;
    let read_only = cdrom || vbd.mode == VbdMode::Ro;
    let Some(vdi) = db.get::<Vdi>(vbd.vdi).filter(|_| !vbd.empty) else {
        return Ok(DiskSpec {
            vdi: Uuid::nil(),
            path: String::new(),
            format: DiskFormat::Raw,
            target,
            read_only: true,
            cdrom,
            bus: DiskBus::default(),
        });
    };
    Ok(DiskSpec {
        vdi: uuid(&vdi.uuid)?,
        path: path(db, vdi, mount)?,
        format: match vdi.sm_config.get(FORMAT_KEY).map(String::as_str) {
            Some("raw") => DiskFormat::Raw,
            _ => DiskFormat::Qcow2,
        },
        target,
        read_only,
        cdrom,
        bus: super::vbd::bus(vbd).unwrap_or_default(),
    })
}

/// Path of a volume on every host that reaches it.
///
/// # Errors
/// Its repository is missing.
pub fn path(db: &Image, vdi: &Vdi, mount: &Path) -> Result<String, ApiError> {
    let sr = db.require(vdi.sr)?;
    if super::host_drives::is_drives(sr) {
        return Ok(vdi.location.clone());
    }
    Ok(mount.join(&sr.uuid).join(&vdi.location).to_string_lossy().into_owned())
}

/// A network interface of a VM.
///
/// # Errors
/// Its network is missing.
pub fn nic(db: &Image, vif: &Vif) -> Result<NicSpec, ApiError> {
    let network = db.require::<Network>(vif.network)?;
    Ok(NicSpec {
        mac: vif.mac.clone(),
        bridge: network.bridge.clone(),
        mtu: u32::try_from(vif.mtu).ok().filter(|mtu| *mtu != 1500).unwrap_or(0),
        send_kib_s: super::vif::limit(vif).ok().flatten().unwrap_or(0),
    })
}

/// A repository as a host attaches it.
///
/// # Errors
/// The host has no PBD for it.
pub fn sr(db: &Image, sr: Ref<Sr>, host: Ref<Host>) -> Result<SrSpec, ApiError> {
    let row = db.require(sr)?;
    let pbd = row
        .pbds
        .iter()
        .filter_map(|pbd| db.get::<Pbd>(*pbd))
        .find(|pbd| pbd.host == host)
        .ok_or_else(|| ApiError::with(codes::SR_HAS_NO_PBDS, &[&sr]))?;
    Ok(SrSpec {
        uuid: uuid(&row.uuid)?,
        kind: row.r#type.clone(),
        device_config: pbd.device_config.clone(),
    })
}

/// A host that has two repositories attached, and the first as it attaches it.
///
/// # Errors
/// `SR_NOT_ATTACHED` naming the second when no live host has both.
pub fn sr_pair(
    db: &Image,
    first: Ref<Sr>,
    second: Ref<Sr>,
    preferred: Ref<Host>,
) -> Result<(Ref<Host>, SrSpec), ApiError> {
    let both = hosts_of(db, second)?;
    let mut hosts = hosts_of(db, first)?;
    hosts.retain(|host| both.contains(host));
    hosts.sort_by_key(|host| (*host != preferred, *host));
    let host = hosts.first().copied();
    let host = host.ok_or_else(|| ApiError::with(codes::SR_NOT_ATTACHED, &[&second]))?;
    Ok((host, sr(db, first, host)?))
}

/// Live hosts that have the repository attached.
fn hosts_of(db: &Image, reference: Ref<Sr>) -> Result<Vec<Ref<Host>>, ApiError> {
    let pbds = db.require(reference)?.pbds.iter().filter_map(|pbd| db.get::<Pbd>(*pbd));
    let attached = pbds.filter(|pbd| pbd.currently_attached && super::host::is_live(db, pbd.host));
    Ok(attached.map(|pbd| pbd.host).collect())
}

/// A host that has the repository attached, the coordinator if it has, and the repository as it
/// attaches it.
///
/// # Errors
/// `SR_NOT_ATTACHED` when no live host has.
pub fn sr_host(
    db: &Image,
    reference: Ref<Sr>,
    preferred: Ref<Host>,
) -> Result<(Ref<Host>, SrSpec), ApiError> {
    let mut hosts = hosts_of(db, reference)?;
    hosts.sort_by_key(|host| (*host != preferred, *host));
    let host = hosts.first().copied();
    let host = host.ok_or_else(|| ApiError::with(codes::SR_NOT_ATTACHED, &[&reference]))?;
    Ok((host, sr(db, reference, host)?))
}
