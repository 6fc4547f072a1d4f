package database

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"lost the connection to the MetaDB at %s (user %s): %w; see whether it was restarted, and run this again":                                                                                                  "与元信息库 %s（用户 %s）的连接已断开：%w；请确认其是否重启过，然后重新执行",
			"the MetaDB at %s (user %s) could not do what was asked: %w":                                                                                                                                               "元信息库 %s（用户 %s）未能完成请求：%w",
			"what listens at %s is not a MySQL server: %w; correct oms_meta_host and oms_meta_port in config.yaml":                                                                                                     "%s 上监听的不是 MySQL 服务：%w；请修正 config.yaml 中的 oms_meta_host 和 oms_meta_port",
			"the MetaDB at %s wants user %s to log in in a way that is not supported: %w; give the account the plugin mysql_native_password or caching_sha2_password":                                                  "元信息库 %s 要求用户 %s 使用不受支持的认证方式：%w；请将该账号的认证插件改为 mysql_native_password 或 caching_sha2_password",
			"cannot find the MetaDB at %s: %w; correct oms_meta_host in config.yaml or the name server":                                                                                                                "无法解析元信息库地址 %s：%w；请修正 config.yaml 中的 oms_meta_host 或检查 DNS 服务器",
			"cannot connect to the MetaDB at %s (user %s), nothing listens there: %w; start the MetaDB, or correct oms_meta_host and oms_meta_port in config.yaml":                                                     "无法连接元信息库 %s（用户 %s），该端口没有服务监听：%w；请启动元信息库，或修正 config.yaml 中的 oms_meta_host 和 oms_meta_port",
			"something at %s accepts connections but does not greet as a MySQL server does: %w; if oms_meta_host and oms_meta_port in config.yaml are right, the MetaDB hangs or a proxy in front of it has no server": "%s 可以建立连接，但没有按 MySQL 协议应答：%w；如果 config.yaml 中的 oms_meta_host 和 oms_meta_port 正确，则元信息库可能已挂起，或其前端代理没有可用的后端",
			"the MetaDB at %s broke off the login of user %s: %w; see whether it is starting or overloaded":                                                                                                            "元信息库 %s 中断了用户 %s 的登录：%w；请确认其是否正在启动或负载过高",
			"cannot connect to the MetaDB at %s (user %s), nothing answers: %w; see whether the machine is up and a firewall lets the port through":                                                                    "无法连接元信息库 %s（用户 %s），对端没有应答：%w；请确认机器已启动，且防火墙已放行该端口",
			"cannot connect to the MetaDB at %s (user %s): %w; see whether this node has a route to it":                                                                                                                "无法连接元信息库 %s（用户 %s）：%w；请确认本节点到该地址的网络可达",
			"the MetaDB at %s refuses the login of user %s: %w; correct oms_meta_user (on OceanBase user@tenant, through a proxy user@tenant#cluster) and oms_meta_password in config.yaml":                            "元信息库 %s 拒绝用户 %s 登录：%w；请修正 config.yaml 中的 oms_meta_user（OceanBase 为 用户名@租户名，经代理时为 用户名@租户名#集群名）和 oms_meta_password",
			"in the MetaDB at %s user %s lacks a right: %w; grant it all rights on the three databases, and the right to create them":                                                                                  "在元信息库 %s 中，用户 %s 权限不足：%w；请授予其三个数据库的全部权限以及建库权限",
			"a database is not in the MetaDB at %s (user %s): %w; create it with step 2 (omsinit init --only metadb), or correct its name in config.yaml":                                                              "元信息库 %s（用户 %s）中缺少数据库：%w；请执行步骤二（omsinit init --only metadb）创建，或修正 config.yaml 中的库名",
			"a table is not in the MetaDB at %s (user %s): %w; create it with step 2 (omsinit init --only metadb)":                                                                                                     "元信息库 %s（用户 %s）中缺少数据表：%w；请执行步骤二（omsinit init --only metadb）创建",
			"the MetaDB at %s has no connection left for user %s: %w; raise its limit or end sessions that are not needed":                                                                                             "元信息库 %s 已没有可供用户 %s 使用的连接：%w；请调大连接数上限，或结束不需要的会话",
			"the MetaDB at %s has blocked this node after too many broken logins (user %s): %w; run FLUSH HOSTS there":                                                                                                 "由于登录中断次数过多，元信息库 %s 已封禁本节点（用户 %s）：%w；请在元信息库上执行 FLUSH HOSTS",
			"the MetaDB at %s does not accept user %s from this node: %w; allow the account to log in from here":                                                                                                       "元信息库 %s 不允许用户 %s 从本节点登录：%w；请允许该账号从本节点登录",
			"the MetaDB at %s (user %s) is just starting or shutting down: %w; wait until it runs":                                                                                                                     "元信息库 %s（用户 %s）正在启动或关闭：%w；请等待其正常运行",
			"the MetaDB at %s was too busy for what user %s asked: %w; run this again":                                                                                                                                 "元信息库 %s 繁忙，未能完成用户 %s 的请求：%w；请重新执行",
			"the MetaDB at %s is read-only for user %s: %w; set oms_meta_host in config.yaml to the server that takes writes, or end its read-only mode":                                                               "元信息库 %s 对用户 %s 只读：%w；请将 config.yaml 中的 oms_meta_host 改为可写的服务器，或关闭其只读模式",
			"the MetaDB at %s (user %s) has no space left: %w; free disk space or memory there":                                                                                                                        "元信息库 %s（用户 %s）空间不足：%w；请在该机器上释放磁盘空间或内存",
			"the MetaDB at %s answers user %s: %w":   "元信息库 %s 对用户 %s 的应答：%w",
			"%s (process %s, connection %d from %s)": "%s（进程 %s，连接 %d，来自 %s）",
			"connection %d from %s":                  "连接 %d（来自 %s）",
			"connection %d":                          "连接 %d",
			"another connection":                     "另一个连接",
			"the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it, and end its connection (KILL %d) if it does not": "元信息库 %s %w超过 %s，持有者：%v；请确认该节点是否仍在执行，如已不在执行，请结束其连接（KILL %d）",
			"locked":                          "已被锁定",
			"the lock of the MetaDB is lost":  "元信息库的锁已丢失",
			"%w: %v":                          "%w：%v",
			"%s (process %s on %s, since %s)": "%s（进程 %s，主机 %s，自 %s 起）",
			"the MetaDB at %s is %w for longer than %s by %v; see whether that node still works on it; its lease ends by itself %s after the node does":       "元信息库 %s %w超过 %s，持有者：%v；请确认该节点是否仍在执行；该节点结束后，其租约会在 %s 内自动失效",
			"in the MetaDB at %s user %s waited too long for a lock of another session: %w; see SHOW PROCESSLIST there for what holds it, and run this again": "在元信息库 %s 中，用户 %s 等待其他会话释放锁超时：%w；请在元信息库上用 SHOW PROCESSLIST 查看持锁的会话，然后重新执行",
			"a statement of user %s is larger than the MetaDB at %s takes: %w; raise max_allowed_packet there":                                                "用户 %s 的语句超过了元信息库 %s 允许的大小：%w；请调大其 max_allowed_packet",
		}
	})
}
