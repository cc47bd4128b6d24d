//! The content of a new pool.

use std::collections::BTreeMap;

use haven_model::{
    ApiError, HavenSecret, OnCrashBehaviour, OnNormalExit, Pool, Ref, User, Vm, VmPowerState,
};
use haven_pooldb::Tx;
use uuid::Uuid;

use super::vm::clone::DISKS_KEY;
use super::{allowed, host_rows};
use crate::identity::Member;
use crate::orders::HostFacts;
use crate::state::fresh;
use crate::tls::CaMaterial;

/// Key of the secret that holds the hash of root's password.
pub const ROOT_HASH_KEY: &str = "password/root";
/// Keys of the pool's CA.
pub const CA_CERT_KEY: &str = "ca/cert";
/// Key of the CA's private key.
pub const CA_KEY_KEY: &str = "ca/key";
/// Where the lab and the demo keep the test guest on every host.
const TEST_KERNEL: &str = "/usr/lib/haven/guest/vmlinuz";
const TEST_RAMDISK: &str = "/usr/lib/haven/guest/initrd";
const TEST_ARGS: &str = "console=ttyS0 quiet";

const GIB: i64 = 1 << 30;
const MIB: i64 = 1 << 20;

/// What a new pool is made of.
#[derive(Clone, Debug)]
pub struct NewPool {
    /// `pool.uuid`.
    pub pool: Uuid,
    /// `pool.name_label`.
    pub name: String,
    /// The first host.
    pub member: Member,
    /// What it is.
    pub facts: HostFacts,
    /// The pool's CA.
    pub ca: CaMaterial,
    /// Hash of root's password.
    pub root_hash: String,
}

/// Writes all rows of a new pool.
///
/// # Errors
/// The database refuses.
pub fn fill(tx: &mut Tx<'_>, new: &NewPool) -> Result<Ref<Pool>, ApiError> {
    let pool = Ref::<Pool>::from_uuid(new.pool);
    let master = Ref::from_uuid(new.member.host.0);
    tx.insert_with(
        pool,
        Pool {
            uuid: new.pool.to_string(),
            name_label: new.name.clone(),
            master,
            ha_cluster_stack: "haven".to_owned(),
            tls_verification_enabled: true,
            ..Pool::default()
        },
    )?;
    host_rows::insert(tx, &new.member, &new.facts)?;
    tx.insert(User {
        uuid: fresh().to_string(),
        short_name: "root".to_owned(),
        fullname: "The superuser".to_owned(),
        ..User::default()
    })?;
    set_secret(tx, ROOT_HASH_KEY, &new.root_hash)?;
    set_secret(tx, CA_CERT_KEY, &new.ca.cert_pem)?;
    set_secret(tx, CA_KEY_KEY, &new.ca.key_pem)?;
    for template in templates() {
        tx.insert(template)?;
    }
    Ok(pool)
}

/// Stores a secret, in place of an older one of that name.
///
/// # Errors
/// The database refuses.
pub fn set_secret(tx: &mut Tx<'_>, key: &str, value: &str) -> Result<(), ApiError> {
    let known = tx.iter::<HavenSecret>().find(|(_, row)| row.key == key).map(|(found, _)| found);
    if let Some(known) = known {
        let value = value.to_owned();
        return tx.update(known, |row: &mut HavenSecret| row.value = value);
    }
    tx.insert(HavenSecret {
        uuid: fresh().to_string(),
        key: key.to_owned(),
        value: value.to_owned(),
    })?;
    Ok(())
}

/// A secret.
#[must_use]
pub fn secret(db: &haven_pooldb::Image, key: &str) -> Option<String> {
    db.iter::<HavenSecret>().find(|(_, row)| row.key == key).map(|(_, row)| row.value.clone())
}

/// The templates of a new pool.
fn templates() -> Vec<Vm> {
    let other = template("Other install media", "Any system, installed from a CD or the network");
    let linux = Vm {
        other_config: disks(20 * GIB),
        ..template("Linux", "A modern Linux with virtio drivers")
    };
    let windows = Vm {
        memory_static_min: 2 * GIB,
        other_config: disks(64 * GIB),
        ..sized(template("Windows", "Windows with virtio drivers"), 4 * GIB, 2)
    };
    let test = Vm {
        pv_kernel: TEST_KERNEL.to_owned(),
        pv_ramdisk: TEST_RAMDISK.to_owned(),
        pv_args: TEST_ARGS.to_owned(),
        hvm_boot_policy: String::new(),
        ..sized(
            template(
                "Haven test guest (direct kernel)",
                "A tiny guest that boots from a kernel on the host; for trials",
            ),
            128 * MIB,
            1,
        )
    };
    vec![other, linux, windows, test]
}

fn sized(row: Vm, memory: i64, vcpus: i64) -> Vm {
    Vm {
        memory_static_max: memory,
        memory_dynamic_max: memory,
        memory_dynamic_min: memory,
        memory_static_min: row.memory_static_min.min(memory),
        vcpus_max: vcpus,
        vcpus_at_startup: vcpus,
        ..row
    }
}

fn template(name: &str, description: &str) -> Vm {
    let base = Vm {
        uuid: fresh().to_string(),
        name_label: name.to_owned(),
        name_description: description.to_owned(),
        is_a_template: true,
        is_default_template: true,
        power_state: VmPowerState::Halted,
        memory_static_min: 64 * MIB,
        actions_after_shutdown: OnNormalExit::Destroy,
        actions_after_reboot: OnNormalExit::Restart,
        actions_after_crash: OnCrashBehaviour::Restart,
        hvm_boot_policy: "BIOS order".to_owned(),
        hvm_boot_params: BTreeMap::from([("order".to_owned(), "cdn".to_owned())]),
        domid: -1,
        has_vendor_device: false,
        recommendations: "<restrictions/>".to_owned(),
        ..Vm::default()
    };
    let row = sized(base, GIB, 1);
    Vm { allowed_operations: allowed::vm_allowed(&row), ..row }
}

fn disks(size: i64) -> BTreeMap<String, String> {
    let text = format!(
        "<provision><disk device=\"0\" size=\"{size}\" sr=\"\" bootable=\"true\" type=\"system\"/>\
         </provision>"
    );
    BTreeMap::from([(DISKS_KEY.to_owned(), text)])
}
