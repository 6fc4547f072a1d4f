package registry

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"this region is registered as %s (cm_location %d), but config.yaml has no cm_region": "本地域已注册为 %s（cm_location %d），但 config.yaml 中没有 cm_region",
			"set cm_region: %s": "请设置 cm_region: %s",
			"cm_location %d belongs to the region %s (%s) already, not to %s":                                  "cm_location %d 已属于地域 %s（%s），不属于 %s",
			"choose a cm_location that is not taken (%s), or correct cm_region":                                "请选择未被占用的 cm_location（已占用：%s），或修正 cm_region",
			"there is another region already (%s, cm_location %d), and with several regions each needs a name": "已存在另一个地域（%s，cm_location %d），多地域部署时每个地域都需要名称",
			"set cm_region in config.yaml of both":                                                             "请在两个地域的 config.yaml 中设置 cm_region",
			"cm_region %s is registered with cm_location %d, but config.yaml says cm_location %d":              "cm_region %s 已以 cm_location %d 注册，但 config.yaml 中的 cm_location 为 %d",
			"correct cm_location, or choose a cm_region that is not taken (%s)":                                "请修正 cm_location，或选择未被占用的 cm_region（已占用：%s）",
			"cm_url %s is the address of the region %s (cm_location %d)":                                       "cm_url %s 是地域 %s（cm_location %d）的地址",
			"write the address of this region's own CM":                                                        "请填写本地域自己的 CM 地址",
			"the region %s (cm_location %d) is the default one already":                                        "地域 %s（cm_location %d）已经是默认地域",
			"set cm_is_default: false in config.yaml of this region, or first in that of %s":                   "请在本地域的 config.yaml 中设置 cm_is_default: false，或先在 %s 的 config.yaml 中设置",
			"the node %s of cm_nodes is registered in the region with cm_location %s, and this is %s":          "cm_nodes 中的节点 %s 已注册在 cm_location 为 %s 的地域，而本地域为 %s",
			"write the nodes of this region only, or correct cm_location":                                      "请仅填写本地域的节点，或修正 cm_location",
			"the heartbeat database %s is that of another region: %s send their heartbeats there":              "心跳库 %s 属于另一个地域：%s 的心跳写入该库",
			"write a drc_cm_heartbeat_db of this region's own, such as %s":                                     "请为本地域使用独立的 drc_cm_heartbeat_db，例如 %s",
		}
	})
}
