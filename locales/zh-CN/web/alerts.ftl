# 告警：发生了什么（按情况区分）、具体内容（-detail）、如何处理（-remedy）。命令行使用同样的文字。
alert-HA-HOST-FAILED = 一台主机失效，其受保护的虚拟机正在别处启动
alert-HA-HOST-FAILED-remedy = 请查明原因：电源、网络或机器本身。恢复后它会自动重新加入。
alert-HA-HOST-WAS-FENCED = 一台主机已自行隔离，以便其虚拟机在别处运行
alert-HA-HOST-WAS-FENCED-remedy = 请检查当时该主机的网络与存储连接。
alert-HA-STATEFILE-LOST = 有主机无法写入心跳存储
alert-HA-STATEFILE-LOST-remedy = 请在网络也出故障之前修复它的存储连接。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT = 网络心跳延迟
alert-HA-STATEFILE-APPROACHING-TIMEOUT = 心跳存储响应缓慢
alert-HA-STATEFILE-APPROACHING-TIMEOUT-remedy = 如果经常出现，请使用保守的时间配置。
alert-HA-POOL-OVERCOMMITTED = 主机失效后并非所有受保护的虚拟机都有余量
alert-HA-POOL-OVERCOMMITTED-remedy = 请增加内存或主机、减少受保护的虚拟机，或降低承诺的失效数。
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR = 资源池可承受的失效数减少了
alert-HA-PROTECTED-VM-RESTART-FAILED = 一台受保护的虚拟机未能重启
alert-HA-PROTECTED-VM-RESTART-FAILED-remedy = 资源池会继续尝试。请腾出资源，或在该虚拟机的历史中查看原因。
alert-VM-STARTED = 虚拟机已启动
alert-VM-SHUTDOWN = 虚拟机已关机
alert-VM-REBOOTED = 虚拟机已重启
alert-VM-MIGRATED = 虚拟机已迁移到另一台主机
alert-VM-PAUSED = 虚拟机已暂停
alert-VM-UNPAUSED = 虚拟机继续运行
alert-VM-SUSPENDED = 虚拟机已挂起
alert-VM-RESUMED = 虚拟机已恢复
alert-VM-CRASHED = 虚拟机崩溃
alert-VM-CLONED = 虚拟机已克隆
alert-POOL-MASTER-TRANSITION = 资源池改由另一台主机协调
alert-HOST-CLOCK-SKEW-DETECTED = 有主机时钟不准
alert-HOST-CLOCK-SKEW-DETECTED-remedy = 请在该主机上配置 NTP。
alert-PBD-PLUG-FAILED-ON-SERVER-START = 主机启动时未能连接存储
alert-PBD-PLUG-FAILED-ON-SERVER-START-remedy = 请查看该存储的页面：那里有原因和修复操作。
alert-ALARM = 有情况需要人处理
alert-ALARM-two-hosts = 一台虚拟机同时在两台主机上运行
alert-ALARM-two-hosts-remedy = 请立即切断其中一台主机的电源，然后检查该虚拟机的磁盘。
alert-HA-HOST-FAILED-detail = { $vms ->
    [0] 其上没有虚拟机。
   *[other] 其上有 { $vms } 台虚拟机。
}最后一次心跳之后 { $noticed } 秒被判定失效，{ $stopped } 秒后可以确定其虚拟机都已停止。
alert-HA-HOST-FAILED-not-proven-off = 无法确认一台主机已断电
alert-HA-HOST-FAILED-not-proven-off-detail = { $why }。一旦可以确定它已自行停止虚拟机，它们就会在别处启动。
alert-HA-HOST-FAILED-not-proven-off-remedy = 请检查它的隔离设备：地址、用户和密码。
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented = 虚拟机在等待重启：目前禁止重启
alert-HA-PROTECTED-VM-RESTART-FAILED-prevented-remedy = 时间一到就会继续。
alert-HA-POOL-DROP-IN-PLAN-EXISTS-FOR-detail = { $now ->
    [0] 现在不能再失去主机；
   *[other] 现在可以失去 { $now } 台主机；
}之前是 { $before } 台。
alert-HA-POOL-OVERCOMMITTED-detail = { $now ->
    [0] 现在不能再失去主机。
   *[other] 现在可以失去 { $now } 台主机。
}
alert-HA-POOL-OVERCOMMITTED-forced = 强制执行了一项操作，之后并非每台受保护的虚拟机都有余量
alert-VM-SHUTDOWN-by-itself = 客户系统自行关机
alert-VM-SNAPSHOTTED = 已创建快照
alert-VM-CHECKPOINTED = 已创建含内存的快照
alert-VM-SNAPSHOT-REVERTED = 虚拟机已恢复到快照
alert-HA-STATEFILE-LOST-foreign-statefile = 心跳存储属于另一次启用
alert-HA-STATEFILE-LOST-foreign-statefile-detail = { $statefile } 上的内容由另一个资源池或之前的保护写入。
alert-HA-STATEFILE-LOST-foreign-statefile-remedy = 请确认没有其他资源池使用此存储；然后更换心跳卷，或关闭后重新开启保护。
alert-HA-STATEFILE-LOST-bad-superblock = 心跳卷已损坏
alert-HA-STATEFILE-LOST-bad-superblock-detail = 无法读取它在 { $statefile } 上的头部。
alert-HA-STATEFILE-LOST-bad-superblock-remedy = 请更换心跳卷，或关闭后重新开启保护。
alert-HA-STATEFILE-LOST-regressed-statefile = 心跳卷是它自己的旧副本
alert-HA-STATEFILE-LOST-regressed-statefile-detail = { $statefile } 上的内容是以前的：它被从副本还原过。
alert-HA-STATEFILE-LOST-regressed-statefile-remedy = 开启保护期间切勿从副本还原此存储。请更换心跳卷。
alert-HA-STATEFILE-LOST-lost-statefile = 有一个心跳卷没有应答
alert-HA-STATEFILE-LOST-lost-statefile-detail = 它位于 { $statefile }。其余心跳卷继续工作；再失去一个就会有影响。
alert-HA-STATEFILE-LOST-lost-statefile-remedy = 请修复此存储，或更换心跳卷。
alert-HA-STATEFILE-LOST-silent-statefile = 没有心跳存储应答
alert-HA-STATEFILE-LOST-silent-statefile-detail = 各主机目前只靠网络维持联系。
alert-HA-STATEFILE-LOST-silent-statefile-remedy = 请在网络也出故障之前修复存储。
alert-HA-STATEFILE-LOST-bad-ballot = 一台主机写入心跳卷的内容已损坏
alert-HA-STATEFILE-LOST-bad-ballot-detail = 位置属于 { $host }，位于 { $statefile }。
alert-HA-STATEFILE-LOST-bad-ballot-remedy = 请检查存储，然后更换心跳卷。
alert-HA-STATEFILE-LOST-diskless = 一台主机已有一分钟无法访问心跳存储
alert-HA-STATEFILE-LOST-diskless-detail = 它是 { $host }。如果现在网络出故障，它会停止其虚拟机。
alert-HA-STATEFILE-LOST-diskless-remedy = 请迁走它的虚拟机，并修复它到存储的路径。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog = 主机没有能及时动作的看门狗
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-detail = 在配备之前，它不得运行受保护的虚拟机。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-no-watchdog-remedy = 请加载硬件看门狗驱动或 softdog，并设置足够短的超时。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark = 所有主机彼此失联
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-detail = 没有主机能听到其他主机，也没有主机能访问始终存在的地址。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-dark-remedy = 请检查心跳网络的交换机。目前只由存储决定。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted = 部分主机互相听不到
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-parted-remedy = 请检查它们之间的线缆和交换机；可用性页面显示是哪些主机。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined = 一台主机频繁进出
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-detail = { $host } 在一小时内被移出三次，目前不再接纳。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-quarantined-remedy = 请查明它的问题，然后解除隔离。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs = 未完成的成员变更过多
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-detail = 在其中一些完成之前，没有主机可以加入。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-too-many-epochs-remedy = 请启动缺少的主机，或关闭后重新开启保护。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot = 一台主机占用了另一台的位置
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-detail = 该位置属于 { $host }。
alert-HA-HEARTBEAT-APPROACHING-TIMEOUT-wrong-slot-remedy = 两台主机由同一个镜像制成：请重新安装其中一台。
alert-VM-STARTED-detail = 位于 { $host }。
alert-VM-STARTED-failover = 保护功能重新启动了虚拟机
alert-VM-STARTED-failover-detail = 位于 { $host }。这不是迁移：虚拟机重新引导。
alert-VM-RESUMED-detail = 位于 { $host }。
alert-VM-MIGRATED-detail = 从 { $from } 到 { $to }。
alert-VM-CLONED-detail = 副本名为 { $to }。
alert-VM-SNAPSHOTTED-detail = 名为 { $snapshot }。
alert-VM-CHECKPOINTED-detail = 名为 { $snapshot }。
alert-VM-SNAPSHOT-REVERTED-detail = 快照为 { $snapshot }。
alert-VM-SHUTDOWN-forced = 虚拟机已强制断电
alert-VM-REBOOTED-forced = 虚拟机已强制重启
