# The pool's overview, alerts, history.
hosts-live = { $count ->
    [one] { $count } host is live
   *[other] { $count } hosts are live
}
vms-running = { $running } running, { $stopped } off
vcpus = Virtual CPUs
vcpus-on-cores = running on { $cores } cores
readiness = What asks for somebody
readiness-good = Nothing. All hosts answer, and all storage is attached.
severity = Urgency
severity-all = All
severity-danger = Urgent
severity-warning = Warnings
severity-info = Information
problem-host-lost = { $host } does not answer.
problem-host-disabled = { $host } is in maintenance and takes no machines.
problem-detached = Storage { $sr } is not attached to { $host }.
problem-overcommitted = The pool promises to survive { $wanted } lost hosts, but there is room for { $possible } only.
problem-no-network-beat = { $host } is not heard over the network.
problem-no-storage-beat = { $host } does not write to the heartbeat storage.
see-host = See the host
see-storage = See the storage
see-availability = See availability
pool-protection-protected = Protected
pool-protection-at-risk = At risk
pool-protection-off = Not protected
pool-protection-protected-body = { $possible ->
    [one] The pool can lose any one of its { $hosts } hosts.
   *[other] The pool can lose any { $possible } of its { $hosts } hosts.
} { $sure ->
    [0] No running machine is marked for restart yet.
    [one] One machine restarts elsewhere for sure.
   *[other] { $sure } machines restart elsewhere for sure.
} { $tried ->
    [0] { "" }
   *[other] { $tried } more if there is room.
}
pool-protection-at-risk-body = Protection is on, but after the loss of { $wanted ->
    [one] one host
   *[other] { $wanted } hosts
} not every protected machine would find room. The pool can lose { $possible }.
pool-protection-off-body = When a host is lost, its machines stay off until somebody starts them elsewhere.
protect-turn-on = Turn on protection
protect-needs-hosts = Protection needs at least two hosts. Add a host first.
protect-needs-storage = Protection needs storage that every host reaches. Add shared storage first.
memory-used = { $size } used
memory-kept = { $size } kept for a lost host
memory-free = { $size } free
next-steps = Next steps
step-done = Done
step-open = To do
step-host = Add a second host
step-host-body = With two hosts there is somewhere to go when one is lost.
step-host-do = Add host
step-storage = Add shared storage
step-storage-body = Disks that every host reaches can move, and be protected.
step-storage-do = Add storage
step-vm = Create a machine
step-vm-body = From a template, in a minute.
step-vm-do = New machine
step-protect = Turn on protection
step-protect-body = Machines of a lost host run again on another one, seconds later.
step-protect-do = Protect
alerts-none = No alerts
alerts-none-body = When something needs a person, it stands here, with what to do.
alerts-all = All alerts ({ $count })
alerts-clear = Clear { $count }
alert-clear = Clear
show-more = { $count } more
history-empty = Nothing has happened yet
history-empty-body = Tasks and alerts appear here, newest first.

alert-HA-HOST-FAILED = A host was lost; its protected machines are started elsewhere
alert-HA-HOST-FAILED-remedy = Find out why: power, network, or the machine itself. When it comes back it joins by itself.
alert-HA-HOST-WAS-FENCED = A host stopped itself so that its machines could run elsewhere
alert-HA-HOST-WAS-FENCED-remedy = Look at its network and storage connections at that time.
alert-HA-STATEFILE-LOST = A host cannot write to the heartbeat storage
alert-HA-STATEFILE-LOST-remedy = Mend its storage connection before the network fails as well.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT = Heartbeats over the network are late
alert-HA-STATEFILE-APPROACHING-TIMEOUT = The heartbeat storage is slow
alert-HA-STATEFILE-APPROACHING-TIMEOUT-remedy = If this happens often, use the conservative timing.
alert-HA-POOL-OVERCOMMITTED = Not every protected machine would find room after a loss
alert-HA-POOL-OVERCOMMITTED-remedy = Add memory or hosts, protect fewer machines, or promise fewer losses.
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR = The pool survives fewer losses than before
alert-HA-PROTECTED-VM-RESTART-FAILED = A protected machine could not be restarted
alert-HA-PROTECTED-VM-RESTART-FAILED-remedy = The pool goes on trying. Make room, or see why in the history of the machine.
alert-VM-STARTED = Machine started
alert-VM-SHUTDOWN = Machine shut down
alert-VM-REBOOTED = Machine rebooted
alert-VM-MIGRATED = Machine moved to another host
alert-VM-PAUSED = Machine paused
alert-VM-UNPAUSED = Machine goes on
alert-VM-SUSPENDED = Machine suspended
alert-VM-RESUMED = Machine resumed
alert-VM-CRASHED = Machine crashed
alert-VM-CLONED = Machine cloned
alert-POOL-MASTER-TRANSITION = Another host coordinates the pool
alert-HOST-CLOCK-SKEW-DETECTED = The clock of a host is wrong
alert-HOST-CLOCK-SKEW-DETECTED-remedy = Set up NTP on it.
alert-PBD-PLUG-FAILED-ON-SERVER-START = Storage could not be attached when a host started
alert-PBD-PLUG-FAILED-ON-SERVER-START-remedy = Look at the storage's page: it says why, and repairs.
