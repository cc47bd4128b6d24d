# Unidades de DVD de los hosts, y por dónde llega el invitado a cada disco.
drive-images = Imágenes
drive-hosts = Unidades de los hosts
drive-option = { $host }, { $device }: { $disc }
drive-empty = sin disco
drive-silent = no responde
drive-binds = Mientras este disco esté puesto, la máquina solo arranca en { $host } y no está protegida.
disk-bus-of = Disco { $number }: cómo llega a él el invitado
disk-bus-same = Como todos: { $bus }
disk-bus-off = Un disco SATA solo se añade con la máquina apagada. Apáguela o elija virtio.
