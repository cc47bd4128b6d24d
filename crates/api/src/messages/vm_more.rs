//! Messages of what belongs to virtual machines.

use std::collections::BTreeMap;

use haven_model::{
    Console, Crashdump, DateTime, DrTask, GpuGroup, Host, Pci, PciDom0Access, Pgpu, Pusb, Ref,
    Session, Sr, UsbGroup, Vgpu, VgpuType, Vm, VmAppliance, VmGroup, Vmpp, VmppArchiveFrequency,
    VmppArchiveTargetType, VmppBackupFrequency, Vmss, VmssFrequency, VmssType, Vtpm, Vusb,
};

messages! {
    VmAppliance {
        create(args: VmAppliance) -> Ref<VmAppliance>, PoolOperator, create, asynchronous;
        destroy(self: Ref<VmAppliance>), PoolOperator, destroy, asynchronous;
        start(self: Ref<VmAppliance>, paused: bool), PoolOperator, asynchronous
            fails [OPERATION_PARTIALLY_FAILED];
        clean_shutdown(self: Ref<VmAppliance>), PoolOperator, asynchronous
            fails [OPERATION_PARTIALLY_FAILED];
        hard_shutdown(self: Ref<VmAppliance>), PoolOperator, asynchronous
            fails [OPERATION_PARTIALLY_FAILED];
        shutdown(self: Ref<VmAppliance>), PoolOperator, asynchronous
            fails [OPERATION_PARTIALLY_FAILED];
        assert_can_be_recovered(
            self: Ref<VmAppliance>, session_to: Ref<Session>,
        ), ReadOnly, asynchronous
            fails [VM_REQUIRES_SR];
        get_SRs_required_for_recovery(
            self: Ref<VmAppliance>, session_to: Ref<Session>,
        ) -> Vec<Ref<Sr>>, ReadOnly, asynchronous;
        recover(
            self: Ref<VmAppliance>, session_to: Ref<Session>, force: bool,
        ), ReadOnly, asynchronous
            fails [VM_REQUIRES_SR];
    }
    VmGroup {
        create(args: VmGroup) -> Ref<VmGroup>, VmAdmin, create, asynchronous, prototyped;
        destroy(self: Ref<VmGroup>), VmAdmin, destroy, asynchronous, prototyped;
    }
    Vmpp {
        create(args: Vmpp) -> Ref<Vmpp>, PoolOperator, create, asynchronous, removed;
        destroy(self: Ref<Vmpp>), PoolOperator, destroy, asynchronous, removed;
        protect_now(vmpp: Ref<Vmpp>) -> String, PoolOperator, removed;
        archive_now(snapshot: Ref<Vm>) -> String, VmPowerAdmin, removed;
        create_alert(
            vmpp: Ref<Vmpp>, name: String, priority: i64, body: String, data: String,
        ), LocalRootOnly, hidden, removed;
        get_alerts(vmpp: Ref<Vmpp>, hours_from_now: i64) -> Vec<String>, PoolOperator, removed;
        set_backup_retention_value(self: Ref<Vmpp>, value: i64), PoolOperator, removed;
        set_is_backup_running(self: Ref<Vmpp>, value: bool), LocalRootOnly, hidden, removed;
        set_is_archive_running(self: Ref<Vmpp>, value: bool), LocalRootOnly, hidden, removed;
        set_backup_frequency(self: Ref<Vmpp>, value: VmppBackupFrequency), PoolOperator, removed;
        set_backup_schedule(
            self: Ref<Vmpp>, value: BTreeMap<String, String>,
        ), PoolOperator, removed;
        set_archive_frequency(self: Ref<Vmpp>, value: VmppArchiveFrequency), PoolOperator, removed;
        set_archive_schedule(
            self: Ref<Vmpp>, value: BTreeMap<String, String>,
        ), PoolOperator, removed;
        set_archive_target_type(
            self: Ref<Vmpp>, value: VmppArchiveTargetType,
        ), PoolOperator, removed;
        set_archive_target_config(
            self: Ref<Vmpp>, value: BTreeMap<String, String>,
        ), PoolOperator, removed;
        set_is_alarm_enabled(self: Ref<Vmpp>, value: bool), PoolOperator, removed;
        set_alarm_config(self: Ref<Vmpp>, value: BTreeMap<String, String>), PoolOperator, removed;
        add_to_backup_schedule(self: Ref<Vmpp>, key: String, value: String), PoolOperator, removed;
        add_to_archive_target_config(
            self: Ref<Vmpp>, key: String, value: String,
        ), PoolOperator, removed;
        add_to_archive_schedule(self: Ref<Vmpp>, key: String, value: String), PoolOperator, removed;
        add_to_alarm_config(self: Ref<Vmpp>, key: String, value: String), PoolOperator, removed;
        remove_from_backup_schedule(self: Ref<Vmpp>, key: String), PoolOperator, removed;
        remove_from_archive_target_config(self: Ref<Vmpp>, key: String), PoolOperator, removed;
        remove_from_archive_schedule(self: Ref<Vmpp>, key: String), PoolOperator, removed;
        remove_from_alarm_config(self: Ref<Vmpp>, key: String), PoolOperator, removed;
        set_backup_last_run_time(self: Ref<Vmpp>, value: DateTime), LocalRootOnly, removed;
        set_archive_last_run_time(self: Ref<Vmpp>, value: DateTime), LocalRootOnly, removed;
    }
    Vmss {
        create(args: Vmss) -> Ref<Vmss>, PoolOperator, create, asynchronous;
        destroy(self: Ref<Vmss>), PoolOperator, destroy, asynchronous;
        snapshot_now(vmss: Ref<Vmss>) -> String, PoolOperator;
        set_retained_snapshots(self: Ref<Vmss>, value: i64), PoolOperator;
        set_frequency(self: Ref<Vmss>, value: VmssFrequency), PoolOperator;
        set_schedule(self: Ref<Vmss>, value: BTreeMap<String, String>), PoolOperator;
        add_to_schedule(self: Ref<Vmss>, key: String, value: String), PoolOperator;
        remove_from_schedule(self: Ref<Vmss>, key: String), PoolOperator;
        set_last_run_time(self: Ref<Vmss>, value: DateTime), LocalRootOnly;
        set_type(self: Ref<Vmss>, value: VmssType), PoolOperator;
    }
    Vgpu {
        create(
            VM: Ref<Vm>, GPU_group: Ref<GpuGroup>, device: String = "0",
            other_config: BTreeMap<String, String> = [], type: Ref<VgpuType> = Ref::NULL,
        ) -> Ref<Vgpu>, PoolOperator, asynchronous;
        destroy(self: Ref<Vgpu>), PoolOperator, asynchronous;
    }
    GpuGroup {
        create(
            name_label: String = "", name_description: String = "",
            other_config: BTreeMap<String, String> = [],
        ) -> Ref<GpuGroup>, PoolOperator, asynchronous;
        destroy(self: Ref<GpuGroup>), PoolOperator, asynchronous;
        update_enabled_VGPU_types(self: Ref<GpuGroup>), PoolOperator, asynchronous, hidden;
        update_supported_VGPU_types(self: Ref<GpuGroup>), PoolOperator, asynchronous, hidden;
        get_remaining_capacity(
            self: Ref<GpuGroup>, vgpu_type: Ref<VgpuType>,
        ) -> i64, ReadOnly, asynchronous;
    }
    Pgpu {
        add_enabled_VGPU_types(self: Ref<Pgpu>, value: Ref<VgpuType>), PoolOperator, asynchronous;
        remove_enabled_VGPU_types(
            self: Ref<Pgpu>, value: Ref<VgpuType>,
        ), PoolOperator, asynchronous;
        set_enabled_VGPU_types(
            self: Ref<Pgpu>, value: Vec<Ref<VgpuType>>,
        ), PoolOperator, asynchronous;
        set_GPU_group(self: Ref<Pgpu>, value: Ref<GpuGroup>), PoolOperator, asynchronous;
        get_remaining_capacity(
            self: Ref<Pgpu>, vgpu_type: Ref<VgpuType>,
        ) -> i64, ReadOnly, asynchronous;
        enable_dom0_access(
            self: Ref<Pgpu>,
        ) -> PciDom0Access, PoolOperator, asynchronous, deprecated;
        disable_dom0_access(
            self: Ref<Pgpu>,
        ) -> PciDom0Access, PoolOperator, asynchronous, deprecated;
    }
    Pci {
        disable_dom0_access(
            self: Ref<Pci>,
        ) -> PciDom0Access, PoolOperator, asynchronous, prototyped;
        enable_dom0_access(self: Ref<Pci>) -> PciDom0Access, PoolOperator, asynchronous, prototyped;
        get_dom0_access_status(
            self: Ref<Pci>,
        ) -> PciDom0Access, PoolOperator, asynchronous, prototyped;
    }
    Vtpm {
        create(vM: Ref<Vm>, is_unique: bool) -> Ref<Vtpm>, VmAdmin, asynchronous, prototyped;
        destroy(self: Ref<Vtpm>), VmAdmin, asynchronous, prototyped;
        get_contents(self: Ref<Vtpm>) -> String, LocalRootOnly, asynchronous, hidden, prototyped;
        set_contents(
            self: Ref<Vtpm>, contents: String,
        ), LocalRootOnly, asynchronous, hidden, prototyped;
    }
    Vusb {
        create(
            VM: Ref<Vm>, USB_group: Ref<UsbGroup>, other_config: BTreeMap<String, String> = [],
        ) -> Ref<Vusb>, PoolAdmin, asynchronous;
        unplug(self: Ref<Vusb>), PoolAdmin, asynchronous;
        destroy(self: Ref<Vusb>), PoolAdmin, asynchronous;
    }
    Pusb {
        scan(host: Ref<Host>), PoolAdmin, asynchronous;
        set_passthrough_enabled(self: Ref<Pusb>, value: bool), PoolAdmin, asynchronous;
    }
    UsbGroup {
        create(
            name_label: String = "", name_description: String = "",
            other_config: BTreeMap<String, String> = [],
        ) -> Ref<UsbGroup>, PoolAdmin, asynchronous;
        destroy(self: Ref<UsbGroup>), PoolAdmin, asynchronous;
    }
    Console {
        create(args: Console) -> Ref<Console>, VmAdmin, create, asynchronous;
        destroy(self: Ref<Console>), VmAdmin, destroy, asynchronous;
    }
    Crashdump {
        destroy(self: Ref<Crashdump>), PoolOperator, asynchronous;
    }
    DrTask {
        create(
            type: String, device_config: BTreeMap<String, String>, whitelist: Vec<String>,
        ) -> Ref<DrTask>, PoolOperator, asynchronous;
        destroy(self: Ref<DrTask>), PoolOperator, asynchronous;
    }
}
