package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"how old the last heartbeat of a node may be that is up":                              "节点视为在线时，最近一次心跳距今的最长时间",
			"all regions and nodes of this OMS":                                                   "本 OMS 的所有地域和节点",
			"`omsinit cluster COMMAND --help` tells more about each.":                             "各命令的详细说明请见 `omsinit cluster COMMAND --help`。",
			"regions, nodes, their state and last heartbeat":                                      "地域、节点及其状态和最近一次心跳",
			"why a machine is shown as down: causes and fixes; exit status 3 if there are errors": "机器为何显示宕机：原因与处理方法；有错误时退出码为 3",
			"omsinit: --%s must be longer than 0":                                                 "omsinit：--%s 必须大于 0",

			"high availability (ha.config), for all regions":     "高可用（ha.config），对所有地域生效",
			"`omsinit ha COMMAND --help` tells more about each.": "各命令的详细说明请见 `omsinit ha COMMAND --help`。",
			"the value, and how many nodes each region has":      "当前值，以及各地域的节点数",
			"switch it on; the other fields stay as they are":    "开启高可用；其他字段保持不变",
			"switch it off; the other fields stay as they are":   "关闭高可用；其他字段保持不变",
			"also when a region has one node only":               "即使某个地域只有一个节点也开启",
		}
	})
}
