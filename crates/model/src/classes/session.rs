//! The class `session`.

use std::collections::BTreeMap;

use crate::{DateTime, Host, Ref, Subject, Task, User};

class! {
    /// A login. Every call but the login itself names one.
    Session = "session", Published, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Host that serves the session.
    this_host: Ref<Host>, DynamicRo PoolAdmin;
    /// Local user; not used.
    this_user: Ref<User>, DynamicRo PoolAdmin;
    /// When it was last used; refreshed at most every ten minutes.
    last_active: DateTime, DynamicRo PoolAdmin;
    /// Whether a member of the pool made it, not a user.
    pool: bool, DynamicRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
    /// Whether the user is root of the pool.
    is_local_superuser: bool = false, DynamicRo PoolAdmin;
    /// User or group of the external directory that logged in.
    subject: Ref<Subject> = Ref::NULL, DynamicRo PoolAdmin;
    /// When the directory was last asked whether the user still exists.
    validation_time: DateTime = DateTime::EPOCH, DynamicRo PoolAdmin;
    /// Identity of the user in the external directory.
    auth_user_sid: String = "", DynamicRo PoolAdmin;
    /// Name the user logged in with.
    auth_user_name: String = "", DynamicRo PoolAdmin;
    /// Everything the session may do.
    rbac_permissions: Vec<String> = [], StaticRo PoolAdmin;
    /// Tasks it started.
    tasks: Vec<Ref<Task>>, DynamicRo PoolAdmin;
    /// Session that made this one.
    parent: Ref<Session> = Ref::NULL, StaticRo PoolAdmin;
    /// What program logged in, as it called itself.
    originator: String = "", DynamicRo PoolAdmin;
    /// Whether it was made with a client certificate.
    client_certificate: bool = false, DynamicRo PoolAdmin;
}
