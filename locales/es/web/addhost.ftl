# Añadir un host.
new-host = Host
add-host = Añadir un host
add-host-token = Testigo de unión
add-host-token-body = Deja unirse a un host hasta las { $until }. Lleva la dirección de este pool y la huella de su certificado, así que el host nuevo sabe con quién habla.
add-host-step-install = Instale Haven en el host nuevo.
add-host-step-open = Pida allí la dirección de su consola y ábrala:
add-host-step-paste = Elija «Unirse a un pool» y pegue el testigo.
add-host-another = Otro testigo
add-host-hosts = Hosts del pool
add-host-arrived = nuevo
add-host-waiting = Esperando al host nuevo…
add-host-more = Se ha unido. Otro host necesita otro testigo.
