//! Error codes of hosts and joining.

error_codes! {
    ACTIVATION_WHILE_NOT_FREE(): "Licences are not used here. Nothing needs activating.";
    BOOT_DEVICE_PASSTHROUGH_DISALLOWED("device"):
        "The device holds the host's own system and cannot be given to a VM. Choose another \
         device.";
    CANNOT_CONTACT_HOST("host"):
        "The host does not answer. Check that it runs, and its pool network.";
    CANNOT_CREATE_STATE_FILE():
        "The heartbeat volume could not be made. Check free space on the storage repository and \
         that every host is attached to it.";
    CANNOT_EVACUATE_HOST("errors"):
        "Not all VMs can leave this host; the parameters name them and why. Shut those VMs down \
         or mend the causes, then try again.";
    CANNOT_FIND_OEM_BACKUP_PARTITION():
        "The host has no backup partition. Restore it in another way.";
    CANNOT_FIND_STATE_PARTITION(): "The host has no state partition. Reinstall the host.";
    CPU_FEATURE_MASKING_NOT_SUPPORTED("details"):
        "The processors of the host cannot hide features. Choose a CPU model for the pool \
         instead.";
    DISABLE_SSH_FAILED("host"): "SSH could not be switched off on the host. Look at its log.";
    DISABLE_SSH_PARTIALLY_FAILED("hosts"):
        "SSH could not be switched off on all hosts. Look at the hosts that are named and try \
         again.";
    ENABLE_SSH_FAILED("host"): "SSH could not be switched on, on the host. Look at its log.";
    ENABLE_SSH_PARTIALLY_FAILED("hosts"):
        "SSH could not be switched on, on all hosts. Look at the hosts that are named and try \
         again.";
    HOSTS_NOT_COMPATIBLE():
        "The hosts differ too much to be in one pool. Use hosts with processors of one vendor \
         and the same version.";
    HOSTS_NOT_HOMOGENEOUS("reason"):
        "The hosts differ too much for this. Use hosts of the same kind.";
    HOST_BROKEN(): "The host could not be switched on because of an error on it. Look at its log.";
    HOST_CANNOT_ATTACH_NETWORK("host", "network"):
        "The host cannot reach this network. Connect an interface of the host to it.";
    HOST_CANNOT_DESTROY_SELF("host"):
        "The coordinator cannot remove itself. Make another host coordinator first.";
    HOST_CANNOT_READ_METRICS():
        "The measurements of the host cannot be read. Try again; look at its log if it \
         persists.";
    HOST_CD_DRIVE_EMPTY(): "The drive of the host holds no disc. Insert one.";
    HOST_DISABLED("host"): "The host is disabled and takes no VMs. Enable it.";
    HOST_DISABLED_INDEFINITELY("host"):
        "The host has been disabled until someone enables it. Enable it.";
    HOST_DISABLED_UNTIL_REBOOT("host"): "The host is disabled until it restarts. Restart it.";
    HOST_DRIVER_NO_HARDWARE("driver variant"):
        "The host has no hardware for this driver. Choose another driver.";
    HOST_EVACUATE_IN_PROGRESS("host"): "The host is being evacuated. Wait for that task to end.";
    HOST_EVACUATE_VM_NOT_HA_PROTECTED("vm"):
        "A VM on the host is not protected, so evacuation would stop it. Protect it, or shut it \
         down first.";
    HOST_EVACUATION_IS_REQUIRED("host"): "The host still runs VMs. Evacuate it first.";
    HOST_HAS_NO_MANAGEMENT_IP():
        "The management interface of the host has no address. Give it one.";
    HOST_HAS_RESIDENT_VMS("host"): "VMs run on the host. Shut them down or move them first.";
    HOST_IN_EMERGENCY_MODE():
        "The host has lost its coordinator and does nothing by itself. Bring the coordinator \
         back, or make this host coordinator.";
    HOST_IN_USE("host", "type", "ref"): "The host is in use. Wait for that to end.";
    HOST_IS_LIVE("host"):
        "The host is alive, and this is only for hosts that are gone. Shut it down or eject it \
         instead.";
    HOST_IS_SLAVE("Master IP address"):
        "This host is not the coordinator. Ask the host at the given address.";
    HOST_ITS_OWN_SLAVE(): "A host cannot join itself. Give the address of a host of the pool.";
    HOST_MASTER_CANNOT_TALK_BACK("ip"):
        "The coordinator cannot reach this host. Check routing and firewalls between both.";
    HOST_NAME_INVALID("reason"):
        "This cannot be the name of a host. Use letters, digits and dashes.";
    HOST_NOT_DISABLED(): "The host must be disabled for this. Disable it first.";
    HOST_NOT_ENOUGH_FREE_MEMORY("needed", "available"):
        "The host has too little free memory. Free some, or choose another host.";
    HOST_NOT_ENOUGH_PCPUS("vcpus", "pcpus"):
        "The VM has more virtual processors than the host has processors. Give it fewer, or \
         choose another host.";
    HOST_NOT_LIVE(): "The host is not running or does not answer. Start it, or check its network.";
    HOST_OFFLINE("host"): "The host does not answer. Check that it runs, and its pool network.";
    HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY("host"):
        "The host must first do what its updates ask for. Restart it or its services as shown.";
    HOST_POWER_ON_MODE_DISABLED():
        "No way to switch this host on is set up. Set up its power control first.";
    HOST_STILL_BOOTING(): "The host is still starting. Wait a moment and try again.";
    HOST_UNKNOWN_TO_MASTER("host"):
        "The coordinator does not know this host: it was taken out of the pool. Install it anew, \
         or remove /var/lib/haven on it, and join it to the pool again.";
    HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR("host_xapi_version"):
        "The host is newer than the coordinator. Update the coordinator first.";
    INVALID_EDITION("edition"): "There are no editions. Nothing needs setting.";
    JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS():
        "The host is coordinator of a pool with other hosts. Eject those first.";
    JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS():
        "The host has shared storage of its own. Forget that storage repository on it first; \
         its disks are kept.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS():
        "VMs on the joining host run or are suspended. Shut them down first.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_VMS(): "VMs run on the joining host. Shut them down first.";
    JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS():
        "The joining host is busy with its VMs. Wait for those tasks to end.";
    JOINING_HOST_CONNECTION_FAILED():
        "The host could not reach the pool. Check the address, the network and that port 443 is \
         open.";
    JOINING_HOST_SERVICE_FAILED():
        "The host reached the pool but was not served. Look at the log of the coordinator.";
    LICENCE_RESTRICTION("feature"):
        "This server has no licences; another server refused for want of one. Check that \
         server.";
    LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL(): "There are no editions. Nothing needs setting.";
    LICENSE_CHECKOUT_ERROR("code", "message"):
        "This server has no licences. Nothing needs activating.";
    LICENSE_DOES_NOT_SUPPORT_POOLING():
        "Another server's licence does not allow pools. Check that server.";
    LICENSE_DOES_NOT_SUPPORT_XHA():
        "Another server's licence does not allow high availability. Check that server.";
    LICENSE_EXPIRED(): "Another server's licence has expired. Check that server.";
    LICENSE_FILE_DEPRECATED(): "Licence files are not used. Remove the file.";
    LICENSE_HOST_POOL_MISMATCH():
        "Host and pool claim different licences. Nothing needs activating here.";
    LICENSE_PROCESSING_ERROR(): "This server has no licences. Nothing needs activating.";
    NOT_ALLOWED_ON_OEM_EDITION("command"): "This kind of installation does not allow it.";
    NOT_ALLOWED_WHEN_NTP_IS_ENABLED("host"):
        "The clock is set by NTP. Disable NTP to set it by hand.";
    NOT_IN_EMERGENCY_MODE(): "The host is not in emergency mode, so this is not needed.";
    ONLY_ALLOWED_ON_OEM_EDITION("command"): "This kind of installation does not allow it.";
    POOL_JOINING_EXTERNAL_AUTH_MISMATCH():
        "Host and pool use different external authentication. Make them the same, or switch it \
         off on the host.";
    POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT():
        "Host and pool have different certificates of the same name. Rename or remove those of \
         the host.";
    POOL_JOINING_HOST_HAS_BONDS():
        "The joining host has bonds. Remove them; the pool makes them anew.";
    POOL_JOINING_HOST_HAS_NETWORK_SRIOVS():
        "The joining host has virtual functions set up. Remove them first.";
    POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS():
        "The joining host has VLANs. Remove them; the pool makes them anew.";
    POOL_JOINING_HOST_HAS_TUNNELS(): "The joining host has tunnels. Remove them first.";
    POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH("local", "remote"):
        "The management VLAN of the host is not that of the pool. Use the same VLAN.";
    POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK():
        "The host has several addresses on the cluster network. Leave it one.";
    POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC():
        "The management interface of the joining host must be a physical one. Move it to one.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION("host_api_version", "master_api_version"):
        "Host and pool have different API versions. Install the version of the pool on the \
         host.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA("host_db_schema", "master_db_schema"):
        "Host and pool have different database versions. Install the version of the pool on the \
         host.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION():
        "Host and pool have different versions. Install the version of the pool on the host.";
    POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS():
        "The joining host has interfaces that are not physical. Remove them; the pool makes \
         them anew.";
    POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH():
        "Only one of host and pool verifies certificates. Enable it on the other.";
    POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT("ref_in_pool", "ref_on_host"):
        "Host and pool trust different certificates of the same name. Remove those of the host.";
    POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE("master_uuid"):
        "The coordinator's certificate is not among those of the pool. Renew the certificates \
         of the pool.";
    POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT("bundle_path"):
        "The pool sent no certificates. Renew the certificates of the pool and try again.";
    POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK("vlan"):
        "The cluster network is a VLAN that the host does not have. Make it on the host after \
         joining.";
    POOL_JOINING_SM_FEATURES_INCOMPATIBLE("pool_sm_ref", "candidate_sm_ref"):
        "The host's storage drivers can less than those of the pool. Install the version of the \
         pool on the host.";
    SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED("hosts"):
        "The time-out of consoles could not be set on all hosts. Look at the hosts that are \
         named and try again.";
    SET_SSH_AUTO_MODE_PARTIALLY_FAILED("hosts"):
        "The automatic mode of SSH could not be set on all hosts. Look at the hosts that are \
         named and try again.";
    SET_SSH_TIMEOUT_PARTIALLY_FAILED("hosts"):
        "The time-out of SSH could not be set on all hosts. Look at the hosts that are named \
         and try again.";
    SYSTEM_STATUS_MUST_USE_TAR_ON_OEM():
        "The status report can only be made as tar here. Ask for tar.";
    SYSTEM_STATUS_RETRIEVAL_FAILED("reason"):
        "The status report could not be made. Look at the log of the host.";
}
