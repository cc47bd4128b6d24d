//! The class `role`.

use crate::Ref;

class! {
    /// A set of permissions.
    Role = "role", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", StaticRo PoolAdmin;
    /// Description for people.
    name_description: String = "", StaticRo PoolAdmin;
    /// Roles and permissions that this one includes.
    subroles: Vec<Ref<Role>> = [], StaticRo PoolAdmin;
    /// Whether it is for the pool's own use.
    is_internal: bool = false, DynamicRo PoolAdmin;
}
