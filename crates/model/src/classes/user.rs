//! The class `user`.

use std::collections::BTreeMap;

class! {
    /// A local user.
    User = "user", Deprecated, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name to log in with.
    short_name: String, StaticRo PoolAdmin;
    /// Name for people.
    fullname: String, Rw PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolAdmin;
}
