package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the time-series database at %s takes points and gives them back":                                    "%s 处的时序数据库可以写入并读回数据点",
			"the components cannot be told of the time-series database: %w; %v":                                  "无法让组件使用时序数据库：%w；%v",
			"warning: the time-series database is left out (--tsdb-optional): %v":                                "警告：不使用时序数据库（--tsdb-optional）：%v",
			"nothing is reported; once the time-series database passes its check, `omsinit init` switches it on": "不上报任何指标；待时序数据库通过检查后，`omsinit init` 会将其启用",
			"leave the time-series database out (--tsdb-optional): %v":                                           "不使用时序数据库（--tsdb-optional）：%v",
			"create in the time-series database":                                                                 "在时序数据库中创建",
		}
	})
}
