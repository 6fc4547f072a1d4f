package component

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"%s is there but %s is not: nginx stays on HTTP; mount both files for HTTPS":               "%s 存在而 %s 不存在：nginx 仍使用 HTTP；如需 HTTPS，请同时挂载两个文件",
			"there is no user %q here, who is to own config files; is this an OMS image? (useradd %s)": "没有用户 %q，而配置文件应归其所有；这是 OMS 镜像吗？（useradd %s）",
			"cannot read the ids of the user %q: %s and %s":                                            "无法读取用户 %q 的 UID 和 GID：%s 和 %s",

			"cannot write the file %s: %w":                                                                                                      "无法写入文件 %s：%w",
			"cannot write the file %s: %w; mount that file system read-write":                                                                   "无法写入文件 %s：%w；请以读写方式挂载该文件系统",
			"cannot write the file %s: %w; free some space there":                                                                               "无法写入文件 %s：%w；请清理该磁盘空间",
			"cannot write the file %s: %w; run this as root in the container, or as the owner of the tree":                                      "无法写入文件 %s：%w；请在容器中以 root 运行，或以目录树的所有者运行",
			"cannot replace %s: %w; it is mounted on its own, and generated files must not be: leave that -v option out":                        "无法替换 %s：%w；该文件被单独挂载，而生成的文件不能单独挂载，请去掉对应的 -v 选项",
			"cannot write the file %s: it is a directory (Docker makes one when the file of a -v option does not exist on the host); remove it": "无法写入文件 %s：它是一个目录（-v 选项指定的文件在宿主机上不存在时，Docker 会创建目录），请将其删除",
			"cannot write the file %s: it is not a regular file (%s); remove it":                                                                "无法写入文件 %s：它不是普通文件（%s），请将其删除",
			"cannot write the file %s: %s is a symbolic link to something that does not exist; remove the link":                                 "无法写入文件 %s：%s 是符号链接，但指向的目标不存在，请删除该链接",
			"cannot write the file %s: a symbolic link leads out of %s, to %s; remove the link":                                                 "无法写入文件 %s：有符号链接指向目录树 %s 之外的 %s，请删除该链接",
			"cannot create the folder %s: a file of that name is in the way; remove it":                                                         "无法创建目录 %s：已存在同名文件，请将其删除",
			"cannot give the folder %s to the user %s, whose components write there: %v":                                                        "无法将目录 %s 的属主改为用户 %s（其组件需要写入该目录）：%v",
			"one of the folders above it is a file":                                                                                             "其上级目录中有一个是文件",

			"not JSON, line %d: %w":                                                                     "不是有效的 JSON，第 %d 行：%w",
			"line %d: %q has no closing bracket":                                                        "第 %d 行：%q 缺少右方括号",
			"line %d: %s stands in the file twice":                                                      "第 %d 行：%s 在文件中重复出现",
			"line %d: there is no [section] or no option = value":                                       "第 %d 行：缺少 [section]，或不是“选项 = 值”的形式",
			"line %d: %s stands in %s twice":                                                            "第 %d 行：%s 在 %s 中重复出现",
			"%s as made from %s is not valid, nothing was changed: %w":                                  "生成的 %s（模板来源：%s）无效，未做任何修改：%w",
			"%s as made from %s is not valid, nothing was changed: `%s`: %w; its output:\n%s":           "生成的 %s（模板来源：%s）无效，未做任何修改：`%s`：%w；其输出为：\n%s",
			"%s could not be checked, nothing was changed: `%s` did not end within %s; its output:\n%s": "无法校验 %s，未做任何修改：`%s` 在 %s 内没有结束；其输出为：\n%s",
			"%s could not be checked before it was written: %s is not installed here":                   "写入 %s 之前无法校验：此处没有安装 %s",
			"%s could not be checked before it was written: %s says %q":                                 "写入 %s 之前无法校验：%s 提示 %q",
		}
	})
}
