//! The class `DR_task`.

use crate::{Ref, Sr};

class! {
    /// A disaster recovery in progress.
    DrTask = "DR_task", Published, events, database;

    /// Identity that survives restarts, exports and imports.
    uuid: String, DynamicRo PoolAdmin;
    /// Storage that the recovery made known.
    introduced_srs "introduced_SRs": Vec<Ref<Sr>>, DynamicRo PoolOperator;
}
