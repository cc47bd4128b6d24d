//! The class `Observer`.

use std::collections::BTreeMap;

use crate::{Host, Ref};

class! {
    /// Where traces go.
    Observer = "Observer", Prototyped, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin, prototyped;
    /// Name for people; need not be unique.
    name_label: String = "", Rw PoolAdmin;
    /// Description for people.
    name_description: String = "", Rw PoolAdmin;
    /// Hosts it watches.
    hosts: Vec<Ref<Host>> = [], StaticRo PoolAdmin, prototyped;
    /// What is noted with every trace.
    attributes: BTreeMap<String, String> = [], StaticRo PoolAdmin, prototyped;
    /// Where traces go.
    endpoints: Vec<String> = [], StaticRo PoolAdmin, prototyped;
    /// What is traced.
    components: Vec<String> = [], StaticRo PoolAdmin, prototyped;
    /// Whether it is on.
    enabled: bool = false, StaticRo PoolAdmin, prototyped;
}
