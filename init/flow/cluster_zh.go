package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"step %d: %v":    "步骤 %d：%v",
			"there is no %s": "没有 %s",

			"waiting for another node that works on the MetaDB: %v":                       "正在等待另一个节点完成对元信息库的操作：%v",
			"high availability is on":                                                     "高可用已开启",
			"high availability is off":                                                    "高可用已关闭",
			"the system parameter ha.config is not there; this is its documented default": "系统参数 ha.config 不存在；以下为文档中的默认值",
			"region %s (cm_location %d): nodes: %d":                                       "地域 %s（cm_location %d）：节点数：%d",
			"high availability moves tasks between the nodes of a region, and these have fewer than %d: %s; add a node there first, or force it with --force": "高可用在同一地域的节点之间迁移任务，以下地域的节点少于 %d 个：%s；请先增加节点，或使用 --force 强制开启",
			"%v already; nothing is changed": "%v，无需修改",
			"the system parameter ha.config was not there; it is made of its documented default": "系统参数 ha.config 不存在，已按文档中的默认值创建",
			"old value: %s": "原值：%s",
			"new value: %s": "新值：%s",
			"%v, for all regions. Nothing is to be restarted: it is what the console's own page System Parameters changes": "%v，对所有地域生效。无需重启任何组件：与在控制台「系统参数」页面修改相同",
		}
	})
}
