//! Several statefiles of which one lies.

use haven_cluster::timing::Profile;
use haven_sim::faults::Fault;
use haven_sim::{Options, World};

/// Found by a hunt of 25,000 pool hours. Host 0 decides an epoch without statefile 1, which it does
/// not reach, and everybody loses power. Statefile 0 is put back from a copy; the next life has read
/// 0 and 1 when it takes over what its earlier one promised, and 2 a moment later. Then a block of
/// the earlier life rots on statefile 0. What statefile 2 alone knows is neither overlooked nor
/// overwritten: the epoch is decided as it was.
#[test]
fn what_one_statefile_alone_knows_is_not_overwritten() {
    for seed in 1..=8 {
        let options = Options {
            statefiles: 3,
            late_writes: false,
            log: true,
            ..Options::pool(2, Profile::Fast)
        };
        let mut world = World::formed(options, seed);
        let (host, other) = (world.coordinator().unwrap(), world.worker().unwrap());
        world.inject(0, Fault::StallOn(host, 1));
        world.inject(10, Fault::Snapshot(0));
        world.run_for(20);
        let before = world.newest_epoch();
        world.inject(0, Fault::PowerOff(other));
        let until = world.now_ms() + 60_000;
        world.run_until(until, |world| world.newest_epoch() > before);
        let [first, _] = world.ballot_blocks(host);
        for fault in [
            Fault::PowerOff(host),
            Fault::GoodOn(host, 1),
            Fault::Restore(0),
            Fault::StallOn(host, 2),
            Fault::PowerOn(host),
        ] {
            world.inject(0, fault);
        }
        let told = world.lines().len();
        let until = world.now_ms() + 60_000;
        world.run_until(until, |world| {
            world.lines().iter().skip(told).any(|line| line.contains("a member to admit this host"))
        });
        world.inject(0, Fault::GoodOn(host, 2));
        world.inject(0, Fault::Corrupt(0, first));
        let until = world.now_ms() + 120_000;
        world.run_until(until, |world| world.newest_epoch() > before + 1);
        assert_eq!(
            world.broken,
            None,
            "seed {seed}: {:#?}",
            world.lines().iter().rev().take(16).collect::<Vec<_>>()
        );
        assert!(world.newest_epoch() > before + 1, "seed {seed}: it goes on");
    }
}
