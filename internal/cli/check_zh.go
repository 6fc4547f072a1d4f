package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"All findings are reported at once. FILE or --config may be - for standard input. Nothing is changed, but for a throw-away database in the MetaDB and in the time-series database, which is removed again.": "一次性报告所有问题。FILE 或 --config 可以为 -，表示标准输入。除在元信息库和时序数据库中创建并随后删除的临时库外，不改动任何内容。",
			"how long each check may take":                                             "每项检查的时限",
			"print the long help of a finding, such as metadb.clock":                   "打印某个检查项的详细说明，例如 metadb.clock",
			"the ids of findings that are warnings instead of errors (OMSINIT_IGNORE)": "将这些编号的错误降级为警告（OMSINIT_IGNORE）",
			"omsinit: --deadline must be longer than 0":                                "omsinit：--deadline 必须大于 0",
		}
	})
}
