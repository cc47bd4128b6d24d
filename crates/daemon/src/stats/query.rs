//! What can be asked, and the answers before they are written as JSON or XML.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::archive::Cf;

/// A question to the host that owns the archives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask", content = "of")]
pub enum StatsQuery {
    /// All that is newer than a time.
    Updates {
        /// Seconds since 1970; negative: before now.
        start: i64,
        /// How rows were made.
        cf: Cf,
        /// Seconds that a row should stand for at least; 0: by what `start` needs.
        interval: i64,
        /// The host's own values too.
        host: bool,
        /// Only this VM; none: all.
        vm: Option<Uuid>,
        /// This storage repository; then no VM that is not named.
        #[serde(default)]
        sr: Option<Uuid>,
    },
    /// Everything about the host or one VM.
    Dump {
        /// The VM; none: the host.
        vm: Option<Uuid>,
    },
    /// Everything about a storage repository.
    DumpSr {
        /// The repository.
        sr: Uuid,
    },
    /// The archives of a VM that runs there no more; the host forgets them.
    HandOver {
        /// The VM.
        vm: Uuid,
    },
    /// The archives of a VM that runs there by now, or does not run.
    TakeOver {
        /// The VM.
        vm: Uuid,
        /// As another host handed them over.
        archives: String,
    },
    /// Which archives lie on the host's disk.
    Kept,
    /// The archives of an object, which the host keeps.
    Copy {
        /// The object.
        object: Uuid,
    },
    /// One value of the host or of a VM is forgotten.
    ForgetSource {
        /// The VM; none: the host.
        vm: Option<Uuid>,
        /// Name of the value.
        name: String,
    },
    /// Everything new is written to the disk.
    Save,
    /// The object is gone.
    Forget {
        /// The object.
        object: Uuid,
    },
    /// The newest values of the host or one VM.
    Latest {
        /// The VM; none: the host.
        vm: Option<Uuid>,
    },
}

/// Rows of several values; newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Updates {
    /// Seconds that a row stands for.
    pub step: i64,
    /// Time of the oldest row.
    pub start: i64,
    /// Time of the newest row.
    pub end: i64,
    /// `AVERAGE:vm:<uuid>:cpu0` …
    pub legend: Vec<String>,
    /// Time and values, in the order of the legend; `None`: unknown.
    pub rows: Vec<(i64, Vec<Option<f32>>)>,
}

/// One archive of a [`Dump`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DumpArchive {
    /// How rows were made.
    pub cf: Cf,
    /// Samples in a row.
    pub samples: i64,
    /// Rows, oldest first; values in the order of the names.
    pub rows: Vec<Vec<Option<f32>>>,
}

/// Everything about one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// Time of the last sample.
    pub last: i64,
    /// Names of the values, with the last sample.
    pub sources: Vec<(String, Option<f32>)>,
    /// The archives.
    pub archives: Vec<DumpArchive>,
}

/// The newest value of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSource {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub units: String,
    /// Smallest value.
    pub min: f64,
    /// Largest value; none: there is no limit.
    pub max: Option<f64>,
    /// The value; none: unknown.
    pub value: Option<f64>,
}

/// What a host answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "is")]
pub enum StatsAnswer {
    /// To `Updates`.
    Updates(Updates),
    /// To `Dump`; none: nothing is known of it.
    Dump(Option<Dump>),
    /// To `Kept`: objects, and the times of their last samples.
    Kept(Vec<(Uuid, i64)>),
    /// To `Forget`.
    Forgotten,
    /// To `HandOver` and `Copy`; none: there were none.
    Archives(Option<String>),
    /// To `TakeOver`, `ForgetSource` and `Save`; no: they are damaged, or there is nothing of that name.
    Taken(bool),
    /// To `Latest`.
    Latest(Vec<DataSource>),
}
