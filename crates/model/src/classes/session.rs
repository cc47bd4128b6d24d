//! The class `session`.

use std::collections::BTreeMap;

use crate::{DateTime, Host, Ref, Subject, Task, User};

class! {
    /// A login. Every call but the login itself names one.
    Session = "session", Published, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    this_host: Ref<Host>, DynamicRo PoolAdmin;
    this_user: Ref<User>, DynamicRo PoolAdmin;
    last_active: DateTime, DynamicRo PoolAdmin;
    pool: bool, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
    is_local_superuser: bool = false, DynamicRo PoolAdmin;
    subject: Ref<Subject> = Ref::NULL, DynamicRo PoolAdmin;
    validation_time: DateTime = DateTime::EPOCH, DynamicRo PoolAdmin;
    auth_user_sid: String = "", DynamicRo PoolAdmin;
    auth_user_name: String = "", DynamicRo PoolAdmin;
    rbac_permissions: Vec<String> = [], StaticRo PoolAdmin;
    tasks: Vec<Ref<Task>>, DynamicRo PoolAdmin;
    parent: Ref<Session> = Ref::NULL, StaticRo PoolAdmin;
    originator: String = "", DynamicRo PoolAdmin;
    client_certificate: bool = false, DynamicRo PoolAdmin;
}
