//! From what a person types to one object.

use crate::failure::{Candidate, Failure, Outcome};
use crate::records::Record;

const NEAR_MAX: usize = 3;
/// Similarity (Jaro-Winkler) from which a name is worth suggesting.
const NEAR_MIN: f64 = 0.7;

/// Finds the one record that `given` means: its uuid, its name, or an unambiguous beginning of
/// either, in this order. `what` names the kind of object in errors.
pub(crate) fn resolve<'a>(
    what: &'static str,
    given: &str,
    records: &[&'a Record],
) -> Outcome<&'a Record> {
    let exact = |r: &&&'a Record| r.uuid() == given || r.reference == given;
    if let Some(found) = records.iter().find(exact) {
        return Ok(found);
    }
    let named: Vec<&'a Record> = records.iter().filter(|r| r.name() == given).copied().collect();
    let matching = if named.is_empty() && !given.is_empty() {
        let begins = |r: &&&'a Record| r.uuid().starts_with(given) || r.name().starts_with(given);
        records.iter().filter(begins).copied().collect()
    } else {
        named
    };
    match matching.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::NotFound { what, given: given.to_owned(), near: near(given, records) }),
        several => Err(Failure::Ambiguous {
            what,
            given: given.to_owned(),
            candidates: several
                .iter()
                .map(|r| Candidate { name: r.name().to_owned(), uuid: r.uuid().to_owned() })
                .collect(),
        }),
    }
}

fn near(given: &str, records: &[&Record]) -> Vec<String> {
    let wanted = given.to_lowercase();
    let mut scored: Vec<(f64, &str)> = records
        .iter()
        .map(|r| (strsim::jaro_winkler(&wanted, &r.name().to_lowercase()), r.name()))
        .filter(|(score, name)| *score >= NEAR_MIN && !name.is_empty())
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, name)| *name);
    scored.into_iter().take(NEAR_MAX).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::resolve;
    use crate::failure::Failure;
    use crate::records::Record;

    fn pool() -> Vec<Record> {
        [("aa11", "web1"), ("aa22", "web10"), ("bb33", "db"), ("bb44", "db"), ("cc55", "Datenbank")]
            .map(|(uuid, name)| {
                Record::new(&format!("OpaqueRef:{uuid}"), json!({"uuid": uuid, "name_label": name}))
            })
            .to_vec()
    }

    fn find(given: &str) -> Result<String, Failure> {
        let pool = pool();
        let records: Vec<&Record> = pool.iter().collect();
        resolve("VM", given, &records).map(|r| r.uuid().to_owned())
    }

    #[test]
    fn uuid_name_and_unique_beginnings_are_found() {
        for (given, uuid) in [
            ("aa11", "aa11"),
            ("web1", "aa11"),
            ("cc", "cc55"),
            ("Daten", "cc55"),
            ("OpaqueRef:bb33", "bb33"),
        ] {
            assert_eq!(find(given).ok().as_deref(), Some(uuid), "{given}");
        }
    }

    #[test]
    fn an_ambiguous_name_lists_its_candidates() {
        for (given, expected) in [("db", 2), ("we", 2), ("aa", 2)] {
            let Err(Failure::Ambiguous { candidates, .. }) = find(given) else {
                panic!("{given} was found")
            };
            assert_eq!(candidates.len(), expected, "{given}");
        }
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let Err(Failure::NotFound { near, .. }) = find("wbe1") else { panic!("found") };
        assert_eq!(near, ["web1", "web10"]);
        assert!(matches!(find(""), Err(Failure::NotFound { .. })));
    }
}
