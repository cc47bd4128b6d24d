//! The class `blob`.

use crate::DateTime;

class! {
    /// Named binary data kept with another object.
    Blob = "blob", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolOperator;
    /// Description for people.
    name_description: String = "", Rw PoolOperator;
    /// Size in bytes.
    size: i64, DynamicRo PoolOperator;
    /// Whether it can be read without a session.
    public: bool = false, Rw PoolOperator;
    /// When it was last written.
    last_updated: DateTime, StaticRo PoolOperator;
    /// Kind of data.
    mime_type: String, StaticRo PoolOperator;
}
