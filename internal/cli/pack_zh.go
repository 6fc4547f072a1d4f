package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"Files to the byte, the schema through information_schema in scratch databases called omsinit_scratch_…, and whether the programs can be read. Exit status 3: something differs.": "逐字节对比文件，在名为 omsinit_scratch_… 的临时数据库中通过 information_schema 对比表结构，并检查程序定义能否读取。退出码 3：存在差异。",
			"OMS version, such as 4.2.7-CE (default: what the table oms_version says)":                                                                                                        "OMS 版本号，例如 4.2.7-CE（默认取 oms_version 表中的记录）",
			"OMS_HOST_IP of the second installation, when it has several nodes":                                                                                                               "第二套安装有多个节点时，其 OMS_HOST_IP",
			"PATH:KEY of a value that is named like a secret and is none":                                                                                                                     "名称像密码但并非密码的值，写为 PATH:KEY",
			"Run it inside an initialised container, or with --root on a copy of its files. The installation and its MetaDB are only read; the proof at the end creates three scratch databases called omsinit_scratch_…, and drops them. Exit status 3: the pack was written but does not make everything again.": "在已初始化的容器中运行，或用 --root 指定其文件的副本。只读取现有安装和元信息库；最后的验证会创建三个名为 omsinit_scratch_… 的临时数据库，随后删除。退出码 3：版本包已写入，但不能完全重现现有安装。",
			"a TABLE, or rm.TABLE, cm.TABLE, hb.TABLE, whose rows are settings (default: tables of at most 500 rows with a name such as config, setting, param, dict or label)":                                                                                                                                    "其数据属于配置的表：TABLE，或 rm.TABLE、cm.TABLE、hb.TABLE（默认：名称含 config、setting、param、dict、label 等且不超过 500 行的表）",
			"a further file, or a folder of files, as a path of the container":                               "另外的文件或目录，写容器内路径",
			"compare what a pack makes with what an installation has":                                        "对比版本包生成的内容与现有安装",
			"folder of the pack, new or empty":                                                               "版本包的目录，必须不存在或为空",
			"folder with the files of a second installation, of the same release with another configuration": "第二套安装的文件所在目录，版本相同而配置不同",
			"learn the pack of a release from an initialised installation":                                   "从已初始化的安装中采集该版本的版本包",
			"leave the databases out":                                                                        "不采集数据库",
			"omsinit: name the folder to write to with --out":                                                "omsinit：请用 --out 指定要写入的目录",
			"replace the pack that is in that folder":                                                        "替换该目录中的版本包",
			"the old step 5, a shell command that is run once while its calls to the CM are recorded":        "原步骤五的 shell 命令，执行一次并录制其对 CM 的调用",
			"the pack of the previous release: the schema becomes what this release adds":                    "上一版本的版本包：表结构只包含本版本新增的内容",
			"the same of the second installation, a command that can be run here":                            "第二套安装的同一命令，须能在此处执行",
			"A dash in the place of a folder is the built-in pack. Exit status 2: they differ.":              "用 - 代替目录表示内置版本包。退出码 2：两者不同。",
			"Unknown keys, files that nothing is made from, missing escapes, secrets as text or in files that others may read, schema files that are never applied. Exit status 3: there are errors.": "检查未知的键、未使用的文件、缺少的转义、明文密码或他人可读文件中的密码、永远不会执行的表结构文件。退出码 3：存在错误。",
			"find what is wrong with a pack":                            "检查版本包中的问题",
			"omsinit: %s is not a folder":                               "omsinit：%s 不是目录",
			"omsinit: name the folder of the pack":                      "omsinit：请指定版本包的目录",
			"show how two packs, such as those of two releases, differ": "显示两个版本包（例如两个版本的）之间的差异",
			"print the JSON Schema of pack.yaml":                        "输出 pack.yaml 的 JSON Schema",
		}
	})
}
