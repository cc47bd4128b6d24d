//! The class `subject`.

use std::collections::BTreeMap;

use crate::{Ref, Role};

class! {
    /// A user or group of an external directory that may log in.
    Subject = "subject", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Identity in the external directory.
    subject_identifier: String = "", StaticRo PoolAdmin;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], StaticRo PoolAdmin;
    /// What the user or group may do.
    roles: Vec<Ref<Role>> = [Ref::from_u128(0x0165f154_ba3e_034e_6b27_5d271af109ba)], DynamicRo PoolAdmin;
}
