//! The class `Repository`.

use crate::Origin;

class! {
    /// A repository of updates.
    Repository = "Repository", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    binary_url: String = "", StaticRo PoolOperator;
    source_url: String = "", StaticRo PoolOperator;
    update: bool = false, StaticRo PoolOperator;
    hash: String = "", DynamicRo PoolOperator;
    up_to_date: bool = false, DynamicRo PoolOperator, removed;
    gpgkey_path: String = "", StaticRo PoolOperator, prototyped;
    origin: Origin = Origin::Remote, StaticRo PoolOperator, prototyped;
    certificate: String = "", StaticRo PoolOperator, prototyped;
}
