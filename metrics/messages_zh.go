package metrics

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"tsdb_url %q is not an address of the form host:port":                                                    "tsdb_url 的值 %q 不是 host:port 形式的地址",
			"the time-series database at tsdb_url %s is InfluxDB %s; OMS needs InfluxDB 1.8":                         "tsdb_url %s 处的时序数据库为 InfluxDB %s，OMS 需要 InfluxDB 1.8",
			"cannot reach the time-series database at tsdb_url %s: %w":                                               "无法连接 tsdb_url %s 处的时序数据库：%w",
			"the time-series database at tsdb_url %s refuses tsdb_username %q with the configured tsdb_password: %s": "tsdb_url %s 处的时序数据库拒绝了 tsdb_username %q 与所配置的 tsdb_password：%s",
			"what answers at tsdb_url %s is a web page, not InfluxDB 1.x":                                            "tsdb_url %s 返回的是网页，不是 InfluxDB 1.x",
			"the time-series database at tsdb_url %s does not answer as InfluxDB 1.x does: %s":                       "tsdb_url %s 处的服务不像 InfluxDB 1.x 那样应答：%s",
			"cannot create a database: %w":                                                                           "无法创建数据库：%w",
			"cannot write a point: %w":                                                                               "无法写入数据点：%w",
			"cannot remove the throw-away database %s: %w":                                                           "无法删除临时数据库 %s：%w",
		}
	})
}
