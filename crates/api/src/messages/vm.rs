//! Messages of virtual machines.

use std::collections::BTreeMap;

use haven_model::{
    Blob, DataSource, DateTime, DomainType, GpuGroup, Host, Network, OnCrashBehaviour, Ref,
    Session, Sr, UpdateStatus, Vdi, Vgpu, Vif, Vm, VmAppliance, VmGroup, VmOperations,
    VmSecurebootReadiness, VmUefiMode, Vmpp, Vmss,
};

messages! {
    Vm {
        create(args: Vm) -> Ref<Vm>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Vm>), VmAdmin, destroy, asynchronous;
        snapshot(
            vm: Ref<Vm>, new_name: String, ignore_vdis: Vec<Ref<Vdi>> = [],
        ) -> Ref<Vm>, VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED];
        snapshot_with_quiesce(
            vm: Ref<Vm>, new_name: String,
        ) -> Ref<Vm>, VmPowerAdmin, asynchronous, removed
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED,
                VM_SNAPSHOT_WITH_QUIESCE_FAILED, VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT,
                VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND,
                VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED];
        clone(vm: Ref<Vm>, new_name: String) -> Ref<Vm>, VmAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED, LICENCE_RESTRICTION];
        copy(vm: Ref<Vm>, new_name: String, sr: Ref<Sr>) -> Ref<Vm>, VmAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED, LICENCE_RESTRICTION];
        revert(snapshot: Ref<Vm>), VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, OPERATION_NOT_ALLOWED, SR_FULL, VM_REVERT_FAILED];
        checkpoint(vm: Ref<Vm>, new_name: String) -> Ref<Vm>, VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED,
                VM_CHECKPOINT_SUSPEND_FAILED, VM_CHECKPOINT_RESUME_FAILED];
        provision(vm: Ref<Vm>), VmAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED, LICENCE_RESTRICTION];
        start(vm: Ref<Vm>, start_paused: bool, force: bool), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, VM_HVM_REQUIRED, VM_IS_TEMPLATE,
                OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED, BOOTLOADER_FAILED,
                UNKNOWN_BOOTLOADER, NO_HOSTS_AVAILABLE, LICENCE_RESTRICTION];
        start_on(
            vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool,
        ), VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, VM_IS_TEMPLATE, OTHER_OPERATION_IN_PROGRESS,
                OPERATION_NOT_ALLOWED, BOOTLOADER_FAILED, UNKNOWN_BOOTLOADER];
        pause(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        unpause(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OPERATION_NOT_ALLOWED, VM_IS_TEMPLATE];
        clean_shutdown(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        shutdown(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        clean_reboot(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        hard_shutdown(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        power_state_reset(vm: Ref<Vm>), PoolOperator, asynchronous;
        hard_reboot(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        suspend(vm: Ref<Vm>), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, OPERATION_NOT_ALLOWED,
                VM_IS_TEMPLATE];
        csvm(vm: Ref<Vm>) -> Ref<Vm>, VmAdmin, asynchronous, hidden, deprecated
            fails [VM_BAD_POWER_STATE, SR_FULL, OPERATION_NOT_ALLOWED, LICENCE_RESTRICTION];
        resume(vm: Ref<Vm>, start_paused: bool, force: bool), VmOperator, asynchronous
            fails [VM_BAD_POWER_STATE, OPERATION_NOT_ALLOWED, VM_IS_TEMPLATE];
        set_is_default_template(vm: Ref<Vm>, value: bool), PoolAdmin, asynchronous, hidden;
        resume_on(
            vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool,
        ), VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, OPERATION_NOT_ALLOWED, VM_IS_TEMPLATE];
        pool_migrate(
            vm: Ref<Vm>, host: Ref<Host>, options: BTreeMap<String, String>,
        ), VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, VM_IS_TEMPLATE,
                OPERATION_NOT_ALLOWED, VM_BAD_POWER_STATE];
        pool_migrate_complete(vm: Ref<Vm>, host: Ref<Host>), VmPowerAdmin, asynchronous, hidden;
        set_VCPUs_number_live(self: Ref<Vm>, nvcpu: i64), VmAdmin, asynchronous
            fails [OPERATION_NOT_ALLOWED, LICENCE_RESTRICTION];
        add_to_VCPUs_params_live(self: Ref<Vm>, key: String, value: String), VmAdmin, asynchronous;
        set_NVRAM(self: Ref<Vm>, value: BTreeMap<String, String>), VmAdmin;
        add_to_NVRAM(self: Ref<Vm>, key: String, value: String), VmAdmin;
        remove_from_NVRAM(self: Ref<Vm>, key: String), VmAdmin;
        set_ha_restart_priority(self: Ref<Vm>, value: String), PoolOperator;
        set_ha_always_run(self: Ref<Vm>, value: bool), PoolOperator, deprecated;
        compute_memory_overhead(vm: Ref<Vm>) -> i64, ReadOnly, asynchronous;
        set_memory_dynamic_max(self: Ref<Vm>, value: i64), VmPowerAdmin;
        set_memory_dynamic_min(self: Ref<Vm>, value: i64), VmPowerAdmin;
        set_memory_dynamic_range(self: Ref<Vm>, min: i64, max: i64), VmPowerAdmin, asynchronous;
        set_memory_static_max(self: Ref<Vm>, value: i64), VmPowerAdmin
            fails [HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN];
        set_memory_static_min(self: Ref<Vm>, value: i64), VmPowerAdmin;
        set_memory_static_range(self: Ref<Vm>, min: i64, max: i64), VmPowerAdmin, asynchronous;
        set_memory_limits(
            self: Ref<Vm>, static_min: i64, static_max: i64, dynamic_min: i64, dynamic_max: i64,
        ), VmPowerAdmin, asynchronous;
        set_memory(self: Ref<Vm>, value: i64), VmPowerAdmin, asynchronous;
        set_memory_target_live(self: Ref<Vm>, target: i64), VmPowerAdmin, asynchronous, deprecated;
        wait_memory_target_live(self: Ref<Vm>), ReadOnly, asynchronous, deprecated;
        get_cooperative(self: Ref<Vm>) -> bool, ReadOnly, asynchronous, deprecated;
        set_HVM_shadow_multiplier(self: Ref<Vm>, value: f64), VmPowerAdmin;
        set_shadow_multiplier_live(self: Ref<Vm>, multiplier: f64), VmPowerAdmin, asynchronous;
        set_VCPUs_max(self: Ref<Vm>, value: i64), VmAdmin;
        set_VCPUs_at_startup(self: Ref<Vm>, value: i64), VmAdmin;
        send_sysrq(vm: Ref<Vm>, key: String), PoolAdmin, asynchronous fails [VM_BAD_POWER_STATE];
        send_trigger(vm: Ref<Vm>, trigger: String), PoolAdmin, asynchronous
            fails [VM_BAD_POWER_STATE];
        maximise_memory(
            self: Ref<Vm>, total: i64, approximate: bool,
        ) -> i64, ReadOnly, asynchronous;
        migrate_send(
            vm: Ref<Vm>, dest: BTreeMap<String, String>, live: bool,
            vdi_map: BTreeMap<Ref<Vdi>, Ref<Sr>>, vif_map: BTreeMap<Ref<Vif>, Ref<Network>>,
            options: BTreeMap<String, String>, vgpu_map: BTreeMap<Ref<Vgpu>, Ref<GpuGroup>> = [],
            vdi_format_map: BTreeMap<Ref<Vdi>, String> = [],
        ) -> Ref<Vm>, VmPowerAdmin, asynchronous
            fails [VM_BAD_POWER_STATE, LICENCE_RESTRICTION];
        assert_can_migrate(
            vm: Ref<Vm>, dest: BTreeMap<String, String>, live: bool,
            vdi_map: BTreeMap<Ref<Vdi>, Ref<Sr>>, vif_map: BTreeMap<Ref<Vif>, Ref<Network>>,
            options: BTreeMap<String, String>, vgpu_map: BTreeMap<Ref<Vgpu>, Ref<GpuGroup>> = [],
        ), VmPowerAdmin, asynchronous
            fails [LICENCE_RESTRICTION];
        assert_can_migrate_sender(
            vm: Ref<Vm>, dest: BTreeMap<String, String>, live: bool,
            vdi_map: BTreeMap<Ref<Vdi>, Ref<Sr>>, vif_map: BTreeMap<Ref<Vif>, Ref<Network>>,
            vgpu_map: BTreeMap<Ref<Vgpu>, Ref<GpuGroup>>, options: BTreeMap<String, String>,
        ), VmPowerAdmin, asynchronous, hidden;
        get_boot_record(self: Ref<Vm>) -> Vm, ReadOnly, deprecated;
        get_data_sources(self: Ref<Vm>) -> Vec<DataSource>, ReadOnly;
        record_data_source(self: Ref<Vm>, data_source: String), VmAdmin;
        query_data_source(self: Ref<Vm>, data_source: String) -> f64, ReadOnly;
        forget_data_source_archives(self: Ref<Vm>, data_source: String), VmAdmin;
        assert_operation_valid(self: Ref<Vm>, op: VmOperations), ReadOnly, asynchronous;
        update_allowed_operations(self: Ref<Vm>), PoolAdmin, asynchronous;
        get_allowed_VBD_devices(vm: Ref<Vm>) -> Vec<String>, ReadOnly;
        get_allowed_VIF_devices(vm: Ref<Vm>) -> Vec<String>, ReadOnly;
        get_possible_hosts(vm: Ref<Vm>) -> Vec<Ref<Host>>, ReadOnly, asynchronous;
        assert_can_boot_here(self: Ref<Vm>, host: Ref<Host>), ReadOnly, asynchronous
            fails [HOST_NOT_ENOUGH_FREE_MEMORY, HOST_NOT_ENOUGH_PCPUS,
                NETWORK_SRIOV_INSUFFICIENT_CAPACITY, HOST_NOT_LIVE, HOST_DISABLED,
                HOST_CANNOT_ATTACH_NETWORK, VM_HVM_REQUIRED, VM_REQUIRES_GPU, VM_REQUIRES_IOMMU,
                VM_REQUIRES_NETWORK, VM_REQUIRES_SR, VM_REQUIRES_VGPU,
                VM_HOST_INCOMPATIBLE_VERSION,
                VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION, INVALID_VALUE,
                MEMORY_CONSTRAINT_VIOLATION, OPERATION_NOT_ALLOWED, VALUE_NOT_SUPPORTED,
                VM_INCOMPATIBLE_WITH_THIS_HOST];
        create_new_blob(
            vm: Ref<Vm>, name: String, mime_type: String, public: bool = false,
        ) -> Ref<Blob>, VmPowerAdmin, asynchronous;
        s3_suspend(vm: Ref<Vm>), VmOperator, asynchronous, hidden;
        s3_resume(vm: Ref<Vm>), VmOperator, asynchronous, hidden;
        assert_agile(self: Ref<Vm>), ReadOnly, asynchronous;
        update_snapshot_metadata(
            vm: Ref<Vm>, snapshot_of: Ref<Vm>, snapshot_time: DateTime,
            transportable_snapshot_id: String,
        ), PoolOperator, asynchronous, hidden, deprecated;
        retrieve_wlb_recommendations(
            vm: Ref<Vm>,
        ) -> BTreeMap<Ref<Host>, Vec<String>>, ReadOnly, asynchronous;
        set_bios_strings(self: Ref<Vm>, value: BTreeMap<String, String>), VmAdmin, asynchronous
            fails [VM_BIOS_STRINGS_ALREADY_SET, INVALID_VALUE];
        copy_bios_strings(vm: Ref<Vm>, host: Ref<Host>), VmAdmin, asynchronous;
        set_protection_policy(self: Ref<Vm>, value: Ref<Vmpp>), PoolOperator, removed;
        set_snapshot_schedule(self: Ref<Vm>, value: Ref<Vmss>), PoolOperator;
        set_start_delay(self: Ref<Vm>, value: i64), PoolOperator, asynchronous;
        set_shutdown_delay(self: Ref<Vm>, value: i64), PoolOperator, asynchronous;
        set_order(self: Ref<Vm>, value: i64), PoolOperator, asynchronous;
        set_suspend_VDI(self: Ref<Vm>, value: Ref<Vdi>), PoolOperator, asynchronous;
        assert_can_be_recovered(self: Ref<Vm>, session_to: Ref<Session>), ReadOnly, asynchronous
            fails [VM_IS_PART_OF_AN_APPLIANCE, VM_REQUIRES_SR];
        get_SRs_required_for_recovery(
            self: Ref<Vm>, session_to: Ref<Session>,
        ) -> Vec<Ref<Sr>>, ReadOnly, asynchronous;
        recover(self: Ref<Vm>, session_to: Ref<Session>, force: bool), ReadOnly, asynchronous;
        import_convert(
            type: String, username: String, password: String, sr: Ref<Sr>,
            remote_config: BTreeMap<String, String>,
        ), VmAdmin, asynchronous;
        set_appliance(self: Ref<Vm>, value: Ref<VmAppliance>), PoolOperator, asynchronous;
        set_groups(self: Ref<Vm>, value: Vec<Ref<VmGroup>>), VmAdmin, asynchronous, prototyped
            fails [OPERATION_NOT_ALLOWED];
        query_services(self: Ref<Vm>) -> BTreeMap<String, String>, PoolAdmin, asynchronous;
        call_plugin(
            vm: Ref<Vm>, plugin: String, fn: String, args: BTreeMap<String, String>,
        ) -> String, VmOperator, asynchronous;
        call_host_plugin(
            vm: Ref<Vm>, plugin: String, fn: String, args: BTreeMap<String, String>,
        ) -> String, VmOperator, asynchronous, prototyped;
        set_has_vendor_device(self: Ref<Vm>, value: bool), VmAdmin, asynchronous;
        import(
            url: String, sr: Ref<Sr>, full_restore: bool, force: bool,
        ) -> Vec<Ref<Vm>>, PoolOperator, asynchronous;
        set_actions_after_crash(self: Ref<Vm>, value: OnCrashBehaviour), VmAdmin, asynchronous;
        set_domain_type(self: Ref<Vm>, value: DomainType), VmAdmin;
        set_HVM_boot_policy(self: Ref<Vm>, value: String), VmAdmin, deprecated;
        set_NVRAM_EFI_variables(
            self: Ref<Vm>, value: String, update: UpdateStatus = UpdateStatus::Unspecified,
        ), LocalRootOnly, hidden;
        restart_device_models(self: Ref<Vm>), VmPowerAdmin, asynchronous, prototyped
            fails [VM_BAD_POWER_STATE, OTHER_OPERATION_IN_PROGRESS, VM_IS_TEMPLATE,
                OPERATION_NOT_ALLOWED, VM_BAD_POWER_STATE];
        set_uefi_mode(
            self: Ref<Vm>, mode: VmUefiMode,
        ) -> String, PoolAdmin, asynchronous, prototyped;
        get_secureboot_readiness(
            self: Ref<Vm>,
        ) -> VmSecurebootReadiness, PoolAdmin, asynchronous, prototyped;
        update_secureboot_certificates_on_boot(
            self: Ref<Vm>, mark: bool,
        ), VmAdmin, asynchronous, prototyped;
        set_blocked_operations(
            self: Ref<Vm>, value: BTreeMap<VmOperations, String>,
        ), VmAdmin, asynchronous;
        add_to_blocked_operations(
            self: Ref<Vm>, key: VmOperations, value: String,
        ), VmAdmin, asynchronous;
        remove_from_blocked_operations(self: Ref<Vm>, key: VmOperations), VmAdmin, asynchronous;
        sysprep(self: Ref<Vm>, unattend: String, timeout: f64), VmAdmin, asynchronous, prototyped;
        add_to_other_config(self: Ref<Vm>, key: String, value: String), VmAdmin;
        remove_from_other_config(self: Ref<Vm>, key: String), VmAdmin;
        set_other_config(self: Ref<Vm>, value: BTreeMap<String, String>), VmAdmin;
        add_to_platform(self: Ref<Vm>, key: String, value: String), VmAdmin;
        remove_from_platform(self: Ref<Vm>, key: String), VmAdmin;
        set_platform(self: Ref<Vm>, value: BTreeMap<String, String>), VmAdmin;
    }
}
