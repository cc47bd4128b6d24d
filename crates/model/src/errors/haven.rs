//! Error codes of Haven that XenAPI does not have.

error_codes! {
    HOST_UUID_DUPLICATE("uuid", "host"):
        "The pool already has a host with this uuid, so the machine was probably cloned from \
         another one. Remove /var/lib/haven on the new machine, restart havend and join again.";
    JOIN_TOKEN_INVALID("reason"):
        "The join token is not one this pool has issued, or it has expired. Make a new one on \
         the pool with `haven pool token` and use it within its lifetime.";
    JOIN_TOKEN_USED("host"):
        "This join token has already been used; each one admits one host. Make a new one on the \
         pool with `haven pool token`.";
    CANDIDATE_UNREACHABLE("address", "reason"):
        "The host to be added does not answer there, or it is another one than before. Check its \
         address, that havend runs on it, and that the fingerprint is the one that it prints.";
    CANDIDATE_SEES_OTHER_STORAGE("SR"):
        "The host to be added reaches another place than the hosts of the pool under the same \
         name. Mount the same file system there, or check the address of the storage server.";
    JOIN_CPU_VENDOR_MISMATCH("pool vendor", "host vendor"):
        "The host has processors of another vendor than the pool, and VMs cannot move live \
         between them. Join it to a pool of its own kind.";
    HOST_VERSION_MISMATCH("pool version", "host version"):
        "The host runs another version than the pool. Install the version of the pool on the \
         host and join again.";
    HOST_IP_NOT_STATIC("interface"):
        "The management interface has its address from DHCP; the other hosts could lose it. \
         Give the interface a fixed address and join again.";
    HOST_CLOCK_SKEW("seconds", "limit"):
        "The clock of the host is too far from the clock of the pool. Set both by NTP and try \
         again.";
    POOL_TOO_SMALL("hosts", "needed"): "The pool has too few hosts for this. Add hosts first.";
    VM_WRITES_UNDER_WAY("VM", "host", "reason"):
        "The process of the VM has ended, but its storage does not answer, and what the VM wrote last may \
         still be on its way there. It counts as running on its host until that is over, and is then \
         shown as halted by itself; until then it is started nowhere else. Check the storage server and the \
         storage network. If the storage does not come back there, restart that host by force.";
    VM_HOLDS_HOST_DRIVE("VM", "VDI", "host"):
        "The VM has a DVD drive of a host in its CD drive, and can run on that host alone: it cannot \
         be moved or protected. Eject the disc first.";
    HOST_DRIVE_MISSING("VM", "drive", "host"):
        "The VM has a DVD drive of its host in its CD drive, and the host has that drive no longer. \
         Connect the drive again, or eject the disc from the VM.";
    VM_DISK_NOT_SHARED("VM", "VDI", "SR"):
        "A disk of the VM is on storage that not every host can reach, so the VM cannot be \
         protected or moved. Move the disk to a shared storage repository.";
    HA_SR_NO_SPACE("SR", "needed", "free"):
        "The storage repository has too little free space for the heartbeat and metadata \
         volumes. Free some space, or choose another one.";
    HA_HEARTBEAT_MTU_DIFFERS("network", "hosts"):
        "The interfaces of a heartbeat network have different MTUs: what one host sends whole, another \
         one drops, though short heartbeats pass. Nothing was changed. Give them the same MTU, also on the \
         switch, and try again.";
    HA_BAD_ADVANCED_OPTION("reason"):
        "An advanced option of high availability is not one that Haven knows, or its value is not \
         of its kind. Nothing was changed. See `haven ha policy` for the options; capitals count.";
    HA_DRILL_NOT_READY("findings"):
        "Protection is not in order now, so a drill would do harm. Nothing was done. Mend what the \
         rehearsal finds (`haven ha drill`), and try again.";
    HA_DRILL_COORDINATOR("host"):
        "This host coordinates the pool and cannot put itself out. Nothing was done. Choose another \
         host, or let another one coordinate first.";
    HA_DRILL_UNPROTECTED("VMs"):
        "VMs on this host are not protected: the drill would stop them, and nobody would start \
         them again. Nothing was done. Protect them, move them away, or shut them down first.";
    HA_DRILL_RUNNING("host"):
        "A drill is under way. Wait until it has ended; `haven ha status` shows it.";
    GUARD_TOO_OLD("host"):
        "The guard of this host is of an earlier version and cannot take another key while it is \
         armed. Nothing was changed. Restart the host once it is in maintenance, so that the version \
         that is installed runs, and try again.";
    KEY_CHANGE_RUNNING():
        "The key of the heartbeats is being changed already. It goes on by itself; try again when it \
         has ended.";
    KEY_CHANGE_TAKEN_BACK("host"):
        "This host did not take the new key of the heartbeats in time. The change was taken back: all \
         hosts go on with the key that they had. See that the host answers, and try again.";
    KEY_CHANGE_WAITS("host"):
        "The change of the heartbeats' key has begun and waits for this host. Nothing is at risk, for \
         the hosts accept both keys; it goes on by itself as soon as the host answers.";
    NO_PERMIT("host"):
        "The host holds no permit to start VMs: high availability is armed and its guard has \
         not confirmed its membership. Wait until the host is a member again, or look at its \
         guard.";
    STALE_EPOCH("order epoch", "known epoch"):
        "The order came from a coordinator that has been replaced since. Nothing was done; ask \
         the present coordinator.";
    COORDINATOR_CHANGED():
        "This host ceased to coordinate the pool in the middle of the operation, which may be done, \
         half done, or undone by the next coordinator. Log in again, look at the object, and ask \
         again if it is still needed.";
    SR_TIMEOUT("SR", "operation", "seconds"):
        "The storage did not answer in time. Check the storage server and the storage network; \
         the operation may still complete.";
    IMAGE_ADDRESS_INVALID("address", "reason"):
        "This is no address that an image can be fetched from. Give one that begins with https:// or \
         http://, without user and password in it.";
    IMAGE_ADDRESS_IS_NFS("location"):
        "An NFS directory is not fetched: the pool can use it where it lies. Make it an ISO library \
         (`haven sr create NAME --type iso --location SERVER:/PATH`), and its images are there.";
    IMAGE_ADDRESS_REFUSED("address", "leads to"):
        "The address leads to a host of the pool itself or into its innermost network, where a fetch \
         could reach what is not meant for it. Choose another one, or have an administrator allow it: \
         `xe pool-param-set uuid=POOL other-config:haven_fetch_any_address=true`.";
    IMAGE_FETCH_FAILED("address", "reason"):
        "The image could not be fetched, and nothing of it was kept. Check the address, and that this \
         pool's coordinator reaches it (name service, firewall); then fetch it again.";
    IMAGE_CHECKSUM_WRONG("expected", "found"):
        "What came has another SHA-256 than it should have, so it was not kept: it is damaged, was \
         changed, or the checksum is of another file. Compare it with the publisher's list.";
    IMAGE_TREE_UNKNOWN("address", "looked for"):
        "No boot image was found in this installation tree. Give the address of the image itself, \
         which ends in .iso; many distributions have a small one for installing over the network.";
    IMAGE_IN_DRIVE("VDI", "VMs"):
        "The image is in the CD drives of machines, so it was not deleted. Take it out of them first.";
    NOT_POOL_MEMBER("host"): "The host is not a member of this pool. Join it first.";
    GUARD_UNREACHABLE("host", "reason"):
        "The guard of the host does not answer, so high availability cannot be changed there. \
         Start the service and try again.";
    FENCE_AGENT_UNUSABLE("agent", "reason"):
        "The fence agent cannot be used for power control here. Choose one that switches the \
         power of the host, and install it on every host.";
    FENCE_PARAMETER_INVALID("agent", "parameter", "reason"):
        "The fence agent cannot be told this. Look at what it takes with `haven host fencing \
         describe`, and set it again.";
    FENCE_FAILED("reason"):
        "The power device did not do what it was asked, or did not report it. Check its address, \
         its login and its cables; `haven host fencing test` asks it again.";
    DATABASE_WRITE_FAILED("reason"):
        "The pool database could not be written, so nothing was changed. Check the storage that \
         holds it: the metadata volume while high availability is on, /var/lib/haven otherwise.";
    DATABASE_UNREADABLE("reason"):
        "The pool database cannot be read, so this host does not coordinate the pool; machines run \
         on. Bring its storage back, or take over a host's copy with `haven pool recover`.";
    DATABASE_ROLLED_BACK("found", "known"):
        "The pool database that was found is older than what was acknowledged, so it is not used. \
         Bring back the newest one, or take over a host's copy with `haven pool recover`.";
    DATABASE_SCHEMA_TOO_NEW("found", "known"):
        "A newer version of the program wrote the pool database, so nothing was opened or changed. \
         Upgrade this host to the version of the others.";
    DATABASE_DUMP_INVALID("reason"):
        "The file cannot be restored, so nothing was changed. Choose a whole dump of this pool, \
         made by `haven pool dump-database`.";
    RECOVERY_NOT_CONFIRMED("wanted"):
        "Taking over an older copy of the database can lose changes. Repeat the name of the pool \
         to confirm it, after reading what `haven pool copies` shows.";
    RECOVERY_WAITS_FOR_HOSTS("hosts"):
        "The database was taken from an older copy, and these hosts have not yet said what they \
         run. Start them, or say with `haven pool recover --host-is-off` that their power is off.";
    // XenServer's, and missing from its own list.
    VM_MEMORY_TARGET_WAIT_TIMEOUT("vm"):
        "The guest has not changed its memory in time. See whether it has a balloon driver, and \
         memory to give back; it may still get there.";
}
