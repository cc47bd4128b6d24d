//! Error codes of storage.

error_codes! {
    CANNOT_DESTROY_DISASTER_RECOVERY_TASK("reason"):
        "Storage of the recovery is still in use. Shut down the recovered VMs first.";
    CANNOT_ENABLE_REDO_LOG("reason"):
        "The copy of the database could not be set up on this storage. Check free space and \
         connections.";
    DEFAULT_SR_NOT_FOUND("sr"):
        "The pool has no default storage repository, or it is gone. Set one, or name the \
         storage to use.";
    DEVICE_ALREADY_ATTACHED("device"): "The device is attached already. Nothing needs doing.";
    DEVICE_ALREADY_DETACHED("device"): "The device is detached already. Nothing needs doing.";
    DEVICE_ALREADY_EXISTS("device"):
        "The VM has a device at this position. Choose another position.";
    DEVICE_ATTACH_TIMEOUT("type", "ref"):
        "The guest did not take the device in time. Check the guest's drivers and try again.";
    DEVICE_DETACH_REJECTED("type", "ref", "msg"):
        "The guest does not let go of the device. Unmount it in the guest first.";
    DEVICE_DETACH_TIMEOUT("type", "ref"):
        "The guest did not let go of the device in time. Unmount it in the guest, or shut the \
         VM down.";
    DEVICE_NOT_ATTACHED("VBD"): "The device is not attached. Attach it first.";
    DISK_VBD_MUST_BE_READWRITE_FOR_HVM("vbd"):
        "This kind of guest needs its disks writable. Attach the disk read-write.";
    ILLEGAL_VBD_DEVICE("vbd", "device"):
        "This cannot be the position of a disk. Ask the VM for its free positions.";
    INVALID_DEVICE("device"):
        "This cannot be the name or position of a device. Check the allowed ones.";
    LOCATION_NOT_UNIQUE("SR", "location"):
        "The storage repository has a disk at this location already. Choose another one.";
    MIRROR_FAILED("vdi"):
        "Copying the disk while it is in use failed. Check the storage on both sides and try \
         again.";
    NO_MORE_REDO_LOGS_ALLOWED(): "No further copy of the database is allowed. Remove one first.";
    OUT_OF_SPACE("location"): "There is no space left. Free some.";
    PBD_EXISTS("sr", "host", "pbd"):
        "The host is connected to this storage repository already. Change that connection \
         instead.";
    REDO_LOG_IS_ENABLED(): "The database is already copied to shared storage. Disable that first.";
    SM_PLUGIN_COMMUNICATION_FAILURE("sm"):
        "The storage driver did not answer. Look at the log of the host.";
    SR_ATTACH_FAILED("sr"):
        "The host cannot attach the storage repository. Check server, path and network from \
         that host.";
    SR_BACKEND_FAILURE("status", "stdout", "stderr"):
        "The storage driver reported an error; the parameters say which. Check the storage.";
    SR_BACKEND_FAILURE_1("status", "stdout", "stderr"):
        "A parameter of the storage repository is not valid; the text says which. \
         Correct it and try again.";
    SR_BACKEND_FAILURE_2("status", "stdout", "stderr"):
        "A parameter of the storage repository has characters that it may not have. \
         Correct it and try again.";
    SR_BACKEND_FAILURE_16("status", "stdout", "stderr"):
        "The device or directory is in use. Choose another one, or end what uses it.";
    SR_BACKEND_FAILURE_40("status", "stdout", "stderr"):
        "What lies on the storage repository could not be listed. Check the storage \
         server and the storage network.";
    SR_BACKEND_FAILURE_42("status", "stdout", "stderr"):
        "There is another storage repository at this place. Introduce that one, or \
         choose another place.";
    SR_BACKEND_FAILURE_43("status", "stdout", "stderr"):
        "There is a volume of this name already. Scan the storage repository, and choose \
         another name.";
    SR_BACKEND_FAILURE_46("status", "stdout", "stderr"):
        "The volume is not there, or cannot be read. Scan the storage repository and \
         check the storage.";
    SR_BACKEND_FAILURE_47("status", "stdout", "stderr"):
        "The storage repository is not there, or cannot be used from this host. Check \
         the storage server, the path and the storage network.";
    SR_BACKEND_FAILURE_64("status", "stdout", "stderr"):
        "The volume could not be removed. Check that nothing uses it, and try again.";
    SR_BACKEND_FAILURE_73("status", "stdout", "stderr"):
        "The storage could not be mounted on the host that the text names. Check the \
         server, the path, the rights of that host there, and its storage network.";
    SR_BACKEND_FAILURE_74("status", "stdout", "stderr"):
        "The storage could not be unmounted: something on the host still uses it. End \
         that, and try again.";
    SR_BACKEND_FAILURE_78("status", "stdout", "stderr"):
        "The volume could not be made. Check the storage and what is free on it.";
    SR_BACKEND_FAILURE_79("status", "stdout", "stderr"):
        "A volume cannot have this size. Choose another one; volumes only grow.";
    SR_BACKEND_FAILURE_81("status", "stdout", "stderr"):
        "The volume could not be copied. Check the storage and what is free on it.";
    SR_BACKEND_FAILURE_82("status", "stdout", "stderr"):
        "The snapshot of the volume could not be made. Check the storage and what is \
         free on it.";
    SR_BACKEND_FAILURE_94("status", "stdout", "stderr"):
        "The device configuration has no `location`. Say where the storage is.";
    SR_BACKEND_FAILURE_101("status", "stdout", "stderr"):
        "The device configuration has no `serverpath`. Say which path of the server is \
         to be used.";
    SR_BACKEND_FAILURE_102("status", "stdout", "stderr"):
        "The device configuration has no `server`. Say which server holds the storage.";
    SR_BACKEND_FAILURE_109("status", "stdout", "stderr"):
        "The disk has too many snapshots above each other. Delete some, and wait until \
         their data is merged.";
    SR_DEVICE_IN_USE():
        "Another storage repository uses this device. Choose another device, or forget the \
         other one.";
    SR_DOES_NOT_SUPPORT_MIGRATION("sr", "capabilities"):
        "Disks cannot be moved to or from storage of this kind while in use. Shut the VM down \
         and copy them.";
    SR_FULL("requested", "maximum"):
        "The storage repository is full. Free space, or choose another one.";
    SR_HAS_MULTIPLE_PBDS("PBD"):
        "Several hosts are connected to the storage repository. Disconnect all but one first.";
    SR_HAS_NO_PBDS("sr"): "No host is connected to the storage repository. Connect one first.";
    SR_HAS_PBD("sr"): "Hosts are connected to the storage repository. Disconnect them first.";
    SR_INDESTRUCTIBLE("sr"):
        "The storage repository is protected from destruction. Remove the mark first.";
    SR_IS_CACHE_SR("host"): "The storage repository is used as cache. Switch that off first.";
    SR_NOT_ATTACHED("sr"):
        "The storage repository is not attached on this host. Plug its connection first.";
    SR_NOT_EMPTY(): "The storage repository still holds disks. Move or delete them first.";
    SR_NOT_SHARABLE("sr", "host"):
        "Storage of this kind cannot be shared between hosts. Choose NFS, iSCSI or Fibre \
         Channel.";
    SR_OPERATION_NOT_SUPPORTED("sr"): "Storage of this kind cannot do this.";
    SR_REQUIRES_UPGRADE("SR"): "The storage repository has an old format. Upgrade it first.";
    SR_SOURCE_SPACE_INSUFFICIENT("sr"):
        "The source has too little space for the snapshot that moving needs. Free some space.";
    SR_SUSPEND_SPACE_INSUFFICIENT("sr"):
        "The storage repository has too little space for the memory of the VM. Free some, or \
         choose another one for suspending.";
    SR_UNHEALTHY("sr", "health", "fix"):
        "The storage repository is not healthy; the parameters say what to do.";
    SR_UNKNOWN_DRIVER("driver"):
        "There is no storage of this kind. Choose one of the supported kinds.";
    SR_UUID_EXISTS("uuid"): "A storage repository with this uuid is known already. Use that one.";
    SR_VDI_LOCKING_FAILED(): "The disks could not be locked. Look at which host uses them.";
    SUSPEND_IMAGE_NOT_ACCESSIBLE("vdi"):
        "The saved memory of the VM cannot be reached from this host. Resume it where its \
         storage is attached, or discard the memory.";
    TOO_MANY_STORAGE_MIGRATES("number"): "Too many disks are being moved. Wait for some to end.";
    UNIMPLEMENTED_IN_SM_BACKEND("message"): "Storage of this kind cannot do this.";
    V6D_FAILURE(): "This server has no licences. Nothing needs activating.";
    VBD_CDS_MUST_BE_READONLY(): "CDs can only be attached read-only. Choose read-only.";
    VBD_IS_EMPTY("vbd"): "The drive is empty. Insert something first.";
    VBD_NOT_EMPTY("vbd"): "The drive is not empty. Eject what is in it first.";
    VBD_NOT_REMOVABLE_MEDIA("vbd"):
        "This is a disk, not a drive with removable media. Detach it instead.";
    VBD_NOT_UNPLUGGABLE("vbd"):
        "The disk cannot be detached while the VM runs. Shut the VM down first.";
    VBD_TRAY_LOCKED("vbd"): "The guest has locked the drive. Eject in the guest first.";
    VDI_CBT_ENABLED("vdi"): "Changed blocks of the disk are tracked. Switch that off first.";
    VDI_CONTAINS_METADATA_OF_THIS_POOL("vdi", "pool"):
        "The disk holds this pool's own database. Choose another one.";
    VDI_COPY_FAILED(): "Copying the disk failed. Check the storage on both sides and try again.";
    VDI_HAS_RRDS("vdi"): "Measurements are kept with the disk. Remove them first.";
    VDI_INCOMPATIBLE_TYPE("vdi", "type"): "A disk of this kind cannot be used for that.";
    VDI_IN_USE("vdi", "operation"):
        "The disk is in use. Shut down the VM that uses it, or wait for the task to end.";
    VDI_IS_A_PHYSICAL_DEVICE("vdi"):
        "The disk is a physical device. This works with disk images only.";
    VDI_IS_ENCRYPTED("vdi"): "The disk is encrypted. Supply its key, or choose another one.";
    VDI_IS_NOT_ISO("vdi", "type"): "The disk is not a CD image. Choose an ISO.";
    VDI_LOCATION_MISSING("sr", "location"):
        "There is no disk at this location. Rescan the storage repository.";
    VDI_MISSING("sr", "vdi"):
        "The disk is no longer on its storage. Restore it, or forget the disk.";
    VDI_NEEDS_VM_FOR_MIGRATE("vdi"):
        "A disk can only be moved while in use if a VM uses it. Copy it instead.";
    VDI_NOT_AVAILABLE("vdi"): "The disk cannot be reached now. Check its storage repository.";
    VDI_NOT_IN_MAP("vdi"):
        "It is not said where this disk should go. Name a storage repository for it.";
    VDI_NOT_MANAGED("vdi"): "Haven does not manage this disk. Choose another one.";
    VDI_NOT_SPARSE("vdi"): "The disk is not sparse. Make it so first.";
    VDI_NO_CBT_METADATA("vdi"):
        "Changed blocks of the disk are not tracked. Switch that on and take a snapshot first.";
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION():
        "The disk is reset at every start, which excludes this. Change that first.";
    VDI_READONLY("vdi"): "The disk is read-only. Attach it read-only, or make it writable.";
    VDI_TOO_LARGE("vdi", "maximum size"):
        "The disk is too large for this storage. Choose a smaller size or other storage.";
    VDI_TOO_SMALL("vdi", "minimum size"): "The disk is too small. Choose a larger one.";
}
