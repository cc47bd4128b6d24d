use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;

use super::*;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(10);

fn lane(open: impl Fn() -> Result<u64, HypervisorError> + Send + Sync + 'static) -> Lane<u64> {
    let limits = LaneLimits { in_flight_max: 4, abandoned_max: 2, shared_connection: true };
    Lane::new("test", limits, Box::new(open), |_| true)
}

/// A lane whose connections are numbered from 1.
fn numbered() -> Lane<u64> {
    let opened = AtomicUsize::new(0);
    lane(move || Ok(opened.fetch_add(1, Ordering::SeqCst) as u64 + 1))
}

#[test]
fn calls_share_a_connection() {
    let lane = numbered();
    assert_eq!(lane.call("a", LONG, |c| Ok(*c)), Ok(1));
    assert_eq!(lane.call("b", LONG, |c| Ok(*c)), Ok(1));
}

#[test]
fn a_stuck_call_costs_its_deadline_and_its_connection_only() {
    let lane = numbered();
    let (release, stuck) = channel::<()>();
    let began = Instant::now();
    let got = lane.call("stuck", SHORT, move |_| {
        let _ = stuck.recv();
        Ok(())
    });
    assert!(matches!(got, Err(HypervisorError::Deadline { .. })), "{got:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(lane.call("next", LONG, |c| Ok(*c)), Ok(2));
    drop(release);
}

#[test]
fn too_many_stuck_calls_close_the_lane_until_they_return() {
    let lane = numbered();
    let (release, stuck) = channel::<()>();
    let stuck = Arc::new(Mutex::new(stuck));
    for _ in 0..2 {
        let stuck = Arc::clone(&stuck);
        let _ = lane.call("stuck", SHORT, move |_| {
            let _ = stuck.lock().map(|s| s.recv());
            Ok(())
        });
    }
    let refused = lane.call("next", LONG, |c| Ok(*c));
    assert!(matches!(refused, Err(HypervisorError::Disconnected(_))), "{refused:?}");
    drop(release);
    let until = Instant::now() + LONG;
    while lane.call("next", LONG, |c| Ok(*c)).is_err() {
        assert!(Instant::now() < until, "the lane did not recover");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_broken_connection_is_replaced() {
    let lane = numbered();
    let broken = lane.call("broken", LONG, |_| -> Result<(), _> {
        Err(HypervisorError::Disconnected("gone".into()))
    });
    assert!(broken.is_err());
    assert_eq!(lane.call("next", LONG, |c| Ok(*c)), Ok(2));
}

#[test]
fn a_failed_attempt_to_connect_is_not_repeated_at_once() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&attempts);
    let lane = lane(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Err(HypervisorError::Disconnected("refused".into()))
    });
    for _ in 0..3 {
        assert!(lane.call("a", LONG, |c| Ok(*c)).is_err());
    }
    assert!(attempts.load(Ordering::SeqCst) < 3);
}

#[test]
fn a_hanging_attempt_to_connect_holds_up_nobody_for_longer_than_the_deadline() {
    let (release, stuck) = channel::<()>();
    let stuck = Mutex::new(stuck);
    let first = AtomicUsize::new(0);
    let lane = lane(move || {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let _ = stuck.lock().map(|s| s.recv());
        }
        Ok(7)
    });
    let began = Arc::new(AtomicUsize::new(0));
    let ran = Arc::clone(&began);
    let got = lane.call("a", SHORT, move |_| {
        ran.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    assert!(matches!(got, Err(HypervisorError::Deadline { .. })));
    assert_eq!(lane.call("b", LONG, |c| Ok(*c)), Ok(7));
    drop(release);
    std::thread::sleep(SHORT);
    assert_eq!(began.load(Ordering::SeqCst), 0, "work began after its deadline");
}

#[test]
fn work_that_missed_its_deadline_may_not_commit() {
    let lane = numbered();
    let (told, outcome) = channel();
    let got = lane.call_with("late", SHORT, move |_, call| {
        std::thread::sleep(SHORT * 3);
        let _ = told.send(call.commit());
        Ok(())
    });
    assert!(matches!(got, Err(HypervisorError::Deadline { .. })));
    assert_eq!(outcome.recv_timeout(LONG), Ok(false));
}

#[test]
fn committed_work_is_waited_for() {
    let lane = numbered();
    let got = lane.call_with("slow", SHORT, |_, call| {
        let committed = call.commit();
        std::thread::sleep(SHORT * 3);
        Ok(committed)
    });
    assert_eq!(got, Ok(true));
}
