package resource

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"cannot read the heartbeats: %w":                                        "无法读取心跳：%w",
			"no region is registered yet: see omsinit status, and run omsinit init": "尚未注册任何地域：请查看 omsinit status，并执行 omsinit init",
			"REGION":         "地域",
			"DEFAULT":        "默认",
			"CM":             "CM 地址",
			"NODES UP":       "在线节点",
			"NODE":           "节点",
			"STATE":          "状态",
			"LAST HEARTBEAT": "最近心跳",
			"yes":            "是",
			"never":          "从未",
			"%s ago":         "%s 前",
			"%s ahead":       "超前 %s",
			"this node":      "本节点",
			"up":             "在线",
			"down":           "宕机",
			"removed":        "已移除",
			"abnormal":       "异常",
		}
	})
}
