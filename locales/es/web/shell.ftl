# El marco de la consola: palabras comunes a todas las pantallas.
product = Haven
cancel = Cancelar
close = Cerrar
back = Atrás
next = Siguiente
new = Nuevo
copy = Copiar
copied = Copiado
try-again = Intentar de nuevo
reload = Recargar la página
loading = Cargando
warning = Aviso
why = ¿Por qué?
actions = Acciones
tabs = Pestañas
breadcrumb = Dónde está
as-cli = Lo mismo en la línea de órdenes
copy-as-cli = Copiar como orden: { $line }
and-more = … y { $count } más
notices = Novedades
version = Versión { $version }
served-by = Servido por { $host }
toggle-tree = Mostrar u ocultar el árbol
skip-to-content = Ir al contenido
language = Idioma
theme-dark = Oscuro
theme-light = Claro
search-or-do = Buscar o hacer algo
palette = Órdenes y objetos
palette-hint = Un nombre, una página o qué hacer: «iniciar web1»
alerts = Alertas
alerts-count = { $count ->
    [one] { $count } alerta pide atención
   *[other] { $count } alertas piden atención
}
user-name = Usuario
password = Contraseña
sign-in = Entrar
sign-in-to = Entrar en { $pool }
sign-in-host = { $host } sirve esta página.
sign-out = Salir
session-ended = Vuelva a entrar, por favor
session-ended-body = La sesión ha terminado. Todo lo que hay en la página queda como está.
away = El pool no responde desde las { $since }. La página vuelve a preguntar sola; lo que ve puede ser antiguo.

wizard-steps = Pasos
confirm-title = { $action }: { $count ->
    [one] { $name }
   *[other] { $count } objetos
}
confirm-body = ¿Quiere continuar?
confirm-type = Para continuar, escriba «{ $expected }»
action-failed = «{ $action }» no ha salido bien: { $object }

error-unreachable = El pool no responde.
error-unreachable-remedy = Quizá el host esté apagado o falle la red. La página lo intenta de nuevo sola; cualquier otro host del pool sirve la misma consola.
error-page = Esta página ha cometido un error.
error-page-remedy = Nada del pool está afectado. Recargue la página; si se repite, comunique lo que aquí se lee.

filter-list = Filtrar
selected = { $count ->
    [one] { $count } elegido
   *[other] { $count } elegidos
}
select-all = Elegir todo
select-row = Elegir { $name }
nothing-matches = Nada coincide
nothing-matches-body = Aquí nada contiene «{ $query }». Quite una palabra o borre el filtro.
object-gone = Este objeto ya no está
object-gone-body = Se ha borrado, o la dirección es errónea.
to-the-pool = Al pool

tree = Pool
tree-stopped = Máquinas apagadas
tree-storage = { tab-storage }
tree-networks = { tab-networks }
tree-templates = Plantillas
tree-state-live = activo
tree-state-lost = no responde
tree-state-disabled = en mantenimiento
tree-state-Running = en marcha
tree-state-Halted = apagada
tree-state-Paused = en pausa
tree-state-Suspended = suspendida

kind-pool = Pool
kind-host = { column-host }
kind-vm = Máquina
kind-sr = { tab-storage }
kind-network = Red
kind-command = Nuevo
kind-page = Página
kind-action = Acción

power-running = En marcha
power-halted = Apagada
power-paused = En pausa
power-suspended = Suspendida
host-live = Activo
host-disabled = En mantenimiento
host-lost = No responde
protection-protected = Protegida
protection-best-effort = Si hay sitio
protection-at-risk = En riesgo
protection-none = Sin protección

tab-overview = Resumen
tab-hosts = Hosts
tab-vms = { column-vms }
tab-storage = Almacenamiento
tab-networks = Redes
tab-availability = Disponibilidad
tab-performance = Rendimiento
tab-settings = Ajustes
tab-history = Historial
tab-console = Consola
tab-disks = Discos
tab-protection = { column-protection }
tab-paths = Hosts y rutas

tasks = Tareas
tasks-none = No hay nada en marcha
tasks-empty = No se ha hecho nada en los últimos minutos. Lo que inicie aparece aquí con su avance.
tasks-running = { $count ->
    [one] { $count } tarea en marcha
   *[other] { $count } tareas en marcha
}
tasks-summary = { $count ->
    [one] { $name } { $object } · { $progress } %
   *[other] { $count } en marcha · { $name } { $object } · { $progress } %
}
task-status-pending = En marcha
task-status-success = Hecho
task-status-failure = Falló
task-status-cancelling = Cancelándose
task-status-cancelled = Cancelado
task-VM-start = { vm-start }
task-VM-start-on = { vm-start }
task-VM-clean-shutdown = { vm-shutdown }
task-VM-shutdown = { vm-shutdown }
task-VM-hard-shutdown = { vm-power-off }
task-VM-clean-reboot = { vm-reboot }
task-VM-hard-reboot = { vm-reset }
task-VM-pause = { vm-pause }
task-VM-unpause = { vm-unpause }
task-VM-suspend = { vm-suspend }
task-VM-resume = { vm-resume }
task-VM-resume-on = { vm-resume }
task-VM-pool-migrate = { vm-migrate }
task-VM-clone = Clonar
task-VM-copy = Copiar
task-VM-provision = Crear los discos
task-VM-destroy = { vm-delete }
task-VM-create = Crear
task-SR-create = Crear almacenamiento
task-SR-scan = Mirar el almacenamiento
task-PIF-scan = Mirar los puertos de un host
task-SR-forget = Olvidar almacenamiento
task-SR-destroy = Destruir almacenamiento
task-PBD-plug = Conectar almacenamiento
task-PBD-unplug = Desconectar almacenamiento
task-host-disable = { host-disable }
task-host-enable = { host-enable }
task-host-evacuate = { host-evacuate }
task-host-destroy = Olvidar host
task-pool-eject = Quitar host
task-pool-enable-ha = { protect-title }
task-pool-disable-ha = { protect-turn-off }
task-VDI-create = Crear disco
task-VDI-destroy = Borrar disco
task-VDI-resize = Cambiar tamaño del disco
task-VDI-copy = Copiar disco

welcome-title = Bienvenido a Haven
welcome-body = Este host aún no pertenece a ningún pool. Funde uno aquí o únase al que tiene: todo lo demás se hace después en la consola.
setup-code = Código de instalación de este host
setup-code-help = Demuestra que este host es suyo. En el host, escriba:
way-create = Crear un pool nuevo
way-create-body = Este host es el primero. Otros se unen después.
way-join = Unirse a un pool
way-join-body = Con una clave de la consola de ese pool.
pool-name = Nombre del pool
pool-name-example = Escuela
new-password = Contraseña de «root»
password-again = La contraseña otra vez
password-help = Al menos { $count } caracteres
password-differs = Las dos contraseñas no coinciden
pool-create = Crear el pool
pool-creating = Creando el pool …
join-token = Clave de unión
join-token-help = En la consola del pool: Nuevo → Host. Sirve una vez.
pool-join = Unirse al pool
pool-joining = Uniéndose al pool …
this-host = Este host: { $name }, { $address }
check-ok = Bien
check-bad = Revíselo
check-hypervisor = Hipervisor
check-virtualisation = Virtualización
check-memory = { column-memory }
check-links = Enlaces de red activos
check-address = { column-address }
way-demo = Solo mirar (demo)
way-demo-body = Un pool ficticio para mirar. A este host no le pasa nada.
demo-body = Cuatro hosts y cuarenta máquinas que no existen. Puede abrir todas las páginas; no se puede cambiar nada.
demo-open = Mirar
demo-banner = Esto es una demo: nada es real y no se puede cambiar nada.
demo-leave = Salir de la demo
demo-refused = Esto es una demo: no se puede cambiar nada.
demo-refused-remedy = Salga de ella y cree un pool o únase a uno.
time-zone = Las horas se muestran en la zona horaria { $zone }. Otra se elige junto al idioma.

## Los órdenes del árbol

tree-by = Máquinas por
tree-by-hosts = { tab-hosts }
tree-by-folders = Carpetas
tree-by-tags = { vm-tags }
tree-unfiled = En ninguna carpeta
tree-untagged = Sin etiqueta
check-name = { column-name }
check-clock = { host-check-clock }
check-zone = { zone }
check-fix-of = Comando para: { $what }
first-hypervisor = libvirt no responde. En el host, escriba:
first-virtualisation = Las máquinas se emularían y serían lentas. Active la virtualización en el firmware del host; si ya lo está, cargue su controlador:
first-memory = Menos de 1 GiB: apenas hay sitio para máquinas. Dé más memoria al host.
first-links = Ningún puerto tiene enlace. Revise los cables; esto muestra los puertos:
first-address = Viene por DHCP y puede cambiar; los demás hosts perderían este. Dele una dirección fija antes de que se unan otros:
first-name = El nombre de este host no lleva a ninguna parte, o solo a él mismo. Inscríbalo en el DNS de su red o dé al host el nombre que consta allí:
first-clock = El reloj difiere del de su ordenador. Deje que el host tome la hora de la red:
first-zone = El host está en otra zona horaria que su ordenador; sus registros se escriben en la suya. Para poner la de usted:
zone = Zona horaria
zone-body = Todas las horas que le muestra la consola son de esta zona. El pool la guarda con su nombre: es la misma en todos los navegadores.
zone-body-browser = Todas las horas que muestra la consola son de esta zona. Se queda en este navegador.
zone-browser = La del navegador ({ $zone })
zone-pool = La del pool ({ $zone })
zone-all = Todas las zonas horarias
zone-now = Allí son ahora: { $time }.
zone-set = Usar esta zona horaria
pools-found = Pools encontrados en esta red
pools-found-none = Ninguno por ahora. A un pool de otra red, o que no se muestra, se une igualmente con una clave.
pool-found-at = { $host }, { $address } · versión { $version }
pool-token-page = Ahora hace falta una clave de { $pool }. Su consola la da en Nuevo → Host:
pool-token-command = O escriba en uno de sus hosts:
pool-found-proves = Lo encontrado no demuestra nada: en la red cualquiera puede usar cualquier nombre. Quien demuestra el pool es la clave.
join-other-pool = Esta clave no es de { $pool }
join-other-pool-body = La clave nombra otro certificado que el que muestra el pool elegido. O la clave es de otro pool, o alguien en la red usa el nombre del suyo. Pregunte de qué pool es a quien le dio la clave.
join-by-token = Olvidar lo elegido y unirse al pool de la clave
