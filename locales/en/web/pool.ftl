# The pool's overview, alerts, history.
hosts-live = { $count ->
    [one] { $count } host is live
   *[other] { $count } hosts are live
}
vms-running = { $running } running, { $stopped } off
vcpus = Virtual CPUs
readiness = What needs attention
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
pool-protection-at-risk = { protection-at-risk }
pool-protection-off = { protection-none }
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
protect-turn-on = { protect-title }
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
step-vm-do = { new-vm }
step-protect = { protect-title }
step-protect-body = Machines of a lost host run again on another one, seconds later.
step-protect-do = { policy-restart-do }
alerts-none = No alerts
alerts-none-body = When something needs a person, it stands here, with what to do.
alerts-all = All alerts ({ $count })
alerts-clear = Clear { $count }
alert-clear = Clear
show-more = { $count } more
history-empty = Nothing has happened yet
history-empty-body = Tasks and alerts appear here, newest first.
alerts-times = { $count } times
alerts-since = since { $since }
alerts-unfold = Show all
alerts-fold = Show the newest only
alerts-of = What they are about
alerts-of-all = All objects
alerts-of-pool = Pool
alerts-of-host = { tab-hosts }
alerts-of-vm = { column-vms }
alerts-of-sr = { tab-storage }
alerts-by = How they are put together
alerts-by-kind = Same ones together
alerts-by-object = By object
alerts-by-each = One by one
alerts-clear-chosen = Clear the { $count } chosen
alerts-clear-shown = Clear the { $count } shown
alerts-clear-body = They leave this page and the history, for everybody, and do not come back. What goes on being wrong raises a new alert.
alerts-history = { tab-history }
alerts-none-match = Nothing fits these filters. Take one away.
history-show = What is shown
history-all = Everything
history-task = { tasks }
history-alert = { alerts }
history-failed = Failed tasks
alerts-by-severity = By urgency
alerts-state = How they stand
alerts-state-all = Whatever their state
alerts-state-open = Nobody deals with them
alerts-state-taken = Somebody deals with them
alerts-state-over = Over by themselves
alerts-take = Take on { $count }
alerts-take-none = Somebody deals with all of these already.
alerts-take-title = { $count ->
    [one] Deal with this alert?
   *[other] Deal with { $count } alerts?
}
alerts-take-body = Everybody sees that you deal with it, and since when.
alert-take = I deal with it
alert-give-back = Give back
alert-taken = { $by } deals with it
alert-note = What the others should know
alert-over = Over
alert-over-body = What it tells of is no more so.
alerts-clear-title = { $count ->
    [one] Clear this alert?
   *[other] Clear { $count } alerts?
}
help-me = Help me
filters-saved = Your filters
filter-save = Save this filter
filter-name = Name of the filter
filter-needs-name = Give it a name first.
filter-keep = { save }
filter-where = The pool keeps it under your name: it is there at every browser.
filter-forget = Forget the filter { $name }
help-runbooks = What to do when
help-all = All runbooks
help-in-english = This page is written in English.
help-host-dead = A host is dead
help-storage-lost = Storage is lost
help-power-fencing = Switch failed hosts off: power fencing
help-enable-ha = Turn high availability on
help-replace-host = Replace a host
help-change-address = A host gets another address
help-guest-hangs = A guest hangs
tab-cpu = Processors
vcpus-on = { $vcpus } virtual CPUs on { $cores } cores
problem-paused = { drill-finding-paused }
problem-drill = The last drill or rehearsal failed.
problem-network-path = { $host } is not heard on heartbeat network { $network }; another one still works.
filter-full = You have { $most } filters. Forget one first.
discovery-title = Being found in the network
discovery-on = Show this pool in its network
discovery-body = Hosts without a pool see its name and the address of its coordinator, and this pool sees them. Everybody in the management network can read that. Turned off, hosts are added by address and join with a token as ever.
