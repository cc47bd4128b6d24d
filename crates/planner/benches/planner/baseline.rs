//! The known approach, from its description. Memory only. VMs are placed by biggest fit
//! decreasing: the largest first, each on the host with the most memory free. While there are
//! fewer than 3,500 combinations of failures, in all orders, each is played through; otherwise
//! every VM that fails counts as large as the largest, every failed host holds as many as the
//! fullest, and the largest hosts fail.

use haven_planner::Pool;

const COMBINATIONS_MAX: u64 = 3_500;

struct Case {
    free: Vec<u64>,
    /// Size and host.
    vms: Vec<(u64, usize)>,
}

impl Case {
    fn new(pool: &Pool) -> Self {
        let free = pool.hosts.iter().map(|host| host.memory_free).collect();
        let index = |id| pool.hosts.iter().position(|host| Some(host.id) == id).unwrap();
        let vms = pool.vms.iter().map(|vm| (vm.memory, index(vm.resident))).collect();
        Self { free, vms }
    }

    fn orders(&self, failures: u64) -> u64 {
        let hosts = self.free.len() as u64;
        (0..failures).map(|at| hosts.saturating_sub(at)).fold(1, u64::saturating_mul)
    }

    fn survives(&self, failures: usize) -> bool {
        // C(n, r) * r! orders in which r of n hosts fail.
        if self.orders(failures as u64) < COMBINATIONS_MAX {
            self.play(&self.free, &self.vms, &mut vec![true; self.free.len()], failures)
        } else {
            self.pessimistic(failures)
        }
    }

    fn play(
        &self,
        free: &[u64],
        vms: &[(u64, usize)],
        alive: &mut Vec<bool>,
        failures: usize,
    ) -> bool {
        if failures == 0 {
            return true;
        }
        for failed in 0..alive.len() {
            if !alive[failed] {
                continue;
            }
            alive[failed] = false;
            let next = restart(free, vms, alive, failed);
            let good = next.is_some_and(|(free, vms)| self.play(&free, &vms, alive, failures - 1));
            alive[failed] = true;
            if !good {
                return false;
            }
        }
        true
    }

    fn pessimistic(&self, failures: usize) -> bool {
        let largest = self.vms.iter().map(|(size, _)| *size).max().unwrap_or(0);
        if largest == 0 {
            return true;
        }
        let mut counts = vec![0u64; self.free.len()];
        self.vms.iter().for_each(|(_, host)| counts[*host] += 1);
        let fullest = counts.iter().max().copied().unwrap_or(0);
        let mut free = self.free.clone();
        free.sort_unstable();
        let left = free.len().saturating_sub(failures);
        let places: u64 = free.iter().take(left).map(|free| free / largest).sum();
        places >= fullest * failures as u64
    }
}

type Placed = (Vec<u64>, Vec<(u64, usize)>);

fn restart(free: &[u64], vms: &[(u64, usize)], alive: &[bool], failed: usize) -> Option<Placed> {
    let (mut free, mut vms) = (free.to_vec(), vms.to_vec());
    let mut dead: Vec<usize> = (0..vms.len()).filter(|at| vms[*at].1 == failed).collect();
    dead.sort_by_key(|at| std::cmp::Reverse(vms[*at].0));
    for at in dead {
        let host = (0..free.len()).filter(|host| alive[*host]).max_by_key(|host| free[*host])?;
        free[host] = free[host].checked_sub(vms[at].0)?;
        vms[at].1 = host;
    }
    Some((free, vms))
}

/// Whether so many failures are survived, as far as the approach can tell.
pub(crate) fn survives(pool: &Pool, failures: u32) -> bool {
    Case::new(pool).survives(failures as usize)
}

/// The most failures that are survived, as far as the approach can tell.
pub(crate) fn tolerance(pool: &Pool) -> u32 {
    let case = Case::new(pool);
    let most = u32::try_from(pool.hosts.len()).unwrap().saturating_sub(1);
    (1..=most).take_while(|failures| case.survives(*failures as usize)).last().unwrap_or(0)
}
