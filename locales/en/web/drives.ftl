# The DVD drives of hosts, and by what a guest reaches each disk.
drive-images = Images
drive-hosts = Drives of hosts
drive-option = { $host }, { $device }: { $disc }
drive-empty = no disc
drive-silent = does not answer
drive-binds = The machine starts only on { $host } while this disc is in, and is not protected.
disk-bus-of = Disk { $number }: how the guest reaches it
disk-bus-same = As all: { $bus }
disk-bus-off = A SATA disk comes only while the machine is off. Shut it down, or choose virtio.
