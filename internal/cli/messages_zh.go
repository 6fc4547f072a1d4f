package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"omsinit: %v; see `omsinit help`":                    "omsinit：%v；请参见 `omsinit help`",
			"initialise, supervise and operate an OMS container": "初始化、守护并运维 OMS 容器",
			"Exit status: 0 done, 1 failed, 2 a plan has something to do, 3 a check or a gate found errors, 4 another run holds the lock, 64 wrong usage.\nEnvironment: OMS_HOST_IP is the IP address of this node; OMSINIT_ROOT, OMSINIT_CONFIG, OMSINIT_PACK and OMS_LANG stand for --root, --config, --pack and --lang.": "退出码：0 完成，1 失败，2 计划中有待执行的操作，3 检查或前置条件发现错误，4 另一个初始化正在进行，64 用法错误。\n环境变量：OMS_HOST_IP 为本节点的 IP 地址；OMSINIT_ROOT、OMSINIT_CONFIG、OMSINIT_PACK 和 OMS_LANG 等同于 --root、--config、--pack 和 --lang。",
			"old name of: check FILE":                "check FILE 的旧名称",
			"old name of: init --only metadb":        "init --only metadb 的旧名称",
			"old name of: init --only component":     "init --only component 的旧名称",
			"old name of: init --only resource":      "init --only resource 的旧名称",
			"be the container's entry point (PID 1)": "作为容器的入口进程（PID 1）运行",
			"Supervises the components, and initialises the node. With a COMMAND, runs that instead.": "守护各组件，并初始化本节点。如果给出 COMMAND，则改为运行该命令。",
			"initialise this node: the five steps (docker_init.sh)":                                   "初始化本节点：五个步骤（即 docker_init.sh）",
			"The steps are %s. A finished node is left as it is; an interrupted run is continued.":    "步骤为 %s。已完成初始化的节点不会被改动；中断的初始化会继续完成。",
			"step 1 alone: check before anything is touched":                                          "仅步骤一：在改动任何内容之前进行检查",
			"check the file alone, not this host or the network":                                      "仅检查文件，不检查本机和网络",
			"a node with its own MetaDB, to look at; not for production":                              "自带元信息库的试用节点，仅供体验，不能用于生产环境",
			"how far the initialisation is, and what runs":                                            "查看初始化进度和各程序的运行状态",
			"text or json":   "text 或 json",
			"start programs": "启动程序",
			"stop programs":  "停止程序",
			"restart programs, in the order of their dependencies": "按依赖顺序重启程序",
			"print the version": "显示版本",
			"the folder under which every path of the container is":                                        "容器内所有路径所在的根目录",
			"config.yaml (default: /home/admin/conf/config.yaml under the root)":                           "config.yaml 的路径（默认为根目录下的 /home/admin/conf/config.yaml）",
			"folder that is laid over the built-in pack (default: /usr/share/omsinit/pack under the root)": "覆盖内置版本包的目录（默认为根目录下的 /usr/share/omsinit/pack）",
			"en or zh":                         "en 或 zh",
			"only these steps":                 "只执行这些步骤",
			"all but these steps":              "跳过这些步骤",
			"how long to wait for another run": "等待另一个初始化结束的时长",
			"how long to wait for the components to be ready":                              "等待各组件就绪的时长",
			"a KEY=VALUE of config.yaml, for example nginx_server_port=18089":              "config.yaml 中的 KEY=VALUE，例如 nginx_server_port=18089",
			"port of the trial MetaDB, on 127.0.0.1":                                       "试用元信息库在 127.0.0.1 上的端口",
			"omsinit [options] COMMAND [options]":                                          "omsinit [选项] 命令 [选项]",
			"omsinit %s [options] %s":                                                      "omsinit %s [选项] %s",
			"show this page, or the page of a command":                                     "显示本页，或某个命令的帮助",
			"omsinit: --lang is en or zh, not %q":                                          "omsinit：--lang 只能是 en 或 zh，不能是 %q",
			"omsinit: %s takes no argument %q; see `omsinit help %s`":                      "omsinit：%s 不接受参数 %q；请参见 `omsinit help %s`",
			"omsinit: --pack %s is not a folder":                                           "omsinit：--pack %s 不是目录",
			"omsinit: name the programs, or all":                                           "omsinit：请指定程序名，或 all",
			"omsinit: there is no command %q; see `omsinit help`":                          "omsinit：没有命令 %q；请参见 `omsinit help`",
			"omsinit: options come before the arguments: write %s right behind omsinit %s": "omsinit：选项须写在参数之前：请将 %s 写在 omsinit %s 之后",
			"omsinit: --output is text or json, not %q":                                    "omsinit：--output 只能是 text 或 json，不能是 %q",
		}
	})
}
