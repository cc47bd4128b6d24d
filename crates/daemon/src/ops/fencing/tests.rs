use haven_pooldb::{Database, MemStore};
use uuid::Uuid;

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn database() -> (Database, Ref<Host>) {
    let ids = Box::new(|| Uuid::new_v4().as_u128());
    let mut db = Database::open(Box::new(MemStore::default()), ids).unwrap();
    let host = db
        .transact(|tx| tx.insert(Host { uuid: Uuid::new_v4().to_string(), ..Host::default() }))
        .unwrap()
        .value;
    (db, host)
}

#[test]
fn settings_are_sorted_by_agent_and_secrets_are_looked_up() {
    let config = map(&[
        ("ip", "10.0.0.5"),
        ("password_secret", "s1"),
        ("2.agent", "fence_apc"),
        ("2.plug", "7"),
        ("2.level", "1"),
        (AFTER, "stay_off"),
    ]);
    let asked = read("fence_ipmilan", &config, |uuid| Ok(format!("value of {uuid}"))).unwrap();
    assert!(asked.stay_off);
    let first = &asked.agents[&1];
    assert_eq!((first.agent.as_str(), first.level), ("fence_ipmilan", 1));
    assert_eq!(first.parameters, map(&[("ip", "10.0.0.5")]));
    assert_eq!(first.secrets["password"].reveal(), "value of s1");
    let second = &asked.agents[&2];
    assert_eq!((second.agent.as_str(), second.level), ("fence_apc", 1));
    assert_eq!(second.parameters, map(&[("plug", "7")]));
    let nothing = |_: &str| Ok(String::new());
    assert!(read("", &map(&[("ip", "1")]), nothing).is_err());
    assert!(read("", &map(&[]), nothing).unwrap().agents.is_empty());
    assert!(read("fence_x", &map(&[(AFTER, "perhaps")]), nothing).is_err());
}

#[test]
fn a_plain_password_becomes_a_secret_and_old_ones_go() {
    let (mut db, host) = database();
    let set = |db: &mut Database, kept: &[(&str, &str)], plain: &[(&str, &str)]| {
        let (kept, plain) = (map(kept), map(plain));
        db.transact(move |tx| write(tx, host, "fence_ipmilan", kept, plain)).unwrap();
    };
    set(&mut db, &[("ip", "10.0.0.5")], &[("password", "hunter2")]);
    let row = db.get(host).unwrap().clone();
    let shown = format!("{row:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let power = of_host(&db, host).unwrap();
    assert_eq!(power.settings.agents[0].secrets["password"].reveal(), "hunter2");
    let answer = super::shown(&db, host).unwrap().to_string();
    assert!(answer.contains("\"secrets\":[\"password\"]") && !answer.contains("hunter2"));
    // Set again without the password: it is kept by its uuid; with another one the old one goes.
    let uuid = row.power_on_config["password_secret"].clone();
    set(&mut db, &[("ip", "10.0.0.6"), ("password_secret", &uuid)], &[]);
    assert_eq!(of_host(&db, host).unwrap().settings.agents[0].secrets.len(), 1);
    set(&mut db, &[("ip", "10.0.0.6")], &[("password", "new")]);
    assert_eq!(db.iter::<Secret>().count(), 1);
    db.transact(move |tx| write(tx, host, "", map(&[]), map(&[]))).unwrap();
    assert_eq!(db.iter::<Secret>().count(), 0);
}

#[test]
fn a_secret_that_is_gone_is_an_error() {
    let (mut db, host) = database();
    let gone = Uuid::new_v4().to_string();
    db.transact(move |tx| {
        tx.update(host, |row: &mut Host| {
            row.power_on_mode = "fence_ipmilan".to_owned();
            row.power_on_config = map(&[("password_secret", &gone)]);
        })
    })
    .unwrap();
    assert_eq!(of_host(&db, host).unwrap_err().code, codes::UUID_INVALID);
}
