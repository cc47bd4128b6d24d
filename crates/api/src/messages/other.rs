//! Messages of sessions, tasks, events, alerts and everything else.

use std::collections::BTreeMap;

use haven_model::{
    Auth, Caller, Cluster, ClusterHost, DateTime, Diagnostics, Event, Host, Message, MessageClass,
    Network, Observer, Pif, RateLimit, Ref, Role, Secret, Session, Subject, Task, TaskStatusType,
    User,
};

messages! {
    Session {
        login_with_password(
            uname: String, pwd: String, version: String = "1.1", originator: String = "",
        ) -> Ref<Session>, ReadOnly, no_session
            fails [SESSION_AUTHENTICATION_FAILED, HOST_IS_SLAVE];
        logout(), ReadOnly;
        change_password(old_pwd: String, new_pwd: String), LocalRootOnly;
        slave_login(
            host: Ref<Host>, psecret: String,
        ) -> Ref<Session>, PoolAdmin, no_session, hidden;
        slave_local_login(psecret: String) -> Ref<Session>, PoolAdmin, no_session, hidden;
        slave_local_login_with_password(
            uname: String, pwd: String,
        ) -> Ref<Session>, PoolAdmin, no_session;
        create_from_db_file(filename: String) -> Ref<Session>, LocalRootOnly;
        local_logout(), PoolAdmin;
        get_all_subject_identifiers() -> Vec<String>, ReadOnly;
        logout_subject_identifier(subject_identifier: String), PoolOperator;
    }
    Auth {
        get_subject_identifier(subject_name: String) -> String, ReadOnly;
        get_subject_information_from_identifier(
            subject_identifier: String,
        ) -> BTreeMap<String, String>, ReadOnly;
        get_group_membership(subject_identifier: String) -> Vec<String>, ReadOnly;
    }
    Subject {
        create(args: Subject) -> Ref<Subject>, PoolAdmin, create, asynchronous;
        destroy(self: Ref<Subject>), PoolAdmin, destroy, asynchronous;
        add_to_roles(self: Ref<Subject>, role: Ref<Role>), PoolAdmin;
        remove_from_roles(self: Ref<Subject>, role: Ref<Role>), PoolAdmin;
        get_permissions_name_label(self: Ref<Subject>) -> Vec<String>, ReadOnly;
    }
    Role {
        get_permissions(self: Ref<Role>) -> Vec<Ref<Role>>, ReadOnly;
        get_permissions_name_label(self: Ref<Role>) -> Vec<String>, ReadOnly;
        get_by_permission(permission: Ref<Role>) -> Vec<Ref<Role>>, ReadOnly;
        get_by_permission_name_label(label: String) -> Vec<Ref<Role>>, ReadOnly;
    }
    Task {
        create(label: String, description: String) -> Ref<Task>, ReadOnly;
        destroy(self: Ref<Task>), ReadOnly;
        cancel(task: Ref<Task>), ReadOnly fails [OPERATION_NOT_ALLOWED];
        set_status(self: Ref<Task>, value: TaskStatusType), ReadOnly;
        set_progress(self: Ref<Task>, value: f64), ReadOnly;
        set_result(self: Ref<Task>, value: String), ReadOnly;
        set_error_info(self: Ref<Task>, value: Vec<String>), ReadOnly;
        add_to_other_config(self: Ref<Task>, key: String, value: String), ReadOnly, prototyped;
        remove_from_other_config(self: Ref<Task>, key: String), ReadOnly, prototyped;
        set_other_config(self: Ref<Task>, value: BTreeMap<String, String>), ReadOnly, prototyped;
    }
    Event {
        register(classes: Vec<String>), ReadOnly, deprecated;
        unregister(classes: Vec<String>), ReadOnly, deprecated;
        next() -> Vec<Event>, ReadOnly, deprecated
            fails [SESSION_NOT_REGISTERED, EVENTS_LOST, EVENT_SUBSCRIPTION_PARSE_FAILURE];
        from(classes: Vec<String>, token: String, timeout: f64) -> Vec<Event>, ReadOnly
            fails [EVENT_FROM_TOKEN_PARSE_FAILURE, EVENT_SUBSCRIPTION_PARSE_FAILURE];
        get_current_id() -> i64, ReadOnly;
        inject(class: String, ref: String) -> String, ReadOnly;
    }
    User {
        create(args: User) -> Ref<User>, PoolAdmin, create, asynchronous, deprecated;
        destroy(self: Ref<User>), PoolAdmin, destroy, asynchronous, deprecated;
    }
    Message {
        create(
            name: String, priority: i64, cls: MessageClass, obj_uuid: String, body: String,
        ) -> Ref<Message>, PoolOperator;
        destroy(self: Ref<Message>), PoolOperator;
        destroy_many(messages: Vec<Ref<Message>>), PoolOperator, asynchronous, prototyped;
        destroy_all(filters: BTreeMap<String, String>), PoolOperator, asynchronous, prototyped;
        get(
            cls: MessageClass, obj_uuid: String, since: DateTime,
        ) -> BTreeMap<Ref<Message>, Message>, ReadOnly;
        get_all() -> Vec<Ref<Message>>, ReadOnly;
        get_since(since: DateTime) -> BTreeMap<Ref<Message>, Message>, ReadOnly;
        get_record(self: Ref<Message>) -> Message, ReadOnly;
        get_by_uuid(uuid: String) -> Ref<Message>, ReadOnly;
        get_all_records() -> BTreeMap<Ref<Message>, Message>, ReadOnly;
        get_all_records_where(expr: String) -> BTreeMap<Ref<Message>, Message>, ReadOnly;
    }
    Secret {
        create(args: Secret) -> Ref<Secret>, PoolOperator, create, asynchronous;
        destroy(self: Ref<Secret>), PoolOperator, destroy, asynchronous;
        introduce(
            uuid: String, value: String, other_config: BTreeMap<String, String> = [],
        ) -> Ref<Secret>, PoolOperator, hidden;
    }
    Cluster {
        create(
            PIF: Ref<Pif>, cluster_stack: String, pool_auto_join: bool, token_timeout: f64 = 20.0,
            token_timeout_coefficient: f64 = 1.0,
        ) -> Ref<Cluster>, PoolOperator, asynchronous
            fails [INVALID_CLUSTER_STACK, INVALID_VALUE, PIF_ALLOWS_UNPLUG,
                REQUIRED_PIF_IS_UNPLUGGED];
        destroy(self: Ref<Cluster>), PoolOperator, asynchronous
            fails [CLUSTER_DOES_NOT_HAVE_ONE_NODE, CLUSTER_STACK_IN_USE];
        get_network(self: Ref<Cluster>) -> Ref<Network>, ReadOnly, asynchronous;
        pool_create(
            network: Ref<Network>, cluster_stack: String, token_timeout: f64 = 20.0,
            token_timeout_coefficient: f64 = 1.0,
        ) -> Ref<Cluster>, PoolOperator, asynchronous;
        pool_force_destroy(self: Ref<Cluster>), PoolOperator, asynchronous
            fails [CLUSTER_FORCE_DESTROY_FAILED];
        pool_destroy(self: Ref<Cluster>), PoolOperator, asynchronous
            fails [CLUSTER_STACK_IN_USE, CLUSTERING_DISABLED, CLUSTER_HOST_IS_LAST];
        pool_resync(self: Ref<Cluster>), PoolOperator, asynchronous;
    }
    ClusterHost {
        create(
            cluster: Ref<Cluster>, host: Ref<Host>, pif: Ref<Pif>,
        ) -> Ref<ClusterHost>, PoolOperator, asynchronous
            fails [PIF_NOT_ATTACHED_TO_HOST, NO_CLUSTER_HOSTS_REACHABLE];
        destroy(self: Ref<ClusterHost>), PoolOperator, asynchronous
            fails [CLUSTER_STACK_IN_USE, CLUSTERING_DISABLED, CLUSTER_HOST_IS_LAST];
        enable(self: Ref<ClusterHost>), PoolOperator, asynchronous
            fails [PIF_ALLOWS_UNPLUG, REQUIRED_PIF_IS_UNPLUGGED];
        force_destroy(self: Ref<ClusterHost>), PoolOperator, asynchronous
            fails [CLUSTER_STACK_IN_USE];
        forget(self: Ref<ClusterHost>), LocalRootOnly, asynchronous, hidden;
        disable(self: Ref<ClusterHost>), PoolOperator, asynchronous fails [CLUSTER_STACK_IN_USE];
    }
    Diagnostics {
        gc_compact(host: Ref<Host>), PoolOperator, asynchronous, hidden;
        gc_stats(host: Ref<Host>) -> BTreeMap<String, String>, PoolOperator, asynchronous, hidden;
        db_stats() -> BTreeMap<String, String>, PoolOperator, asynchronous, hidden;
        network_stats(
            host: Ref<Host>, params: BTreeMap<String, String>,
        ) -> Vec<Vec<String>>, PoolOperator, asynchronous, hidden;
    }
    Observer {
        create(args: Observer) -> Ref<Observer>, PoolAdmin, create, asynchronous, prototyped;
        destroy(self: Ref<Observer>), PoolAdmin, destroy, asynchronous, prototyped;
        register(self: Ref<Observer>, host: Ref<Host>), PoolAdmin, asynchronous, hidden, prototyped;
        unregister(
            self: Ref<Observer>, host: Ref<Host>,
        ), PoolAdmin, asynchronous, hidden, prototyped;
        set_hosts(self: Ref<Observer>, value: Vec<Ref<Host>>), PoolAdmin, asynchronous, prototyped;
        set_enabled(self: Ref<Observer>, value: bool), PoolAdmin, asynchronous, prototyped;
        set_attributes(
            self: Ref<Observer>, value: BTreeMap<String, String>,
        ), PoolAdmin, asynchronous, prototyped;
        set_endpoints(self: Ref<Observer>, value: Vec<String>), PoolAdmin, asynchronous, prototyped;
        set_components(
            self: Ref<Observer>, value: Vec<String>,
        ), PoolAdmin, asynchronous, prototyped;
    }
    Caller {
        create(args: Caller) -> Ref<Caller>, PoolAdmin, create, asynchronous, prototyped;
        destroy(self: Ref<Caller>), PoolAdmin, destroy, asynchronous, prototyped;
        add_group(self: Ref<Caller>, group: String), PoolOperator, asynchronous, prototyped;
        remove_group(self: Ref<Caller>, group: String), PoolOperator, asynchronous, prototyped;
        query_token_usage(self: Ref<Caller>) -> f64, PoolOperator, asynchronous, prototyped;
        query_call_count(self: Ref<Caller>) -> i64, PoolOperator, asynchronous, prototyped;
        query_group_token_usage(group: String) -> f64, PoolOperator, asynchronous, prototyped;
        query_group_call_count(group: String) -> i64, PoolOperator, asynchronous, prototyped;
        query_all_usage() -> Vec<Vec<String>>, PoolOperator, asynchronous, prototyped;
    }
    RateLimit {
        create(args: RateLimit) -> Ref<RateLimit>, PoolAdmin, create, asynchronous, prototyped;
        destroy(self: Ref<RateLimit>), PoolAdmin, destroy, asynchronous, prototyped;
        add_caller(self: Ref<RateLimit>, caller: Ref<Caller>), PoolAdmin, asynchronous, prototyped;
        remove_caller(
            self: Ref<RateLimit>, caller: Ref<Caller>,
        ), PoolAdmin, asynchronous, prototyped;
        set_burst_size(self: Ref<RateLimit>, value: f64), PoolAdmin, asynchronous, prototyped;
        set_fill_rate(self: Ref<RateLimit>, value: f64), PoolAdmin, asynchronous, prototyped;
    }
}
