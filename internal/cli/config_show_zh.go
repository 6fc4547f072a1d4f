package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the effective value of every key, and where it comes from": "各配置项的生效值及其来源",
			"a JSON Schema of config.yaml, for editors":                 "供编辑器使用的 config.yaml 的 JSON Schema",
			"line %d": "第 %d 行",
			"default": "默认值",
			"from %s": "取自 %s",
			"not set": "未设置",
		}
	})
}
