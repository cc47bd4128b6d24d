# A new network, and what "New" does not make

new-network = New network
newnet-create = Create the network
new-pool = A new pool
new-pool-why = This page is this pool's. Open the address of a host that is in no pool: it founds one.
new-iso = Add an ISO image
newnet-vlan = { hostnet-vlan }
newnet-vlan-body = On a port of every host, kept apart by its tag. Machines reach each other across hosts, and whatever else is in the VLAN.
newnet-vlan-on = VLAN { $tag } on { $device }
newnet-internal = Within each host
newnet-internal-body = No port carries it: machines reach those on the same host only.
newnet-no-port = No port has the same name on every host.
newnet-device = { hostnet-port }
newnet-device-help = Ports that every host has are offered.
newnet-tag = Tag (1 to 4094)
newnet-tag-taken = { $device } has VLAN { $tag } already.
newnet-mtu = Largest frame (bytes)
newnet-mtu-help = 1500 fits everywhere. More only where every switch between the hosts carries it.
newnet-taken = There is a network { $name } already.
newnet-why-name = Names are what people choose from when a machine gets an interface.
newnet-why-kind = A VLAN needs its tag on the switches' ports, too; the pool cannot see those.
newnet-why-review = The network is made on every host, or on none.
