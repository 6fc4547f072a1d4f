package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"a heartbeat database of another region that is not found by itself":                                        "未能自动识别的其他地域的心跳数据库",
			"the MetaDB: see, migrate, back up, restore":                                                                "元信息库：查看、迁移、备份、恢复",
			"`omsinit metadb COMMAND --help` tells more about each.":                                                    "各命令的详细说明请见 `omsinit metadb COMMAND --help`。",
			"which schema files are applied, and what the databases lack":                                               "查看已执行的 schema 文件，以及数据库中缺少的内容",
			"create and complete the three databases: step 2 alone":                                                     "创建并补全三个数据库：仅步骤二",
			"print the SQL that would run; exit status 2 if there is any":                                               "打印将要执行的 SQL；如果有，退出码为 2",
			"accept databases that hold something else too; that stays as it is":                                        "接受其中还有其他内容的数据库；已有内容保持不变",
			"back up, DROP and create the databases again; give the name of drc_rm_db here, or type it when asked":      "备份、删除并重新创建数据库；请在此给出 drc_rm_db 的库名，或在提示时输入",
			"where the backup before --reinit-metadb goes (default: metadb-backup/TIME in the run mount)":               "--reinit-metadb 之前的备份目录（默认为 run 挂载目录下的 metadb-backup/时间）",
			"dump all databases of this OMS into an empty folder, with a manifest":                                      "将本 OMS 的全部数据库导出到空目录，并生成清单",
			"bring a backup back and verify it":                                                                         "恢复备份并校验",
			"the name of drc_rm_db: drop what the databases hold now":                                                   "drc_rm_db 的库名：删除数据库中的现有内容",
			"omsinit: metadb status, migrate, backup or restore?":                                                       "omsinit：请指定 metadb 的子命令 status、migrate、backup 或 restore",
			"This drops the databases %s, %s and %s with everything in them. Type the name of the first one to go on: ": "此操作将删除数据库 %s、%s 和 %s 及其全部内容。如需继续，请输入第一个数据库的名称：",
			"the backup is in %s":                        "备份位于 %s",
			"the backup of %d databases is complete: %s": "%d 个数据库备份完成：%s",
			"%d databases are restored and verified":     "%d 个数据库已恢复并校验通过",
			"omsinit: name the folder of the backup":     "omsinit：请指定备份目录",
			"%s: %d MB dumped, tables: %d":               "%s：已导出 %d MB，表数：%d",
			"%s: %d of %d MB restored":                   "%s：已恢复 %d / %d MB",
		}
	})
}
