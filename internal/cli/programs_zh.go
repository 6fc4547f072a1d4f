package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"how many of the last lines":                                       "显示最后多少行",
			"go on with what is added, until Ctrl-C":                           "持续显示新增内容，直到按下 Ctrl-C",
			"send a signal to programs":                                        "向程序发送信号",
			"the end of a program's log":                                       "显示程序日志的末尾",
			"the ends of both logs of several programs, or of all":             "显示若干程序（默认全部）两个日志的末尾",
			"exit status 0 when this node is ready, for Docker and Kubernetes": "本节点就绪时退出码为 0，供 Docker 和 Kubernetes 使用",
			"Ready: PID 1 answers, the initialisation is done, and every program that starts by itself is ready.\nWith --live: PID 1 answers, and no essential program is FATAL.": "就绪：PID 1 有应答，初始化已完成，且所有自动启动的程序均已就绪。\n使用 --live 时：PID 1 有应答，且没有关键程序处于 FATAL 状态。",
			"only whether it is alive": "只检查是否存活",
			"omsinit: give a signal and the programs, or all: omsinit signal HUP nginx":               "omsinit：请给出信号和程序名（或 all）：omsinit signal HUP nginx",
			"omsinit: give a program, and stdout or stderr: omsinit tail --follow oms_console stderr": "omsinit：请给出程序名，以及 stdout 或 stderr：omsinit tail --follow oms_console stderr",
			"omsinit: --lines must be at least 1":                                                     "omsinit：--lines 至少为 1",
			"healthy":                                                                                 "健康",
			"print it again and again, until Ctrl-C":                                                  "反复显示，直到按下 Ctrl-C",
			"of --watch":                                                                              "--watch 的刷新间隔",
			"omsinit: --watch prints text only, and --interval is at least 100ms":                     "omsinit：--watch 只能输出文本，且 --interval 至少为 100ms",
			"stay, or exit with its status, when an essential program is FATAL":                       "关键程序处于 FATAL 状态时的处理：stay（保持运行）或 exit（以其退出码退出）",
			"omsinit: --on-fatal is stay or exit, not %q":                                             "omsinit：--on-fatal 只能是 stay 或 exit，而不是 %q",
			"omsinit: OMSINIT_STOP_TIMEOUT is %q; give a time from 100ms to 1h such as 8s":            "omsinit：OMSINIT_STOP_TIMEOUT 的值是 %q；请填写 100ms 到 1h 之间的时间，例如 8s",
		}
	})
}
