//! Error codes of high availability and clustering.

error_codes! {
    CLUSTERED_SR_DEGRADED("sr"):
        "Hosts have lost the cluster below this storage repository. Check the cluster network \
         and bring the hosts back.";
    CLUSTERING_DISABLED("cluster_host"): "Clustering is off on this host. Enable it there first.";
    CLUSTERING_ENABLED("cluster_host"): "Clustering is on on this host. Disable it there first.";
    CLUSTER_ALREADY_EXISTS(): "The pool has a cluster already. Use that one, or destroy it first.";
    CLUSTER_CREATE_IN_PROGRESS(): "A cluster is being created. Wait for that task to end.";
    CLUSTER_DOES_NOT_HAVE_ONE_NODE("number_of_nodes"):
        "The cluster must have exactly one node for this. Remove the others first.";
    CLUSTER_FORCE_DESTROY_FAILED("cluster"):
        "The cluster could not be destroyed by force. Look at the logs of the hosts that remain \
         in it.";
    CLUSTER_HOST_IS_LAST("cluster_host"):
        "This is the last host of the cluster, so it cannot leave. Destroy the cluster instead.";
    CLUSTER_HOST_NOT_JOINED("cluster_host"):
        "The host has not joined the cluster. Enable clustering on it.";
    CLUSTER_STACK_IN_USE("cluster_stack"):
        "The cluster software is in use. Destroy the cluster first.";
    HA_ABORT_NEW_MASTER("reason"):
        "The host refused to become coordinator at this moment. Wait until high availability is \
         stable and try again.";
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE():
        "The management interface cannot be bonded or unbonded while high availability is on, \
         because heartbeats use it. Disable high availability, change the bond, enable it \
         again.";
    HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED("network"):
        "The VM uses a network that not every host has, so it could not be restarted elsewhere. \
         Connect the network on all hosts, or move the VM to a shared network.";
    HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED("SR"):
        "The VM has a disk on storage that not every host can reach, so it could not be \
         restarted elsewhere. Move the disk to a shared storage repository.";
    HA_DISABLE_IN_PROGRESS(): "High availability is being switched off. Wait for that task to end.";
    HA_ENABLE_IN_PROGRESS(): "High availability is being switched on. Wait for that task to end.";
    HA_FAILED_TO_FORM_LIVESET():
        "The hosts could not agree who is alive, so high availability was not switched on. \
         Check the pool network and the heartbeat storage on every host, then try again.";
    HA_HEARTBEAT_DAEMON_STARTUP_FAILED():
        "The guard did not start on a host. Look at its log there (journalctl -u haven-guard), \
         mend what it says and try again.";
    HA_HOST_CANNOT_ACCESS_STATEFILE():
        "A host cannot reach the heartbeat volume. Check the storage connection (PBD) of that \
         host.";
    HA_HOST_CANNOT_SEE_PEERS("host", "all", "subset"):
        "A host hears nothing from the other hosts. Check its pool network and that UDP port \
         694 is open between all hosts.";
    HA_HOST_IS_ARMED("host"):
        "The host takes part in high availability, so this would endanger its VMs. Disarm the \
         host or disable high availability first.";
    HA_IS_ENABLED(): "This cannot be done while high availability is on. Disable it first.";
    HA_LOST_STATEFILE():
        "The host has lost the heartbeat volume and may soon have to stop its VMs. Restore its \
         access to the storage.";
    HA_NOT_ENABLED(): "High availability is off. Enable it first.";
    HA_NOT_INSTALLED("host"):
        "A host lacks haven-guard, which high availability needs. Install the package there.";
    HA_NO_PLAN():
        "There is no way to restart all protected VMs if the wanted number of hosts fails. Add \
         memory or hosts, protect fewer VMs, or tolerate fewer failures.";
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN():
        "After this, not all protected VMs could be restarted if the promised number of hosts \
         fails. Free memory, tolerate fewer failures, or lower the restart priority of some \
         VMs.";
    HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED():
        "The pool has high availability but this host is disabled, so it cannot take VMs. \
         Enable the host.";
    HA_SHOULD_BE_FENCED("host"):
        "The other hosts have declared this host dead, so it must stop. It comes back as a \
         member after its restart.";
    HA_TOO_FEW_HOSTS():
        "High availability needs at least two hosts that work. Add a host, or bring back the \
         ones that are missing.";
    INCOMPATIBLE_CLUSTER_STACK_ACTIVE("cluster_stack"):
        "Another kind of cluster software is active. Only one kind can be used at a time.";
    INCOMPATIBLE_STATEFILE_SR("SR type"):
        "Storage of this kind cannot hold the heartbeat volume. Choose a shared storage \
         repository of a supported kind.";
    INVALID_CLUSTER_STACK("cluster_stack"):
        "There is no cluster software of this name. Choose a supported one.";
    NO_CLUSTER_HOSTS_REACHABLE("cluster"):
        "No host of the cluster answers. Check the cluster network.";
}
