//! The volumes on which high availability stands, statefile and metadata: what nobody may do to them.

/// What somebody wants of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Its row goes, and perhaps what it holds.
    Remove,
    /// It is read, written, resized, copied, moved or given to a VM, as a disk is.
    Use,
}

/// Why that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// High availability is on, and stands on it.
    Armed,
    /// It never is a disk.
    NoDisk,
}

/// A repository may go from the pool or from a host; `used`: a statefile of the pool is on it.
///
/// # Errors
/// While high availability is on and stands there.
pub fn repository(armed: bool, used: bool) -> Result<(), Objection> {
    if armed && used { Err(Objection::Armed) } else { Ok(()) }
}

/// This may be done to a volume. `own`: it is one of the pool's own, by its kind; `used`: a statefile of the pool
/// is on its repository.
///
/// # Errors
/// It is one of the pool's own, and high availability stands on it, or it is to serve as a disk.
pub fn volume(doing: Doing, own: bool, (armed, used): (bool, bool)) -> Result<(), Objection> {
    if !own {
        return Ok(());
    }
    repository(armed, used)?;
    if doing == Doing::Use { Err(Objection::NoDisk) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pools_own_volumes_stay_while_it_is_armed_and_are_never_disks() {
        for doing in [Doing::Remove, Doing::Use] {
            assert_eq!(volume(doing, true, (true, true)), Err(Objection::Armed));
            assert_eq!(volume(doing, false, (true, true)), Ok(()), "others are disks");
        }
        // Left from another arming, on a repository that nobody needs.
        assert_eq!(volume(Doing::Remove, true, (true, false)), Ok(()));
        assert_eq!(volume(Doing::Remove, true, (false, true)), Ok(()));
        assert_eq!(volume(Doing::Use, true, (false, true)), Err(Objection::NoDisk));
        assert_eq!(repository(true, true), Err(Objection::Armed));
        assert_eq!((repository(false, true), repository(true, false)), (Ok(()), Ok(())));
    }
}
