//! What the guard complains of, in names that people know.

use std::collections::BTreeSet;

use haven_cluster::Invariant;
use haven_cluster::alarm::Alarm;
use haven_cluster::control::{ArmConfig, GuardState};
use haven_model::alerts::{self, AlertMeta};
use haven_model::{Host, Vdi};
use haven_pooldb::Image;
use serde_json::{Value as Json, json};

use super::{Ha, slots};
use crate::ops::rows;

/// Sentences of one member that are passed on.
const OWN_MAX: usize = 16;

/// The alert and the data of a sentence of the guard: which kind (`case`), and which host or
/// storage it is about.
pub(super) fn named(db: &Image, config: Option<&ArmConfig>, sentence: &str) -> (AlertMeta, Json) {
    let Ok(alarm) = sentence.parse::<Alarm>() else { return unknown(sentence) };
    let mut data = json!({ "case": alarm.kind() });
    if let Some(uuid) = alarm.statefile() {
        data["statefile"] = storage(db, &uuid.to_string()).into();
    }
    if let Some(network) = alarm.network() {
        data["network"] = network.into();
    }
    if let Some(promise) = alarm.promise() {
        data["invariant"] = promise.id().into();
    }
    if let Some(slot) = alarm.slot() {
        data["host"] = host(db, config, slot).into();
    }
    if let Some(slot) = alarm.other() {
        data["other"] = host(db, config, slot).into();
    }
    (kind(alarm), data)
}

/// This host's own guard stands back for another machine of its name.
pub(super) fn says_twin(state: &GuardState) -> bool {
    state.alarms.iter().any(|alarm| alarm.parse() == Ok(Alarm::Twin))
}

/// The promises that this host's guard, or its daemon, says are broken.
pub(super) fn broken(state: &GuardState) -> Vec<Invariant> {
    let alarms = state.alarms.iter().filter_map(|alarm| alarm.parse::<Alarm>().ok());
    alarms.filter_map(Alarm::promise).collect()
}

/// What this host's guard complains of and the coordinator's need not see: its own watchdog, and its own ways
/// to the heartbeat storage and networks.
pub(super) fn own(state: &GuardState) -> Vec<String> {
    state.alarms.iter().filter(|sentence| is_own(sentence)).cloned().collect()
}

fn is_own(sentence: &str) -> bool {
    use Alarm::{
        BadBallot, BadSuperblock, ForeignStatefile, LostStatefile, NoWatchdog, OwnNetwork,
        RegressedStatefile, SlowStatefile, Strangers,
    };
    sentence.parse().is_ok_and(|alarm: Alarm| {
        matches!(
            alarm,
            NoWatchdog
                | ForeignStatefile(_)
                | BadSuperblock(_)
                | RegressedStatefile(_)
                | LostStatefile(_)
                | BadBallot { .. }
                | OwnNetwork(_)
                | SlowStatefile(_)
                | Strangers
        )
    })
}

/// Those of a member's sentences that are for people, and that this host's guard does not say besides.
pub(crate) fn of_member(ha: Option<&Ha>, said: &[String]) -> BTreeSet<String> {
    let here = ha.and_then(|ha| ha.status().guard).map(|guard| guard.alarms);
    let here = here.unwrap_or_default();
    let own = said.iter().filter(|sentence| is_own(sentence) && !here.contains(sentence));
    own.take(OWN_MAX).cloned().collect()
}

/// The alert about what a member's guard complains of, and the sentence for who coordinates.
pub(crate) fn said_on(
    db: &Image,
    ha: Option<&Ha>,
    host: &str,
    sentence: &str,
) -> (AlertMeta, String, Json) {
    let config = ha.and_then(super::stock::arm_config);
    let (kind, data) = named(db, config.as_deref(), sentence);
    (kind, format!("On {host}: {sentence}"), data)
}

/// The alert about a promise that another host saw broken, and the sentence for who coordinates.
pub(crate) fn broken_on(host: &str, promise: Invariant) -> (AlertMeta, String, Json) {
    let alarm = Alarm::Broken(promise);
    let data = json!({ "case": alarm.kind(), "host": host, "invariant": promise.id() });
    (kind(alarm), format!("On {host}: {alarm}"), data)
}

/// The alert about a copy of a host that says so itself, and the sentence for who coordinates.
pub(crate) fn twin_of(host: &str) -> (AlertMeta, String, Json) {
    let text = format!(
        "Another machine has the name of {host}: one is a copy of the other's disk. The one that started \
         later stands back and runs nothing. Switch the copy off, remove /var/lib/haven from its disk, \
         and let it join as a host of its own."
    );
    (kind(Alarm::Twin), text, json!({ "case": Alarm::Twin.kind(), "host": host }))
}

/// Of a guard of another version: its own sentence must do.
pub(super) fn unknown(sentence: &str) -> (AlertMeta, Json) {
    (alerts::HA_HEARTBEAT_APPROACHING_TIMEOUT, json!({ "alarm": sentence }))
}

fn kind(alarm: Alarm) -> AlertMeta {
    match alarm {
        Alarm::ForeignStatefile(_)
        | Alarm::BadSuperblock(_)
        | Alarm::RegressedStatefile(_)
        | Alarm::LostStatefile(_)
        | Alarm::SilentStatefile
        | Alarm::Diskless(_)
        | Alarm::BadBallot { .. } => alerts::HA_STATEFILE_LOST,
        Alarm::SlowStatefile(_) => alerts::HA_STATEFILE_APPROACHING_TIMEOUT,
        Alarm::Broken(_) | Alarm::Strangers => alerts::ALARM,
        _ => alerts::HA_HEARTBEAT_APPROACHING_TIMEOUT,
    }
}

/// What the host is called that has a place of the statefile.
fn host(db: &Image, config: Option<&ArmConfig>, slot: u16) -> String {
    let pool = rows::pool(db).ok();
    let uuid = pool.zip(config).and_then(|((_, pool), config)| slots::host_at(pool, config, slot));
    let row = uuid.and_then(|uuid| db.find_uuid::<Host>(&uuid.to_string()));
    let row = row.and_then(|host| db.get(host));
    row.map_or_else(|| format!("#{slot}"), |row| row.name_label.clone())
}

/// What the storage is called that a statefile is on.
fn storage(db: &Image, uuid: &str) -> String {
    let vdi = db.find_uuid::<Vdi>(uuid).and_then(|vdi| db.get(vdi));
    let sr = vdi.and_then(|vdi| db.get(vdi.sr));
    sr.map_or_else(|| uuid.to_owned(), |sr| sr.name_label.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use haven_cluster::alarm::Alarm;
    use haven_model::alerts::{ALERTS, PROTECTION, PROTECTION_REFUSALS};
    use haven_model::errors::ERRORS;

    fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rust_files(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                into.push(path);
            }
        }
    }

    /// Words of capitals that stand behind `before`, in these folders.
    fn named(folders: &[&str], before: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        folders.iter().for_each(|folder| rust_files(&root.join(folder), &mut files));
        let mut found = BTreeSet::new();
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            for rest in text.split(before).skip(1) {
                let word = rest.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next();
                found.insert(word.unwrap_or_default().to_owned());
            }
        }
        found
    }

    /// What is said of an alarm of its own kind, and of no other.
    #[test]
    fn what_works_badly_has_words_of_its_own() {
        let statefile = uuid::Uuid::from_u128(1);
        let alarms = [
            Alarm::Lossy(1),
            Alarm::PeerNetwork { slot: 1, network: 2 },
            Alarm::Unlinked { slot: 1, other: 2 },
            Alarm::OwnNetwork(2),
            Alarm::SlowStatefile(statefile),
            Alarm::Strangers,
        ];
        let texts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../locales");
        let texts = ["en", "es", "zh-CN"].map(|language| {
            std::fs::read_to_string(texts.join(language).join("web/alerts.ftl")).unwrap()
        });
        for alarm in alarms {
            let id =
                format!("alert-{}-{}", super::kind(alarm).name, alarm.kind()).replace('_', "-");
            for ending in ["", "-detail", "-remedy"] {
                let line = format!("\n{id}{ending} = ");
                assert!(texts.iter().all(|texts| texts.contains(&line)), "{line}");
            }
        }
    }

    #[test]
    fn the_console_lists_what_protection_raises_and_nothing_else() {
        let listed: BTreeSet<_> = PROTECTION.iter().map(|(kind, _)| kind.name.to_owned()).collect();
        let is_alert = |name: &String| ALERTS.iter().any(|kind| kind.name == name);
        let here: BTreeSet<_> =
            named(&["src/ha"], "alerts::").into_iter().filter(is_alert).collect();
        assert_eq!(here.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new());
        let raised = named(&["src"], "alerts::");
        assert_eq!(listed.difference(&raised).collect::<Vec<_>>(), Vec::<&String>::new());

        let refused: BTreeSet<_> =
            PROTECTION_REFUSALS.iter().map(|code| (*code).to_owned()).collect();
        let folders = ["src", "../planner/src", "../guard/src"];
        let mut used = named(&folders, "codes::");
        used.extend(named(&folders, "\""));
        let is_ours = |name: &String| {
            name.starts_with("HA_")
                && ERRORS.iter().copied().flatten().any(|error| error.code == name)
        };
        assert_eq!(used.into_iter().filter(is_ours).collect::<BTreeSet<_>>(), refused);
    }
}
