//! Error codes of everything else.

error_codes! {
    BACKUP_SCRIPT_FAILED("log"): "The backup program failed. Look at what it said.";
    COULD_NOT_IMPORT_DATABASE("reason"):
        "The saved database could not be taken over. Check that the file is whole and of this \
         version.";
    DB_UNIQUENESS_CONSTRAINT_VIOLATION("table", "field", "value"):
        "Another object has this value already, and it must be unique. Choose another value.";
    EVENTS_LOST(): "Events went by unread. Read all objects anew and subscribe again.";
    EVENT_FROM_TOKEN_PARSE_FAILURE("token"):
        "The token is not one of this server. Start with an empty token.";
    EVENT_SUBSCRIPTION_PARSE_FAILURE("subscription"):
        "The subscription names no class or object. Use *, a class, or class/reference.";
    FEATURE_RESTRICTED(): "The feature is switched off here. Ask an administrator to allow it.";
    FIELD_TYPE_ERROR("field"):
        "The value does not fit the type of the field or parameter. Check what type it has.";
    HANDLE_INVALID("class", "handle"):
        "The object does not exist, or no longer. Refresh the list and try again.";
    INTERNAL_ERROR("message"):
        "Something went wrong inside the server. Please report it with the log of havend.";
    INVALID_FEATURE_STRING("details"):
        "The features are not written as the processor writes them. Copy them from the host's \
         record.";
    INVALID_VALUE("field", "value"): "The value is not allowed here. Check the allowed values.";
    MAP_DUPLICATE_KEY("type", "param_name", "uuid", "key"):
        "The map has this key already. Remove it first, or set the whole map.";
    MESSAGE_DEPRECATED(): "This call is out of date. Use the one that replaces it.";
    MESSAGE_METHOD_UNKNOWN("method"):
        "There is no such call. Check its spelling, case included, and the version of the \
         server.";
    MESSAGE_PARAMETER_COUNT_MISMATCH("method", "expected", "received"):
        "The call has too few or too many parameters. Check its signature.";
    MESSAGE_REMOVED(): "This call no longer exists. Use the one that replaced it.";
    MISSING_CONNECTION_DETAILS(): "It is not said how to connect. Give address and credentials.";
    NOT_IMPLEMENTED("function"):
        "The server knows this call but cannot do it yet. Check for a newer version.";
    NOT_SUPPORTED_DURING_UPGRADE():
        "This cannot be done while the pool is being updated. Finish the update of all hosts \
         first.";
    NOT_SYSTEM_DOMAIN("vm"): "The VM is not one of the system. Choose one that is.";
    NO_COMPATIBLE_CLUSTER_HOST("host"):
        "No host of the cluster can do this. Enable clustering on a host that can.";
    OBJECT_NOLONGER_EXISTS(): "The object was deleted in the meantime. Refresh the list.";
    OPERATION_BLOCKED("ref", "code"):
        "Someone has blocked this operation for the object; the parameter says why. Remove the \
         block first.";
    OPERATION_NOT_ALLOWED("reason"): "This cannot be done now; the parameter says why.";
    OPERATION_PARTIALLY_FAILED("operation"):
        "A part of the operation failed. Look at what is named and try again.";
    OTHER_OPERATION_IN_PROGRESS("class", "object", "operation_type", "operation_ref"):
        "Something else is being done with the object. Wait for that task to end, or cancel it.";
    RESTORE_INCOMPATIBLE_VERSION():
        "The backup is of another version. Restore it on a host of that version.";
    RESTORE_SCRIPT_FAILED("log"): "The restore program failed. Look at what it said.";
    RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP():
        "The backup does not know the management interface of this host. Set the interface up \
         after restoring.";
    RESTORE_TARGET_MISSING_DEVICE("device"):
        "The backup names a device that this host lacks. Check the hardware.";
    TASK_CANCELLED("task"):
        "The task was cancelled. What it had begun has been undone as far as possible.";
    TOO_BUSY(): "The server is too busy. Try again in a moment.";
    TOO_MANY_PENDING_TASKS(): "Too many tasks are waiting. Wait for some to end.";
    UUID_INVALID("type", "uuid"): "No object of this class has this uuid. Check the uuid.";
    VALUE_NOT_SUPPORTED("field", "value", "reason"):
        "The field does not take this value; the parameters say why. Choose another.";
    XAPI_HOOK_FAILED("hook_name", "reason", "stdout", "exit_code"):
        "A hook of the administrator refused or failed. Look at what it said.";
    XENAPI_MISSING_PLUGIN("name"):
        "The host has no plugin of this name. Check the name, or install the plugin.";
    XENAPI_PLUGIN_FAILURE("status", "stdout", "stderr"): "The plugin failed. Look at what it said.";
    XEN_INCOMPATIBLE():
        "The hypervisor is of a version that does not fit. Install the matching version.";
    XMLRPC_UNMARSHAL_FAILURE("expected", "received"):
        "A parameter cannot be read as its type. Check the types of the call.";
}
