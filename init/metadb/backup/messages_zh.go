package backup

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"%s holds no finished backup: there is no %s in it":                                               "%s 中没有完整的备份：缺少 %s",
			"cannot read the backup: %w":                                                                      "无法读取备份：%w",
			"cannot read %s: %w":                                                                              "无法读取 %s：%w",
			"%s is of version %d and lists %d databases; this omsinit reads version 1":                        "%s 的格式版本为 %d，其中列出 %d 个数据库；本 omsinit 只能读取格式版本 1",
			"the file %q of the database %q is not a name in this folder":                                     "数据库 %[2]q 的文件 %[1]q 不是本目录中的文件名",
			"%s is not what was backed up: it has %d bytes and the SHA-256 %s, the manifest says %d and %s":   "%s 与备份时不一致：现有 %d 字节，SHA-256 为 %s；清单记录为 %d 字节，%s",
			"cannot ask %s for its version: %w":                                                               "无法获取 %s 的版本：%w",
			"none of the programs %s is on this node: install the client programs of MariaDB or MySQL":        "本节点上没有以下任一程序：%s；请安装 MariaDB 或 MySQL 的客户端程序",
			"waiting for another node that works on the MetaDB: %v":                                           "正在等待另一个节点完成对元信息库的操作：%v",
			"cannot write the backup: %w":                                                                     "无法写入备份：%w",
			"%s holds a backup already: choose another folder":                                                "%s 中已有备份：请选择其他目录",
			"%s is not empty (%s): choose another folder":                                                     "%s 不是空目录（其中有 %s）：请选择其他目录",
			"cannot trim %s before the backup: %w":                                                            "备份前无法清理 %s：%w",
			"cannot dump the database %s: %w":                                                                 "无法导出数据库 %s：%w",
			"the table %s is not in the dump":                                                                 "导出文件中没有表 %s",
			"there is no database to back up":                                                                 "没有可备份的数据库",
			"the dump is empty":                                                                               "导出文件为空",
			"the dump is cut off: it has no end mark":                                                         "导出文件不完整：缺少结束标记",
			"cannot read the regions from %s: %w":                                                             "无法从 %s 读取地域信息：%w",
			"the database %s is not in the MetaDB":                                                            "元信息库中没有数据库 %s",
			"the backup in %s holds the database %s, and config.yaml names %s: it is a backup of another OMS": "%s 中的备份包含数据库 %s，而 config.yaml 中为 %s：这是另一套 OMS 的备份",
			"the name of the database %s is too long to restore it beside itself":                             "数据库名 %s 过长，无法先恢复到旁边的临时库",
			"the databases are replaced only when --replace is the name of the first of them, %s, not %q":     "只有当 --replace 的值为第一个数据库的名称 %s（而不是 %q）时才会替换现有数据库",
			"cannot put the restored database %s in its place: %w; it is complete and verified as %s":         "无法将恢复的数据库 %s 切换到位：%w；已恢复并校验通过的数据在 %s 中",
			"the database %s holds tables (%s): a backup is restored into a fresh database; to drop what is there, give --replace=%s": "数据库 %s 中已有表（%s）：备份只能恢复到全新的数据库；如需删除现有内容，请指定 --replace=%s",
			"cannot restore the database %s: %w":                                                                           "无法恢复数据库 %s：%w",
			"cannot verify the restored database %s: %w":                                                                   "无法校验恢复的数据库 %s：%w",
			"the restored database %s lacks the table %s":                                                                  "恢复的数据库 %s 缺少表 %s",
			"the restored database %s lacks the view %s":                                                                   "恢复的数据库 %s 缺少视图 %s",
			"the restored table %s.%s has %d rows, the manifest says %d":                                                   "恢复的表 %s.%s 有 %d 行，清单记录为 %d 行",
			"the rows of the restored table %s.%s are not those of the backup: their checksum is %s, the manifest says %s": "恢复的表 %s.%s 的数据与备份不一致：校验和为 %s，清单记录为 %s",
			"%s lists %d regions (cm_location %s), but only these heartbeat databases can be told to be theirs: %s; name the others with --heartbeat-db (databases with a table heatbeat_sequence: %s)": "%s 中有 %d 个地域（cm_location %s），但只能确定以下心跳数据库属于它们：%s；请用 --heartbeat-db 指定其余的库（含有表 heatbeat_sequence 的数据库：%s）",
		}
	})
}
