package supervise

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"PID 1 did not answer within %s":                 "PID 1 未在 %s 内应答",
			"%s is essential and FATAL":                      "%s 是关键程序，且处于 FATAL 状态",
			"%s is %s and not ready":                         "%s 处于 %s 状态，尚未就绪",
			"%v; %v":                                         "%v；%v",
			"cannot send a signal to %s: it does not run":    "无法向 %s 发送信号：它没有运行",
			"cannot send a signal to %s: %w":                 "无法向 %s 发送信号：%w",
			"%q is not a log; there are stdout and stderr":   "%q 不是日志；可选 stdout 和 stderr",
			"%s has no %s log, or has not written to it yet": "%s 没有 %s 日志，或尚未写入",
			"cannot read the log of %s: %w":                  "无法读取 %s 的日志：%w",
		}
	})
}
