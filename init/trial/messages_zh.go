package trial

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"trial mode: the MetaDB is a MariaDB of its own in %s; its password is in %s":                                                "试用模式：元信息库是位于 %s 的独立 MariaDB，其密码保存在 %s",
			"there are no OMS components under %s: %w; unpack an OMS image there, or lay out the stand-in with `oms-standin install %s`": "%s 下没有 OMS 组件：%w；请将 OMS 镜像解包到该目录，或使用 `oms-standin install %s` 放置替身程序",
			"a node runs under %s already (process %d); stop it first":                                                                   "%s 下已有节点正在运行（进程 %d）；请先停止它",
			"--set %s: trial mode sets this key itself":                                                                                  "--set %s：该配置项由试用模式自行设置",
			"--set %s: config.yaml has no such key":                                                                                      "--set %s：config.yaml 没有该配置项",
			"cannot use port %d for the trial MetaDB: %w; choose another one with --metadb-port":                                         "无法将端口 %d 用于试用元信息库：%w；请用 --metadb-port 选择其他端口",
			"correct what is wrong (a port: --set KEY=PORT), then stop the trial with Ctrl-C and start it again":                         "请修正问题（端口可用 --set KEY=PORT 修改），然后按 Ctrl-C 停止试用并重新启动",
			"warning: %v": "警告：%v",
			"\nopen %s://%s:%d — look further with `omsinit status --root %s`; Ctrl-C stops everything":  "\n请打开 %s://%s:%d；可通过 `omsinit status --root %s` 查看详情；Ctrl-C 停止全部程序",
			"trial mode needs MariaDB, but there is no user %s here: install the package mariadb-server": "试用模式需要 MariaDB，但本机没有用户 %s：请安装软件包 mariadb-server",
			"cannot give %s to the user %s: %w":        "无法将 %s 的属主改为用户 %s：%w",
			"cannot create %s: %w":                     "无法创建 %s：%w",
			"cannot read %s: %w":                       "无法读取 %s：%w",
			"cannot remove %s: %w":                     "无法删除 %s：%w",
			"cannot rename %s: %w":                     "无法重命名 %s：%w",
			"cannot write %s: %w":                      "无法写入 %s：%w",
			"cannot make the trial MetaDB: %s: %w\n%s": "无法创建试用元信息库：%s：%w\n%s",
			"trial mode needs MariaDB, but there is no %s on this machine: install the package mariadb-server": "试用模式需要 MariaDB，但本机没有 %s：请安装软件包 mariadb-server",
			"--set %q is not KEY=VALUE": "--set 的值 %q 不是 KEY=VALUE 形式",
			"%s was not written by `omsinit trial`, so trial mode leaves it alone: use `omsinit run` for that configuration, or another --root for a trial": "%s 不是由 `omsinit trial` 写入的，试用模式不会改动它：请使用 `omsinit run` 运行该配置，或使用另一个 --root 进行试用",
		}
	})
}
