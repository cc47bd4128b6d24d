//! Error codes of virtual machines.

error_codes! {
    BALLOONING_TIMEOUT_BEFORE_MIGRATION("vm"):
        "The guest did not give back memory in time. Set its memory to a fixed amount, or try \
         again.";
    BOOTLOADER_FAILED("vm", "msg"):
        "The boot loader failed; the parameters say why. Check the boot disk of the VM.";
    CANNOT_RESET_CONTROL_DOMAIN("vm"):
        "The control domain cannot be reset. Restart the host instead.";
    CANNOT_RESTART_DEVICE_MODEL("ref"):
        "The devices of the VM cannot be restarted in place. Restart the VM.";
    DOMAIN_BUILDER_ERROR("function", "code", "message"):
        "The hypervisor could not build the VM; the parameters say why. Check memory and kernel \
         of the VM.";
    DOMAIN_EXISTS("vm", "domid"):
        "The VM still exists in the hypervisor. Wait a moment, or reset its power state.";
    DUPLICATE_MAC_SEED("seed"):
        "Another VM makes its MAC addresses from the same seed. Give one of them a new seed.";
    DUPLICATE_VM("vm"): "A VM with this uuid exists already. Import without keeping the uuid.";
    FAILED_TO_START_EMULATOR("vm", "name", "msg"):
        "The emulator of the VM did not start; the parameters say why. Look at the log of the \
         VM on the host.";
    FEATURE_REQUIRES_HVM("details"):
        "The host lacks hardware virtualisation, or the VM does not use it. Enable VT-x or \
         AMD-V in the firmware of the host.";
    GPU_GROUP_CONTAINS_NO_PGPUS("gpu_group"): "The group has no graphics processor. Add one.";
    GPU_GROUP_CONTAINS_PGPU("pgpus"): "The group still has graphics processors. Move them first.";
    GPU_GROUP_CONTAINS_VGPU("vgpus"): "VMs use the group. Remove their graphics processors first.";
    IMPORT_ERROR("msg"): "The import failed; the parameter says why.";
    IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND():
        "Disks of the VM are not in the file. Check that the file is whole.";
    IMPORT_ERROR_CANNOT_HANDLE_CHUNKED():
        "The data must be sent with its length. Send a Content-Length.";
    IMPORT_ERROR_FAILED_TO_FIND_OBJECT("id"):
        "Something the VM refers to is not in the file. Check that the file is whole.";
    IMPORT_ERROR_PREMATURE_EOF():
        "The file ends too soon. Check that the file is whole and the connection stable.";
    IMPORT_ERROR_SOME_CHECKSUMS_FAILED(): "Parts of the file are damaged. Export the VM again.";
    IMPORT_ERROR_UNEXPECTED_FILE("filename_expected", "filename_found"):
        "The file has something else than expected. Check that it is an export of a VM.";
    IMPORT_INCOMPATIBLE_VERSION():
        "The export is of a version that cannot be read. Import it with a matching version.";
    MEMORY_CONSTRAINT_VIOLATION("constraint"):
        "The memory limits do not fit together. Keep static minimum ≤ dynamic minimum ≤ dynamic \
         maximum ≤ static maximum.";
    MEMORY_CONSTRAINT_VIOLATION_MAXPIN("reason"):
        "The VM needs a fixed amount of memory. Set dynamic minimum and maximum to the static \
         maximum.";
    MEMORY_CONSTRAINT_VIOLATION_ORDER():
        "The memory limits are in the wrong order. Keep static minimum ≤ dynamic minimum ≤ \
         dynamic maximum ≤ static maximum.";
    NO_HOSTS_AVAILABLE():
        "No host can run the VM now. Look at VM.get_possible_hosts and the reasons of each \
         host: memory, storage, networks, or disabled hosts.";
    NVIDIA_SRIOV_MISCONFIGURED("host", "device_name"):
        "The virtual functions of the graphics card are set up wrongly. Check the driver on the \
         host.";
    NVIDIA_TOOLS_ERROR("host"):
        "The tools of the graphics card failed. Check the driver on the host.";
    PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU("pgpu", "vgpu_type"):
        "The graphics processor has no room for another VM. Choose another one.";
    PGPU_IN_USE_BY_VM("VMs"): "VMs use the graphics processor. Shut them down first.";
    PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP("type", "group_types"):
        "The graphics processor is not of the kind of the group. Choose another group.";
    PROVISION_FAILED_OUT_OF_SPACE():
        "There is too little space for the disks of the VM. Free some, or choose other storage.";
    PROVISION_ONLY_ALLOWED_ON_TEMPLATE():
        "Only templates can be provisioned. Clone a template first.";
    PUSB_VDI_CONFLICT("PUSB", "VDI"): "The USB device is used as storage. Detach that first.";
    SYSPREP("vm", "message"): "Preparing the guest failed; the parameters say why.";
    TOO_MANY_GROUPS(): "A VM can be in one group only. Take it out of the other one first.";
    TOO_MANY_VUSBS("number"): "The VM has as many USB devices as it can. Remove one first.";
    UNKNOWN_BOOTLOADER("vm", "bootloader"): "The boot loader is not known. Choose a known one.";
    USB_ALREADY_ATTACHED("PUSB", "VM"): "The USB device is in use. Detach it first.";
    USB_GROUP_CONFLICT("USB_group"):
        "The VM uses a device of this group already. Choose another group.";
    USB_GROUP_CONTAINS_NO_PUSBS("usb_group"): "The group has no USB device. Plug one in.";
    USB_GROUP_CONTAINS_PUSB("pusbs"): "The group still has USB devices. Remove them first.";
    USB_GROUP_CONTAINS_VUSB("vusbs"): "VMs use the group. Remove their USB devices first.";
    VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE("vcpu_max", "cores_per_socket"):
        "The number of processors is not a multiple of the cores per socket. Change one of the \
         two.";
    VGPU_DESTINATION_INCOMPATIBLE("reason", "vgpu", "host"):
        "The destination has no graphics processor that fits. Choose another host.";
    VGPU_GUEST_DRIVER_LIMIT("reason", "vm", "host"):
        "The driver in the guest does not allow this. Update it.";
    VGPU_SUSPENSION_NOT_SUPPORTED("reason", "vgpu", "host"):
        "VMs with this graphics processor cannot be suspended. Shut the VM down instead.";
    VGPU_TYPE_NOT_COMPATIBLE("type"):
        "The kinds of graphics processor do not go together. Use one kind.";
    VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE("pgpu", "type", "running_type"):
        "The graphics processor serves another kind now. Shut those VMs down, or choose another \
         one.";
    VGPU_TYPE_NOT_ENABLED("type", "enabled_types"):
        "This kind is not enabled on the graphics processor. Enable it first.";
    VGPU_TYPE_NOT_SUPPORTED("type", "supported_types"):
        "The graphics processor cannot do this kind. Choose another kind.";
    VGPU_TYPE_NO_LONGER_SUPPORTED("type"): "This kind is no longer supported. Choose another kind.";
    VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP():
        "Archives cannot be more frequent than backups. Change the time-table.";
    VMPP_HAS_VM(): "VMs use the policy. Take them out first.";
    VMSS_HAS_VM(): "VMs use the schedule. Take them out first.";
    VMS_FAILED_TO_COOPERATE(): "Some guests did not do what was asked of them. Look at those VMs.";
    VM_ASSIGNED_TO_PROTECTION_POLICY("vm", "vmpp"):
        "The VM belongs to a protection policy. Take it out first.";
    VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE("vm", "vmss"):
        "The VM belongs to a snapshot schedule. Take it out first.";
    VM_ATTACHED_TO_MORE_THAN_ONE_VDI_WITH_TIMEOFFSET_MARKED_AS_RESET_ON_BOOT("vm"):
        "Several disks of the VM want to reset its clock. Leave it to one.";
    VM_BAD_POWER_STATE("vm", "expected", "actual"):
        "The VM is not in the power state that this needs. Start it or shut it down first, as \
         the parameters say.";
    VM_BIOS_STRINGS_ALREADY_SET(): "The BIOS strings of the VM are set already and stay.";
    VM_CALL_PLUGIN_RATE_LIMIT("VM", "interval", "wait"):
        "The plugin was called too often. Wait a moment.";
    VM_CANNOT_DELETE_DEFAULT_TEMPLATE("vm"): "Default templates cannot be deleted.";
    VM_CHECKPOINT_RESUME_FAILED("vm"):
        "The VM did not resume after the checkpoint. Look at its log and start it again.";
    VM_CHECKPOINT_SUSPEND_FAILED("vm"):
        "The VM could not be suspended for the checkpoint. Check the storage for suspending.";
    VM_CRASHED("vm"): "The guest crashed. Look at its console and log.";
    VM_DUPLICATE_VBD_DEVICE("vm", "vbd", "device"):
        "Two disks of the VM have the same position. Change one of them.";
    VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT("vm"):
        "The guest did not react to the request to shut down. Shut it down from inside, or \
         force it.";
    VM_FAILED_SUSPEND_ACKNOWLEDGMENT("vm"):
        "The guest did not react to the request to suspend. Check its drivers.";
    VM_HALTED("vm"): "The VM was shut down in the meantime.";
    VM_HAS_CHECKPOINT("vm"):
        "The VM has a checkpoint with memory, which excludes this. Delete it first.";
    VM_HAS_NO_SUSPEND_VDI("vm"): "The VM has no saved memory. Start it instead of resuming it.";
    VM_HAS_PCI_ATTACHED("vm"):
        "A device of the host is given to the VM, so it cannot move. Take the device away \
         first.";
    VM_HAS_SRIOV_VIF("vm"):
        "The VM uses a virtual function of a network card, so it cannot move. Use an ordinary \
         network card.";
    VM_HAS_TOO_MANY_SNAPSHOTS("vm"): "The VM has too many snapshots. Delete some first.";
    VM_HAS_VGPU("vm"): "The VM has a graphics processor, which excludes this. Remove it first.";
    VM_HAS_VUSBS("VM"):
        "The VM has USB devices of the host, which excludes this. Remove them first.";
    VM_HOST_INCOMPATIBLE_VERSION("host", "vm"):
        "The host is older than the VM's last one. Use an updated host.";
    VM_HOST_INCOMPATIBLE_VERSION_MIGRATE("host", "vm"):
        "The VM cannot move to an older host. Choose an updated one.";
    VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION(
        "host",
        "host_versions",
        "vm",
        "vm_version"
    ):
        "The host does not offer the virtual hardware of the VM. Update the host, or choose \
         another one.";
    VM_HVM_REQUIRED("vm"):
        "The host lacks hardware virtualisation. Enable VT-x or AMD-V in its firmware, or \
         nested virtualisation if it is itself a VM.";
    VM_INCOMPATIBLE_WITH_THIS_HOST("vm", "host", "reason"):
        "The processor of the host lacks features the VM uses. Choose another host, or restart \
         the VM with the pool's CPU model.";
    VM_IS_IMMOBILE("VM"):
        "The VM cannot move now; it may use nested virtualisation or devices of the host. Shut \
         it down to move it.";
    VM_IS_PART_OF_AN_APPLIANCE("vm", "appliance"):
        "The VM belongs to an appliance. Act on the appliance, or take the VM out.";
    VM_IS_PROTECTED("vm"):
        "The VM is protected by high availability, which excludes this. Take its protection \
         away first.";
    VM_IS_TEMPLATE("vm"): "This is a template, and templates do not run. Make a VM from it.";
    VM_IS_USING_NESTED_VIRT("VM"):
        "The guest runs virtual machines itself, which excludes this. Shut it down first.";
    VM_LACKS_FEATURE("vm"): "The guest cannot do this. Install or update the guest agent.";
    VM_MEMORY_SIZE_TOO_LOW("vm"): "The VM has too little memory. Give it more.";
    VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED():
        "The destination does not answer. Check its address and the network.";
    VM_MIGRATE_FAILED("vm", "source", "destination", "msg"):
        "Moving the VM failed; it keeps running where it was. The parameters say why.";
    VM_MISSING_PV_DRIVERS("vm"):
        "The guest has no drivers for this. Install the guest agent and drivers.";
    VM_NON_SUSPENDABLE("vm", "reason"):
        "The VM cannot be suspended; the parameter says why. Shut it down instead.";
    VM_NOT_RESIDENT_HERE("vm", "host"):
        "The VM does not run on this host. Ask the host where it runs.";
    VM_NO_CRASHDUMP_SR("vm"):
        "No storage for crash dumps is set. Set one for the pool or the host.";
    VM_NO_EMPTY_CD_VBD("vm"): "The VM has no empty CD drive. Eject a disc, or add a drive.";
    VM_NO_SUSPEND_SR("vm"):
        "No storage for saved memory is set. Set it for the VM, the host or the pool.";
    VM_NO_VCPUS("vm"): "The VM has no processors. Give it at least one.";
    VM_OLD_PV_DRIVERS("vm", "major", "minor"): "The drivers in the guest are too old. Update them.";
    VM_PCI_BUS_FULL("VM"): "The VM has as many devices as it can. Remove one first.";
    VM_PV_DRIVERS_IN_USE("vm"):
        "The guest uses its drivers, which excludes this. Shut it down first.";
    VM_REBOOTED("vm"): "The VM restarted in the meantime.";
    VM_REQUIRES_GPU("vm", "GPU_group"):
        "The VM needs a graphics processor that this host lacks. Choose another host.";
    VM_REQUIRES_IOMMU("host"):
        "The VM needs an IOMMU. Enable VT-d or AMD-Vi in the firmware of the host.";
    VM_REQUIRES_NETWORK("vm", "network"):
        "The VM needs a network that this host lacks. Connect it on the host, or choose another \
         host.";
    VM_REQUIRES_SR("vm", "sr"):
        "The VM needs storage that this host does not reach. Connect it on the host, or choose \
         another host.";
    VM_REQUIRES_VDI("vm", "vdi"):
        "The VM needs a disk that cannot be reached. Check its storage repository.";
    VM_REQUIRES_VGPU("vm", "GPU_group", "vGPU_type"):
        "The VM needs a kind of graphics processor that this host lacks. Choose another host.";
    VM_REQUIRES_VUSB("vm", "USB_group"):
        "The VM needs a USB device that this host lacks. Start it on the host with the device.";
    VM_REVERT_FAILED("vm", "snapshot"):
        "Going back to the snapshot failed. Look at the log; the snapshot is kept.";
    VM_SHUTDOWN_TIMEOUT("vm", "timeout"):
        "The guest did not shut down in time. Shut it down from inside, or force it.";
    VM_SNAPSHOT_WITH_QUIESCE_FAILED("vm"):
        "The guest could not be brought to rest for the snapshot. Take an ordinary one.";
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED("vm", "error"):
        "The guest cannot be brought to rest for snapshots. Take an ordinary one.";
    VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND("vm"):
        "The guest agent does not answer. Check it, or take an ordinary snapshot.";
    VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT("vm"):
        "The guest did not come to rest in time. Take an ordinary snapshot.";
    VM_SUSPEND_TIMEOUT("vm", "timeout"):
        "The VM was not suspended in time. Check the storage for suspending and try again.";
    VM_TOO_MANY_VCPUS("vm"): "The VM has more processors than the host can give. Give it fewer.";
    VM_TO_IMPORT_IS_NOT_NEWER_VERSION("vm", "existing_version", "version_to_import"):
        "The VM in the pool is as new as the one to import. Import with force to replace it.";
    VM_UNSAFE_BOOT("vm"):
        "A copy of the VM may be running elsewhere. Make sure it is not, then force the start.";
    VTPM_MAX_AMOUNT_REACHED("amount"): "The VM has a TPM already, and one is the most.";
    XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED("vm", "error_code"):
        "The guest could not add a volume to its snapshot. Look at its event log.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT("vm", "error_code"):
        "The guest could not make its snapshot. Look at its event log.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING("vm", "error_code"):
        "The guest could not describe its snapshot. Look at its event log.";
    XEN_VSS_REQ_ERROR_INIT_FAILED("vm", "error_code"):
        "The guest could not begin its snapshot. Look at its event log.";
    XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED("vm", "error_code"):
        "No volume of the guest can be snapshotted. Take an ordinary snapshot.";
    XEN_VSS_REQ_ERROR_PREPARING_WRITERS("vm", "error_code"):
        "Programs in the guest could not be brought to rest. Look at its event log.";
    XEN_VSS_REQ_ERROR_PROV_NOT_LOADED("vm", "error_code"):
        "The snapshot provider is not installed in the guest. Install the guest agent.";
    XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED("vm", "error_code"):
        "The guest could not begin its snapshot set. Look at its event log.";
}
