use haven_cluster::ids::Incarnation;

use super::*;

const VM: Uuid = Uuid::from_u128(70);

fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

fn term(number: u128, epoch: u64, life: u64) -> Term {
    let coordinator = Life { host: host(number), incarnation: Incarnation(life) };
    Term { epoch: EpochNumber(epoch), coordinator }
}

fn from(number: u128) -> Sender {
    Sender { host: host(number), member: true, named: number == 1 }
}

/// The guard knows this term, and holds a permit.
fn knows(term: Term, permit: bool) -> Option<ArmedView> {
    let epoch = Some((term.epoch, term.coordinator));
    Some(ArmedView { me: None, epoch, permit, may_act: false })
}

fn start(placement: u64) -> Duty {
    Duty { vm: Some(VM), placement: Some(placement), runs_guest: true }
}

#[test]
fn a_newer_term_closes_the_older_ones_also_before_the_guard_has_heard_of_it() {
    let mut orders = Orders::default();
    let (old, new) = (term(1, 4, 7), term(2, 5, 3));
    let armed = knows(old, true);
    assert_eq!(orders.hear(&from(1), armed, old), Ok(true));
    assert_eq!(orders.hear(&from(1), armed, old), Ok(false));
    assert_eq!(orders.hear(&from(2), armed, new), Ok(true));
    let refused = orders.hear(&from(1), armed, old);
    let (given, newest) = (EpochNumber(4), EpochNumber(5));
    assert_eq!(refused, Err(Refusal::OlderEpoch { given, newest }));
    assert_eq!(orders.newest(), Some(new));
}

#[test]
fn only_the_coordinator_of_an_epoch_gives_its_orders() {
    let mut orders = Orders::default();
    let armed = knows(term(1, 4, 7), true);
    let refused = Err(Refusal::NotCoordinator);
    assert_eq!(orders.hear(&from(2), armed, term(2, 4, 7)), refused);
    assert_eq!(orders.hear(&from(1), armed, term(1, 4, 6)), refused);
    assert_eq!(orders.hear(&from(2), armed, term(1, 4, 7)), refused);
    let stranger = Sender { member: false, ..from(1) };
    assert_eq!(orders.hear(&stranger, armed, term(1, 4, 7)), refused);
}

#[test]
fn without_epochs_the_named_host_orders_and_its_latest_process() {
    let mut orders = Orders::default();
    assert_eq!(orders.hear(&from(1), None, term(1, 0, 3)), Ok(true));
    assert_eq!(orders.hear(&from(2), None, term(2, 0, 9)), Err(Refusal::NotCoordinator));
    let earlier = orders.hear(&from(1), None, term(1, 0, 2));
    assert!(matches!(earlier, Err(Refusal::OlderEpoch { .. })), "{earlier:?}");
}

#[test]
fn a_closed_placement_stays_closed_over_a_restart_in_the_same_epoch_only() {
    let mut orders = Orders::default();
    let (now, later) = (term(1, 4, 7), term(1, 5, 7));
    let armed = knows(now, true);
    orders.hear(&from(1), armed, now).unwrap();
    orders.close(VM, 3).unwrap();
    orders.close(VM, 2).unwrap();
    let void = Err(Refusal::PlacementClosed { given: 3, closed: 3 });
    assert_eq!(orders.allows(&start(3), armed, now), void);
    assert_eq!(orders.allows(&start(4), armed, now), Ok(()));
    let resumed = Orders::resumed(orders.newest(), orders.closed().clone());
    assert_eq!(resumed.allows(&start(3), armed, now), void);
    let resumed = Orders::resumed(Some(later), orders.closed().clone());
    assert!(!resumed.is_closed(VM, 3));
}

#[test]
fn no_guest_runs_without_a_permit_nor_on_a_host_that_leaves() {
    let now = term(1, 4, 7);
    let mut orders = Orders::default();
    let stop = Duty { vm: Some(VM), ..Duty::default() };
    assert_eq!(orders.allows(&start(1), knows(now, false), now), Err(Refusal::NoPermit));
    assert_eq!(orders.allows(&stop, knows(now, false), now), Ok(()));
    assert_eq!(orders.allows(&start(1), None, now), Err(Refusal::NoPermit));
    orders.set_leaving(true);
    assert_eq!(orders.allows(&start(1), knows(now, true), now), Err(Refusal::NoPermit));
    orders.forget_terms();
    assert_eq!(orders.allows(&start(1), knows(now, true), now), Ok(()));
    orders.set_ejecting(true);
    assert!(matches!(orders.allows(&start(1), knows(now, true), now), Err(Refusal::Busy(_))));
}
