package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			// Banners, exactly as documented (oms-facts §4).
			"[Step 1] Check the config.yaml file":                                  "【步骤一】校验 config.yaml 配置文件",
			"[Step 2] Create the OMS MetaDB":                                       "【步骤二】创建 OMS 元信息库",
			"[Step 3] Create the configuration files of the OMS components":        "【步骤三】创建 OMS 各组件的配置文件",
			"[Step 4] Restart all OMS components (about two minutes, please wait)": "【步骤四】重启 OMS 所有组件（大约需要两分钟，请耐心等待）",
			"[Step 5] Initialize the OMS resource labels and resource groups":      "【步骤五】初始化 OMS 资源标签和资源组",
			"[Completed] All initialization steps are executed.":                   "【结束】全部初始化步骤执行成功",

			"--only and --skip contradict each other: give one of them":                         "--only 与 --skip 互相矛盾：请只使用其中一个",
			"there is no step %q; the steps are %s":                                             "没有步骤 %q；可用的步骤为 %s",
			"all steps are skipped, so there is nothing to do":                                  "所有步骤都被跳过，没有可执行的内容",
			"step %d (%s) failed: %w":                                                           "步骤 %d（%s）失败：%w",
			"step %d finished in %s\n":                                                          "步骤 %d 完成，用时 %s\n",
			"\nomsinit: %v (after %s)":                                                          "\nomsinit：%v（用时 %s）",
			"interrupted; run the same command again to continue":                               "已中断；再次运行相同的命令即可继续",
			"warning: no copy of this output is kept in %s: %v":                                 "警告：无法在 %s 中保留本次输出的副本：%v",
			"warning: cannot report the progress to PID 1: %v":                                  "警告：无法向 PID 1 报告进度：%v",
			"the output of this run is kept in %s; the logs of the components are in %s":        "本次运行的输出保存在 %s；各组件的日志位于 %s",
			"another initialisation is running (process %s); waiting for it to end, at most %s": "另一个初始化正在运行（进程 %s）；等待其结束，最长 %s",
			"another initialisation (process %s) still runs after %s; see `omsinit status`, or wait longer with --lock-timeout": "另一个初始化（进程 %s）在 %s 后仍在运行；请查看 `omsinit status`，或通过 --lock-timeout 延长等待时间",
			"interrupted while waiting for another initialisation":                                                              "在等待另一个初始化时被中断",
			"cannot create %s: %w":            "无法创建 %s：%w",
			"cannot lock %s: %w":              "无法锁定 %s：%w",
			"cannot read %s: %w":              "无法读取 %s：%w",
			"cannot remove %s: %w":            "无法删除 %s：%w",
			"cannot write %s: %w":             "无法写入 %s：%w",
			"cannot find omsinit itself: %w":  "无法确定 omsinit 自身的路径：%w",
			"the databases %s are up to date": "数据库 %s 均为最新",
			"written: %s":                     "已写入：%s",
			"all files are up to date":        "所有文件均为最新",
			"these programs read the changed files and must be restarted: omsinit restart %s":                        "以下程序读取了变更的文件，需要重启：omsinit restart %s",
			"nobody supervises the components: start `omsinit run` first (in a container it is the entry point): %w": "没有进程守护各组件：请先启动 `omsinit run`（在容器中它就是入口进程）：%w",
			"none of the programs %s is defined in %s":                                                               "程序 %s 均未在 %s 中定义",
			"all components are ready, and run with their current files: %s":                                         "所有组件均已就绪，且使用的是当前配置文件：%s",
			"waiting for %s": "正在等待 %s",
			"omsinit: %v":    "omsinit：%v",
			"%s was changed while it was read; run the same command again":                                                                                                       "%s 在读取过程中被修改；请再次运行相同的命令",
			"%s or the certificates have changed since this run began; run it again to apply that":                                                                               "%s 或证书在本次运行期间发生了变化；请再次运行以使其生效",
			"OMS_HOST_IP is not set, and cm_nodes has several nodes: it is unknown which of them this one is; start the container with -e OMS_HOST_IP=<IP address of this host>": "未设置 OMS_HOST_IP，而 cm_nodes 中有多个节点，无法判断本节点是哪一个；启动容器时请指定 -e OMS_HOST_IP=<本机 IP 地址>",
			"restarting %s":                "正在重启 %s",
			"all components are ready: %s": "所有组件均已就绪：%s",
			"the resource group, the hosts and the region are registered already":                                        "资源组、机器和地域均已注册",
			"correct what is wrong, then initialise again: docker exec CONTAINER /root/docker_init.sh (or omsinit init)": "请修正问题后重新初始化：docker exec CONTAINER /root/docker_init.sh（或 omsinit init）",
			"the check was interrupted":                      "检查已中断",
			"cannot use the key ignore of the pack (%s): %w": "无法使用版本包的 ignore（%s）：%w",
		}
	})
}
