package check

import "omsinit/internal/msg"

func init() { msg.Register(clusterChinese) }

func clusterChinese() map[string]string {
	return map[string]string{
		"Check the initialisation and the components of this node.": "检查本节点的初始化状态和组件。",
		"Check that the CM answers at cm_url.":                      "检查 cm_url 上的集群管理服务（CM）是否可用。",
		"Check that this region is registered as config.yaml says.": "检查本地域的注册信息是否与 config.yaml 一致。",
		"Check the registered nodes of this region.":                "检查本地域已注册的节点。",
		"Check the heartbeats of all nodes of all regions.":         "检查所有地域所有节点的心跳。",

		"it is unknown how the components of this node are: %v":                     "无法得知本节点组件的状态：%v",
		"start the container; its entry point starts the components":                "请启动容器，其入口程序会启动各组件",
		"the initialisation of this node has not finished: %v":                      "本节点的初始化尚未完成：%v",
		"see omsinit status; correct what it names, and run ./docker_init.sh again": "请查看 omsinit status，修正其中指出的问题，然后重新执行 ./docker_init.sh",
		"%s is %s":     "%s 的状态为 %s",
		"%s is %s: %v": "%s 的状态为 %s：%v",
		"it was started just now: look again in a minute":                      "刚刚启动，请稍后再查看",
		"run omsinit restart %s; when that does not help, see omsinit logs %s": "请执行 omsinit restart %s；如果仍无效，请查看 omsinit logs %s",

		"the CM does not answer at cm_url %s (%v), but this node's own CM at %s does":                            "cm_url %s 上的 CM 没有应答（%v），但本节点自己的 CM %s 可用",
		"see to it that cm_url leads to the CMs of this region, such as a VIP that is not up, or correct cm_url": "请确保 cm_url 指向本地域的 CM（例如 VIP 可能未生效），或修正 cm_url",
		"the CM does not answer at cm_url %s (%v), and neither does this node's own":                             "cm_url %s 上的 CM 没有应答（%v），本节点自己的 CM 也没有应答",
		"see omsinit status and omsinit logs oms_drc_cm, and whether cm_url and cm_server_port are right":        "请查看 omsinit status 和 omsinit logs oms_drc_cm，并确认 cm_url 和 cm_server_port 是否正确",

		"run ./docker_init.sh on this node (omsinit init --only resource)":                                            "请在本节点执行 ./docker_init.sh（omsinit init --only resource）",
		"the region %s (cm_location %d) is not registered in %s.cluster_info":                                         "地域 %s（cm_location %d）未在 %s.cluster_info 中注册",
		"the region %s (cm_location %d) is not registered in %s.location_cm":                                          "地域 %s（cm_location %d）未在 %s.location_cm 中注册",
		"the CM of this region is registered at %s, and config.yaml says cm_url %s":                                   "本地域 CM 的注册地址为 %s，而 config.yaml 中的 cm_url 为 %s",
		"the region is registered with other values of cm_region, cm_region_cn or cm_is_default than config.yaml has": "本地域注册的 cm_region、cm_region_cn 或 cm_is_default 与 config.yaml 不一致",
		"the resource group %s of this region is not there":                                                           "本地域的资源组 %s 不存在",

		"run ./docker_init.sh on a node of this region (omsinit init --only resource)":                                                        "请在本地域的任一节点执行 ./docker_init.sh（omsinit init --only resource）",
		"run ./docker_init.sh on the node %s":                                                                                                 "请在节点 %s 上执行 ./docker_init.sh",
		"the node %s of cm_nodes is not registered":                                                                                           "cm_nodes 中的节点 %s 尚未注册",
		"the node %s of cm_nodes is in the resource group %q, and this region's is %s":                                                        "cm_nodes 中的节点 %s 属于资源组 %q，而本地域的资源组为 %s",
		"the node %s is marked %s, as one that was taken out of cm_nodes, and it is in cm_nodes":                                              "节点 %s 被标记为 %s（已从 cm_nodes 移除），但它仍在 cm_nodes 中",
		"the node %s is %q instead of %s":                                                                                                     "节点 %s 的状态为 %q，而不是 %s",
		"the node %s is not in cm_nodes, and sends heartbeats":                                                                                "节点 %s 不在 cm_nodes 中，但仍在发送心跳",
		"stop its container if it was taken out; if not, add it to cm_nodes in the config.yaml of every node of the region":                   "如果该节点已移除，请停止其容器；否则请将其加入本地域每个节点 config.yaml 的 cm_nodes",
		"the node %s is not in cm_nodes, and is registered as %s":                                                                             "节点 %s 不在 cm_nodes 中，但注册状态为 %s",
		"run ./docker_init.sh on a node of this region, which marks it, or add it to cm_nodes in the config.yaml of every node of the region": "请在本地域的任一节点执行 ./docker_init.sh 以标记该节点，或将其加入本地域每个节点 config.yaml 的 cm_nodes",

		"the node %s is in no resource group that there is":                                                                                                           "节点 %s 不属于任何现有的资源组",
		"the node %s is in the resource group %q, and no region has that number":                                                                                      "节点 %s 属于资源组 %q，但没有地域使用该编号",
		"when nobody needs it, mark it: UPDATE %s.host SET host_status = '%s' WHERE ip = '%s'":                                                                        "如果不再需要该节点，请标记：UPDATE %s.host SET host_status = '%s' WHERE ip = '%s'",
		"heartbeats come from %s, and no node has that address":                                                                                                       "有来自 %s 的心跳，但没有节点使用该地址",
		"start the container of that node with -e OMS_HOST_IP=<IP address of its host>, as cm_nodes has it":                                                           "请以 -e OMS_HOST_IP=<宿主机 IP> 启动该节点的容器，取值须与 cm_nodes 一致",
		"see on %s: whether the container runs (docker ps), omsinit status, omsinit cluster check there, and whether OMS_HOST_IP is %s":                               "请在 %s 上查看：容器是否运行（docker ps）、omsinit status、omsinit cluster check，以及 OMS_HOST_IP 是否为 %s",
		"run omsinit restart oms_drc_supervisor on this node; when that does not help, see omsinit logs oms_drc_supervisor oms_drc_cm, and whether OMS_HOST_IP is %s": "请在本节点执行 omsinit restart oms_drc_supervisor；如果仍无效，请查看 omsinit logs oms_drc_supervisor oms_drc_cm，并确认 OMS_HOST_IP 是否为 %s",
		"the node %s (region %s) has never sent a heartbeat":                                                                                                          "节点 %s（地域 %s）从未发送过心跳",
		"the last heartbeat of the node %s (region %s) was %s ago":                                                                                                    "节点 %s（地域 %s）最近一次心跳在 %s 之前",
		"the last heartbeat of the node %s (region %s) is %s in the future":                                                                                           "节点 %s（地域 %s）最近一次心跳的时间超前 %s",
		"the MetaDB and the nodes must have the same time zone and the same time: see omsinit check":                                                                  "元信息库与各节点的时区和时间必须一致：请查看 omsinit check",

		// explanations
		"most machines that the console shows as down were never initialised to the end":                     "控制台中显示宕机的机器，大多是初始化未完成",
		"PID 1 knows how far the initialisation is: omsinit status. Each step can be run again at any time.": "初始化进度由 1 号进程记录，可用 omsinit status 查看。每个步骤都可以随时重新执行。",
		"a node whose control components do not run is shown as down":                                        "管控组件未运行的节点会显示为宕机",
		"oms_drc_supervisor sends the heartbeats, oms_drc_cm writes them into the MetaDB, and oms_console shows them through nginx. A component that ends at once lacks memory, its configuration, the MetaDB, or, with metrics switched on, the time-series database.": "oms_drc_supervisor 发送心跳，oms_drc_cm 将心跳写入元信息库，oms_console 通过 nginx 展示。组件启动后立即退出，通常是因为缺少内存、配置文件或元信息库，或者开启了监控而时序数据库不可用。",
		"the console and the other regions know this region by its rows in the MetaDB, not by config.yaml": "控制台和其他地域依据元信息库中的记录识别本地域，而不是 config.yaml",
		"The rows are in cluster_info of the console's database, and in location_cm and resource_group of the CM's database; step 5 writes them, and corrects them when config.yaml has changed. Without its resource group the error codes CM-RESONF000002 and CM-RESONF000021 are seen.": "这些记录位于管控台库的 cluster_info，以及 CM 库的 location_cm 和 resource_group；由步骤五写入，并在 config.yaml 变更后修正。缺少资源组时会出现错误码 CM-RESONF000002 和 CM-RESONF000021。",
		"tasks go to nodes that are registered in this region and ONLINE, and to no others":                                                                                                                           "任务只会分配给已在本地域注册且状态为 ONLINE 的节点",
		"The rows are in the table host of the CM's database. A node that was taken out of cm_nodes is marked OFFLINE and keeps its row.":                                                                             "这些记录位于 CM 库的 host 表。从 cm_nodes 移除的节点会被标记为 OFFLINE，其记录仍然保留。",
		"a node without a fresh heartbeat is shown as down, and its tasks fail, or move where high availability is on":                                                                                                "没有最新心跳的节点会显示为宕机，其任务会失败；开启高可用时任务会迁移到其他节点",
		"Looked at is the youngest row with task_name supervisor in the table heart_beat, by the MetaDB's own clock. Heartbeats of other regions are looked for in every database of the server that has this table.": "检查的是 heart_beat 表中 task_name 为 supervisor 的最新记录，以元信息库的时钟为准。其他地域的心跳会在该服务器上所有含有此表的数据库中查找。",
		"heartbeats under a wrong address are those of a node that is shown as down under its right one":                                                                                                              "以错误地址上报的心跳，来自以正确地址显示为宕机的节点",
		"The agent sends its heartbeats under OMS_HOST_IP, which must be another one on each node and stand in cm_nodes. A container that was started with the right one needs ./docker_init.sh once more.":           "节点以 OMS_HOST_IP 上报心跳，每个节点的取值必须不同，并且在 cm_nodes 中。以正确的值启动容器后，需要再次执行 ./docker_init.sh。",
		"the console and the agents reach the CM at cm_url only":                                                                                                                                                      "控制台和各节点只通过 cm_url 访问 CM",
		"GET / of a CM answers 200. With several nodes cm_url is a VIP or a domain name that leads to port cm_server_port of each of them.":                                                                           "对 CM 的 GET / 请求返回 200。多节点部署时，cm_url 为 VIP 或域名，指向各节点的 cm_server_port 端口。",
	}
}
