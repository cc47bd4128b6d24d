# 主机的 DVD 驱动器，以及每个磁盘的总线。
drive-images = 镜像
drive-hosts = 主机的驱动器
drive-option = { $host }，{ $device }：{ $disc }
drive-empty = 无光盘
drive-silent = 没有响应
drive-binds = 放入此光盘期间，虚拟机只能在 { $host } 上启动，并且不受保护。
disk-bus-of = 磁盘 { $number } 的总线
disk-bus-same = 与全部相同：{ $bus }
disk-bus-off = SATA 磁盘只能在关机时添加。请先关机，或选择 virtio。
