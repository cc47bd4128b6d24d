# 添加主机。
new-host = 主机
add-host = 添加主机
add-host-token = 加入令牌
add-host-token-body = 可供一台主机加入，有效期至 { $until }。令牌包含本资源池的地址和证书指纹，因此新主机知道自己在与谁通信。
add-host-step-install = 在新主机上安装 Haven。
add-host-step-open = 在新主机上查询其控制台地址并打开：
add-host-step-paste = 选择“加入资源池”，粘贴令牌。
add-host-another = 再取一个令牌
add-host-hosts = 资源池的主机
add-host-arrived = 新
add-host-waiting = 正在等待新主机…
add-host-more = 新主机已加入。再添加主机需要新的令牌。
