package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"cannot read %s: %w":          "无法读取 %s：%w",
			"cannot write %s: %w":         "无法写入 %s：%w",
			"cannot create %s: %w":        "无法创建 %s：%w",
			"%s has these values already": "%s 中已是这些值",
			"%s: %s (new)":                "%s：%s（新增）",
			"%s: %s -> %s":                "%s：%s -> %s",
			"%s was not changed":          "%s 未被修改",
			"%w; %s was not changed":      "%w；%s 未被修改",
			"%w; %s was not changed (--no-apply changes it all the same)":                    "%w；%s 未被修改（--no-apply 可只修改该文件）",
			"the files are as they were in %s":                                               "文件与版本 %s 中的一致",
			"%s is changed; what it was is in %s":                                            "%s 已修改；修改前的内容保存在 %s",
			"cannot write %s: %w; what it was is in %s":                                      "无法写入 %s：%w；修改前的内容保存在 %s",
			"cannot write %s: %w; edit the file on the host, then run `omsinit reconfigure`": "无法写入 %s：%w；请在宿主机上编辑该文件，然后执行 `omsinit reconfigure`",
			"cannot keep a copy of %s, so it was not changed: %w":                            "无法保存 %s 的副本，因此未做修改：%w",
			"no earlier version of the changed files is kept: %v":                            "未能保留被修改文件的旧版本：%v",
			"the MetaDB %s lacks databases or tables of OMS (databases: %d, tables: %d), so %s was not changed; create them with --init-metadb, or put the old ones there first": "元信息库 %s 中缺少 OMS 的数据库或表（数据库：%d，表：%d），因此未修改 %s；请使用 --init-metadb 创建，或先将原有的库迁移过去",
		}
	})
}
