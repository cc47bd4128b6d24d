# 可用性与开启保护。
promise = 承诺
failures-to-survive = 可同时失效的主机数
failures-possible = { $possible ->
    [0] 没有余量承受主机失效。
   *[other] 余量足以承受 { $possible } 台主机失效。
}
fewer = 减少
more = 增加
timing = 多快（时间配置：{ $profile }）
protect-turn-off = 关闭保护
protect-turn-off-confirm = 主机失效后，其虚拟机将不再自动重启。现在运行的虚拟机不受影响。
policy-is-so-already = 已经是这样了。
policy-restart = { protection-protected }
policy-best-effort = { protection-best-effort }
policy-none = { protection-none }
policy-restart-do = 保护
policy-best-effort-do = 有余量时保护
policy-none-do = 不保护
policy-of = { $name } 的保护
policy-for-all = 全部设为：
heartbeats = 心跳
heartbeats-off = 保护未开启：主机之间只为显示是否在线而互相观察。
coordinator = 协调者
beat-network = { kind-network }
beat-storage = 存储
beat-permit = 运行许可来自
beat-heard = 正常
beat-missing = 听不到
permit-disk = 存储
permit-votes = 投票
member-member = { host-role-member }
member-live = { host-live }
member-dying = 正在判定失效
member-dead = 已失效
member-silent = 无应答
member-out = 不是成员
heartbeat-storage = 心跳存储
statefile-good = { $sr } 正在接收心跳
statefile-bad = { $sr } 没有应答
milliseconds = { $value } 毫秒
seconds = { $count } 秒
what-if = 如果……
what-if-body = 选择主机：资源池会计算其虚拟机将在哪里重新运行。不会执行任何操作。
what-if-hosts = 失效的主机
if-host-fails = { $host } 失效
what-if-result = { $count } 台虚拟机会重新运行{ $lost ->
    [0] 。
   *[other] ，{ $lost } 台没有余量。
}
what-if-nothing = 没有需要重启的虚拟机
what-if-nothing-body = 这些主机上没有受保护的运行中的虚拟机。
clear = 清除
column-policy = { column-protection }
column-order = 顺序
column-delay = 延迟
column-restarts-on = 将运行在
restarts-nowhere = 无处可去
policies = 虚拟机（主机失效时重启 { $count } 台）
policies-body = 选择虚拟机即可一起修改。顺序小的先启动。

protect-title = 开启保护
protect-is-on = 保护已经开启。
protect-step-check = 检查
protect-step-storage = 心跳存储
protect-step-machines = { column-vms }
protect-step-review = { step-review }
protect-why-check = 必须区分被隔离的主机和已死的主机，并在其虚拟机于别处启动之前先让它停下。为此需要第二台主机，以及所有主机都能访问的存储。
protect-why-storage = 每台主机每秒向此存储写入存活信号。既听不到又写不了的主机会被停止。三个存储可以承受失去其中一个。
protect-why-machines = “已保护”会在其他主机上预留内存，保证能重启。“有余量则重启”不预留。随时可以更改。
protect-why-review = 首先检查每台主机：守护进程、看门狗、时钟、存储、网络。任何一项不通过，则不做任何更改。
protect-no-storage-chosen = 请至少选择一个存储。
protect-too-many = 余量只够承受 { $possible } 台失效。
protect-no-vms = 没有虚拟机也可以开启保护。新虚拟机可在创建时设为保护。
check-state-good = 正常
check-state-warning = 值得考虑
check-state-bad = 缺少
check-hosts = { $count ->
    [1] 资源池只有一台主机，至少需要两台。
   *[other] 资源池有 { $count } 台主机。
}
check-live = 所有主机都有应答。
check-lost = 没有应答：{ $names }。
check-shared = 共享存储：{ $names }。
check-no-shared = 没有所有主机都能访问的存储。
check-attached = 已连接到每台主机。
check-attached-later = 有了共享存储后再检查每台主机能否访问。
check-detached = 没有连接到每台主机：{ $names }。
check-two-hosts = 只有两台主机时，网络故障由存储单独决定谁继续运行。第三台主机会更可靠。
check-three-hosts = 三台或更多主机可以投票。
check-more-later = 最后会在每台主机上检查守护进程、看门狗、时钟和路径。
storage-fits = { $type }，可用 { $free }
storage-hint = 心跳占用 4 MiB，另存一份资源池数据库的副本。
review-machines = { $sure } 台保护，{ $tried } 台有余量则重启，{ $none } 台未保护
profile = 时间配置
profile-fast = 快速
profile-fast-body = 几秒后即判定主机失效。适合快速可靠的存储。
profile-default = 标准
profile-default-body = 约 23 秒内开始重启。适合大多数情况。
profile-conservative = 保守
profile-conservative-body = 适合可能停顿半分钟的存储。

# 告警的细节，以及各种情况的时限。
limit-restart = 主机断电或死机：其受保护的虚拟机在 { $seconds } 秒内开始在别处启动。
limit-isolated = 主机同时失去网络和存储：它在 { $seconds } 秒内停止自己的虚拟机，然后它们才在别处启动。
limit-network = 主机只失去网络：各主机商定谁留下，最早在 { $seconds } 秒之后。
limit-storage = 所有主机的存储都停顿：只要多数主机能互相听到，就什么也不会发生；否则主机在 { $seconds } 秒内停止自己的虚拟机。
limit-watchdog = 主机的守护程序卡死：看门狗在 { $seconds } 秒内重置该主机。
limit-guests = 必须让出的主机仍能访问存储：它先请求其虚拟机关机，{ $seconds } 秒后停止尚未关机的，然后它们才在别处启动。
pause-on = 保护已暂停至 { $until }（剩余 { $left }）
pause-by = 由 { $by } 发起：{ $reason }
drill = 进行演练
drill-title = 进行演练
drill-body = 预演不会停止任何东西。演练是真实的：主机会像失效一样被排除。
drill-kind = 演练方式
drill-rehearse = 预演
drill-rehearse-body = 检查每台主机的所有通路，并推演每台主机失效的情况。
drill-host = 真实排除 { $host }
drill-put-out = 排除该主机
drill-loss = { $count ->
    [0] { $host } 上没有虚拟机在运行；它会离开资源池并自行返回。
   *[other] { $host } 上的 { $count } 台虚拟机会立即停止，不会询问客户系统。其中 { $sure } 台受保护：{ $seconds } 秒内开始在别处启动。
}
drill-bare = 未受保护：{ $names }。请先保护、迁走或关闭：没有人会再启动它们。
drill-is-running = 演练进行中：{ $host } 已被排除。
drill-never = 尚未演练：请在没有依赖时进行一次。
drill-last-host = 上次演练：{ $ago }，{ $result }
drill-last-rehearsal = 上次预演：{ $ago }，{ $result }
drill-passed = 通过
drill-failed = 失败
drill-by = { $by }，{ $at }。
drill-told = { $host } 已被排除；{ $count } 台受保护的虚拟机在 { $time } 后在别处运行。
drill-behind = 未恢复：{ $names }
drill-rehearsal-passed = 预演通过：资源池目前可承受任意一台主机失效。
drill-rehearsal-failed = 预演发现 { $count } 个问题。
drill-finding-paused = 保护已暂停。
drill-finding-missing = { $host } 目前不是成员。
drill-finding-network = 在心跳网络 { $network } 上听不到 { $host }。
drill-finding-storage = { problem-no-storage-beat }
drill-finding-statefile = 心跳存储 { $sr } 无响应。
drill-finding-room = 若失去 { $host }，{ $vm } 没有容身之处。
protect-settings = 保护设置
protect-settings-body = 更改时保护保持开启。预留多少空间见 `haven ha policy`。
protect-settings-do = 更改
protect-settings-same = { settings-unchanged }
isolation = 网络中断但存储可用的主机
isolation-fence = 立即停止其虚拟机
isolation-fence-body = 它们会尽快在别处启动。
isolation-shutdown = 先请求虚拟机关机
isolation-shutdown-body = 数据更完整；重启较慢。
isolation-hold = 尽可能让其继续运行
isolation-hold-body = 适用于网络比主机更容易出故障的情况。
what-if-any = 任意主机失效
if-any-fail = 任意 { $count } 台失效
if-any-good = 无论哪 { $count } 台失效，所有受保护的虚拟机都会重新运行。
if-any-bad = 并非任意 { $count } 台主机失效后所有受保护的虚拟机都有容身之处。
beat-network-of = 网络 { $number }
beat-watchdog = 看门狗
beat-power = 电源隔离
watchdog-on = 必需
watchdog-none = 未使用
power-none = 未设置
policy-for = 对象：
policy-for-everything = 所有虚拟机
policy-for-tag = 带标签 { $tag } 的
protect-rehearse = 随后预演每台主机的失效
protect-rehearse-body = 不会停止任何东西，并作为首次演练记录保存。
