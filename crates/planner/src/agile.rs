//! Whether a VM can run wherever the others can: what binds it to one host.

use uuid::Uuid;

use crate::{Change, ChangeError, Host, Mode, Pool, Vm};

/// What a VM needs that is not everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A disk, or a disc in its drive, lies on this SR.
    Sr(Uuid),
    /// An interface is on this network.
    Network(Uuid),
}

/// The first thing that binds a VM to some of the hosts. `excused`: a host that lacks what it is to have, for now.
#[must_use]
pub fn bound(vm: &Vm, hosts: &[Host], excused: impl Fn(&Host, Uuid) -> bool) -> Option<Bound> {
    hosts.iter().find_map(|host| {
        let mut missing = vm.srs.difference(&host.srs).copied().peekable();
        if missing.peek().is_some() {
            return missing.find(|sr| !excused(host, *sr)).map(Bound::Sr);
        }
        vm.networks.difference(&host.networks).next().copied().map(Bound::Network)
    })
}

/// What admission says to a guaranteed VM that is to need something more.
#[derive(Clone, Debug)]
pub enum Widened {
    /// Every live host has it, or nobody looks.
    Everywhere,
    /// It would bind the VM to some hosts, which is refused.
    Refused,
    /// The same, and it passes: the pool as it will be, to be weighed. None: the VM does not run.
    Passes(Option<Box<Pool>>),
}

/// Whether a guaranteed VM may need this from now on, a disk or an interface.
#[must_use]
pub fn widen(pool: &Pool, need: &Change, mode: Mode) -> Widened {
    let Change::Need { sr, network, .. } = need else { return Widened::Everywhere };
    let has = |host: &Host| {
        sr.is_none_or(|sr| host.srs.contains(&sr))
            && network.is_none_or(|network| host.networks.contains(&network))
    };
    if mode == Mode::Off || pool.hosts.iter().filter(|host| host.live).all(has) {
        return Widened::Everywhere;
    }
    if mode == Mode::Enforce {
        return Widened::Refused;
    }
    let after: Result<Pool, ChangeError> = pool.with(need);
    Widened::Passes(after.ok().map(Box::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protection;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// Two hosts with one SR, the first with another of its own.
    fn pool() -> Pool {
        let host = |number: u128, srs: &[u128]| Host {
            id: id(number),
            enabled: true,
            live: true,
            memory_total: 10,
            memory_free: 10,
            srs: srs.iter().map(|sr| id(*sr)).collect(),
            ..Host::default()
        };
        let vm = Vm {
            id: id(7),
            memory: 1,
            protection: Protection::Restart,
            srs: [id(100)].into(),
            resident: Some(id(1)),
            ..Vm::default()
        };
        Pool {
            hosts: vec![host(1, &[100, 101]), host(2, &[100])],
            vms: vec![vm],
            ..Pool::default()
        }
    }

    #[test]
    fn what_one_host_alone_has_binds() {
        let pool = pool();
        let nobody = |_: &Host, _| false;
        assert_eq!(bound(&pool.vms[0], &pool.hosts, nobody), None);
        let vm = Vm { srs: [id(101)].into(), ..pool.vms[0].clone() };
        assert_eq!(bound(&vm, &pool.hosts, nobody), Some(Bound::Sr(id(101))));
        assert_eq!(bound(&vm, &pool.hosts, |host, _| host.id == id(2)), None);
        let wired = Vm { networks: [id(200)].into(), ..pool.vms[0].clone() };
        assert_eq!(bound(&wired, &pool.hosts, nobody), Some(Bound::Network(id(200))));
    }

    #[test]
    fn a_local_disc_is_refused_or_weighed() {
        let pool = pool();
        let need = |sr| Change::Need { vm: id(7), sr: Some(id(sr)), network: None };
        let said = |sr, mode| widen(&pool, &need(sr), mode);
        assert!(matches!(said(100, Mode::Enforce), Widened::Everywhere));
        assert!(matches!(said(101, Mode::Off), Widened::Everywhere));
        assert!(matches!(said(101, Mode::Enforce), Widened::Refused));
        let passes = said(101, Mode::Warn);
        let needs = |pool: &Pool| pool.vms[0].srs.contains(&id(101));
        assert!(matches!(passes, Widened::Passes(Some(after)) if needs(&after)));
    }
}
