//! A host whose whole disk was copied into another machine.
//!
//! Owns: what the copy has of its original (identity, configuration, incarnations, addresses), and who
//! of the two a datagram reaches. The copy is one more host of the world, behind those of the pool; it
//! is in nobody's configuration, so no order reaches it.

use crate::host::Host;
use crate::world::World;

impl World {
    /// Copies the disk of `host` into a new machine, which is off.
    pub(crate) fn copy_disk(&mut self, host: usize) {
        let copy = self.hosts.len();
        let Some(original) = self.hosts.get(host) else { return };
        let mut twin = Host::new(original.drift);
        twin.poses = Some(original.poses.unwrap_or(host));
        twin.incarnation = original.incarnation;
        twin.shaped = original.shaped.clone();
        twin.listens = original.listens.clone();
        twin.boot_ms = original.boot_ms;
        self.hosts.push(twin);
        self.log(|| format!("host {copy} has a copy of the disk of host {host}"));
    }

    /// Which place in the pool's configuration a machine has.
    pub(crate) fn place_of(&self, host: usize) -> usize {
        self.hosts.get(host).and_then(|h| h.poses).unwrap_or(host)
    }

    /// Two machines have the same addresses: the original is reached as long as it is on.
    pub(crate) fn reached(&self, target: usize) -> usize {
        let on = |host: &usize| self.hosts.get(*host).is_some_and(|h| h.powered);
        if on(&target) {
            return target;
        }
        let copy = |host: &usize| self.place_of(*host) == target && on(host);
        (0..self.hosts.len()).rev().find(copy).unwrap_or(target)
    }
}
