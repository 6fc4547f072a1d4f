package pack

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the pack has no file %q; see `omsinit pack list`":                               "版本包中没有文件 %q；请参见 `omsinit pack list`",
			"%s is there already, and is not overwritten; remove it, or name another folder": "%s 已存在，不会被覆盖；请将其删除，或指定其他目录",
			"cannot write %s: %w": "无法写入 %s：%w",
			"there is no way to merge called %q; it is keys or whole":  "没有名为 %q 的合并方式；只能是 keys 或 whole",
			"a file of the format %q has no keys to merge by":          "格式为 %q 的文件没有可用于合并的键",
			"cannot read the pack directory %s: %w":                    "无法读取版本包目录 %s：%w",
			"cannot read the pack directory %s: it is not a directory": "无法读取版本包目录 %s：它不是目录",
			"cannot read the pack: %w":                                 "无法读取版本包：%w",
			"cannot use the pack: %w":                                  "无法使用版本包：%w",
			"the file %s is empty":                                     "文件 %s 为空",
			"%s: there is no field %q":                                 "%s：没有字段 %q",

			"version is %d; this omsinit reads version 1":                                     "version 为 %d，此 omsinit 只支持版本 1",
			"release is %q; it must be a version such as 4.2.3-CE":                            "release 为 %q，应为版本号，例如 4.2.3-CE",
			"%q stands in the list twice, or is empty":                                        "%q 在列表中重复出现或为空",
			"the validator %q has no command":                                                 "校验程序 %q 没有命令（command）",
			"needs is %q; it must be an absolute path of the container":                       "needs 的值为 %q；必须是容器内的绝对路径",
			"%s stands for all values at once; name the one that is needed":                   "%s 代表全部值；请写明所需的那一个",
			"path is %q; it must be an absolute path of the container":                        "path 为 %q，应为容器内的绝对路径",
			"owner is %q; it must be a user name, root or ds":                                 "owner 为 %q，应为用户名 root 或 ds",
			"mode is %#o; it must be an octal number such as 0600":                            "mode 为 %#o，应为八进制数，例如 0600",
			"there is no condition %q":                                                        "没有条件 %q",
			"path %s stands in the list twice":                                                "路径 %s 在列表中重复出现",
			"there is no policy %q; it is replace or create":                                  "没有策略 %q，只能是 replace 或 create",
			"there is no validator %q":                                                        "没有校验程序 %q",
			"there is no format %q":                                                           "没有格式 %q",
			"cannot read the template: %v":                                                    "无法读取模板：%v",
			"%s holds a secret; its mode must be 0600, not %#o":                               "%s 含有密码，权限应为 0600，而不是 %#o",
			"the name %q stands in the list twice, or is empty":                               "名称 %q 在列表中重复出现或为空",
			"method is %q; it is GET or POST":                                                 "method 为 %q，只能是 GET 或 POST",
			"path is %q; it must start with a slash":                                          "path 为 %q，应以斜杠开头",
			"{{template}} is not supported; write the text where it belongs":                  "不支持 {{template}}，请把内容直接写在相应位置",
			"%s: {{define}} and {{block}} are not supported; write the text where it belongs": "%s：不支持 {{define}} 和 {{block}}，请把内容直接写在相应位置",
			"there is no value %q; the names are the keys of config.yaml and %s":              "没有名为 %q 的值，可用的名称为 config.yaml 的配置项以及 %s",
			"%q has no part %q":                                                               "%q 没有下级字段 %q",

			"cannot make %s from %s: %w":                                               "无法根据模板生成 %s（模板来源：%s）：%w",
			"cannot fill in %s of the CM call %s: %w":                                  "无法填写参数 %s（CM 接口调用 %s）：%w",
			"cannot write the value of %s: %v":                                         "无法写入配置项 %s 的值：%v",
			"no value was given for %q":                                                "没有给出 %q 的值",
			"the value holds a line break or a NUL character":                          "值中含有换行符或 NUL 字符",
			"the value is not valid UTF-8":                                             "值不是有效的 UTF-8 文本",
			"only text, numbers and booleans can be written; use {{range}} for a list": "只能写入文本、数字和布尔值；列表请使用 {{range}}",
			"the value holds a $, which nginx would take for a variable; define `geo $dollar { default \"$\"; }` in the template": "值中含有 $，nginx 会把它当作变量；请在模板中定义 `geo $dollar { default \"$\"; }`",
			"white space at the start or the end of the value cannot be kept in a program file":                                   "值的首尾有空白字符，无法保存在程序定义文件中",
			"%q in the value would start a comment in a program file":                                                             "值中的 %q 在程序定义文件中会成为注释的开头",
		}
	})
}
