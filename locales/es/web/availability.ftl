# Disponibilidad y activación de la protección.
promise = Promesa
failures-to-survive = Hosts que pueden perderse a la vez
failures-possible = { $possible ->
    [0] No hay sitio para perder un host.
    [one] Hay sitio para perder un host.
   *[other] Hay sitio para perder { $possible } hosts.
}
fewer = Menos
more = Más
timing = En cuánto tiempo (tiempos: { $profile })
protect-turn-off = Desactivar la protección
protect-turn-off-confirm = Las máquinas de un host perdido ya no se reiniciarán. Ahora siguen funcionando como están.
policy-is-so-already = Ya es así.
policy-restart = { protection-protected }
policy-best-effort = { protection-best-effort }
policy-none = { protection-none }
policy-restart-do = Proteger
policy-best-effort-do = Proteger si hay sitio
policy-none-do = No proteger
policy-of = Protección de { $name }
policy-for-all = Para todas:
heartbeats = Latidos
heartbeats-off = La protección está desactivada: los hosts solo se observan para mostrar si viven.
coordinator = coordina
beat-network = { kind-network }
beat-storage = Disco
beat-permit = Puede tener máquinas por
beat-heard = se oye
beat-missing = no se oye
permit-disk = almacenamiento
permit-votes = votos
member-member = { host-role-member }
member-live = { host-live }
member-dying = Dándose por perdido
member-dead = Perdido
member-silent = Callado
member-out = No es miembro
heartbeat-storage = El almacenamiento de latidos
statefile-good = { $sr } recibe latidos
statefile-bad = { $sr } no responde
milliseconds = { $value } ms
seconds = { $count } s
what-if = Qué pasaría si…
what-if-body = Elija hosts: el pool calcula dónde volverían a funcionar sus máquinas. No se hace nada.
what-if-hosts = Hosts que fallan
if-host-fails = falla { $host }
what-if-result = { $count ->
    [one] Una máquina vuelve a funcionar
   *[other] { $count } máquinas vuelven a funcionar
}{ $lost ->
    [0] { "." }
    [one] ; una no encuentra sitio.
   *[other] ; { $lost } no encuentran sitio.
}
what-if-nothing = No habría que reiniciar nada
what-if-nothing-body = Ninguna máquina en marcha de estos hosts está protegida.
clear = Borrar
column-policy = { column-protection }
column-order = Orden
column-delay = Espera
column-restarts-on = Vuelve a funcionar en
restarts-nowhere = en ninguno
policies = Qué máquinas ({ $count } se reinician si se pierde su host)
policies-body = Elija máquinas y cámbielas juntas. El orden más bajo se inicia primero.

protect-title = Activar la protección
protect-is-on = La protección ya está activa.
protect-step-check = Revisión
protect-step-storage = Almacenamiento de latidos
protect-step-machines = { column-vms }
protect-step-review = { step-review }
protect-why-check = Hay que distinguir un host aislado de uno muerto, y pararlo antes de que sus máquinas se inicien en otro. Para eso hace falta un segundo host adonde ir y almacenamiento que todos alcancen.
protect-why-storage = Cada host escribe cada segundo una señal de vida en este almacenamiento. Un host al que no se oye y que no escribe se detiene. Tres almacenamientos sobreviven a la pérdida de uno.
protect-why-machines = «Protegida» reserva memoria en otros hosts, así que el reinicio es seguro. «Si hay sitio» no reserva nada. Puede cambiarse en cualquier momento.
protect-why-review = Primero se revisa cada host: guardián, watchdog, reloj, almacenamiento, red. Si una revisión falla, no se cambia nada.
protect-no-storage-chosen = Elija al menos un almacenamiento.
protect-too-many = Solo hay sitio para perder { $possible }.
protect-no-vms = La protección funciona sin máquinas. Las nuevas pueden protegerse al crearlas.
check-state-good = Bien
check-state-warning = Merece pensarlo
check-state-bad = Falta
check-hosts = { $count ->
    [one] El pool tiene un host; hacen falta dos.
   *[other] El pool tiene { $count } hosts.
}
check-live = Todos los hosts responden.
check-lost = No responden: { $names }.
check-shared = Almacenamiento compartido: { $names }.
check-no-shared = No hay almacenamiento que alcancen todos los hosts.
check-attached = Está conectado a todos los hosts.
check-attached-later = Si lo alcanzan todos los hosts se verá cuando exista.
check-detached = No está conectado a todos los hosts: { $names }.
check-two-hosts = Con dos hosts, solo el almacenamiento decide quién sigue cuando falla la red. Un tercer host da más seguridad.
check-three-hosts = Tres hosts o más pueden votar.
check-more-later = Guardián, watchdog, relojes y rutas se revisan al final en cada host.
storage-fits = { $type }, { $free } libres
storage-hint = Ocupa 4 MiB para los latidos y una copia de la base de datos del pool.
review-machines = { $sure } protegidas, { $tried } si hay sitio, { $none } sin protección
profile = Tiempos
profile-fast = Rápidos
profile-fast-body = Un host perdido se abandona a los pocos segundos. Para almacenamiento rápido y fiable.
profile-default = Normales
profile-default-body = El reinicio empieza en unos 23 segundos. Adecuado para casi todos.
profile-conservative = Pacientes
profile-conservative-body = Para almacenamiento que puede pararse medio minuto.

# Detalles de las alertas, y con qué rapidez ocurre cada cosa.
limit-restart = Un host pierde la corriente o se cuelga: sus máquinas protegidas empiezan a arrancar en otro host en { $seconds } s.
limit-takeover = El coordinador pierde la corriente o se cuelga: otro host toma su lugar y las máquinas protegidas empiezan a arrancar en { $seconds } s; con una base de datos grande en un almacenamiento lento tarda más.
limit-isolated = Un host pierde la red y el almacenamiento: detiene sus máquinas en { $seconds } s, antes de que arranquen en otro host.
limit-network = Un host pierde solo la red: los hosts acuerdan quién se queda, { $seconds } s después como muy pronto.
limit-storage = El almacenamiento se detiene para todos: no les pasa nada a los hosts que se oyen mientras sean más de la mitad, y más que los fallos que se deben tolerar; si no, los hosts detienen sus máquinas en { $seconds } s.
limit-watchdog = El guardián de un host se cuelga: su watchdog reinicia el host en { $seconds } s.
limit-guests = Un host que debe ceder aún llega a su almacenamiento: pide a sus máquinas que se apaguen y detiene a las que no lo hayan hecho a los { $seconds } s; solo entonces arrancan en otro host.
pause-on = La protección está en pausa hasta las { $until } (quedan { $left })
pause-by = De { $by }: { $reason }
drill = Hacer un simulacro
drill-title = Hacer un simulacro
drill-body = Un ensayo no detiene nada. Un simulacro es real: se excluye un host como si se hubiera perdido.
drill-kind = Qué se prueba
drill-rehearse = Ensayar
drill-rehearse-body = Mira todas las vías de cada host y calcula la pérdida de cada uno.
drill-host = Excluir { $host } de verdad
drill-put-out = Excluir el host
drill-loss = { $count ->
    [0] Ninguna máquina funciona en { $host }; sale del pool y vuelve solo.
    [one] La máquina de { $host } se detiene enseguida. { $sure } protegida; empieza a arrancar en otro host en { $seconds } s.
   *[other] Las { $count } máquinas de { $host } se detienen enseguida, sin preguntar a sus sistemas. { $sure } están protegidas: empiezan a arrancar en otro host en { $seconds } s.
}
drill-bare = Sin protección: { $names }. Protéjalas, muévalas o apáguelas antes: nadie las arrancaría de nuevo.
drill-is-running = Hay un simulacro en curso: se excluyó { $host }.
drill-never = Aún no hay simulacros: haga uno cuando nada dependa de ello.
drill-last-host = Último simulacro { $ago }: { $result }
drill-last-rehearsal = Último ensayo { $ago }: { $result }
drill-passed = superado
drill-failed = fallido
drill-by = { $by }, { $at }.
drill-told = Se excluyó { $host }; { $count } máquinas protegidas funcionaban en otro host a los { $time }.
drill-behind = No volvieron: { $names }
drill-rehearsal-passed = Ensayo superado: el pool sobreviviría ahora a la pérdida de cualquier host.
drill-rehearsal-failed = { $count ->
    [one] El ensayo encontró un problema.
   *[other] El ensayo encontró { $count } problemas.
}
drill-finding-paused = La protección está en pausa.
drill-finding-missing = { $host } no es miembro ahora.
drill-finding-network = No se oye a { $host } en la red de latidos { $network }.
drill-finding-storage = { problem-no-storage-beat }
drill-finding-statefile = El almacenamiento de latidos { $sr } no responde.
drill-finding-room = Sin { $host } no hay sitio para { $vm }.
protect-settings = Ajustes de la protección
protect-settings-body = Cambian sin desactivar la protección. Cuánto sitio se reserva lo dice `haven ha policy`.
protect-settings-do = Cambiar
protect-settings-same = { settings-unchanged }
isolation = Un host sin red que conserva su almacenamiento
isolation-fence = Detiene sus máquinas enseguida
isolation-fence-body = Arrancan en otro host cuanto antes.
isolation-shutdown = Pide antes a sus máquinas que se apaguen
isolation-shutdown-body = Sus datos quedan en orden; el reinicio tarda más.
isolation-hold = Las deja funcionar mientras pueda
isolation-hold-body = Para redes que fallan más que los hosts.
what-if-any = Hosts cualesquiera que fallan
if-any-fail = { $count ->
    [one] Falla uno cualquiera
   *[other] Fallan { $count } cualesquiera
}
if-any-good = { $count ->
    [one] Sea cual sea, todas las máquinas protegidas vuelven a funcionar.
   *[other] Sean cuales sean los { $count }, todas las máquinas protegidas vuelven a funcionar.
}
if-any-bad = { $count ->
    [one] No con la pérdida de cualquier host tendrían sitio todas las máquinas protegidas.
   *[other] No con la pérdida de { $count } hosts cualesquiera tendrían sitio todas las máquinas protegidas.
}
beat-network-of = Red { $number }
beat-watchdog = Watchdog
beat-power = Control de energía
watchdog-none = sin él
power-none = sin configurar
policy-for = Para:
policy-for-everything = todas las máquinas
policy-for-tag = las de etiqueta { $tag }
protect-rehearse = Ensayar después la pérdida de cada host
protect-rehearse-body = No detiene nada y queda como el primer simulacro registrado.
check-static = Cada host tiene una dirección fija.
check-dhcp = La dirección de estos hosts viene por DHCP: { $names }.
check-dhcp-remedy = Si cambia, los demás pierden el host. Dele una dirección fija, en el host:
check-paths = Un segundo camino para los latidos: { $names }.
check-one-path = Los latidos van por una sola red.
check-one-path-remedy = Una segunda red en la que cada host tenga una dirección fija, por ejemplo la del almacenamiento, mantiene unidos los hosts cuando falla un switch.
check-fencing = Cada host se puede apagar con su control de energía.
check-no-fencing = Sin control de energía configurado: { $names }.
check-no-fencing-remedy = Funciona sin él: las máquinas perdidas esperan entonces hasta que su host se haya detenido con seguridad. Con él arrancan antes.
check-bound = { $vm } no podría funcionar en otro host: { $why }
see-machine = Ver la máquina
check-each-host = Qué dice cada host
check-asking = Preguntando a los hosts …
check-again = Preguntar otra vez
arming-guard = Guardián
arming-guard-bad = El guardián no responde o no está configurado para este host: abajo se indica lo que falta. Si no se ejecuta, en ese host: sudo systemctl start haven-guard
arming-watchdog = { beat-watchdog }
arming-watchdog-bad = No hay ningún watchdog que el guardián pueda usar: nada reinicia el host cuando se cuelga. Cargue el controlador de su watchdog o, en ese host: sudo modprobe softdog
arming-watchdog-warning = El watchdog no ayuda en todos los casos; abajo se indica lo encontrado. Uno solo de software se detiene con el núcleo: si el hardware tiene uno, cargue su controlador.
arming-peers = Alcanza a los demás
arming-peers-bad = No alcanza a otro host del pool. Mire su red y su cortafuegos.
arming-clock = { host-check-clock }
arming-clock-warning = Su reloj se aparta del del coordinador. En ese host: sudo timedatectl set-ntp true
protect-bare = Seguir sin watchdog en { $names }
protect-bare-risk = Un host que se cuelga y luego sigue puede escribir en discos de máquinas que entretanto arrancaron en otro sitio, y destruirlos.
protect-paths = Más redes para los latidos
protect-paths-body = Cada host tiene allí una dirección fija. Así un solo fallo no separa los hosts.
storage-two = Con dos elegidos se usa uno: tendrían que responder ambos. Elija tres para sobrevivir a la pérdida de uno.
watchdog-armed = armado
watchdog-waits = no armado
watchdog-within = (reinicia en { $seconds } s)
power-agents = { $mode } y { NUMBER($count) } en total
messages-show = Qué significan los mensajes
messages-title = Mensajes de la protección
messages-body = De qué puede avisar la protección y qué puede rechazar: qué significa cada mensaje y qué hacer entonces.
messages-find = Buscar un mensaje
messages-refusals = Rechazos
messages-now = { $count ->
    [one] Una espera ahora
   *[other] { $count } esperan ahora
}
