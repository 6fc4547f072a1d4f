package config

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"%s is written within braces, and cannot be edited key by key; edit it by hand": "%s 写在花括号中，无法逐键修改，请手工编辑",
			"cannot set %s in %s without touching other lines; edit it by hand":             "无法在不改动其他行的情况下设置 %s（文件 %s），请手工编辑",
			"cannot set a key in %s without touching other lines; edit it by hand":          "无法在不改动其他行的情况下修改 %s，请手工编辑",
			"%s cannot be edited key by key; edit it by hand":                               "%s 无法逐键修改，请手工编辑",
			"%q is not the name of a key":                                                   "%q 不是配置项名称",
			"the value of %s holds a line end, a tab or another control character":          "%s 的值中含有换行、制表符或其他控制字符",
		}
	})
}
