//! Test only: single rules of the protocol can be removed, so that the simulator proves that it
//! would notice. Without the feature `mutations` every question here is a constant `false`.

/// A rule that can be removed. The number of the hole that it answers is in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutation {
    /// Death rule 2 without a read that began after the decision was acknowledged.
    NoReread,
    /// Hosts count as dead as soon as an epoch without them is decided.
    NoDeathWait,
    /// Votes are dated by arrival, not by the beat that they echo.
    ArrivalDating,
    /// A host outside the epoch takes over on silence.
    OutsiderTakesOver,
    /// A new incarnation begins with a blank ballot (H3).
    NoCarry,
    /// A proposer proposes its own value though it saw an accepted one.
    NoAdoption,
    /// A permit by votes may be the first one, also after a tombstone (H2).
    VotesStartPermit,
    /// The coordinator acts without waiting for earlier ones (H6).
    NoCoordinatorWait,
    /// One vote is enough.
    QuorumIgnored,
    /// All incarnations write the same blocks.
    NoParity,
    /// The disk permit ignores proposals in phase 2.
    DiskIgnoresPhase2,
    /// Votes ignore proposals in phase 2 (H1).
    VotesIgnorePhase2,
    /// Only the last epoch of a host is asked for acknowledgements (H1).
    LastEpochOnly,
    /// Epochs older than the one confirmed are left out at once (H1b).
    ConfirmedAtOnce,
    /// Dead members count as acknowledging at once (P1).
    DeadNotAged,
    /// A member that fences still votes (P1).
    FencingVotes,
    /// Any epoch in which a coordinator is not named clears it (P2).
    AnyEpochClears,
    /// Epochs are closed as soon as all members left them (P3).
    CloseAtOnce,
    /// Waits use the newest timing only (H10, P4).
    NewestTimingOnly,
    /// A permit is renewed, and an epoch decided, though ballot blocks could not be read (H4, P7).
    UnreadableIgnored,
    /// Two of the four watchdog times in the death wait are missing (H11).
    NoFeedRace,
    /// Waits are not stretched by clock drift (H12).
    NoDrift,
    /// A tombstone read before the decision counts (H13).
    EarlyTombstone,
    /// Votes are a host's and not a life's: they are given before anything was read in this life,
    /// and count whichever life gave them (H16).
    VotesUnread,
    /// The permit by disk is dated by the end of the write (H18).
    LeaseFromWriteEnd,
    /// An incarnation that was put out is admitted again (H5).
    ReadmitSameLife,
    /// A booting guard writes at once (H14).
    NoLateWait,
    /// Acknowledgements are not aged.
    AcksNotAged,
    /// A decided record is acted upon after phase 1 only.
    OnePhase,
    /// Power fencing that began before the decision counts (H13).
    PowerOffEarly,
    /// A host that was switched off counts as dead while its writes may still land (P9).
    PowerOffAtOnce,
    /// Power fencing once proves all later lives dead, too.
    PowerOffForEver,
    /// A life that wrote its tombstone goes on (H2).
    TombstoneClears,
    /// A new coordinator's area may be one that an open epoch's coordinator writes (H15, P8).
    AreaReused,
    /// A former coordinator is cleared though its database IO is not drained (P3).
    DrainIgnored,
    /// A daemon that starts again does not take back that the one before it closed the database.
    ClosedForGood,
    /// A proposer does not care for higher promises than its own.
    PromisesIgnored,
    /// A permit lives on while *excluded* is written (P10).
    ExcludedKeepsPermit,
    /// Orders are not judged when they act (H7). The rule is the pool daemon's.
    OrdersUnjudged,
    /// A new coordinator waits for the one before only (H6).
    LastCoordinatorOnly,
    /// Fencing kills what runs, and leaves open the gate through which more comes (H8). The rule is
    /// the guard process's.
    GateOpen,
    /// VMs start on a host that is being excluded (P10). The rule is the pool daemon's.
    LeavingStarts,
    /// Under the isolation response `hold` VMs outlive the permit (H9).
    HoldKeepsVms,
    /// A ballot is written in one copy (H4).
    OneCopy,
    /// One of three statefiles is enough (H17).
    OneStatefile,
    /// A new life begins without what it cannot read of its earlier ones, and writes over it (P5).
    CarryUnread,
    /// A ballot is written again at once after a write of it failed, which may still land.
    FailedForgotten,
    /// After a tombstone the next life begins though a failed write may still land (P6).
    RestartAtOnce,
    /// A person's word that a host is off counts though the host was put out just now.
    WordAtOnce,
    /// A superblock that cannot be read ends permits, as one of another arming does (L7).
    SuperblockNeeded,
    /// A new life writes without having looked whether another machine lives under its host's name.
    TwinUnseen,
    /// A host is taken out of the pool though an open epoch counts on it. The rule is the pool daemon's.
    DebtsForgotten,
    /// The same where the statefile tells of its end, which may rot.
    MarksTrusted,
    /// A guard that was not told who is in the pool admits a host that was taken out.
    PlacesIgnored,
    /// The coordinator proposes no record because epochs that count on such a host can be closed.
    DebtsStand,
    /// A change of the pool that was asked for before gives a host its place back, which it lost meanwhile.
    PlaceGivenBack,
    /// Such a change counts as done while another one may be decided yet.
    AnsweredEarly,
    /// The last record of an arming may name another coordinator than the one before it.
    LastNamesAnother,
    /// A hand-over waits for a host that is no member any more.
    HeirGone,
    /// A VM of which one of two holders died is started anew without asking the other one. This rule and
    /// those below are of failover (`haven-failover`, and what the daemon asks in which order).
    SurvivorUnasked,
    /// A migration is over though an end of it still acts or waits for the rest.
    MoveUnfinished,
    /// A host that started anew answers for the life before.
    OtherLifeAnswers,
    /// Both ends of a migration are asked while the destination may still let it in.
    WayLeftOpen,
    /// A host starts a VM that it gave away, by an order from before.
    GivenAwayStarts,
    /// A host gives a VM away by an order for an earlier migration of it.
    OldSendActs,
    /// What was refused because it took too long is decided all the same. Of disarming and putting out.
    RefusedActs,
    /// A VM whose storage its host has lost is started elsewhere before the host said that it is gone.
    HungVmGivenUp,
    /// Such a VM is given up by the word of a host from which it has moved meanwhile.
    MovedGivenUp,
    /// A host says that such a VM is gone while something of it may still be written.
    WritesUnderWay,
    /// A task of the coordinator before is ended while an order of it still acts.
    HeldEndedEarly,
    /// What a task asks for is done before it stands in the journal. The rule is the pool daemon's.
    JournalBehind,
    /// The old key of the datagrams is dropped before all send with the new one (also where the daemon
    /// waits for that).
    KeyDroppedEarly,
    /// The new one is sent with before all accept it (likewise).
    KeySentEarly,
    /// A VM is started though a host is named that may run it. The rule is failover's.
    HolderIgnored,
}

impl Mutation {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::NoReread,
        Self::NoDeathWait,
        Self::ArrivalDating,
        Self::OutsiderTakesOver,
        Self::NoCarry,
        Self::NoAdoption,
        Self::VotesStartPermit,
        Self::NoCoordinatorWait,
        Self::QuorumIgnored,
        Self::NoParity,
        Self::DiskIgnoresPhase2,
        Self::VotesIgnorePhase2,
        Self::LastEpochOnly,
        Self::ConfirmedAtOnce,
        Self::DeadNotAged,
        Self::FencingVotes,
        Self::AnyEpochClears,
        Self::CloseAtOnce,
        Self::NewestTimingOnly,
        Self::UnreadableIgnored,
        Self::NoFeedRace,
        Self::NoDrift,
        Self::EarlyTombstone,
        Self::VotesUnread,
        Self::LeaseFromWriteEnd,
        Self::ReadmitSameLife,
        Self::NoLateWait,
        Self::AcksNotAged,
        Self::OnePhase,
        Self::PowerOffEarly,
        Self::PowerOffAtOnce,
        Self::PowerOffForEver,
        Self::TombstoneClears,
        Self::AreaReused,
        Self::DrainIgnored,
        Self::ClosedForGood,
        Self::PromisesIgnored,
        Self::ExcludedKeepsPermit,
        Self::OrdersUnjudged,
        Self::LastCoordinatorOnly,
        Self::GateOpen,
        Self::LeavingStarts,
        Self::HoldKeepsVms,
        Self::OneCopy,
        Self::OneStatefile,
        Self::CarryUnread,
        Self::FailedForgotten,
        Self::RestartAtOnce,
        Self::WordAtOnce,
        Self::SuperblockNeeded,
        Self::TwinUnseen,
        Self::DebtsForgotten,
        Self::MarksTrusted,
        Self::PlacesIgnored,
        Self::DebtsStand,
        Self::PlaceGivenBack,
        Self::AnsweredEarly,
        Self::LastNamesAnother,
        Self::HeirGone,
        Self::SurvivorUnasked,
        Self::MoveUnfinished,
        Self::OtherLifeAnswers,
        Self::WayLeftOpen,
        Self::GivenAwayStarts,
        Self::OldSendActs,
        Self::RefusedActs,
        Self::HungVmGivenUp,
        Self::MovedGivenUp,
        Self::WritesUnderWay,
        Self::HeldEndedEarly,
        Self::JournalBehind,
        Self::KeyDroppedEarly,
        Self::KeySentEarly,
        Self::HolderIgnored,
    ];
}

/// Whether the rule is removed on this thread: for rules that the simulator models.
#[must_use]
pub fn removed(mutation: Mutation) -> bool {
    on(mutation)
}

/// The mutation of that name.
#[must_use]
pub fn named(name: &str) -> Option<Mutation> {
    Mutation::ALL.iter().copied().find(|mutation| format!("{mutation:?}") == name)
}

#[cfg(feature = "mutations")]
mod switch {
    use super::Mutation;
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<u128> = const { Cell::new(0) };
    }

    /// Removes these rules on this thread, and restores all others.
    pub fn set(mutations: &[Mutation]) {
        let bits = mutations.iter().fold(0, |set, mutation| set | 1 << *mutation as u8);
        ACTIVE.with(|active| active.set(bits));
    }

    pub(crate) fn on(mutation: Mutation) -> bool {
        ACTIVE.with(Cell::get) & 1 << mutation as u8 != 0
    }
}

#[cfg(not(feature = "mutations"))]
mod switch {
    use super::Mutation;

    pub(crate) const fn on(_mutation: Mutation) -> bool {
        false
    }
}

pub(crate) use switch::on;
#[cfg(feature = "mutations")]
pub use switch::set;
