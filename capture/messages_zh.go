package capture

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			// calls
			"%s is named like a secret, and its value does not come from config.yaml":                                                                  "%s 的名称像是密码，而其值并非来自 config.yaml",
			"%s of the call may come from %s":                                                                                                          "该调用的 %s 可能来自 %s",
			"%s was sent %d times; the last one is kept":                                                                                               "%s 被发送了 %d 次，保留最后一次的值",
			"it has values in its address too, which are sent in the form":                                                                             "其地址中也带有参数，将放入表单发送",
			"its body is no form (%s) and cannot be sent again, so it is left out":                                                                     "其请求体不是表单（%s），无法重放，已略去",
			"no call to the CM was recorded (--record): step 5 writes the documented tables itself, and sends nothing":                                 "没有录制对 CM 的调用（--record）：步骤五将自行写入文档中的表，不发送请求",
			"only GET and POST can be sent again, so it is left out":                                                                                   "只能重放 GET 和 POST，已略去",
			"the table or its column %s is not as documented, so step 5 registers nothing by itself; record the calls of the old step 5 with --record": "该表或其列 %s 与文档不符，步骤五将不自行注册；请用 --record 录制原步骤五的调用",
			"the value is kept as it is in the first installation":                                                                                     "保留第一套安装中的值",

			// files
			"there are more than %d files in the folders of the configuration, so the rest was not looked at; name the generated ones with --file": "配置目录中的文件超过 %d 个，其余文件未查看；请用 --file 指定生成的文件",

			// output
			"%s is not empty, and what is in it is not overwritten; name a new folder, or give --force":   "%s 不是空目录，其中的内容不会被覆盖；请指定新目录，或使用 --force",
			"%s is no pack (it has no pack.yaml), and --force replaces nothing else; name another folder": "%s 不是版本包（没有 pack.yaml），--force 只替换版本包；请指定其他目录",
			"cannot write the pack to %s: %w":      "无法将版本包写入 %s：%w",
			"the captured pack cannot be used: %w": "采集到的版本包不可用：%w",

			// schema
			"cannot drop the scratch database %s, drop it by hand: %v":                                                                      "无法删除临时数据库 %s，请手工删除：%v",
			"cannot read the schema of the database %s: %w":                                                                                 "无法读取数据库 %s 的结构：%w",
			"the installation has %s, and the pack makes %s":                                                                                "现有安装为 %s，版本包生成 %s",
			"the installation has it, but the pack does not make it":                                                                        "现有安装中存在，但版本包不会生成",
			"the pack makes a row that the installation does not have: %s":                                                                  "版本包会生成现有安装中没有的行：%s",
			"the pack makes it, but the installation does not have it":                                                                      "版本包会生成，但现有安装中不存在",
			"there is a database %s already; run the same command again":                                                                    "数据库 %s 已存在；请重新执行该命令",
			"there is the scratch database %s; if no other capture runs, drop it":                                                           "存在临时数据库 %s；如果没有其他采集正在运行，请将其删除",
			"the schema could not be tried in scratch databases: %v":                                                                        "无法在临时数据库中验证表结构：%v",
			"this account may not see how %s was created; use one that may":                                                                 "该账号无权查看 %s 的定义；请使用有权限的账号",
			"it is not known which release this is: the table oms_version does not say; give it with --release, such as --release 4.2.7-CE": "无法得知版本号：oms_version 表中没有记录；请用 --release 指定，例如 --release 4.2.7-CE",
			"the MetaDB was left out, so the pack has no schema and cannot initialise one":                                                  "未采集元信息库，因此版本包中没有表结构，无法用来初始化元信息库",
			"the release %q is no version such as 4.2.7-CE; give it with --release":                                                         "%q 不是 4.2.7-CE 这样的版本号；请用 --release 指定",
			"%s: written as a comment, because it may lose data: %s":                                                                        "%s：可能丢失数据，仅以注释形式写入：%s",
			"the pack of the previous release, %s, is not a folder":                                                                         "上一版本的版本包 %s 不是目录",
			"cannot read %s of the previous release's pack: %w":                                                                             "无法读取上一版本的版本包中的 %s：%w",
			"the previous release's pack has the file %s already, so it is of this release or a later one":                                  "上一版本的版本包中已有文件 %s，因此它属于本版本或更高版本",

			// rows
			"cannot read the rows of %s.%s: %w": "无法读取 %s.%s 的数据：%w",
			"it is named like settings but has more than %d rows, so they are left out; --rows %s takes them":                "该表的名称像是配置表，但超过 %d 行，已略去；可用 --rows %s 采集",
			"there is no table %s whose rows could be taken; name it as TABLE or as rm.TABLE, cm.TABLE or hb.TABLE (--rows)": "没有可采集数据的表 %s；请写为 TABLE，或 rm.TABLE、cm.TABLE、hb.TABLE（--rows）",

			// files
			"cannot capture the file %s: %w":                                                                    "无法采集文件 %s：%w",
			"the documented file is not there":                                                                  "文档中的该文件不存在",
			"the second installation does not have this file, so nothing could be compared":                     "第二套安装中没有该文件，无法对比",
			"%s is empty, as is what it may come from: %s; compare with an installation where that has a value": "%s 为空，其可能的来源也为空：%s；请与该配置项有值的安装对比",
			"%s is taken; %s would fit as well":                                                                 "采用了 %s；%s 也符合",
			"%s may come from %s":                                                                               "%s 可能来自 %s",
			"%s of %s may come from %s":                                                                         "%s（%s）可能来自 %s",
			"the line is kept as it is in the first installation":                                               "保留第一套安装中的该行",
			"the second installation has a line more, which is left out":                                        "第二套安装中多出一行，已略去",
			"values are written without any escaping, as the old scripts did; a value with a special character may be read as another one":                         "与原脚本一致，取值不做任何转义；含特殊字符的值可能被读成其他值",
			"it holds a secret and has the mode %04o; the pack gives it the mode 0600 and the owner %s":                                                            "文件中含有密码，其权限为 %04o；版本包将其权限设为 0600，属主设为 %s",
			"no program was seen listening on a port of config.yaml, so a program counts as ready when it runs; capture while the installation runs to learn more": "没有发现程序监听 config.yaml 中的端口，因此程序运行即视为就绪；在安装运行时采集可获得更多信息",

			// secrets
			"holds the value of %s": "含有 %s 的值",
			"nothing was written: these secrets would stand in the pack as text":                                                                     "未写入任何内容：以下密码会以明文出现在版本包中",
			"%v\ncompare with an installation that has other secrets (--compare DIR), or, where the value is no secret, say so with --text PATH:KEY": "%v\n请与密码不同的另一套安装对比（--compare DIR）；如果该值并非密码，请用 --text PATH:KEY 说明",

			// record
			"cannot listen on loopback: %w":                                                         "无法在本地回环地址上监听：%w",
			"cannot record the calls to the CM at %s: only http:// can be listened to":              "无法录制对 CM %s 的调用：只支持 http://",
			"the command called %s and not the CM at %s; see cm_url in config.yaml":                 "该命令调用的是 %s，而不是 CM %s；请检查 config.yaml 中的 cm_url",
			"the command whose calls to the CM were to be recorded failed: %w; its output is above": "要录制其 CM 调用的命令执行失败：%w；其输出见上文",
			"the command sent nothing to the CM that could be recorded; if it does not use http_proxy, give it the address in OMSINIT_RECORD_URL in the place of cm_url": "该命令没有向 CM 发送可录制的请求；如果它不使用 http_proxy，请让它以 OMSINIT_RECORD_URL 中的地址代替 cm_url",

			// report
			"Also to be looked at:": "另请关注：",
			"Different in the two installations, and explained by nothing in config.yaml:": "两套安装中不同，且 config.yaml 无法解释：",
			"Left as text, although it may come from config.yaml:":                         "保留为文本，但可能来自 config.yaml：",
			"Taken for one key, although others have the same value:":                      "按其中一个配置项处理，但其他配置项的值相同：",
			"compared":                      "已对比",
			"from config.yaml: %d":          "来自 config.yaml 的取值：%d",
			"not verified: differences: %d": "未通过验证：差异 %d 处",
			"release %s: files %d, tables %d, rows of settings %d, CM calls %d": "版本 %s：文件 %d，表 %d，配置数据 %d 行，CM 调用 %d",
			"verified: the pack makes everything as the installation has it":    "已通过验证：版本包生成的内容与现有安装完全一致",
			"the pack makes another line here":                                  "版本包在此处生成的行不同",
			"what the pack makes is not of the format %s: %v":                   "版本包生成的内容不符合格式 %s：%v",
			"cannot make a temporary folder: %w":                                "无法创建临时目录：%w",

			// lint and diff
			"%s is named like a secret, and its value is text":                                                               "%s 的名称像是密码，而其值为明文",
			"%s is not escaped, because the format is plain: use xml, shell, doubled, urlquery or base64, or another format": "%s 没有转义，因为格式为 plain：请使用 xml、shell、doubled、urlquery 或 base64，或改用其他格式",
			"%s is written without escaping (spelling: raw): a special character in it changes the file":                     "%s 未经转义写入（spelling: raw）：其中的特殊字符会改变文件内容",
			"it is newer than the release %s of the pack, so it is never applied":                                            "它比版本包的版本 %s 更新，因此永远不会执行",
			"its oldest schema file is of %s, while another database begins with %s: nothing brings it from there":           "其最早的表结构文件属于 %s，而另一个数据库始于 %s：没有文件能将其从该版本升级",
			"no schema file is of the release %s itself, which is right only when it changes nothing":                        "没有属于版本 %s 自身的表结构文件，只有该版本不改变表结构时才正确",
			"its name is no version: %v":                                              "其名称不是版本号：%v",
			"nothing is made from this file; name it in pack.yaml, or remove it":      "没有任何内容由该文件生成；请在 pack.yaml 中引用它，或将其删除",
			"restart names the program %s, which no program file of the pack defines": "restart 中的程序 %s 没有在版本包的任何程序定义文件中定义",
			"there is no schema file for this database up to the release %s":          "该数据库没有 %s 及更早版本的表结构文件",
			"error":                  "错误",
			"warning":                "警告",
			"no fault was found":     "没有发现问题",
			"the packs are the same": "两个版本包相同",
		}
	})
}
