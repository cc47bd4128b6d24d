# Resumen del pool, alertas, historial.
hosts-live = { $count ->
    [one] { $count } host activo
   *[other] { $count } hosts activos
}
vms-running = { $running } en marcha, { $stopped } apagadas
vcpus = CPU virtuales
vcpus-on-cores = en marcha sobre { $cores } núcleos
readiness = Lo que pide a alguien
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
pool-protection-at-risk = En riesgo
pool-protection-off = Sin protección
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
protect-turn-on = Activar la protección
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
step-vm-do = Máquina nueva
step-protect = Activar la protección
step-protect-body = Las máquinas de un host perdido vuelven a funcionar en otro segundos después.
step-protect-do = Proteger
alerts-none = No hay alertas
alerts-none-body = Cuando algo necesite a una persona, estará aquí, con lo que hay que hacer.
alerts-all = Todas las alertas ({ $count })
alerts-clear = Quitar { $count }
alert-clear = Quitar
show-more = { $count } más
history-empty = Aún no ha ocurrido nada
history-empty-body = Aquí aparecen tareas y alertas, las más nuevas primero.

alert-HA-HOST-FAILED = Se perdió un host; sus máquinas protegidas se inician en otro
alert-HA-HOST-FAILED-remedy = Averigüe por qué: corriente, red o la propia máquina. Cuando vuelva, se unirá solo.
alert-HA-HOST-WAS-FENCED = Un host se detuvo para que sus máquinas pudieran funcionar en otro
alert-HA-HOST-WAS-FENCED-remedy = Mire sus conexiones de red y almacenamiento en ese momento.
alert-HA-STATEFILE-LOST = Un host no puede escribir en el almacenamiento de latidos
alert-HA-STATEFILE-LOST-remedy = Repare su conexión al almacenamiento antes de que falle también la red.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT = Los latidos por la red llegan tarde
alert-HA-STATEFILE-APPROACHING-TIMEOUT = El almacenamiento de latidos es lento
alert-HA-STATEFILE-APPROACHING-TIMEOUT-remedy = Si ocurre a menudo, use los tiempos conservadores.
alert-HA-POOL-OVERCOMMITTED = No todas las máquinas protegidas tendrían sitio tras una pérdida
alert-HA-POOL-OVERCOMMITTED-remedy = Añada memoria o hosts, proteja menos máquinas o prometa menos pérdidas.
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR = El pool sobrevive a menos pérdidas que antes
alert-HA-PROTECTED-VM-RESTART-FAILED = No se pudo reiniciar una máquina protegida
alert-HA-PROTECTED-VM-RESTART-FAILED-remedy = El pool lo sigue intentando. Haga sitio o vea por qué en el historial de la máquina.
alert-VM-STARTED = Máquina iniciada
alert-VM-SHUTDOWN = Máquina apagada
alert-VM-REBOOTED = Máquina reiniciada
alert-VM-MIGRATED = Máquina movida a otro host
alert-VM-PAUSED = Máquina en pausa
alert-VM-UNPAUSED = La máquina continúa
alert-VM-SUSPENDED = Máquina suspendida
alert-VM-RESUMED = Máquina reanudada
alert-VM-CRASHED = La máquina falló
alert-VM-CLONED = Máquina clonada
alert-POOL-MASTER-TRANSITION = Otro host coordina el pool
alert-HOST-CLOCK-SKEW-DETECTED = El reloj de un host no es correcto
alert-HOST-CLOCK-SKEW-DETECTED-remedy = Configure NTP en él.
alert-PBD-PLUG-FAILED-ON-SERVER-START = No se pudo conectar un almacenamiento al arrancar un host
alert-PBD-PLUG-FAILED-ON-SERVER-START-remedy = Mire la página del almacenamiento: dice por qué y lo repara.
