package supervise

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"%s: %s, ready (%s)":                   "%s：%s，已就绪（%s）",
			"%s: %s, waits for %s (%s)":            "%s：%s，等待 %s（%s）",
			"%s: %s (%s)":                          "%s：%s（%s）",
			"the program files are not in use: %s": "程序定义文件未生效：%s",
			"warning: %s":                          "警告：%s",
			"step %d (%s)":                         "步骤 %d（%s）",
			"initialisation: done, %s ago":         "初始化：已于 %s 前完成",
			"initialisation: running, at %v":       "初始化：正在进行，%v",
			"initialisation: failed at %v, attempt %d, next attempt in %s: %v":                                                                  "初始化：在%v失败，第 %d 次尝试，%s 后重试：%v",
			"initialisation: failed at %v and waits for a person: %v":                                                                           "初始化：在%v失败，等待人工处理：%v",
			"%s was not started: programs wait until the initialisation has succeeded, because their configuration may not fit; see the status": "%s 未启动：在初始化成功之前各程序处于等待状态，因为其配置可能不匹配；请查看状态",
			"the beginning": "开始阶段",
			"the last run by hand failed at step %d (%s): %s":      "最近一次手动运行在步骤 %d（%s）失败：%s",
			"programs wait until the initialisation has succeeded": "在初始化成功之前，各程序处于等待状态",
			"RESTART NEEDED":     "需要重启",
			"READY":              "就绪",
			"waits for %s":       "等待 %s",
			"not ready: %s":      "未就绪：%s",
			"ended by %s":        "被 %s 终止",
			"exit status %d":     "退出码 %d",
			"next attempt in %s": "%s 后重试",
			"supervised by %s instead of omsinit run; probes are asked from here": "由 %s 而不是 omsinit run 守护；探测由本命令执行",
			"%s: %d bytes of output are lost, the log file could not be written":  "%s：丢失了 %d 字节的输出，日志文件无法写入",
			"%s: ended by %s":       "%s：被 %s 终止",
			"%s: exit status %d":    "%s：退出码 %d",
			"%s: last lines of %s:": "%s：%s 的最后几行：",
			"cannot run %s: %w":     "无法运行 %s：%w",
		}
	})
}
