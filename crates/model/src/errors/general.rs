//! Error codes of everything else.

error_codes! {
    BACKUP_SCRIPT_FAILED("log");
    COULD_NOT_IMPORT_DATABASE("reason");
    DB_UNIQUENESS_CONSTRAINT_VIOLATION("table", "field", "value");
    EVENTS_LOST();
    EVENT_FROM_TOKEN_PARSE_FAILURE("token");
    EVENT_SUBSCRIPTION_PARSE_FAILURE("subscription");
    FEATURE_RESTRICTED();
    FIELD_TYPE_ERROR("field");
    HANDLE_INVALID("class", "handle");
    INTERNAL_ERROR("message");
    INVALID_FEATURE_STRING("details");
    INVALID_VALUE("field", "value");
    MAP_DUPLICATE_KEY("type", "param_name", "uuid", "key");
    MESSAGE_DEPRECATED();
    MESSAGE_METHOD_UNKNOWN("method");
    MESSAGE_PARAMETER_COUNT_MISMATCH("method", "expected", "received");
    MESSAGE_REMOVED();
    MISSING_CONNECTION_DETAILS();
    NOT_IMPLEMENTED("function");
    NOT_SUPPORTED_DURING_UPGRADE();
    NOT_SYSTEM_DOMAIN("vm");
    NO_COMPATIBLE_CLUSTER_HOST("host");
    OBJECT_NOLONGER_EXISTS();
    OPERATION_BLOCKED("ref", "code");
    OPERATION_NOT_ALLOWED("reason");
    OPERATION_PARTIALLY_FAILED("operation");
    OTHER_OPERATION_IN_PROGRESS("class", "object", "operation_type", "operation_ref");
    RESTORE_INCOMPATIBLE_VERSION();
    RESTORE_SCRIPT_FAILED("log");
    RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP();
    RESTORE_TARGET_MISSING_DEVICE("device");
    TASK_CANCELLED("task");
    TOO_BUSY();
    TOO_MANY_PENDING_TASKS();
    UUID_INVALID("type", "uuid");
    VALUE_NOT_SUPPORTED("field", "value", "reason");
    XAPI_HOOK_FAILED("hook_name", "reason", "stdout", "exit_code");
    XENAPI_MISSING_PLUGIN("name");
    XENAPI_PLUGIN_FAILURE("status", "stdout", "stderr");
    XEN_INCOMPATIBLE();
    XMLRPC_UNMARSHAL_FAILURE("expected", "received");
}
