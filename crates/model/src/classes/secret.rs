//! The class `secret`.

use std::collections::BTreeMap;

class! {
    /// A secret kept by the pool so that configuration can refer to it.
    Secret = "secret", Published, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// The secret.
    value: String, Rw PoolOperator;
    /// Further settings, by key; clients may keep their own here.
    other_config: BTreeMap<String, String> = [], Rw PoolOperator;
}
