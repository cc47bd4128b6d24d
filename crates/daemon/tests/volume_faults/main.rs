//! What a loss of power, and what rot, leaves of the pool database: the production code of the
//! metadata volume on disks that forget what was not flushed.
//!
//! One run arms, commits, is taken over, mended and disarmed. Then the power goes after each
//! single block write, flush and decision of it, in three ways, and the next coordinator reads: all that
//! was acknowledged must be there. A share by default, all of it with `VOLUME_FAULTS=all`
//! (`make test-kill-points`), which prints `figure` lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod disk;
mod run;

use std::sync::Arc;

use haven_daemon::ha::area::{METADATA_BYTES, MayWrite, Volume};
use haven_pooldb::Database;
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use disk::{Content, Disk, History, Lot, Step, Trouble, after, flip};
use run::{LOCAL, Mark, VOLUME, counter, ids, local_store, script, write};
use rustix::io::Errno;

/// A power loss each so many steps, unless all are asked for.
const SHARE: usize = 7;
/// Bytes that are flipped one at a time.
const FLIPS: usize = 400;
const FLIPS_ALL: usize = 20_000;

fn whole() -> bool {
    std::env::var("VOLUME_FAULTS").is_ok_and(|value| value == "all")
}

/// What the world knows after some steps: where the newest database is, and what was acknowledged.
#[derive(Clone, Debug, Default)]
struct Known {
    armed: Option<(u8, String)>,
    acknowledged: u64,
    /// A write was begun after that.
    begun: u64,
}

fn known(steps: &[Step<Mark>]) -> Known {
    let mut known = Known::default();
    for step in steps {
        match step {
            Step::Mark(Mark::Live(area, owner)) => known.armed = Some((*area, owner.clone())),
            Step::Mark(Mark::Disarmed) => known.armed = None,
            Step::Mark(Mark::Begun(number)) => known.begun = *number,
            Step::Mark(Mark::Acknowledged(number)) => known.acknowledged = *number,
            _ => {}
        }
    }
    known
}

/// What the next coordinator reads.
fn read(disks: &[Content], known: &Known) -> Result<u64, String> {
    let volume = disks[VOLUME].clone();
    let volume = Volume::on(Arc::new(Disk::new(VOLUME, volume, History::<Mark>::default())));
    let database = match &known.armed {
        Some((area, owner)) => {
            volume.read(*area, Some(owner)).and_then(|store| Database::open(store, ids()))
        }
        None => {
            let disk = Disk::new(LOCAL, disks[LOCAL].clone(), History::<Mark>::default());
            local_store(Arc::new(disk)).and_then(|store| Database::open(store, ids()))
        }
    };
    database.map(|database| counter(&database)).map_err(|error| error.to_string())
}

#[test]
fn nothing_that_was_acknowledged_is_lost_wherever_the_power_goes() {
    let steps = script();
    let mut rng = StdRng::seed_from_u64(1);
    let (mut points, mut lost) = (0, Vec::new());
    let share = if whole() { 1 } else { SHARE };
    // The first database must have been founded.
    let first = steps.iter().position(|step| matches!(step, Step::Mark(Mark::Acknowledged(1))));
    for count in (first.unwrap() + 1..=steps.len()).step_by(share) {
        points += 1;
        let known = known(&steps[..count]);
        for lot in [Lot::AllLanded, Lot::NoneLanded, Lot::Torn] {
            let found = read(&after(&steps[..count], 2, lot, &mut rng), &known);
            let good = found.as_ref().is_ok_and(|found| {
                (known.acknowledged..=known.begun.max(known.acknowledged)).contains(found)
            });
            if !good {
                lost.push(format!("after step {count} ({lot:?}): {found:?}, {known:?}"));
            }
        }
    }
    println!("figure volume_kill_points {points} count");
    println!("figure volume_acknowledged_writes_lost {} count", lost.len());
    assert!(lost.is_empty(), "{} of {points}: {:#?}", lost.len(), lost.first());
    assert!(points >= 200, "{points} points are too few");
}

/// Each flipped byte leaves the newest database or is refused; never an older one.
#[test]
fn no_flipped_byte_gives_an_older_database() {
    let steps = script();
    let end = steps.iter().position(|step| matches!(step, Step::Mark(Mark::Disarmed))).unwrap();
    let known = known(&steps[..end]);
    let (area, _) = known.armed.clone().unwrap();
    let mut rng = StdRng::seed_from_u64(2);
    let disks = after(&steps[..end], 2, Lot::AllLanded, &mut rng);
    let offset = u64::from(area) * (METADATA_BYTES / 4);
    // Blocks that hold anything: headers, seals, the pages of the store.
    let blocks: Vec<u64> = disks[VOLUME]
        .iter()
        .filter(|(block, data)| **block * 4096 >= offset && data.iter().any(|byte| *byte != 0))
        .filter(|(block, _)| **block * 4096 < offset + METADATA_BYTES / 4)
        .map(|(block, _)| *block)
        .collect();
    let mut bytes: Vec<u64> =
        blocks.iter().flat_map(|block| block * 4096..(block + 1) * 4096).collect();
    bytes.shuffle(&mut rng);
    bytes.truncate(if whole() { FLIPS_ALL } else { FLIPS });
    // All of what stands at the beginning of headers, seals and the store's own header.
    let heads = [0, 1, 2, 3, 4]
        .into_iter()
        .flat_map(|block| offset + block * 4096..offset + block * 4096 + 64);
    bytes.extend(heads);
    let (mut newest, mut refused) = (0, 0);
    // The store's own assertions speak on the standard error output.
    std::panic::set_hook(Box::new(|_| {}));
    let mut older = Vec::new();
    for at in &bytes {
        let mut rotten = disks.clone();
        flip(&mut rotten[VOLUME], *at, &mut rng);
        match read(&rotten, &known) {
            Ok(found) if found == known.acknowledged => newest += 1,
            Ok(found) => {
                older.push(format!("byte {at}: {found} instead of {}", known.acknowledged));
            }
            Err(_) => refused += 1,
        }
    }
    let _default = std::panic::take_hook();
    println!("figure bytes_flipped {} count", bytes.len());
    println!("figure flips_newest_read {newest} count");
    println!("figure flips_refused {refused} count");
    println!("figure flips_older_read {} count", older.len());
    assert!(older.is_empty(), "{older:#?}");
    assert!(newest > 0 && refused > 0, "{newest} {refused}");
}

/// An earlier state of the whole volume, put back: refused by the owner of its area, unless it is
/// of the same life; then its seal is older, and a copy of a member tells.
#[test]
fn an_earlier_image_is_refused_or_says_that_it_is_older() {
    let steps = script();
    let end = steps.iter().position(|step| matches!(step, Step::Mark(Mark::Disarmed))).unwrap();
    let now = known(&steps[..end]);
    let mut rng = StdRng::seed_from_u64(3);
    let (mut refused, mut older) = (0, 0);
    for _ in 0..60 {
        let count = rng.random_range(1..end);
        let image = after(&steps[..count], 2, Lot::AllLanded, &mut rng);
        match read(&image, &now) {
            Err(_) => refused += 1,
            Ok(found) => {
                let (area, _) = now.armed.clone().unwrap();
                let disk = Disk::new(VOLUME, image[VOLUME].clone(), History::<Mark>::default());
                let seal = Volume::on(Arc::new(disk)).seal(area).unwrap();
                assert!(seal.generation > 0 && found <= now.acknowledged);
                older += u32::from(found < now.acknowledged);
            }
        }
    }
    assert!(refused > 0 && older > 0, "{refused} {older}");
}

/// The volume has no room, or fails, at any write or flush of a commit: the change is refused in
/// clear words, what was acknowledged stays, and once the trouble is over the store is opened anew.
#[test]
fn a_volume_that_is_full_or_fails_loses_nothing_that_was_acknowledged() {
    let mut refused = 0;
    for errno in [Errno::NOSPC, Errno::IO] {
        for after in 0..40 {
            let disk = Arc::new(Disk::new(VOLUME, Content::new(), History::<Mark>::default()));
            let volume = Volume::on(disk.clone());
            let may: MayWrite = Arc::new(|| true);
            let fresh = volume.fresh(0, "a/1".to_owned(), may.clone()).unwrap();
            let mut db = Database::open(Box::new(fresh), ids()).unwrap();
            db.transact(|tx| write(tx, 1)).unwrap();
            disk.trouble(Trouble { after, count: 2, errno });
            let mut acknowledged = 1;
            for number in 2..6 {
                match db.transact(|tx| write(tx, number)) {
                    Ok(_) => acknowledged = number,
                    Err(error) => {
                        refused += 1;
                        let words = format!("{error} {}", db.failure());
                        let clear = match errno {
                            Errno::NOSPC => words.contains("No space left"),
                            _ => words.contains("Input/output error"),
                        };
                        // Later refusals of a store that failed say only that it did.
                        assert!(clear || words.contains("Previous I/O"), "{words}");
                        break;
                    }
                }
            }
            assert_eq!(counter(&db), acknowledged, "memory shows what was refused");
            disk.trouble(Trouble { after: 0, count: 0, errno });
            drop(db.detach());
            let again = volume.write(0, Some("a/1"), may).unwrap();
            let mut db = Database::open(Box::new(again), ids()).unwrap();
            assert!((acknowledged..=acknowledged + 1).contains(&counter(&db)), "after {after}");
            db.transact(|tx| write(tx, 9)).unwrap();
        }
    }
    assert!(refused > 20, "{refused}");
}
