package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the time-series database: try it, see what is reported":                   "时序数据库：检测是否可用，查看上报情况",
			"`omsinit metrics COMMAND --help` tells more about each.":                  "`omsinit metrics COMMAND --help` 给出各命令的更多说明。",
			"try the time-series database as step 3 does; exit status 3 when it fails": "按步骤三的方式检测时序数据库；失败时退出码为 3",
			"Connects, logs in, looks for the database and the retention policy, writes a point and reads it back. Creates neither; where one is missing, a throw-away database is written to, and removed again.": "连接、登录、查看数据库和保留策略、写入一个数据点并读回。不创建数据库和保留策略；缺少时改为写入临时库，随后删除。",
			"what PID 1 reports: how much, how late, what was dropped, the last error":                  "PID 1 的上报情况：数量、延迟、丢弃情况、最近一次错误",
			"text, json, or prometheus for the figures themselves":                                      "text、json，或 prometheus（指标本身）",
			"omsinit: --output is text, json or prometheus, not %q":                                     "omsinit：--output 只能为 text、json 或 prometheus，而不是 %q",
			"go on without a time-series database that does not pass its check (OMSINIT_TSDB_OPTIONAL)": "时序数据库未通过检查时不使用它，继续执行（OMSINIT_TSDB_OPTIONAL）",
			"omsinit: OMSINIT_TSDB_OPTIONAL is true or false, not %q":                                   "omsinit：OMSINIT_TSDB_OPTIONAL 只能为 true 或 false，而不是 %q",
			"a port on 127.0.0.1 that serves the metrics to Prometheus":                                 "在 127.0.0.1 上向 Prometheus 提供指标的端口",
			"none": "无",
			"omsinit: --metrics-port is a port from 1 to 65535, not %d": "omsinit：--metrics-port 应为 1 到 65535 的端口，而不是 %d",
		}
	})
}
