# Lo que dice el planificador: tolerancia, lo que limita, por qué un host rechaza una VM.
list = { $before }, { $next }
list-last = { $before } y { $last }

tolerates = { $failures ->
    [one] El pool tolera el fallo de 1 host.
   *[other] El pool tolera el fallo de { $failures } hosts.
}
tolerates-between = { $failures ->
    [one] El pool tolera con seguridad el fallo de 1 host, y como mucho de { $most }; entre ambos no se ha decidido.
   *[other] El pool tolera con seguridad el fallo de { $failures } hosts, y como mucho de { $most }; entre ambos no se ha decidido.
}
tolerates-more = { $tolerates } Con uno más: { $breach }.

breach = { $short } { $occasion }: { $detail }; { $remedy }
breach-unproven = { $short } { $occasion }: { $detail } (no se encontró manera dentro del límite de la búsqueda); { $remedy }
occasion-now = tal como están las cosas
occasion-one = si falla { $hosts }
occasion-once = si fallan a la vez { $hosts }
occasion-turns = si fallan uno tras otro { $hosts }
occasion-then = { $before }, después { $next }
short = faltan { $missing }
short-vcpus = faltan { $missing } procesadores virtuales
short-host = ningún host para { $vm }
short-undecided = no se ha decidido
detail-memory = las VM que hay que reiniciar necesitan { $need }, todos los hosts juntos tienen { $free } libres
detail-block = { $vm } necesita { $need }, el mayor bloque libre es de { $free }
detail-block-on = { $vm } necesita { $need }, el mayor bloque libre es de { $free }, en { $host }
detail-vcpus = hacen falta { $need }, quedan { $free }
detail-apart = { $hosts ->
    [0] la regla { $group } mantiene separadas sus VM, hay que reiniciar { $members } y no queda ningún host sin una de ellas
    [one] la regla { $group } mantiene separadas sus VM, hay que reiniciar { $members } y solo queda 1 host sin una de ellas
   *[other] la regla { $group } mantiene separadas sus VM, hay que reiniciar { $members } y solo quedan { $hosts } hosts sin una de ellas
}
detail-undecided = no se encontró manera de reiniciarlo todo, ni se demostró que no la haya
detail-no-host = no queda ningún host
host-refuses = { $host } { $why }
remedy-apart = añada un host o saque { $vm } de { $group }
remedy-undecided = añada memoria o un host para estar seguro
remedy-hosts = dé a { $vm } más hosts que puedan ejecutarla o baje su prioridad de reinicio
remedy-add = añada memoria o un host, o baje la prioridad de reinicio de { $vm }
remedy-relief = mueva o pare { $vms }, o baje la prioridad de reinicio de { $vm }
relief = { $vm } ({ $memory } en { $host })

refuses-not-live = no responde
refuses-disabled = está desactivado (mantenimiento)
refuses-quarantined = está en cuarentena
refuses-dedicated = se reserva para los reinicios tras un fallo
refuses-failed-there = no pudo iniciarla hace poco
refuses-pinned = no está entre los hosts a los que la VM está ligada por { $by }
refuses-storage = no alcanza el repositorio { $sr }
refuses-network = no está conectado a la red { $network }
refuses-features = no tiene { $features } en sus procesadores
refuses-apart = ejecuta { $with }, de la que la regla { $group } la mantiene separada
refuses-memory = tiene { $free } de memoria libres de los { $need } necesarios
refuses-vcpus = tiene libres { $free } procesadores virtuales de los { $need } necesarios
cpu-model = el modelo { $model }
chosen = { $host }: elegido
possible = { $host }: posible
refused = { $host }: { $why }
refusals = { $before }; { $next }
refused-everywhere = el pool no tiene ningún host

admission-keeps = { $goal ->
    [one] debe tolerarse el fallo de 1 host: se cumple
   *[other] debe tolerarse el fallo de { $goal } hosts: se cumple
}
admission-as-before = el pool sigue comprometido en exceso como antes: { $breach }
admission-breaks = recursos insuficientes para los reinicios de alta disponibilidad: { $breach }
admission-erodes = recursos insuficientes para los reinicios de alta disponibilidad, y ahora aún menos: { $breach }
admission-bounds = se toleraría con seguridad el fallo de { $failures } hosts, se exigen { $goal }
admission-further = { $text } ({ $more } más que antes)
admission-told = { $doing }: { $text }
doing-start = iniciar { $name }
doing-resume = reanudar { $name }
doing-migrate = mover { $name }
doing-resize = cambiar el tamaño de { $name }
doing-protect = proteger { $name }
doing-group = agrupar { $name }
doing-add-disk = añadir un disco a { $name }
doing-add-nic = añadir una interfaz a { $name }
doing-disable-host = deshabilitar { $name }
doing-evacuate-host = evacuar { $name }
doing-eject-host = quitar { $name } del pool
doing-unplug-storage = desconectar almacenamiento de { $name }
doing-unplug-network = desconectar una red de { $name }
doing-bind-network = conectar la red { $name } solo a algunos hosts

policy-failures = { $goal ->
    [one] Debe tolerarse el fallo de 1 host.
   *[other] Debe tolerarse el fallo de { $goal } hosts.
}
policy-percentage = Están libres el { $cpu } % de los procesadores y el { $memory } % de la memoria ({ $free } de { $total }); deben estarlo el { $cpu-wanted } % y el { $memory-wanted } %.
policy-slots = { $failures ->
    [one] Una ranura tiene { $memory } y { $mhz } MHz; se usan { $used } de { $all } ranuras; según las ranuras se toleraría el fallo de 1 host.
   *[other] Una ranura tiene { $memory } y { $mhz } MHz; se usan { $used } de { $all } ranuras; según las ranuras se toleraría el fallo de { $failures } hosts.
}
policy-slots-distorted = { $vm } por sí sola hace que una ranura tenga { $memory }; la siguiente VM necesita { $next }. Limítela con das.slotMemInMB o deje que se calculen los fallos.
policy-hosts = Libres para los reinicios tras un fallo: { $hosts }.
policy-hosts-lost = Libres para los reinicios tras un fallo: { $hosts }; pero no pueden asumirlos: { $lost }.
policy-hosts-used = Libres para los reinicios tras un fallo: { $hosts }; pero hay VM en { $used }.
policy-report = { $arithmetic } { $tolerance }
policy-report-beware = { $arithmetic } Atención: { $warning } { $tolerance }

change-unknown = el pool no tiene ningún host ni VM { $id }
change-not-running = { $vm } no está en marcha
change-refused = { $vm } no puede funcionar en { $host }: { $why }
change-no-host = ningún host puede recibir { $vm }: { $why }
