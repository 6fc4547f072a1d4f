package metadb

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"waiting for a statement that the server still works on for a run that is gone": "正在等待服务器完成一个已退出的执行所发出的语句",
			// schema files
			"cannot use the pack's release: %w": "无法使用 pack 中的版本号：%w",
			"the pack has no schema file for the database %s: at least one schema/%s/VERSION.sql is needed": "pack 中没有数据库 %s 的 schema 文件：至少需要一个 schema/%s/版本号.sql",
			"the schema files %s and %s are of the same version: remove one from the pack":                  "schema 文件 %s 和 %s 的版本相同：请从 pack 中删除其中一个",
			"the name of the schema file %s is not a version: %w":                                           "schema 文件 %s 的文件名不是版本号：%w",
			"cannot read the schema file %s: %w":                                                            "无法读取 schema 文件 %s：%w",
			"it is not UTF-8 text":                                                                          "不是 UTF-8 文本",
			"at line:column %w":                                                                             "位于 行:列 %w",
			"line %d: %w":                                                                                   "第 %d 行：%w",
			"a comment is not closed":                                                                       "注释没有结束",
			"a quotation is not closed: %s":                                                                 "引号没有闭合：%s",
			"a schema file must not create, change or choose a database: config.yaml names the databases": "schema 文件不得创建、修改或切换数据库：数据库名由 config.yaml 指定",
			"the name of the table is missing": "缺少表名",
			"the table %s is named with a database: config.yaml names the databases, write the name of the table only": "表名带有库名前缀 %s：数据库名由 config.yaml 指定，这里只写表名",
			"waiting for another node that works on the MetaDB: %v":                                                    "正在等待另一个节点完成对元信息库的操作：%v",
			"cannot use the database %s: %w":                                                                           "无法使用数据库 %s：%w",
			"cannot create the database %s: %w":                                                                        "无法创建数据库 %s：%w",
			"connecting to the MetaDB again, to continue: %v":                                                          "重新连接元信息库并继续：%v",
			"the database %s holds something else than OMS (tables: %s); choose another name in config.yaml, or, if OMS is to live beside that, run `omsinit metadb migrate --adopt`, which leaves it as it is":     "数据库 %s 中存放的不是 OMS 的数据（表：%s）；请在 config.yaml 中改用其他库名；如确需与其共用，请执行 `omsinit metadb migrate --adopt`，已有的表不会被改动",
			"the schema file %s has changed after it was applied to the database %s at %s (checksum then %s, now %s): put it back as it was, and make the change in a file of a later version":                      "schema 文件 %s 在应用到数据库 %s（%s）之后被修改（当时的校验和 %s，现在 %s）：请恢复该文件，并将改动写入更高版本的文件",
			"statement %d of the schema file %s has changed, but it was sent to the database %s and its outcome is not known: put it back as it was, finish this run, and change it afterwards":                     "schema 文件 %[2]s 的第 %[1]d 条语句被修改，但该语句曾发送到数据库 %[3]s，结果未知：请先恢复该文件并完成本次执行，然后再修改",
			"the database %s lacks the table %s (missing tables: %d), which was there: see which program removes it; restore a backup if its rows are needed (omsinit metadb restore), or make it again, empty: %s": "数据库 %s 缺少表 %s（缺少的表数：%d），该表此前存在：请查明是哪个程序将其删除；如需要其中的数据，请恢复备份（omsinit metadb restore），否则可重建空表：%s",
			"cannot write the journal %s.%s: %w":                                                 "无法写入执行记录表 %s.%s：%w",
			"schema of %s was in %s before there was a journal: noted as found, nothing was run": "%s 的 schema 在有执行记录表之前已存在于 %s：已登记为已有，未执行任何语句",
			"database %s created": "已创建数据库 %s",
			"passing over a statement that OceanBase does not support, which is documented as harmless: %s, line %d: %v": "跳过 OceanBase 不支持的语句（文档说明可直接忽略）：%s 第 %d 行：%v",
			"cannot apply %s to the database %s, statement %d of %d (line %d: %s): %w":                                   "无法将 %s 应用到数据库 %s，第 %d 条语句（共 %d 条，第 %d 行：%s）：%w",
			"schema of %s applied to %s, tables created: %d":                                                             "已将 %s 的 schema 应用到 %s，新建表数：%d",
			"cannot record the release %s in %s.%s: %w":                                                                  "无法将版本 %s 写入 %s.%s：%w",
			"release %s recorded in %s.%s":                                                                               "已将版本 %s 写入 %s.%s",
			"table %s.%s lacks the column %s (missing columns: %d), so another release or another program made it; if it belongs to this OMS, run: %s; otherwise choose other database names in config.yaml": "表 %s.%s 缺少列 %s（缺少的列数：%d），说明该表由其他版本或其他程序创建；如果它属于本 OMS，请执行：%s；否则请在 config.yaml 中改用其他数据库名",
		}
	})
}
