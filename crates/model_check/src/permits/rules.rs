//! The rules that can be left out, by the names that `docs/protocol.md` gives them.

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A block must stand still for the whole wait (death rule 2).
    DeadWait,
    /// The wait counts the time that a watchdog may let VMs outlive their permit (H11).
    DeadWaitBite,
    /// The block is read once more after the decision is known (H18).
    Reread,
    /// The lease runs from the begin of the write (H18).
    LeaseFromBegin,
    /// A vote is dated by the beat that it echoes.
    VoteDating,
    /// Votes only continue a permit (H2).
    VotesContinue,
    /// Votes of q members are needed.
    Quorum,
    /// n - q + 1 members must have acknowledged a newer epoch.
    Acknowledgements,
    /// Acknowledgements must have an age.
    AcknowledgementAge,
    /// All epochs in which the dead may stand are asked, not only its last (H1).
    EveryEpoch,
    /// A permit outlives the confirmation of a newer epoch (H1b, P4).
    ConfirmationAge,
    /// The dead count like acknowledgements: by age (P1).
    DeadAge,
    /// A proposal in phase 2 without the host ends its disk permit.
    PhaseTwoOnDisk,
    /// Who knows of a proposal in phase 2 does not vote.
    PhaseTwoInVotes,
    /// A host that fences does not vote (P1).
    FencingSilent,
    /// A life that was put out never comes back (H5).
    OutForEver,
    /// Who is put out renews nothing, also while its guests are asked to shut down (response `shutdown`).
    OutRenewsNothing,
    /// The tombstone is written when nothing runs any more.
    TombstoneLast,
    /// A new coordinator waits for the earlier ones.
    CoordinatorWait,
    /// It waits for all of them, not only for the one before (H6).
    EveryCoordinator,
    /// It waits for a confirmation newer than the last epoch that named the old one (P2).
    NewerConfirmation,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::DeadWait,
        Self::DeadWaitBite,
        Self::Reread,
        Self::LeaseFromBegin,
        Self::VoteDating,
        Self::VotesContinue,
        Self::Quorum,
        Self::Acknowledgements,
        Self::AcknowledgementAge,
        Self::EveryEpoch,
        Self::ConfirmationAge,
        Self::DeadAge,
        Self::PhaseTwoOnDisk,
        Self::PhaseTwoInVotes,
        Self::FencingSilent,
        Self::OutForEver,
        Self::OutRenewsNothing,
        Self::TombstoneLast,
        Self::CoordinatorWait,
        Self::EveryCoordinator,
        Self::NewerConfirmation,
    ];
}
