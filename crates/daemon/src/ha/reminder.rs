//! Reminds people of a pool whose high availability is off; when, says [`haven_failover::reminder`].

use std::time::Duration;

use haven_failover::reminder::{self, Due, Off};
use haven_model::alerts::{self, AlertMeta};
use haven_model::{ApiError, MessageClass, Pool, Vm};
use haven_planner::Protection;
use haven_pooldb::{Image, Tx};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::takeover::Ha;
use super::wall_ms;
use crate::ops::ha_policy::HaPolicy;
use crate::ops::{message, rows, view};

/// Key of `pool.other_config`: since when it is off, and who was reminded.
const OFF_KEY: &str = "haven_ha_off";
/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
const REMINDER: AlertMeta = AlertMeta { name: alerts::ALARM.name, priority: 3 };

/// Looks until `stop`, where this host coordinates the pool.
pub(super) async fn run(ha: Ha, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        if ha.state.may_act()
            && ha.state.pool.is_open()
            && let Err(error) = look(&ha, wall_ms()).await
        {
            tracing::info!(%error, "whether high availability was forgotten is looked at again later");
        }
    }
}

/// Looks once.
pub(super) async fn look(ha: &Ha, wall_ms: u64) -> Result<(), ApiError> {
    if ha.state.pool.read(move |db| due(db, wall_ms)).await? == Due::Nothing {
        return Ok(());
    }
    ha.state.pool.write(move |tx| act(tx, wall_ms)).await
}

/// It is off from now on.
pub(super) fn begin(tx: &mut Tx<'_>) -> Result<(), ApiError> {
    write(tx, Some(Off::since(wall_ms())))
}

fn due(db: &Image, wall_ms: u64) -> Due {
    let Ok((_, pool)) = rows::pool(db) else { return Due::Nothing };
    let off = pool.other_config.get(OFF_KEY).and_then(|text| serde_json::from_str(text).ok());
    let every = HaPolicy::of(pool).remind_hours;
    reminder::due(off, (pool.ha_enabled, protected(db) > 0), every, wall_ms)
}

fn protected(db: &Image) -> usize {
    let vms = db.iter::<Vm>().filter(|(_, row)| !row.is_a_template && row.ha_always_run);
    vms.filter(|(_, row)| view::protection(row) != Protection::None).count()
}

fn act(tx: &mut Tx<'_>, wall_ms: u64) -> Result<(), ApiError> {
    match due(tx, wall_ms) {
        Due::Nothing => Ok(()),
        Due::Forget => write(tx, None),
        Due::Note(off) => write(tx, Some(off)),
        Due::Remind(off) => {
            write(tx, Some(off))?;
            let (hours, vms) = (off.hours(wall_ms), protected(tx));
            let text = format!(
                "High availability has been off for {hours} hours: no VM is restarted when its host fails."
            );
            let data = json!({ "case": "forgotten", "hours": hours, "vms": vms });
            let uuid = rows::pool(tx)?.1.uuid.clone();
            let about = (MessageClass::Pool, uuid);
            message::insert(tx, REMINDER, about, message::body(&text, &data)).map(drop)
        }
    }
}

fn write(tx: &mut Tx<'_>, off: Option<Off>) -> Result<(), ApiError> {
    let text = off.as_ref().map(serde_json::to_string).transpose().map_err(ApiError::internal)?;
    let (pool, _) = rows::pool(tx)?;
    tx.update(pool, |row: &mut Pool| match text {
        Some(text) => drop(row.other_config.insert(OFF_KEY.to_owned(), text)),
        None => drop(row.other_config.remove(OFF_KEY)),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use haven_model::Message;
    use haven_pooldb::{Database, MemStore};

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn a_pool_that_was_forgotten_is_told_of_until_it_is_armed_or_silenced() {
        let store = Box::new(MemStore::default());
        let mut db = Database::open(store, crate::coordinator::ids()).unwrap();
        let pool = db.transact(|tx| tx.insert(Pool::default())).unwrap().value;
        let begin = wall_ms();
        let told = |db: &mut Database, hours: u64| {
            db.transact(|tx| act(tx, begin + hours * HOUR_MS)).unwrap();
            db.iter::<Message>().map(|(_, row)| row.body.clone()).collect::<Vec<_>>()
        };
        assert_eq!(told(&mut db, 100), Vec::<String>::new(), "it was never armed and has no VM");
        let vm =
            Vm { ha_always_run: true, ha_restart_priority: "restart".to_owned(), ..Vm::default() };
        db.transact(|tx| tx.insert(vm)).unwrap();
        db.transact(|tx| write(tx, Some(Off::since(begin)))).unwrap();
        assert_eq!(told(&mut db, 3), Vec::<String>::new());
        let said = told(&mut db, 5);
        assert!(said[0].starts_with("High availability has been off for 5 hours"), "{said:?}");
        assert!(said[0].contains(r#""case":"forgotten""#) && said[0].contains(r#""vms":1"#));
        assert_eq!(told(&mut db, 28).len(), 1);
        assert_eq!(told(&mut db, 29).len(), 2);
        let silent = BTreeMap::from([("remind_hours".to_owned(), "0".to_owned())]);
        db.transact(|tx| tx.update(pool, |row: &mut Pool| row.ha_configuration = silent)).unwrap();
        assert_eq!(told(&mut db, 500).len(), 2);
        db.transact(|tx| tx.update(pool, |row: &mut Pool| row.ha_enabled = true)).unwrap();
        told(&mut db, 501);
        assert!(!db.get(pool).unwrap().other_config.contains_key(OFF_KEY), "forgotten");
    }
}
