# 资源池概览、告警、历史。
hosts-live = { $count } 台主机在线
vms-running = { $running } 台运行，{ $stopped } 台关机
vcpus = 虚拟 CPU
vcpus-on-cores = 运行在 { $cores } 个核心上
readiness = 需要处理的问题
readiness-good = 没有问题。所有主机都有应答，所有存储都已连接。
severity = 紧急程度
severity-all = 全部
severity-danger = 紧急
severity-warning = 警告
severity-info = 信息
problem-host-lost = { $host } 没有应答。
problem-host-disabled = { $host } 正在维护，不接纳虚拟机。
problem-detached = 存储 { $sr } 没有连接到 { $host }。
problem-overcommitted = 资源池承诺可承受 { $wanted } 台主机失效，但余量只够 { $possible } 台。
problem-no-network-beat = 通过网络听不到 { $host }。
problem-no-storage-beat = { $host } 没有写入心跳存储。
see-host = 查看主机
see-storage = 查看存储
see-availability = 查看可用性
pool-protection-protected = 已保护
pool-protection-at-risk = 有风险
pool-protection-off = 未保护
pool-protection-protected-body = { $hosts } 台主机中任意 { $possible } 台失效，资源池都能承受。{ $sure ->
    [0] 还没有运行中的虚拟机被设为保护。
   *[other] { $sure } 台虚拟机保证会在其他主机上重启。
}{ $tried ->
    [0] { "" }
   *[other] 另有 { $tried } 台在有余量时重启。
}
pool-protection-at-risk-body = 保护已开启，但如果失去 { $wanted } 台主机，并非所有受保护的虚拟机都有足够余量。目前可承受 { $possible } 台失效。
pool-protection-off-body = 主机失效时，其上的虚拟机会一直停机，直到有人在别处启动它们。
protect-turn-on = 开启保护
protect-needs-hosts = 保护至少需要两台主机。请先添加主机。
protect-needs-storage = 保护需要所有主机都能访问的存储。请先添加共享存储。
memory-used = 已用 { $size }
memory-kept = 为主机失效预留 { $size }
memory-free = 空闲 { $size }
next-steps = 接下来
step-done = 已完成
step-open = 待完成
step-host = 添加第二台主机
step-host-body = 有两台主机，一台失效时才有处可去。
step-host-do = 添加主机
step-storage = 添加共享存储
step-storage-body = 所有主机都能访问的磁盘才能迁移、才能受保护。
step-storage-do = 添加存储
step-vm = 创建虚拟机
step-vm-body = 从模板创建，一分钟即可。
step-vm-do = 新建虚拟机
step-protect = 开启保护
step-protect-body = 失效主机上的虚拟机几秒后在另一台主机上重新运行。
step-protect-do = 保护
alerts-none = 没有告警
alerts-none-body = 需要人处理的事会显示在这里，并说明该怎么做。
alerts-all = 全部告警（{ $count }）
alerts-clear = 清除 { $count } 条
alert-clear = 清除
show-more = 还有 { $count } 条
history-empty = 还没有记录
history-empty-body = 任务和告警会按时间显示在这里，最新的在前。
