package pack

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"%s is %q; it must be a name of letters, digits and _ that starts with a letter": "%s 为 %q，应为以字母开头、由字母、数字和 _ 组成的名称",
			"duration is %q; it must be a number of hours, days or weeks such as 30d":        "duration 为 %q，应为小时、天或周数，例如 30d",
		}
	})
}
