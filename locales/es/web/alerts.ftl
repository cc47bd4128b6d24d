# Alertas: qué pasó (también por caso), qué exactamente (-detail), qué hacer (-remedy). La línea de órdenes dice lo mismo.
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
alert-ALARM = Algo necesita a una persona
alert-ALARM-two-hosts = Una máquina funciona en dos hosts a la vez
alert-ALARM-two-hosts-remedy = Corte ya la corriente de uno de los dos y revise después los discos de la máquina.
alert-ALARM-broken = Ocurrió algo que la alta disponibilidad promete que nunca ocurre
alert-ALARM-broken-detail = Lo que se rompió se llama { $invariant }; la documentación dice qué significa.
alert-ALARM-broken-remedy = No cambie nada más, guarde los registros de todos los hosts y mire en qué hosts funciona cada máquina.
alert-ALARM-daemon-silent = La gestión de un host no responde, aunque el host vive
alert-ALARM-daemon-silent-detail = El servicio havend de { $host } no informa desde hace { $seconds } s. Sus máquinas siguen funcionando y están protegidas si el host falla; allí no se puede arrancar, detener ni mover nada.
alert-ALARM-daemon-silent-remedy = Revise el registro de havend en ese host, su memoria y su disco raíz; luego inícielo: systemctl restart havend
alert-ALARM-storage-lost = Un host perdió un almacenamiento que otros sí tienen
alert-ALARM-storage-lost-detail = { $host } no alcanza { $sr }; { $vms ->
    [0] ninguna máquina espera por él.
    [one] una máquina espera por él.
   *[other] { $vms } máquinas esperan por él.
}
alert-ALARM-storage-lost-remedy = Repare el camino: cable, conmutador, exportación o ruta. La política del grupo dice si sus máquinas se mueven al cabo de un tiempo.
alert-ALARM-storage-lost-everywhere = Todos los hosts perdieron un almacenamiento
alert-ALARM-storage-lost-everywhere-detail = Ningún host alcanza { $sr }; { $vms ->
    [0] ninguna máquina espera por él.
    [one] una máquina espera por él.
   *[other] { $vms } máquinas esperan por él.
} No se mueve ninguna.
alert-ALARM-storage-lost-everywhere-remedy = Repare el almacenamiento. Cuando vuelva, las máquinas continúan o arrancan.
alert-ALARM-storage-back = Volvió un almacenamiento que se había perdido
alert-ALARM-storage-back-detail = Todos los hosts alcanzan de nuevo { $sr }.
alert-ALARM-storage-no-room = Hay máquinas detenidas en un almacenamiento perdido y no caben en otro host
alert-ALARM-storage-no-room-detail = { $host } perdió { $sr }. Sus máquinas se quedan allí hasta que haya sitio para todas.
alert-ALARM-storage-no-room-remedy = Libere memoria en los hosts que tienen el almacenamiento o repare el camino.
alert-ALARM-storage-held = Un host no puede soltar el almacenamiento perdido
alert-ALARM-storage-held-detail = { $host } aún podría escribir en { $sr }; por eso las máquinas que se detuvieron allí no arrancan en otro host. { $why }
alert-ALARM-storage-held-remedy = Repare el camino o apague el host.
alert-ALARM-storage-stuck = No se puede detener una máquina cuyo almacenamiento se perdió
alert-ALARM-storage-stuck-detail = Su proceso sigue en { $host }; por eso no arranca en otro host. { $why }
alert-ALARM-storage-stuck-remedy = Repare el camino o apague el host.
alert-HA-HOST-FAILED-detail = { $vms ->
    [0] No tenía ninguna máquina.
    [one] Tenía una máquina.
   *[other] Tenía { $vms } máquinas.
} Se dio por perdido { $noticed } s después de su última señal de vida, y a los { $stopped } s había detenido sus máquinas con seguridad.
alert-HA-HOST-FAILED-not-proven-off = No se pudo apagar un host con seguridad
alert-HA-HOST-FAILED-not-proven-off-detail = { $why }. Sus máquinas arrancan en otro host en cuanto las haya detenido por sí mismo con seguridad.
alert-HA-HOST-FAILED-not-proven-off-remedy = Revise su dispositivo de aislamiento: dirección, usuario y contraseña.
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented = Hay máquinas que esperan su reinicio: por ahora los reinicios están impedidos
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented-remedy = Continúan cuando pase ese tiempo.
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR-detail = { $now ->
    [0] Ahora no puede perder ningún host;
    [one] Ahora puede perder un host;
   *[other] Ahora puede perder { $now } hosts;
} antes eran { $before }.
alert-HA-POOL-OVERCOMMITTED-detail = { $now ->
    [0] Ahora no puede perder ningún host.
    [one] Ahora puede perder un host.
   *[other] Ahora puede perder { $now } hosts.
}
alert-HA-POOL-OVERCOMMITTED-forced = Se hizo algo aunque después no toda máquina protegida encontraría sitio
alert-VM-SHUTDOWN-by-itself = El sistema invitado se apagó por sí mismo
alert-VM-SNAPSHOTTED = Instantánea tomada
alert-VM-CHECKPOINTED = Instantánea con memoria tomada
alert-VM-SNAPSHOT-REVERTED = Máquina devuelta a una instantánea
alert-HA-STATEFILE-LOST-foreign-statefile = El almacenamiento de latidos pertenece a otra activación
alert-HA-STATEFILE-LOST-foreign-statefile-detail = En { $statefile } está lo que escribió otro pool o una protección anterior.
alert-HA-STATEFILE-LOST-foreign-statefile-remedy = Compruebe que ningún otro pool usa este almacenamiento; luego sustituya el volumen de latidos, o desactive y active la protección.
alert-HA-STATEFILE-LOST-bad-superblock = El volumen de latidos está dañado
alert-HA-STATEFILE-LOST-bad-superblock-detail = No se puede leer su cabecera en { $statefile }.
alert-HA-STATEFILE-LOST-bad-superblock-remedy = Sustituya el volumen de latidos, o desactive y active la protección.
alert-HA-STATEFILE-LOST-regressed-statefile = El volumen de latidos es una copia antigua de sí mismo
alert-HA-STATEFILE-LOST-regressed-statefile-detail = Lo que hay en { $statefile } ya estuvo antes: se restauró de una copia.
alert-HA-STATEFILE-LOST-regressed-statefile-remedy = No restaure nunca este almacenamiento con la protección activa. Sustituya el volumen de latidos.
alert-HA-STATEFILE-LOST-lost-statefile = Uno de los volúmenes de latidos no responde
alert-HA-STATEFILE-LOST-lost-statefile-detail = Está en { $statefile }. Los demás siguen; la próxima pérdida contaría.
alert-HA-STATEFILE-LOST-lost-statefile-remedy = Repare este almacenamiento o sustituya el volumen de latidos.
alert-HA-STATEFILE-LOST-silent-statefile = Ningún almacenamiento de latidos responde
alert-HA-STATEFILE-LOST-silent-statefile-detail = Los hosts se mantienen unidos solo por la red.
alert-HA-STATEFILE-LOST-silent-statefile-remedy = Repare el almacenamiento antes de que falle también la red.
alert-HA-STATEFILE-LOST-bad-ballot = Lo que escribió un host en el volumen de latidos está dañado
alert-HA-STATEFILE-LOST-bad-ballot-detail = Es el lugar de { $host } en { $statefile }.
alert-HA-STATEFILE-LOST-bad-ballot-remedy = Revise el almacenamiento y sustituya después el volumen de latidos.
alert-HA-STATEFILE-LOST-diskless = Un host lleva un minuto sin alcanzar el almacenamiento de latidos
alert-HA-STATEFILE-LOST-diskless-detail = Es { $host }. Si ahora falla la red, detiene sus máquinas.
alert-HA-STATEFILE-LOST-diskless-remedy = Repare su camino al almacenamiento. Sus máquinas se están moviendo a otros hosts; si el almacenamiento no vuelve en otro minuto, el host es expulsado y las máquinas protegidas que sigan allí se inician en otros.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog = El host no tiene un watchdog que actúe a tiempo
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-detail = No puede ejecutar máquinas protegidas hasta que lo tenga.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-remedy = Cargue el controlador del watchdog del equipo, o softdog, con un tiempo lo bastante corto.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark = Cada host está solo
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-detail = Ningún host oye a otro, y nadie alcanza las direcciones que siempre están.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-remedy = Revise el conmutador de la red de latidos. Ahora decide solo el almacenamiento.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted = Algunos hosts no se oyen entre sí
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted-remedy = Revise cables y conmutadores entre ellos; la página de disponibilidad muestra cuáles.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined = Un host entró y salió demasiadas veces
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-detail = { $host } fue expulsado tres veces en una hora y por ahora no se admite.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-remedy = Averigüe qué le pasa y libérelo después: haven host enable { $host }
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs = Hay demasiados cambios de miembros sin terminar
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-detail = Ningún host puede unirse hasta que terminen algunos.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-remedy = Arranque los hosts que faltan, o desactive y active la protección.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin = Otra máquina lleva el nombre de este host
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin-detail = Una es copia del disco de la otra. La que arrancó después se aparta y no ejecuta nada.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-twin-remedy = Apague la copia, borre /var/lib/haven de su disco y únala como un host propio.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot = Un host está en el lugar de otro
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-detail = Es el lugar de { $host }.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-remedy = Dos hosts se hicieron de una misma imagen: instale uno de ellos de nuevo.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy = Se pierden muchos latidos de un host
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy-detail = Al menos una cuarta parte de lo que { $host } envía por la red se pierde o llega tarde.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-lossy-remedy = Revise su tarjeta de red, su cable y el puerto del conmutador, y lo ocupada que está la red.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network = Un host calla en una red de latidos
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network-detail = No llega nada de { $host } por la red de latidos { $network }; otra sigue funcionando. Si también falla, el host quizá tenga que ceder.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-peer-network-remedy = Revise su tarjeta de red, su cable y el puerto del conmutador en esa red.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked = Dos hosts no se oyen entre sí
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked-detail = { $host } y { $other } no tienen un enlace que funcione en ambos sentidos; otros hosts oyen a los dos. Si la red falla más, uno de los dos podría tener que retirarse.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-unlinked-remedy = Revise los cables y los puertos del conmutador entre ambos, y los filtros que descarten paquetes en un solo sentido.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network = Por una red de latidos no llega nada
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network-detail = No oye a ningún otro host por la red de latidos { $network }; otra sigue funcionando.
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-own-network-remedy = Revise el conmutador de esa red y la conexión del host a ella.
alert-ALARM-strangers = Alguien falsifica latidos
alert-ALARM-strangers-detail = Por la red de latidos llegan paquetes que no firmó ningún host de este pool. Se ignoran.
alert-ALARM-strangers-remedy = Averigüe quién los envía: un intruso, un host con una activación anterior de este pool u otro pool con las mismas direcciones. Mantenga a los extraños fuera de esa red.
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile = El almacenamiento de latidos es lento
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile-detail = { $statefile } tarda mucho en responder, en comparación con los plazos. Si se vuelve más lento, los hosts pueden darlo por perdido.
alert-HA-STATEFILE-APPROACHING-TIMEOUT-slow-statefile-remedy = Averigüe qué más ocupa el almacenamiento. Si siempre es así de lento, active la protección con los plazos conservadores.
alert-VM-STARTED-detail = En { $host }.
alert-VM-STARTED-failover = La protección volvió a iniciar la máquina
alert-VM-STARTED-failover-detail = En { $host }. No se movió: arrancó de nuevo.
alert-VM-RESUMED-detail = En { $host }.
alert-VM-MIGRATED-detail = De { $from } a { $to }.
alert-VM-CLONED-detail = La copia se llama { $to }.
alert-VM-SNAPSHOTTED-detail = Se llama { $snapshot }.
alert-VM-CHECKPOINTED-detail = Se llama { $snapshot }.
alert-VM-SNAPSHOT-REVERTED-detail = Es { $snapshot }.
alert-VM-SHUTDOWN-forced = Máquina apagada sin preguntar a su invitado
alert-VM-REBOOTED-forced = Máquina reiniciada sin preguntar a su invitado
alert-ALARM-forgotten = La protección está desactivada
alert-ALARM-forgotten-detail = Lleva { $hours } horas desactivada. Si falla un host, no se reinicia ninguna máquina; { $vms } deberían reiniciarse.
alert-ALARM-forgotten-remedy = Actívela de nuevo: haven ha enable. Si debe seguir desactivada, termine con los avisos: haven ha policy remind_hours=0
alert-ALARM-pause-over = Ha terminado la pausa de la protección
alert-ALARM-pause-over-detail = Las máquinas de un host perdido vuelven a reiniciarse. La pausa era de { $by }: { $reason }
alert-ALARM-guest-reset = Una máquina se colgó y se reinició a la fuerza
alert-ALARM-guest-reset-detail = { $vm } no dio señales de vida durante { $seconds } s. Se reinicia como mucho { $most } veces en su plazo; esta fue la número { $count }.
alert-ALARM-guest-reset-remedy = Averigüe en sus propios registros por qué se colgó. Se guarda lo que mostraba su pantalla.
alert-ALARM-guest-hangs = Una máquina está colgada y ya no se reinicia
alert-ALARM-guest-hangs-detail = { $vm } se colgó otra vez y ya se reinició bastantes veces.
alert-ALARM-guest-hangs-remedy = Mire su consola y reiníciela usted. El pool vuelve a vigilarla cuando su agente responda y haya pasado el plazo.
alert-ALARM-guest-loops = Una máquina arranca una y otra vez
alert-ALARM-guest-loops-detail = { $vm } se deja como está.
alert-ALARM-guest-loops-remedy = Mire su consola: no termina de arrancar o algo en ella la reinicia.
alert-ALARM-guest-ends = Una máquina se detiene una y otra vez
alert-ALARM-guest-ends-detail = { $vm } ya no se inicia.
alert-ALARM-guest-ends-remedy = Averigüe por qué se detiene e iníciela después.
alert-ALARM-guest-unmonitored = Una máquina no se puede vigilar
alert-ALARM-guest-unmonitored-detail = El agente de { $vm } no ha respondido desde que arrancó.
alert-ALARM-guest-unmonitored-remedy = Instale el agente de invitado e inícielo, o desactive la vigilancia.
alert-ALARM-drill-passed = Simulacro superado: todas las máquinas protegidas funcionan de nuevo
alert-ALARM-drill-passed-detail = { $by } excluyó { $host }; { $vms } máquinas funcionaban en otro host a los { $seconds } s.
alert-ALARM-drill-failed = Simulacro fallido: no todas las máquinas protegidas funcionan de nuevo
alert-ALARM-drill-failed-detail = { $by } excluyó { $host }. A los { $seconds } s no funcionan: { $behind }
alert-ALARM-drill-failed-remedy = Vea el porqué en el historial de esas máquinas y del host.
alert-METADATA-LUN-BROKEN = El volumen que guarda la base de datos del pool para sus hosts no está en orden
alert-METADATA-LUN-BROKEN-remedy = Las máquinas siguen. Repare el almacenamiento en el que está; después se escribe de nuevo por sí solo.
alert-METADATA-LUN-HEALTHY = El volumen con la base de datos del pool vuelve a estar bien
alert-HOST-CONSOLE-OPENED = Se abrió la consola de un host
alert-HOST-CONSOLE-OPENED-detail = { $host }, por { $user } desde { $from }.
alert-HOST-CONSOLE-CLOSED = Se cerró la consola de un host
alert-HOST-CONSOLE-CLOSED-detail = { $host }, por { $user } desde { $from }, al cabo de { $seconds } s.
