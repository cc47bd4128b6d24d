# Resumen del pool, alertas, historial.
hosts-live = { $count ->
    [one] { $count } host activo
   *[other] { $count } hosts activos
}
vms-running = { $running } en marcha, { $stopped } apagadas
vcpus = CPU virtuales
readiness = Lo que necesita atención
readiness-good = Nada. Todos los hosts responden y todo el almacenamiento está conectado.
severity = Urgencia
severity-all = Todas
severity-danger = Urgentes
severity-warning = Avisos
severity-info = Información
problem-host-lost = { $host } no responde.
problem-host-disabled = { $host } está en mantenimiento y no admite máquinas.
problem-detached = El almacenamiento { $sr } no está conectado a { $host }.
problem-overcommitted = El pool promete sobrevivir a { $wanted } hosts perdidos, pero solo hay sitio para { $possible }.
problem-no-network-beat = No se oye a { $host } por la red.
problem-no-storage-beat = { $host } no escribe en el almacenamiento de latidos.
see-host = Ver el host
see-storage = Ver el almacenamiento
see-availability = Ver disponibilidad
pool-protection-protected = Protegido
pool-protection-at-risk = { protection-at-risk }
pool-protection-off = { protection-none }
pool-protection-protected-body = { $possible ->
    [one] El pool puede perder uno cualquiera de sus { $hosts } hosts.
   *[other] El pool puede perder { $possible } cualesquiera de sus { $hosts } hosts.
} { $sure ->
    [0] Ninguna máquina en marcha está marcada para reiniciarse.
    [one] Una máquina se reinicia en otro host con seguridad.
   *[other] { $sure } máquinas se reinician en otro host con seguridad.
} { $tried ->
    [0] { "" }
   *[other] { $tried } más si hay sitio.
}
pool-protection-at-risk-body = La protección está activa, pero tras perder { $wanted ->
    [one] un host
   *[other] { $wanted } hosts
} no todas las máquinas protegidas tendrían sitio. El pool puede perder { $possible }.
pool-protection-off-body = Cuando se pierde un host, sus máquinas quedan apagadas hasta que alguien las inicie en otro.
protect-turn-on = { protect-title }
protect-needs-hosts = La protección necesita al menos dos hosts. Añada antes un host.
protect-needs-storage = La protección necesita almacenamiento que alcancen todos los hosts. Añada antes almacenamiento compartido.
memory-used = { $size } usados
memory-kept = { $size } reservados por si se pierde un host
memory-free = { $size } libres
next-steps = Próximos pasos
step-done = Hecho
step-open = Por hacer
step-host = Añadir un segundo host
step-host-body = Con dos hosts hay adónde ir cuando se pierde uno.
step-host-do = Añadir host
step-storage = Añadir almacenamiento compartido
step-storage-body = Los discos que alcanzan todos los hosts pueden moverse y protegerse.
step-storage-do = Añadir almacenamiento
step-vm = Crear una máquina
step-vm-body = De una plantilla, en un minuto.
step-vm-do = { new-vm }
step-protect = { protect-title }
step-protect-body = Las máquinas de un host perdido vuelven a funcionar en otro segundos después.
step-protect-do = { policy-restart-do }
alerts-none = No hay alertas
alerts-none-body = Cuando algo necesite a una persona, estará aquí, con lo que hay que hacer.
alerts-all = Todas las alertas ({ $count })
alerts-clear = Quitar { $count }
alert-clear = Quitar
show-more = { $count } más
history-empty = Aún no ha ocurrido nada
history-empty-body = Aquí aparecen tareas y alertas, las más nuevas primero.
alerts-times = { $count } veces
alerts-since = desde { $since }
alerts-unfold = Mostrar todas
alerts-fold = Solo la más nueva
alerts-of = De qué tratan
alerts-of-all = Todos los objetos
alerts-of-pool = Pool
alerts-of-host = { tab-hosts }
alerts-of-vm = { column-vms }
alerts-of-sr = { tab-storage }
alerts-by = Cómo se agrupan
alerts-by-kind = Iguales juntas
alerts-by-object = Por objeto
alerts-by-each = Una por una
alerts-clear-chosen = Quitar las { $count } elegidas
alerts-clear-shown = Quitar las { $count } mostradas
alerts-clear-body = Desaparecen de esta página y del historial, para todos, y no vuelven. Lo que siga mal causará una alerta nueva.
alerts-history = { tab-history }
alerts-none-match = Nada cumple estos filtros. Quite alguno.
history-show = Qué se muestra
history-all = Todo
history-task = { tasks }
history-alert = { alerts }
history-failed = Tareas fallidas
alerts-by-severity = Por urgencia
alerts-state = Cómo están
alerts-state-all = En cualquier estado
alerts-state-open = Nadie se ocupa
alerts-state-taken = Alguien se ocupa
alerts-state-over = Resueltas solas
alerts-take = Ocuparse de { $count }
alerts-take-none = Alguien se ocupa ya de todas.
alerts-take-title = { $count ->
    [one] ¿Ocuparse de esta alerta?
   *[other] ¿Ocuparse de { $count } alertas?
}
alerts-take-body = Todos ven que se ocupa usted, y desde cuándo.
alert-take = Me ocupo yo
alert-give-back = Devolver
alert-taken = { $by } se ocupa
alert-note = Lo que los demás deben saber
alert-over = Resuelta
alert-over-body = Lo que cuenta ya no es así.
alerts-clear-title = { $count ->
    [one] ¿Quitar esta alerta?
   *[other] ¿Quitar { $count } alertas?
}
help-me = Ayuda
filters-saved = Sus filtros
filter-save = Guardar este filtro
filter-name = Nombre del filtro
filter-needs-name = Póngale antes un nombre.
filter-keep = { save }
filter-where = El pool lo guarda con su nombre: está en todos los navegadores.
filter-forget = Olvidar el filtro { $name }
help-runbooks = Qué hacer cuando
help-all = Todas las guías
help-in-english = Esta página está escrita en inglés.
help-host-dead = Un host ha caído
help-storage-lost = Se ha perdido el almacenamiento
help-power-fencing = Apagar los hosts caídos: control de energía
help-enable-ha = Activar la alta disponibilidad
help-replace-host = Sustituir un host
help-change-address = Un host recibe otra dirección
help-guest-hangs = Un invitado se cuelga
tab-cpu = Procesadores
vcpus-on = { $vcpus } CPU virtuales en { $cores } núcleos
problem-paused = { drill-finding-paused }
problem-drill = El último simulacro o ensayo falló.
problem-network-path = No se oye a { $host } en la red de latidos { $network }; otra funciona aún.
filter-full = Ya tiene { $most } filtros. Olvide uno primero.
discovery-title = Visibilidad en la red
discovery-on = Mostrar este pool en su red
discovery-body = Los hosts sin pool ven su nombre y la dirección de su coordinador, y este pool los ve a ellos. Cualquiera en la red de gestión puede leerlo. Si se desactiva, los hosts se añaden por dirección y se unen con una clave, como siempre.
