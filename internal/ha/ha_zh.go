package ha

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the table oms_normal_config of the database %s has %d rows with cfg_name ha.config, and only one can count: delete the others":                                       "数据库 %s 的表 oms_normal_config 中有 %d 行 cfg_name 为 ha.config，只能有一行：请删除多余的行",
			"the system parameter ha.config is not a JSON object (%v), so it is left as it is: %q; correct it in the console (System Management > System Parameters > ha.config)": "系统参数 ha.config 不是 JSON 对象（%v），未做修改：%q；请在控制台（系统管理 > 系统参数 > ha.config）中修正",
		}
	})
}
