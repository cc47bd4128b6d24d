# 新建网络，以及“新建”不能创建的东西

new-network = 新建网络
newnet-create = 创建网络
new-pool = 新的资源池
new-pool-why = 本页面属于当前资源池。请打开一台不属于任何资源池的主机的地址，由它创建。
new-iso = 添加 ISO 镜像
newnet-vlan = { hostnet-vlan }
newnet-vlan-body = 在每台主机的一个网口上，用标签隔开。虚拟机可跨主机互通，也能访问该 VLAN 中的其他设备。
newnet-vlan-on = { $device } 上的 VLAN { $tag }
newnet-internal = 仅在各主机内部
newnet-internal-body = 不经过任何网口：虚拟机只能访问同一主机上的虚拟机。
newnet-no-port = 没有在所有主机上同名的网口。
newnet-device = { hostnet-port }
newnet-device-help = 这里列出每台主机都有的网口。
newnet-tag = 标签（1 到 4094）
newnet-tag-taken = { $device } 上已有 VLAN { $tag }。
newnet-mtu = 最大帧长（字节）
newnet-mtu-help = 1500 在任何地方都适用。只有主机之间的所有交换机都支持时才能更大。
newnet-taken = 已有名为 { $name } 的网络。
newnet-why-name = 给虚拟机添加网卡时，人们按名称选择网络。
newnet-why-kind = 交换机端口上也需要配置 VLAN 标签；资源池无法看到交换机。
newnet-why-review = 网络要么在所有主机上创建，要么一台也不创建。
