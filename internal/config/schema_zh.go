package config

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"config.yaml of OceanBase Migration Service (OMS)":       "OceanBase 迁移服务（OMS）的 config.yaml",
			"Keys that OMS does not know are handed on as they are.": "OMS 未知的配置项会原样传递。",
			"%s (until OMS CE %s)":                                   "%s（OMS 社区版 %s 及以前）",
			"%s (since OMS CE %s)":                                   "%s（OMS 社区版 %s 及以后）",
			"this is the address of one of several nodes, so the region has no CM when that node is down": "该地址是多个节点之一的地址，该节点宕机时本地域将没有可用的 CM",
			"write a VIP or a domain name in front of all of them":                                        "请填写所有节点之前的 VIP 或域名",
		}
	})
}
