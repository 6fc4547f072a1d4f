package resource

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"waiting for another node that works on the MetaDB: %v": "正在等待另一个节点完成对元信息库的操作：%v",
			"the CM accepted %s": "集群管理服务（CM）已接受请求 %s",
			"this node's address %s is not in cm_nodes of config.yaml, so it is not registered and gets no work": "本节点地址 %s 不在 config.yaml 的 cm_nodes 中，因此不会被注册，也不会分配到任务",
			"no region is the default one yet: cm_is_default must be true in exactly one region's config.yaml":   "目前没有默认地域：必须有且仅有一个地域的 config.yaml 将 cm_is_default 设置为 true",
			"%s: %s registered": "%s：已注册 %s",
			"%s: %s corrected":  "%s：已修正 %s",

			// regions
			"there is another region already (%s, cm_location %d), and with several regions each needs a name: set cm_region in config.yaml of both":                    "已存在另一个地域（%s，cm_location %d），多地域部署时每个地域都需要名称：请在两个地域的 config.yaml 中设置 cm_region",
			"the region %s is registered with cm_location %d, but config.yaml says cm_location %d: correct cm_location, or give this region another cm_region":          "地域 %s 已以 cm_location %d 注册，但 config.yaml 中的 cm_location 为 %d：请修正 cm_location，或为本地域设置其他 cm_region",
			"cm_url %s is the address of the region %s (cm_location %d): each region needs a CM of its own, correct cm_url in config.yaml":                              "cm_url %s 是地域 %s(cm_location %d)的地址：每个地域需要自己的 CM，请修正 config.yaml 中的 cm_url",
			"the region %s (cm_location %d) is the default one already: set cm_is_default: false in config.yaml of region %s, or first in that of %s":                   "地域 %s(cm_location %d)已经是默认地域：请在地域 %s 的 config.yaml 中设置 cm_is_default: false，或先在 %s 中设置",
			"this region is registered as %s (cm_location %d), but config.yaml has no cm_region: set it":                                                                "本地域已注册为 %s(cm_location %d)，但 config.yaml 中没有 cm_region:请设置该配置项",
			"cm_location %d belongs to the region %s (%s) already, not to %s: each region needs a number of its own, correct cm_location (or cm_region) in config.yaml": "cm_location %d 已属于地域 %s（%s），不属于 %s：每个地域需要不同的编号，请修正 config.yaml 中的 cm_location（或 cm_region）",
			"cannot read the registered regions and nodes: %w":                 "无法读取已注册的地域和节点：%w",
			"cannot register this region and its nodes in the database %s: %w": "无法在数据库 %s 中注册本地域及其节点：%w",

			// CM
			"cm_url %s does not answer (%v), but this node's own CM does, so step 5 talks to %s; see to it that cm_url leads there, such as a VIP that is not up yet": "cm_url %s 没有应答（%v），但本节点的 CM 可用，步骤五将访问 %s；请确保 cm_url 最终可达，例如 VIP 可能尚未生效",
			"waiting for the CM at %s: %v": "正在等待集群管理服务（CM）%s:%v",
			"cannot talk to the CM at %s: %w; correct cm_url in config.yaml or the certificate there":                                                                               "无法与集群管理服务（CM）%s 通信：%w；请修正 config.yaml 中的 cm_url 或其证书",
			"the CM did not answer GET %s/ with 200 within %s, the last answer was: %w; see omsinit status and omsinit logs oms_drc_cm, and whether cm_url in config.yaml is right": "集群管理服务（CM）未能对 GET %s/ 在 %s 内返回 200，最后一次结果：%w；请查看 omsinit status 和 omsinit logs oms_drc_cm，并确认 config.yaml 中的 cm_url 是否正确",
			"the CM did not accept %s (%s): %w": "集群管理服务（CM）未接受请求 %s(%s):%w",
			"the CM did not answer %s within %s, the last answer was: %w; see omsinit logs oms_drc_cm": "集群管理服务（CM）对 %s 在 %s 内没有正常应答，最后一次结果：%w；请查看 omsinit logs oms_drc_cm",
			"the answer broke off after %d bytes: %w":                                                  "应答在 %d 字节后中断：%w",
			"the answer is larger than 1 MiB, so it is not a CM's":                                     "应答超过 1 MiB，不是 CM 的应答",
			"errCode %s, errMsg %q; see omsinit logs oms_drc_cm":                                       "errCode %s,errMsg %q；请查看 omsinit logs oms_drc_cm",
			"something other than the CM answers, with a web page titled %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port), not to the console, and not through a web proxy": "应答的不是 CM，而是标题为 %q 的网页（Server: %q）;config.yaml 中的 cm_url 必须指向 CM 的端口（cm_server_port），不能是管控台地址，也不能经过 Web 代理",
			"the answer is not a CM's: %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port)":                                                                                    "应答不符合 CM 的格式：%q(Server: %q);config.yaml 中的 cm_url 必须指向 CM 的端口（cm_server_port）",
			"HTTP %s to %s (Server: %q); a CM does not redirect, so cm_url leads to something else":                                                                                                           "HTTP %s 重定向到 %s(Server: %q);CM 不会重定向，cm_url 指向的不是 CM",
			"HTTP %s (Server: %q)": "HTTP %s(Server: %q)",
		}
	})
}
