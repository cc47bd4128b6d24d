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
    /// Address of the packages.
    binary_url: String = "", StaticRo PoolOperator;
    /// Address of the sources.
    source_url: String = "", StaticRo PoolOperator;
    /// Whether it holds updates.
    update: bool = false, StaticRo PoolOperator;
    /// Identity of its content.
    hash: String = "", DynamicRo PoolOperator;
    /// Whether all hosts have its content.
    up_to_date: bool = false, DynamicRo PoolOperator, removed;
    /// Key it is signed with.
    gpgkey_path: String = "", StaticRo PoolOperator, prototyped;
    /// Where it comes from.
    origin: Origin = Origin::Remote, StaticRo PoolOperator, prototyped;
    /// Certificate of its server.
    certificate: String = "", StaticRo PoolOperator, prototyped;
}
