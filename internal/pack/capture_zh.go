package pack

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"there is no way to register called %q; it is rows or calls": "没有名为 %q 的注册方式；只能是 rows 或 calls",
			"there is no spelling %q of the format %q":                   "没有写法 %q（格式 %q）",
			"setting needs the name of a key in quotes":                  "setting 需要一个带引号的配置项名称",
		}
	})
}
