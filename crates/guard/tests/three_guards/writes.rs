//! What the kernel has to write for guests that are gone.

use haven_cluster::control::{GuardCommand, GuardPhase};

use crate::pool::{self, Pool};
use crate::{WAIT, form, put_out_second_and_third};

/// A request of NFS without an answer, as the kernel lists it.
const REQUEST: &str =
    "   12 0080      0 0x3 0x5  60000 nfs_pgio nfsv3 WRITE a:call_status q:pending\n";

/// The guests are gone, but the storage hangs, and the kernel has not sent all that they wrote.
#[test]
fn a_host_is_not_excluded_while_writes_of_its_guests_are_under_way() {
    let mut pool = Pool::start(pool::timing());
    pool.guards[1].on_nfs();
    form(&mut pool);
    let guard = &mut pool.guards[1];
    guard.has_requests(REQUEST);
    guard.request(GuardCommand::Load { running: 0, protected: 0 }).unwrap();
    let refused = guard.request(GuardCommand::Exclude).unwrap_err();
    assert_eq!(refused.code, "HOST_IN_USE");
    assert!(refused.text.contains("1 requests of NFS"), "{}", refused.text);
    guard.has_requests("");
    guard.request(GuardCommand::Exclude).unwrap();
    guard.wait("the end of its membership", WAIT, |state| state.phase == GuardPhase::Idle);
}

/// A host that is put out while the kernel has something to write says nothing to be gone, and resets, which
/// ends that; one whose kernel has nothing to write leaves a tombstone and goes on.
#[test]
fn a_host_is_fenced_by_a_reset_while_writes_of_its_guests_are_under_way() {
    let mut pool = Pool::start(pool::timing());
    pool.guards[1].on_nfs();
    pool.guards[2].on_nfs();
    form(&mut pool);
    pool.guards[1].has_requests(REQUEST);
    put_out_second_and_third(&mut pool);
}
