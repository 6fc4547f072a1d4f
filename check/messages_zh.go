package check

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"Check the validity of config.yaml format.":        "检查 config.yaml 的格式是否合法。",
			"Check the IP address of this node (OMS_HOST_IP).": "检查本节点的 IP 地址（OMS_HOST_IP）。",
			"Check that the ports of the components are free.": "检查各组件的端口是否空闲。",
			"Check the time-series database.":                  "检查时序数据库。",

			"OMS_HOST_IP is not set; the only entry of cm_nodes, %s, is used":                                                                                                          "未设置 OMS_HOST_IP，使用 cm_nodes 中唯一的节点 %s",
			"start the container with -e OMS_HOST_IP=%s":                                                                                                                               "启动容器时请指定 -e OMS_HOST_IP=%s",
			"OMS_HOST_IP is not set, and cm_nodes has several nodes (%s), so it is unknown which of them this one is":                                                                  "未设置 OMS_HOST_IP，而 cm_nodes 中有多个节点（%s），无法判断本节点是哪一个",
			"start the container with -e OMS_HOST_IP=<IP address of this host>; it is different on each node":                                                                          "启动容器时请指定 -e OMS_HOST_IP=<本机 IP 地址>，每个节点的值各不相同",
			"OMS_HOST_IP is %q, which is not an IP address":                                                                                                                            "OMS_HOST_IP 的值 %q 不是 IP 地址",
			"OMS_HOST_IP is %s, which is not in cm_nodes (%s)":                                                                                                                         "OMS_HOST_IP 的值 %s 不在 cm_nodes（%s）中",
			"add it to cm_nodes in the config.yaml of every node of the region, or start the container with the right OMS_HOST_IP":                                                     "请将其加入该地域所有节点 config.yaml 的 cm_nodes，或用正确的 OMS_HOST_IP 启动容器",
			"%s was replaced on the host by another file, and this container still sees the old one":                                                                                   "%s 在宿主机上已被另一个文件替换，而本容器看到的仍是旧文件",
			"make the container anew (docker rm, docker run; the mounts keep the data), and edit the file in place from then on: omsinit config set, or an editor that keeps the file": "请重新创建容器（docker rm、docker run，挂载目录中的数据会保留），此后请就地修改该文件：使用 omsinit config set，或使用不会替换文件的编辑器",
			"stop what holds the port, or set another %s in config.yaml":                                                                                                               "请停止占用该端口的进程，或在 config.yaml 中为 %s 设置其他端口",
			"%s: cannot listen on port %d: %v":                                                                                                                                         "%s：无法监听端口 %d：%v",
			"%s: port %d is already in use":                                                                                                                                            "%s：端口 %d 已被占用",
			"%s: port %d is already in use by process %d (%s)":                                                                                                                         "%s：端口 %d 已被进程 %d（%s）占用",
			"mend the tsdb_* keys of config.yaml or the database, or set tsdb_enabled to false; --tsdb-optional goes on without it":                                                    "请修正 config.yaml 中的 tsdb_* 配置项或时序数据库，或将 tsdb_enabled 设置为 false；--tsdb-optional 可不使用它而继续",
			"the check found %d errors, the first one: %s":                                                                                                                             "检查发现 %d 个错误，第一个为：%s",
			"the check found an error: %s":                                                                                                                                             "检查发现错误：%s",
			"error: %s":                                                                                                                                                                "错误：%s",
			"warning: %s":                                                                                                                                                              "警告：%s",
			"fix: %s":                                                                                                                                                                  "处理方法：%s",
		}
	})
}
