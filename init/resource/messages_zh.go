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
			"%s: %s marked %s, because it is not in cm_nodes any more; the row is kept":                 "%s：%s 已标记为 %s，因为它已不在 cm_nodes 中；该行仍然保留",
			"the table %s.location_cm has other columns than are known, so its rows are left to the CM": "表 %s.location_cm 的列与已知的不同，其记录由 CM 自行维护",
			"%s: %s is in cm_nodes, and %s again":                                                       "%s：%s 在 cm_nodes 中，已恢复为 %s",
			"the node %s is not in cm_nodes, but sends heartbeats (the last one %s ago), so it is left as it is: if it was taken out, stop its container and run omsinit init --only resource again in 2 minutes; if not, correct cm_nodes here": "节点 %s 不在 cm_nodes 中，但仍在发送心跳（最近一次在 %s 之前），因此保持不变：如果该节点已移除，请停止其容器，2 分钟后再次执行 omsinit init --only resource；否则请修正本节点的 cm_nodes",

			"cannot read the registered regions and nodes: %w":                 "无法读取已注册的地域和节点：%w",
			"cannot register this region and its nodes in the database %s: %w": "无法在数据库 %s 中注册本地域及其节点：%w",

			// CM
			"cm_url %s does not answer (%v), but this node's own CM does, so step 5 talks to %s; see to it that cm_url leads there, such as a VIP that is not up yet": "cm_url %s 没有应答（%v），但本节点的 CM 可用，步骤五将访问 %s；请确保 cm_url 最终可达，例如 VIP 可能尚未生效",
			"waiting for the CM at %s: %v": "正在等待集群管理服务（CM）%s：%v",
			"cannot talk to the CM at %s: %w; correct cm_url in config.yaml or the certificate there":                                                                               "无法与集群管理服务（CM）%s 通信：%w；请修正 config.yaml 中的 cm_url 或其证书",
			"the CM did not answer GET %s/ with 200 within %s, the last answer was: %w; see omsinit status and omsinit logs oms_drc_cm, and whether cm_url in config.yaml is right": "集群管理服务（CM）未能对 GET %s/ 在 %s 内返回 200，最后一次结果：%w；请查看 omsinit status 和 omsinit logs oms_drc_cm，并确认 config.yaml 中的 cm_url 是否正确",
			"the CM did not accept %s (%s): %w": "集群管理服务（CM）未接受请求 %s（%s）：%w",
			"the CM did not answer %s within %s, the last answer was: %w; see omsinit logs oms_drc_cm": "集群管理服务（CM）对 %s 在 %s 内没有正常应答，最后一次结果：%w；请查看 omsinit logs oms_drc_cm",
			"the answer broke off after %d bytes: %w":                                                  "应答在 %d 字节后中断：%w",
			"the answer is larger than 1 MiB, so it is not a CM's":                                     "应答超过 1 MiB，不是 CM 的应答",
			"errCode %s, errMsg %q; see omsinit logs oms_drc_cm":                                       "errCode %s，errMsg %q；请查看 omsinit logs oms_drc_cm",
			"something other than the CM answers, with a web page titled %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port), not to the console, and not through a web proxy": "应答的不是 CM，而是标题为 %q 的网页（Server: %q）；config.yaml 中的 cm_url 必须指向 CM 的端口（cm_server_port），不能是管控台地址，也不能经过 Web 代理",
			"the answer is not a CM's: %q (Server: %q); cm_url in config.yaml must lead to the CM's port (cm_server_port)":                                                                                    "应答不符合 CM 的格式：%q（Server: %q）；config.yaml 中的 cm_url 必须指向 CM 的端口（cm_server_port）",
			"HTTP %s to %s (Server: %q); a CM does not redirect, so cm_url leads to something else":                                                                                                           "HTTP %s 重定向到 %s（Server: %q）；CM 不会重定向，cm_url 指向的不是 CM",
			"cm_url begins with https, and what answers there does not speak TLS (%v)":                                                                                                                        "cm_url 以 https 开头，但该地址的服务不使用 TLS（%v）",
			"HTTP %s (Server: %q)": "HTTP %s（Server: %q）",
		}
	})
}
