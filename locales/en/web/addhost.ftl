# Adding a host.
new-host = Host
add-host = Add a host
add-host-token = Join token
add-host-token-body = It lets one host join, until { $until }. It carries the address of this pool and the fingerprint of its certificate, so the new host knows whom it talks to.
add-host-step-install = Install Haven on the new host.
add-host-step-open = There, ask for the address of its console and open it:
add-host-step-paste = Choose “Join a pool”, and paste the token.
add-host-another = Another token
add-host-hosts = Hosts of the pool
add-host-arrived = new
add-host-waiting = Waiting for the new host …
add-host-more = It has joined. Another host needs another token.
