# 规划器的说明：容忍度、限制因素、主机为何不能接受虚拟机。
list = { $before }、{ $next }
list-last = { $before }和{ $last }

tolerates = 资源池可容忍 { $failures } 台主机故障。
tolerates-between = 资源池肯定可容忍 { $failures } 台主机故障，至多 { $most } 台；两者之间未能判定。
tolerates-more = { $tolerates }再多一台时：{ $breach }。

breach = { $occasion }，{ $short }：{ $detail }；{ $remedy }
breach-unproven = { $occasion }，{ $short }：{ $detail }（在搜索限额内未找到办法）；{ $remedy }
occasion-now = 按现状
occasion-one = { $hosts } 故障后
occasion-once = { $hosts } 同时故障后
occasion-turns = { $hosts } 相继故障后
occasion-then = { $before }，然后 { $next }
short = 缺少 { $missing }
short-vcpus = 缺少 { $missing } 个虚拟处理器
short-host = 没有主机可运行 { $vm }
short-undecided = 未能判定
detail-memory = 需要重启的虚拟机需要 { $need }，所有主机共有 { $free } 可用
detail-block = { $vm } 需要 { $need }，最大的可用内存块为 { $free }
detail-block-on = { $vm } 需要 { $need }，最大的可用内存块为 { $free }，位于 { $host }
detail-vcpus = 需要 { $need } 个，剩余 { $free } 个
detail-apart = { $hosts ->
    [0] 规则 { $group } 要求其虚拟机分开运行，其中 { $members } 台需要重启，而没有剩下不含其成员的主机
   *[other] 规则 { $group } 要求其虚拟机分开运行，其中 { $members } 台需要重启，而只剩 { $hosts } 台不含其成员的主机
}
detail-undecided = 既未找到重启全部虚拟机的办法，也未证明没有办法
detail-no-host = 没有剩下任何主机
host-refuses = { $host } { $why }
remedy-apart = 请添加主机，或将 { $vm } 移出 { $group }
remedy-undecided = 请添加内存或主机以确保安全
remedy-hosts = 请为 { $vm } 提供更多可运行它的主机，或降低其重启优先级
remedy-add = 请添加内存或主机，或降低 { $vm } 的重启优先级
remedy-relief = 请迁移或停止 { $vms }，或降低 { $vm } 的重启优先级
relief = { $vm }（{ $memory }，位于 { $host }）

refuses-not-live = 没有响应
refuses-disabled = 已停用（维护中）
refuses-quarantined = 已被隔离
refuses-dedicated = 保留用于故障切换
refuses-failed-there = 最近启动它失败
refuses-pinned = 不在虚拟机受 { $by } 限定的主机之列
refuses-storage = 无法访问存储库 { $sr }
refuses-network = 未连接网络 { $network }
refuses-features = 处理器缺少 { $features }
refuses-apart = 正在运行 { $with }，规则 { $group } 要求两者分开
refuses-memory = 可用内存 { $free }，需要 { $need }
refuses-vcpus = 剩余 { $free } 个虚拟处理器，需要 { $need } 个
cpu-model = 型号 { $model }
chosen = { $host }：已选
possible = { $host }：可行
refused = { $host }：{ $why }
refusals = { $before }；{ $next }
refused-everywhere = 资源池没有主机

admission-keeps = 须容忍 { $goal } 台主机故障：满足
admission-as-before = 资源池与之前一样超额分配：{ $breach }
admission-breaks = 资源不足以满足高可用故障切换：{ $breach }
admission-erodes = 资源不足以满足高可用故障切换，且现在更少：{ $breach }
admission-bounds = 肯定可容忍 { $failures } 台主机故障，要求 { $goal } 台
admission-further = { $text }（比之前多 { $more }）
admission-told = { $doing }：{ $text }
doing-start = 启动 { $name }
doing-resume = 恢复 { $name }
doing-migrate = 迁移 { $name }
doing-resize = 调整 { $name } 的大小
doing-protect = 保护 { $name }
doing-group = 将 { $name } 分组
doing-add-disk = 为 { $name } 添加磁盘
doing-add-nic = 为 { $name } 添加网络接口
doing-disable-host = 禁用 { $name }
doing-evacuate-host = 疏散 { $name }
doing-eject-host = 将 { $name } 移出资源池
doing-unplug-storage = 断开 { $name } 的存储
doing-unplug-network = 断开 { $name } 的网络
doing-bind-network = 仅将网络 { $name } 连接到部分主机

policy-failures = 须容忍 { $goal } 台主机故障。
policy-percentage = 处理器空闲 { $cpu } %，内存空闲 { $memory } %（{ $total } 中的 { $free }）；要求分别为 { $cpu-wanted } % 和 { $memory-wanted } %。
policy-slots = 每个插槽为 { $memory } 和 { $mhz } MHz；已用 { $used } 个插槽，共 { $all } 个；按插槽计算可容忍 { $failures } 台主机故障。
policy-slots-distorted = 仅 { $vm } 就使插槽大到 { $memory }；次大的虚拟机需要 { $next }。请用 das.slotMemInMB 限制它，或改为推演故障。
policy-hosts = { $hosts }：保留用于故障切换。
policy-hosts-lost = { $hosts } 保留用于故障切换，但 { $lost } 无法接管。
policy-hosts-used = { $hosts } 保留用于故障切换，但 { $used } 上运行着虚拟机。
policy-report = { $arithmetic }{ $tolerance }
policy-report-beware = { $arithmetic }注意：{ $warning }{ $tolerance }

change-unknown = 资源池没有主机或虚拟机 { $id }
change-not-running = { $vm } 没有运行
change-refused = { $vm } 不能在 { $host } 上运行：该主机{ $why }
change-no-host = 没有主机可接受 { $vm }：{ $why }
