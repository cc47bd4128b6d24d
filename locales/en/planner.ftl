# What the planner says: tolerance, what binds, why a host refuses a VM.
# Sentences are put together from parts; $… stand for names, amounts and other parts.
list = { $before }, { $next }
list-last = { $before } and { $last }

tolerates = { $failures ->
    [one] The pool tolerates 1 host failure.
   *[other] The pool tolerates { $failures } host failures.
}
tolerates-between = { $failures ->
    [one] The pool tolerates 1 host failure for certain, and no more than { $most }; between them it was not decided.
   *[other] The pool tolerates { $failures } host failures for certain, and no more than { $most }; between them it was not decided.
}
tolerates-more = { $tolerates } With one more: { $breach }.

breach = { $short } { $occasion }: { $detail }; { $remedy }
breach-unproven = { $short } { $occasion }: { $detail } (no way was found within the budget of the search); { $remedy }
occasion-now = as things are
occasion-one = after { $hosts } fails
occasion-once = after { $hosts } fail at once
occasion-turns = after { $hosts } fail one after the other
occasion-then = { $before }, then { $next }
short = { $missing } short
short-vcpus = { $missing } virtual processors short
short-host = no host for { $vm }
short-undecided = not decided
detail-memory = the VMs to restart need { $need }, all hosts together have { $free } free
detail-block = { $vm } needs { $need }, the largest free block is { $free }
detail-block-on = { $vm } needs { $need }, the largest free block is { $free }, on { $host }
detail-vcpus = { $need } are needed, { $free } are left
detail-apart = { $hosts ->
    [0] rule { $group } keeps its VMs apart, { $members } of them to be restarted, and no host without a member is left
    [one] rule { $group } keeps its VMs apart, { $members } of them to be restarted, and only 1 host without a member is left
   *[other] rule { $group } keeps its VMs apart, { $members } of them to be restarted, and only { $hosts } hosts without a member are left
}
detail-undecided = neither a way of restarting everything was found, nor that there is none
detail-no-host = no host is left
host-refuses = { $host } { $why }
remedy-apart = add a host, or take { $vm } out of { $group }
remedy-undecided = add memory or a host to be sure
remedy-hosts = give { $vm } more hosts that can run it, or lower its restart priority
remedy-add = add memory or a host, or lower the restart priority of { $vm }
remedy-relief = move or stop { $vms }, or lower the restart priority of { $vm }
relief = { $vm } ({ $memory } on { $host })

refuses-not-live = does not answer
refuses-disabled = is disabled (maintenance)
refuses-quarantined = is quarantined
refuses-dedicated = is kept free for failovers
refuses-failed-there = failed to start it lately
refuses-pinned = is not among the hosts that the VM is bound to by { $by }
refuses-storage = does not reach SR { $sr }
refuses-network = is not connected to network { $network }
refuses-features = lacks { $features } in its processors
refuses-apart = runs { $with }, from which rule { $group } keeps it apart
refuses-memory = has { $free } of memory free of the { $need } needed
refuses-vcpus = has { $free } virtual processors left of the { $need } needed
cpu-model = the model { $model }
chosen = { $host }: chosen
possible = { $host }: possible
refused = { $host }: { $why }
refusals = { $before }; { $next }
refused-everywhere = the pool has no host

admission-keeps = { $goal ->
    [one] 1 host failure to be tolerated: kept
   *[other] { $goal } host failures to be tolerated: kept
}
admission-as-before = the pool is overcommitted as it was: { $breach }
admission-breaks = insufficient resources to satisfy HA failover: { $breach }
admission-erodes = insufficient resources to satisfy HA failover, and now even less: { $breach }
admission-bounds = { $failures } host failures would be tolerated for certain, { $goal } are required
admission-further = { $text } ({ $more } more than before)
admission-told = { $doing }: { $text }
doing-start = starting { $name }
doing-resume = resuming { $name }
doing-migrate = moving { $name }
doing-resize = resizing { $name }
doing-protect = protecting { $name }
doing-group = grouping { $name }
doing-add-disk = giving { $name } a disk
doing-add-nic = giving { $name } an interface
doing-disable-host = disabling { $name }
doing-evacuate-host = evacuating { $name }
doing-eject-host = removing { $name } from the pool
doing-unplug-storage = unplugging storage from { $name }
doing-unplug-network = unplugging a network from { $name }
doing-bind-network = connecting network { $name } to some hosts only

policy-failures = { $goal ->
    [one] 1 host failure to be tolerated.
   *[other] { $goal } host failures to be tolerated.
}
policy-percentage = { $cpu } % of the processors and { $memory } % of the memory ({ $free } of { $total }) are free, { $cpu-wanted } % and { $memory-wanted } % are to be.
policy-slots = { $failures ->
    [one] A slot is { $memory } and { $mhz } MHz; { $used } of { $all } slots are used; by slots 1 host failure would be tolerated.
   *[other] A slot is { $memory } and { $mhz } MHz; { $used } of { $all } slots are used; by slots { $failures } host failures would be tolerated.
}
policy-slots-distorted = { $vm } alone makes a slot { $memory } large; the next VM needs { $next }. Bound it with das.slotMemInMB, or let the failures be played through.
policy-hosts = Kept free for failovers: { $hosts }.
policy-hosts-lost = Kept free for failovers: { $hosts }; but { $lost } cannot take over.
policy-hosts-used = Kept free for failovers: { $hosts }; but VMs run on { $used }.
policy-report = { $arithmetic } { $tolerance }
policy-report-beware = { $arithmetic } Beware: { $warning } { $tolerance }

change-unknown = the pool has no host or VM { $id }
change-not-running = { $vm } does not run
change-refused = { $vm } cannot run on { $host }: it { $why }
change-no-host = no host can take { $vm }: { $why }
