//! Messages of storage.

use std::collections::BTreeMap;

use haven_model::{
    Blob, DataSource, DateTime, Host, Lvhd, OnBoot, Pbd, Pool, ProbeResult, Ref, Session, Sr, Vbd,
    VbdMode, Vdi, VdiNbdServerInfo, VdiType,
};

messages! {
    Sr {
        create(
            host: Ref<Host>, device_config: BTreeMap<String, String>, physical_size: i64,
            name_label: String, name_description: String, type: String, content_type: String,
            shared: bool, sm_config: BTreeMap<String, String> = [],
        ) -> Ref<Sr>, PoolOperator, asynchronous
            fails [SR_UNKNOWN_DRIVER];
        introduce(
            uuid: String, name_label: String, name_description: String, type: String,
            content_type: String, shared: bool, sm_config: BTreeMap<String, String> = [],
        ) -> Ref<Sr>, PoolOperator, asynchronous;
        make(
            host: Ref<Host>, device_config: BTreeMap<String, String>, physical_size: i64,
            name_label: String, name_description: String, type: String, content_type: String,
            sm_config: BTreeMap<String, String> = [],
        ) -> String, PoolOperator, asynchronous, deprecated;
        destroy(sr: Ref<Sr>), PoolOperator, asynchronous fails [SR_HAS_PBD];
        forget(sr: Ref<Sr>), PoolOperator, asynchronous fails [SR_HAS_PBD];
        update(sr: Ref<Sr>), PoolOperator, asynchronous;
        get_supported_types() -> Vec<String>, ReadOnly;
        scan(sr: Ref<Sr>), VmPowerAdmin, asynchronous;
        probe(
            host: Ref<Host>, device_config: BTreeMap<String, String>, type: String,
            sm_config: BTreeMap<String, String> = [],
        ) -> String, PoolOperator, asynchronous;
        probe_ext(
            host: Ref<Host>, device_config: BTreeMap<String, String>, type: String,
            sm_config: BTreeMap<String, String> = [],
        ) -> Vec<ProbeResult>, PoolOperator, asynchronous;
        set_shared(sr: Ref<Sr>, value: bool), PoolOperator, asynchronous;
        set_name_label(sr: Ref<Sr>, value: String), PoolOperator, asynchronous;
        set_name_description(sr: Ref<Sr>, value: String), PoolOperator, asynchronous;
        create_new_blob(
            sr: Ref<Sr>, name: String, mime_type: String, public: bool = false,
        ) -> Ref<Blob>, PoolOperator, asynchronous;
        set_physical_size(self: Ref<Sr>, value: i64), PoolOperator;
        set_virtual_allocation(self: Ref<Sr>, value: i64), LocalRootOnly, hidden;
        set_physical_utilisation(self: Ref<Sr>, value: i64), LocalRootOnly, hidden;
        assert_can_host_ha_statefile(sr: Ref<Sr>), PoolOperator, asynchronous;
        assert_supports_database_replication(sr: Ref<Sr>), PoolOperator, asynchronous;
        enable_database_replication(sr: Ref<Sr>), PoolOperator, asynchronous;
        disable_database_replication(sr: Ref<Sr>), PoolOperator, asynchronous;
        get_data_sources(sr: Ref<Sr>) -> Vec<DataSource>, ReadOnly;
        record_data_source(sr: Ref<Sr>, data_source: String), PoolOperator;
        query_data_source(sr: Ref<Sr>, data_source: String) -> f64, ReadOnly;
        forget_data_source_archives(sr: Ref<Sr>, data_source: String), PoolOperator;
        get_live_hosts(sr: Ref<Sr>) -> Vec<Ref<Host>>, PoolOperator, asynchronous, hidden;
    }
    Vdi {
        create(args: Vdi) -> Ref<Vdi>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Vdi>), VmAdmin, destroy, asynchronous;
        snapshot(
            vdi: Ref<Vdi>, driver_params: BTreeMap<String, String> = [],
        ) -> Ref<Vdi>, VmAdmin, asynchronous;
        clone(
            vdi: Ref<Vdi>, driver_params: BTreeMap<String, String> = [],
        ) -> Ref<Vdi>, VmAdmin, asynchronous;
        resize(vdi: Ref<Vdi>, size: i64), VmAdmin, asynchronous;
        resize_online(vdi: Ref<Vdi>, size: i64), VmAdmin, asynchronous;
        introduce(
            uuid: String, name_label: String, name_description: String, SR: Ref<Sr>, type: VdiType,
            sharable: bool, read_only: bool, other_config: BTreeMap<String, String>,
            location: String, xenstore_data: BTreeMap<String, String> = [],
            sm_config: BTreeMap<String, String> = [], managed: bool = true, virtual_size: i64 = 0,
            physical_utilisation: i64 = 0, metadata_of_pool: Ref<Pool> = Ref::NULL,
            is_a_snapshot: bool = false, snapshot_time: DateTime = DateTime::EPOCH,
            snapshot_of: Ref<Vdi> = Ref::NULL,
        ) -> Ref<Vdi>, VmAdmin, asynchronous
            fails [SR_OPERATION_NOT_SUPPORTED];
        pool_introduce(
            uuid: String, name_label: String, name_description: String, SR: Ref<Sr>, type: VdiType,
            sharable: bool, read_only: bool, other_config: BTreeMap<String, String>,
            location: String, xenstore_data: BTreeMap<String, String> = [],
            sm_config: BTreeMap<String, String> = [], managed: bool = true, virtual_size: i64 = 0,
            physical_utilisation: i64 = 0, metadata_of_pool: Ref<Pool> = Ref::NULL,
            is_a_snapshot: bool = false, snapshot_time: DateTime = DateTime::EPOCH,
            snapshot_of: Ref<Vdi> = Ref::NULL, cbt_enabled: bool = false,
        ) -> Ref<Vdi>, VmAdmin, asynchronous, hidden;
        db_introduce(
            uuid: String, name_label: String, name_description: String, SR: Ref<Sr>, type: VdiType,
            sharable: bool, read_only: bool, other_config: BTreeMap<String, String>,
            location: String, xenstore_data: BTreeMap<String, String> = [],
            sm_config: BTreeMap<String, String> = [], managed: bool = true, virtual_size: i64 = 0,
            physical_utilisation: i64 = 0, metadata_of_pool: Ref<Pool> = Ref::NULL,
            is_a_snapshot: bool = false, snapshot_time: DateTime = DateTime::EPOCH,
            snapshot_of: Ref<Vdi> = Ref::NULL, cbt_enabled: bool = false,
        ) -> Ref<Vdi>, LocalRootOnly, asynchronous, hidden;
        db_forget(vdi: Ref<Vdi>), LocalRootOnly, asynchronous, hidden;
        update(vdi: Ref<Vdi>), VmAdmin, asynchronous fails [SR_OPERATION_NOT_SUPPORTED];
        copy(
            vdi: Ref<Vdi>, sr: Ref<Sr> = Ref::NULL, base_vdi: Ref<Vdi> = Ref::NULL,
            into_vdi: Ref<Vdi> = Ref::NULL,
        ) -> Ref<Vdi>, VmAdmin, asynchronous
            fails [VDI_READONLY, VDI_TOO_SMALL, VDI_NOT_SPARSE];
        force_unlock(vdi: Ref<Vdi>), VmAdmin, asynchronous, hidden, deprecated;
        set_managed(self: Ref<Vdi>, value: bool), LocalRootOnly, hidden;
        forget(vdi: Ref<Vdi>), VmAdmin, asynchronous;
        set_sharable(self: Ref<Vdi>, value: bool), VmAdmin;
        set_read_only(self: Ref<Vdi>, value: bool), VmAdmin;
        set_missing(self: Ref<Vdi>, value: bool), LocalRootOnly, hidden;
        set_virtual_size(self: Ref<Vdi>, value: i64), LocalRootOnly, hidden;
        set_physical_utilisation(self: Ref<Vdi>, value: i64), LocalRootOnly, hidden;
        set_is_a_snapshot(self: Ref<Vdi>, value: bool), LocalRootOnly, hidden;
        set_snapshot_of(self: Ref<Vdi>, value: Ref<Vdi>), LocalRootOnly, hidden;
        set_snapshot_time(self: Ref<Vdi>, value: DateTime), LocalRootOnly, hidden;
        set_metadata_of_pool(self: Ref<Vdi>, value: Ref<Pool>), LocalRootOnly, hidden;
        set_name_label(self: Ref<Vdi>, value: String), VmAdmin, asynchronous;
        set_name_description(self: Ref<Vdi>, value: String), VmAdmin, asynchronous;
        generate_config(host: Ref<Host>, vdi: Ref<Vdi>) -> String, VmAdmin, asynchronous, hidden;
        set_on_boot(self: Ref<Vdi>, value: OnBoot), VmAdmin, asynchronous;
        set_allow_caching(self: Ref<Vdi>, value: bool), VmAdmin, asynchronous;
        open_database(self: Ref<Vdi>) -> Ref<Session>, PoolOperator, asynchronous;
        checksum(self: Ref<Vdi>) -> String, VmAdmin, asynchronous, hidden;
        read_database_pool_uuid(self: Ref<Vdi>) -> String, ReadOnly, asynchronous;
        pool_migrate(
            vdi: Ref<Vdi>, sr: Ref<Sr>, options: BTreeMap<String, String>,
        ) -> Ref<Vdi>, VmPowerAdmin, asynchronous;
        enable_cbt(self: Ref<Vdi>), VmAdmin, asynchronous
            fails [SR_OPERATION_NOT_SUPPORTED, VDI_MISSING, SR_NOT_ATTACHED, SR_HAS_NO_PBDS,
                OPERATION_NOT_ALLOWED, VDI_INCOMPATIBLE_TYPE,
                VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION];
        disable_cbt(self: Ref<Vdi>), VmAdmin, asynchronous
            fails [SR_OPERATION_NOT_SUPPORTED, VDI_MISSING, SR_NOT_ATTACHED, SR_HAS_NO_PBDS,
                OPERATION_NOT_ALLOWED, VDI_INCOMPATIBLE_TYPE,
                VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION];
        set_cbt_enabled(self: Ref<Vdi>, value: bool), LocalRootOnly, asynchronous, hidden;
        data_destroy(self: Ref<Vdi>), VmAdmin, asynchronous
            fails [SR_OPERATION_NOT_SUPPORTED, VDI_MISSING, SR_NOT_ATTACHED, SR_HAS_NO_PBDS,
                OPERATION_NOT_ALLOWED, VDI_INCOMPATIBLE_TYPE, VDI_NO_CBT_METADATA, VDI_IN_USE,
                VDI_IS_A_PHYSICAL_DEVICE];
        list_changed_blocks(
            vdi_from: Ref<Vdi>, vdi_to: Ref<Vdi>,
        ) -> String, VmOperator, asynchronous
            fails [SR_OPERATION_NOT_SUPPORTED, VDI_MISSING, SR_NOT_ATTACHED, SR_HAS_NO_PBDS,
                VDI_IN_USE];
        get_nbd_info(self: Ref<Vdi>) -> Vec<VdiNbdServerInfo>, VmAdmin
            fails [VDI_INCOMPATIBLE_TYPE];
        revert(snapshot: Ref<Vdi>), VmPowerAdmin, asynchronous, prototyped
            fails [UNIMPLEMENTED_IN_SM_BACKEND];
    }
    Vbd {
        create(args: Vbd) -> Ref<Vbd>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Vbd>), VmAdmin, destroy, asynchronous;
        eject(vbd: Ref<Vbd>), VmOperator, asynchronous
            fails [VBD_NOT_REMOVABLE_MEDIA, VBD_IS_EMPTY];
        insert(vbd: Ref<Vbd>, vdi: Ref<Vdi>), VmOperator, asynchronous
            fails [VBD_NOT_REMOVABLE_MEDIA, VBD_NOT_EMPTY];
        plug(self: Ref<Vbd>), VmAdmin, asynchronous;
        unplug(self: Ref<Vbd>), VmAdmin, asynchronous
            fails [DEVICE_DETACH_REJECTED, DEVICE_ALREADY_DETACHED];
        unplug_force(self: Ref<Vbd>), VmAdmin, asynchronous;
        unplug_force_no_safety_check(self: Ref<Vbd>), VmAdmin, asynchronous, hidden, deprecated;
        assert_attachable(self: Ref<Vbd>), VmAdmin, asynchronous;
        pause(self: Ref<Vbd>) -> String, VmAdmin, asynchronous, hidden;
        unpause(self: Ref<Vbd>, token: String = ""), VmAdmin, asynchronous, hidden;
        set_mode(self: Ref<Vbd>, value: VbdMode), VmAdmin, asynchronous;
    }
    Pbd {
        create(args: Pbd) -> Ref<Pbd>, PoolOperator, create, asynchronous;
        destroy(self: Ref<Pbd>), PoolOperator, destroy, asynchronous;
        plug(self: Ref<Pbd>), PoolOperator, asynchronous fails [SR_UNKNOWN_DRIVER];
        unplug(self: Ref<Pbd>), PoolOperator, asynchronous;
        set_device_config(
            self: Ref<Pbd>, value: BTreeMap<String, String>,
        ), PoolOperator, asynchronous;
    }
    Lvhd {
        enable_thin_provisioning(
            host: Ref<Host>, SR: Ref<Sr>, initial_allocation: i64, allocation_quantum: i64,
        ) -> String, PoolAdmin, asynchronous;
    }
    Blob {
        create(mime_type: String, public: bool = false) -> Ref<Blob>, PoolOperator;
        destroy(self: Ref<Blob>), PoolOperator;
    }
}
