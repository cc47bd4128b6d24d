# Una red nueva, y lo que «Nuevo» no crea

new-network = Red nueva
newnet-create = Crear la red
new-pool = Un pool nuevo
new-pool-why = Esta página es de este pool. Abra la dirección de un host que no esté en ninguno: él funda uno.
new-iso = Añadir una imagen ISO
newnet-vlan = { hostnet-vlan }
newnet-vlan-body = Por un puerto de cada host, separada por su etiqueta. Las máquinas se alcanzan entre hosts, y también lo demás que haya en la VLAN.
newnet-vlan-on = VLAN { $tag } en { $device }
newnet-internal = Dentro de cada host
newnet-internal-body = Ningún puerto la lleva: las máquinas solo alcanzan a las del mismo host.
newnet-no-port = Ningún puerto tiene el mismo nombre en todos los hosts.
newnet-device = { hostnet-port }
newnet-device-help = Se ofrecen los puertos que tienen todos los hosts.
newnet-tag = Etiqueta (de 1 a 4094)
newnet-tag-taken = { $device } ya tiene la VLAN { $tag }.
newnet-mtu = Trama más grande (bytes)
newnet-mtu-help = 1500 sirve en todas partes. Más, solo si lo admiten todos los conmutadores entre los hosts.
newnet-taken = Ya hay una red { $name }.
newnet-why-name = Por el nombre se elige la red cuando una máquina recibe una interfaz.
newnet-why-kind = Una VLAN necesita su etiqueta también en los puertos de los conmutadores; el pool no puede verlos.
newnet-why-review = La red se crea en todos los hosts, o en ninguno.
