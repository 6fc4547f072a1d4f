package metadb

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"release of the pack: %s; recorded in the MetaDB: %s":                  "版本包的版本：%s；元信息库中记录的版本：%s",
			"%s (%s): not created yet":                                             "%s（%s）：尚未创建",
			"%s (%s): has no journal yet":                                          "%s（%s）：尚无执行记录表",
			"%s, statement %d: %s":                                                 "%s，第 %d 条语句：%s",
			"%s: the server's answer: %s":                                          "%s：服务器的应答：%s",
			"missing: %s; it comes back with: %s":                                  "缺少：%s；可执行以下语句补上：%s",
			"beyond the schema: %s":                                                "schema 之外的内容：%s",
			"a run would stop: %v":                                                 "执行时将会停止：%v",
			"the MetaDB is up to date":                                             "元信息库已是最新",
			"the MetaDB is not up to date: see `omsinit metadb migrate --dry-run`": "元信息库不是最新：请查看 `omsinit metadb migrate --dry-run`",
			"pending":          "待执行",
			"in flight":        "结果未知",
			"failed":           "失败",
			"CHANGED":          "已被修改",
			"not in this pack": "不在此版本包中",
			"found":            "原已存在",
			"done":             "完成",
			"unfinished":       "未完成",
			"none":             "无",
			"nothing was dropped: to initialise the MetaDB again, type the name of the database %s, not %q": "未删除任何内容：如需重新初始化元信息库，请输入数据库名 %s，而不是 %q",
			"cannot drop the database %s: %w": "无法删除数据库 %s：%w",
			"database %s dropped":             "已删除数据库 %s",
		}
	})
}
