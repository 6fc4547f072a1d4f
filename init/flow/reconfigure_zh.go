package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"kept as it was edited by hand: %s (delete it to have it made anew)": "保留手工修改的文件：%s（如需重新生成，请删除该文件）",
			"kept as edited by hand in %s: %s":                                   "保留 %s 中手工修改的键：%s",
			"%s was edited by hand; it is made anew, and the edited file is %s":  "%s 曾被手工修改；现已重新生成，修改过的文件保存为 %s",
			"--prefer is ours or theirs, not %q":                                 "--prefer 只能是 ours 或 theirs，不能是 %q",
			"the tables are to be made first":                                    "需要先创建表",
			"create %s":                                                          "新建 %s",
			"change %s":                                                          "修改 %s",
			"create the databases":                                               "创建数据库",
			"create the tables":                                                  "创建表",
			"add the columns":                                                    "添加列",
			"record the release in oms_version":                                  "在 oms_version 中记录版本",
			"restart":                                                            "重启",
			"send to the CM":                                                     "向 CM 发送",
			"register %s %s":                                                     "登记 %s %s",
			"mark %s %s as %s":                                                   "标记 %s %s 为 %s",
			"correct %s %s":                                                      "更正 %s %s",
			"cannot tell what %s needs: %v":                                      "无法判断 %s 需要做什么：%v",
			"nothing to do":                                                      "无需任何操作",
		}
	})
}
