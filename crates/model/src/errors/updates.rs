//! Error codes of updates and workload balancing.

error_codes! {
    APPLY_GUIDANCE_FAILED("ref"):
        "What the updates ask for could not be done. Do it by hand: restart the host or its \
         services.";
    APPLY_LIVEPATCH_FAILED("livepatch"):
        "The live patch could not be applied. Restart the host to have the update.";
    APPLY_UPDATES_FAILED("ref"): "The updates could not be installed. Look at the log of the host.";
    APPLY_UPDATES_IN_PROGRESS(): "Updates are being installed. Wait for that task to end.";
    BLOCKED_REPO_URL("url"): "The address of the repository is not allowed. Use an allowed one.";
    BUNDLE_REPOSITORY_ALREADY_EXISTS("ref"):
        "There is a repository from a bundle already. Remove it first.";
    BUNDLE_REPO_NOT_ENABLED(): "The repository of the bundle is off. Enable it first.";
    BUNDLE_SYNC_FAILED(): "The bundle could not be taken over. Check the file.";
    BUNDLE_UNPACK_FAILED("error"):
        "The bundle could not be unpacked. Check that the file is whole.";
    CANNOT_FETCH_PATCH("uuid"): "The patch could not be fetched. Check the connection.";
    CANNOT_FIND_PATCH(): "There is no such patch. Upload it first.";
    CANNOT_FIND_UPDATE(): "There is no such update. Upload it first.";
    CAN_NOT_PERIODIC_SYNC_UPDATES():
        "Repositories of this kind cannot be synchronised by schedule. Use another kind.";
    CAN_NOT_SYNC_UPDATES(): "Repositories of this kind cannot be synchronised. Use another kind.";
    CONFIGURE_REPOSITORIES_IN_PROGRESS():
        "The repositories are being changed. Wait for that task to end.";
    GET_HOST_UPDATES_FAILED("ref"): "The host did not say which updates it needs. Look at its log.";
    GET_UPDATES_FAILED(): "The updates could not be listed. Check the repositories.";
    INVALID_BASE_URL("url"): "This is no address of a repository. Check how it is written.";
    INVALID_GPGKEY_PATH("gpgkey_path"): "This is no path of a key. Check how it is written.";
    INVALID_PATCH(): "The file is no patch. Check it.";
    INVALID_PATCH_WITH_LOG("log"): "The file is no patch; the parameter says why. Check it.";
    INVALID_REPOMD_XML(): "The repository is damaged. Synchronise it again.";
    INVALID_REPOSITORY_DOMAIN_ALLOWLIST("domains"):
        "The list of allowed domains makes no sense. Check how it is written.";
    INVALID_REPOSITORY_PROXY_CREDENTIAL():
        "The proxy's user name or password cannot be used. Check both.";
    INVALID_REPOSITORY_PROXY_URL("url"): "This is no address of a proxy. Check how it is written.";
    INVALID_UPDATE("info"): "The file is no update; the parameter says why. Check it.";
    INVALID_UPDATEINFO_XML(): "The list of updates is damaged. Synchronise the repository again.";
    INVALID_UPDATE_SYNC_DAY("day"): "This is no day for synchronising. Use 0 to 6 for weekly.";
    MULTIPLE_UPDATE_REPOSITORIES_ENABLED(): "Several update repositories are on. Leave it at one.";
    NO_REPOSITORIES_CONFIGURED(): "The pool has no repository. Configure one first.";
    NO_REPOSITORY_ENABLED(): "No repository of the pool is on. Enable one first.";
    PATCH_ALREADY_APPLIED("patch"): "The patch is applied already. Nothing needs doing.";
    PATCH_ALREADY_EXISTS("uuid"): "The patch is there already. Use that one.";
    PATCH_APPLY_FAILED("output"): "The patch could not be applied; the parameter says why.";
    PATCH_APPLY_FAILED_BACKUP_FILES_EXIST("output"):
        "Files of an earlier patch are left over. Remove them first.";
    PATCH_IS_APPLIED(): "The patch is in use and cannot be deleted.";
    PATCH_PRECHECK_FAILED_ISO_MOUNTED("patch"):
        "The tools disc is in use. Eject it in all VMs first.";
    PATCH_PRECHECK_FAILED_OUT_OF_SPACE("patch", "found_space", "required_required"):
        "The host has too little space for the patch. Free some.";
    PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING("patch", "prerequisite_patch_uuid_list"):
        "The patch needs others first. Apply those that are named.";
    PATCH_PRECHECK_FAILED_UNKNOWN_ERROR("patch", "info"):
        "The patch cannot be applied; the parameter says why.";
    PATCH_PRECHECK_FAILED_VM_RUNNING("patch"): "VMs run on the host. Evacuate it first.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD("patch", "found_build", "required_build"):
        "The patch is for another build. Use the right one.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION("patch", "found_version", "required_version"):
        "The patch is for another version. Use the right one.";
    REPOSITORY_ALREADY_EXISTS("ref"): "There is such a repository already. Use that one.";
    REPOSITORY_CLEANUP_FAILED():
        "Old files of the repository could not be removed. Look at the log.";
    REPOSITORY_IS_IN_USE(): "The repository is in use. Take it out of the pool first.";
    REPOSYNC_FAILED():
        "The repository could not be synchronised. Check the connection and the address.";
    REPO_SHOULD_BE_SINGLE_ONE_ENABLED():
        "Exactly one repository must be on for this. Leave it at one.";
    SYNC_BUNDLE_IN_PROGRESS(): "A bundle is being taken over. Wait for that task to end.";
    SYNC_UPDATES_IN_PROGRESS(): "Updates are being synchronised. Wait for that task to end.";
    TELEMETRY_NEXT_COLLECTION_TOO_LATE("timestamp"):
        "The next collection is too far away. Choose an earlier time.";
    UPDATEINFO_HASH_MISMATCH(): "The updates have changed since they were listed. List them again.";
    UPDATE_ALREADY_APPLIED("update"): "The update is applied already. Nothing needs doing.";
    UPDATE_ALREADY_APPLIED_IN_POOL("update"):
        "The update is applied already on all hosts. Nothing needs doing.";
    UPDATE_ALREADY_EXISTS("uuid"): "The update is there already. Use that one.";
    UPDATE_APPLY_FAILED("output"): "The update could not be applied; the parameter says why.";
    UPDATE_IS_APPLIED(): "The update is in use and cannot be deleted.";
    UPDATE_POOL_APPLY_FAILED("hosts"):
        "The update could not be applied on some hosts. Look at those that are named.";
    UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT("update", "conflict_update"):
        "The update conflicts with others. Remove those that are named.";
    UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED("update"):
        "The key of the update is not known. Import it first.";
    UPDATE_PRECHECK_FAILED_OUT_OF_SPACE("update", "available_space", "required_space "):
        "The host has too little space for the update. Free some.";
    UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING("update", "prerequisite_update"):
        "The update needs others first. Apply those that are named.";
    UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR("update", "info"):
        "The update cannot be applied; the parameter says why.";
    UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION(
        "update",
        "installed_version",
        "required_version "
    ): "The update is for another version. Use the right one.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_CONNECTION_FAILED():
        "The other pool's coordinator could not be reached. Check its address and the network.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_SERVICE_FAILED():
        "The other pool's coordinator did not serve the updates. Look at its log.";
    WLB_AUTHENTICATION_FAILED():
        "The balancing server refused the login. Check user name and password.";
    WLB_CONNECTION_REFUSED(): "The balancing server refused the connection. Check that it runs.";
    WLB_CONNECTION_RESET(): "The balancing server broke the connection. Try again.";
    WLB_DISABLED(): "Balancing by a server is off. Enable it first.";
    WLB_INTERNAL_ERROR(): "The balancing server had an error. Look at its log.";
    WLB_MALFORMED_REQUEST(): "The balancing server did not understand. Check its version.";
    WLB_MALFORMED_RESPONSE("method", "reason", "response"):
        "The balancing server gave an answer that makes no sense. Check its version.";
    WLB_NOT_INITIALIZED(): "No balancing server is set up. Set one up first.";
    WLB_TIMEOUT("configured_timeout"): "The balancing server did not answer in time. Check it.";
    WLB_UNKNOWN_HOST(): "The balancing server's name is not known. Check it.";
    WLB_URL_INVALID("url"): "This is no address of a balancing server. Check how it is written.";
    WLB_XENSERVER_AUTHENTICATION_FAILED():
        "The balancing server could not log in to the pool. Check the credentials it has.";
    WLB_XENSERVER_CONNECTION_REFUSED():
        "The balancing server could not connect to the pool. Check the network.";
    WLB_XENSERVER_MALFORMED_RESPONSE():
        "The balancing server did not understand the pool. Check its version.";
    WLB_XENSERVER_TIMEOUT():
        "The pool did not answer the balancing server in time. Check the network.";
    WLB_XENSERVER_UNKNOWN_HOST():
        "The balancing server does not find the pool. Check the names it has.";
}
