package pack

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"edition is %q; it is CE or EE":                                                             "edition 的值为 %q；应为 CE 或 EE",
			"to is %q; it must be a release such as 4.2.3":                                              "to 的值为 %q；应为 4.2.3 这样的版本",
			"schema is %q; it is none, or not given":                                                    "schema 的值为 %q；应为 none，或者不写",
			"from is %q; it must be a release such as 4.2.2, or bounds such as \">=3.2.1 <4.0.1\"":      "from 的值为 %q；应为 4.2.2 这样的版本，或 \">=3.2.1 <4.0.1\" 这样的范围",
			"a table, the column with the name, and values with the column that they are in are needed": "需要给出表、名称所在的列；给出 values 时还需要其所在的列",
		}
	})
}
