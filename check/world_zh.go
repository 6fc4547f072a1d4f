package check

import "omsinit/internal/msg"

func init() { msg.Register(worldChinese) }

func worldChinese() map[string]string {
	return map[string]string{
		"Check that the MetaDB belongs to this release.":                            "检查元信息库是否属于当前版本。",
		"Check that the time-series database takes data.":                           "检查时序数据库是否可写入数据。",
		"Check the CPU and the memory of this host.":                                "检查本机的 CPU 和内存。",
		"Check the HTTPS certificate.":                                              "检查 HTTPS 证书。",
		"Check the connection to the MetaDB.":                                       "检查元信息库的连接。",
		"Check the limits and the kernel of this host.":                             "检查本机的资源限制和内核参数。",
		"Check the mounts and their free space.":                                    "检查挂载目录及其剩余空间。",
		"Check the synchronization between the MetaDB clock and the machine clock.": "检查元信息库时钟与机器时钟是否同步。",
		"Check the version and the settings of the MetaDB.":                         "检查元信息库的版本和参数。",
		"Check this region against those that are registered.":                      "检查本地域与已注册的地域是否冲突。",
		"Check what the MetaDB user may do.":                                        "检查元信息库用户的权限。",
		"Check what the databases of OMS hold.":                                     "检查 OMS 各数据库的内容。",
		"Check whether an upgrade is asked for (IS_UPGRADE).":                       "检查是否要求升级（IS_UPGRADE）。",
		"Check whether the MetaDB is ready for the upgrade.":                        "检查元信息库是否满足升级条件。",

		"cause: %s":                               "原因：%s",
		"warning (an error that is ignored): %s":  "警告（已忽略的错误）：%s",
		"not checked, because this failed: %s":    "未检查，因为以下检查失败：%s",
		"the check %s has not finished within %s": "检查项 %s 未在 %s 内完成",
		"see whether a file system or a server hangs, or allow more time with --deadline":         "请确认文件系统或服务器是否挂起，或通过 --deadline 延长时限",
		"no finding has the id %q; the ids are %s":                                                "没有编号为 %q 的检查项；可用的编号为：%s",
		"%s cannot be ignored: nothing can go on without it":                                      "%s 不能忽略：缺少它将无法继续",
		"not all findings can be ignored at once: name those that you have looked at, such as %s": "不能一次忽略全部检查项：请逐一指定已确认过的编号，例如 %s",

		// upgrade
		"the environment variable %s means nothing; an upgrade is asked for with IS_UPGRADE": "环境变量 %s 无效；要求升级的变量名为 IS_UPGRADE",
		"start the container with -e IS_UPGRADE=true for an upgrade, or without %s":          "如需升级，启动容器时请指定 -e IS_UPGRADE=true；否则请勿设置 %s",
		"IS_UPGRADE is %q, and only true in lower case asks for an upgrade":                  "IS_UPGRADE 的值为 %q，只有小写的 true 才表示升级",

		// host
		"cannot read the network addresses of this host: %v":                                                                         "无法读取本机的网络地址：%v",
		"this node goes by %s, which is not an address of this host (%s)":                                                            "本节点使用的地址 %s 不是本机的地址（%s）",
		"there are %s CPUs, and at least %d are recommended":                                                                         "CPU 数量为 %s，建议不少于 %d",
		"give the host or the container more CPUs, or expect fewer and slower migrations":                                            "请为主机或容器增加 CPU，否则可运行的迁移链路更少、速度更慢",
		"there are %v GiB of memory, and at least %v GiB are recommended":                                                            "内存为 %v GiB，建议不少于 %v GiB",
		"give the host or the container more memory: the console, the CM and the agent take 7 GiB, and each migration takes its own": "请为主机或容器增加内存：管控台、CM 和 Agent 需要 7 GiB，每条迁移链路还需要额外的内存",
		"the limit of processes (ulimit -u) is %d, and %d is documented":                                                             "进程数限制（ulimit -u）为 %d，官方文档要求 %d",
		"start the container with --ulimit nproc=%d:%d":                                                                              "启动容器时请指定 --ulimit nproc=%d:%d",
		"the container may have %d processes and threads":                                                                            "容器最多只能有 %d 个进程和线程",
		"start the container with --pids-limit -1":                                                                                   "启动容器时请指定 --pids-limit -1",
		"the container does not run with --privileged=true":                                                                          "容器未以 --privileged=true 运行",
		"start the container with --privileged=true":                                                                                 "启动容器时请指定 --privileged=true",
		"this host uses cgroup v2, which OMS before 4.2.4 does not understand (this is %s)":                                          "本机使用 cgroup v2，OMS 4.2.4 之前的版本不支持（当前版本为 %s）",
		"boot the host with systemd.unified_cgroup_hierarchy=0, or use OMS 4.2.4 or later":                                           "请以 systemd.unified_cgroup_hierarchy=0 启动主机，或使用 OMS 4.2.4 及以上版本",
		"net.ipv4.tcp_tw_recycle is 1 on this host":                                                                                  "本机的 net.ipv4.tcp_tw_recycle 为 1",
		"run sysctl -w net.ipv4.tcp_tw_recycle=0 on the host, and keep it in /etc/sysctl.conf":                                       "请在宿主机上执行 sysctl -w net.ipv4.tcp_tw_recycle=0，并写入 /etc/sysctl.conf",

		// mounts
		"%s is not mounted":                                 "%s 未挂载",
		"start the container with -v HOST_FOLDER:%s":        "启动容器时请指定 -v 宿主机目录:%s",
		"cannot use %s: %v":                                 "无法使用 %s：%v",
		"see to it that the folder on the host can be used": "请确保宿主机上的目录可用",
		"%s is not a folder":                                "%s 不是目录",
		"%s cannot be written to: %v":                       "%s 不可写：%v",
		"mount it without :ro, from a disk that is not read-only, and see to its owner":                                   "挂载时请勿使用 :ro，并确认磁盘不是只读状态、目录属主正确",
		"%s is not on a volume of its own but on %s (%s)":                                                                 "%s 不在独立的卷上，而是位于 %s（%s）",
		"%s has %v GiB of free space, and at least %v GiB are recommended":                                                "%s 的剩余空间为 %v GiB，建议不少于 %v GiB",
		"free space there or mount a larger disk: Stores keep the changes of the sources there, and stop when it is full": "请清理空间或挂载更大的磁盘：Store 的增量数据保存在此，磁盘写满会停止工作",

		// ports
		"port %d is already in use":                                                "端口 %d 已被占用",
		"port %d is already in use by process %d (%s)":                             "端口 %d 已被进程 %d（%s）占用",
		"stop what holds the port if anything of yours talks to supervisord there": "如果有程序通过该端口访问 supervisord，请停止占用该端口的进程",

		// HTTPS
		"%s holds no certificate in PEM form": "%s 中没有 PEM 格式的证书",
		"write the certificate of the server there, and below it those of the authorities between, each between BEGIN and END lines": "请写入服务器证书，其后依次写入各中间机构的证书，每个证书位于 BEGIN 行和 END 行之间",
		"%s is there but %s is not":                       "%s 存在，但 %s 不存在",
		"mount both files for HTTPS, or neither for HTTP": "使用 HTTPS 时请同时挂载两个文件，使用 HTTP 时两个都不要挂载",
		"%s is a folder":                                  "%s 是一个目录",
		"Docker makes a folder when the file of -v is not there on the host: remove the container and that folder, put the file there, and start the container again": "当 -v 指定的宿主机文件不存在时，Docker 会创建同名目录：请删除容器和该目录，放置好文件后重新启动容器",
		"cannot read the file %s: %v":                                                                                "无法读取文件 %s：%v",
		"give the user that runs omsinit the right to read it":                                                       "请授予运行 omsinit 的用户读取权限",
		"the key in %s is encrypted":                                                                                 "%s 中的私钥已加密",
		"write it there without a passphrase: openssl pkey -in KEY -out %s":                                          "请写入不带口令的私钥：openssl pkey -in KEY -out %s",
		"in %s the certificate of the key is number %d, and it must be the first":                                    "在 %s 中，与私钥对应的证书是第 %d 个，它必须是第一个",
		"put the certificate of the server first, then those of the authorities, each before the one that signed it": "请将服务器证书放在最前，其后为各机构证书，每个证书位于其签发者之前",
		"%s and %s do not belong together: %v":                                                                       "%s 与 %s 不匹配：%v",
		"mount the key that the certificate was made for":                                                            "请挂载与证书对应的私钥",
		"in %s certificate %d (%s) does not follow the one that it signed":                                           "在 %s 中，第 %d 个证书（%s）不在其签发的证书之后",
		"have the certificate renewed":                                                                               "请续签证书",
		"the certificate in %s expired on %s":                                                                        "%s 中的证书已于 %s 过期",
		"the certificate in %s expires on %s":                                                                        "%s 中的证书将于 %s 过期",
		"the certificate in %s is not valid before %s":                                                               "%s 中的证书在 %s 之前无效",
		"correct the clock of this host, or have the certificate renewed":                                            "请校正本机时钟，或重新签发证书",
		"the certificate in %s is for %s, and not for %s":                                                            "%s 中的证书适用于 %s，不适用于 %s",
		"have a certificate made with these names (subjectAltName), or open the console by a name that it has":       "请签发包含这些名称（subjectAltName）的证书，或使用证书中的名称打开控制台",
		"%s can be read by other users (mode %s)":                                                                    "%s 可被其他用户读取（权限 %s）",
		"run chmod 600 on the key on the host":                                                                       "请在宿主机上对私钥执行 chmod 600",

		// MetaDB
		"the MetaDB is %s %s, which is older than what OMS is known to work with":      "元信息库为 %s %s，早于已知可用的版本",
		"use MySQL 5.7 or 8, MariaDB 10.2 or later, or a MySQL tenant of OceanBase":    "请使用 MySQL 5.7 或 8、MariaDB 10.2 及以上版本，或 OceanBase 的 MySQL 租户",
		"the MetaDB at %s:%d lets user %s in with TLS only":                            "元信息库 %s:%d 仅允许用户 %s 通过 TLS 登录",
		"run ALTER USER … REQUIRE NONE there, and set require_secure_transport to OFF": "请在元信息库执行 ALTER USER … REQUIRE NONE，并将 require_secure_transport 设置为 OFF",
		"the MetaDB does not know the character set utf8mb4":                           "元信息库不支持字符集 utf8mb4",
		"use a server that does":                                                                                        "请使用支持该字符集的服务器",
		"the character set of the database %s is %s":                                                                    "数据库 %s 的字符集为 %s",
		"run ALTER DATABASE %s CHARACTER SET utf8mb4 before tables are made in it":                                      "请在建表之前执行 ALTER DATABASE %s CHARACTER SET utf8mb4",
		"max_allowed_packet of the MetaDB is %d bytes, and at least %d are recommended":                                 "元信息库的 max_allowed_packet 为 %d 字节，建议不小于 %d",
		"run SET GLOBAL max_allowed_packet = %d there, and keep it in the server's configuration":                       "请在元信息库执行 SET GLOBAL max_allowed_packet = %d，并写入其配置文件",
		"the clock of the MetaDB is %s ahead of that of this host":                                                      "元信息库的时钟比本机快 %s",
		"the clock of the MetaDB is %s behind that of this host":                                                        "元信息库的时钟比本机慢 %s",
		"synchronise the clocks of the MetaDB's host and of all OMS nodes with NTP":                                     "请使用 NTP 同步元信息库主机和所有 OMS 节点的时钟",
		"the time zone of the MetaDB is UTC%s (%s, %s), and that of this node UTC%s (%s)":                               "元信息库的时区为 UTC%s（%s，%s），本节点的时区为 UTC%s（%s）",
		"set time_zone of the MetaDB to that of the nodes, or start the container with -e TZ=<time zone of the MetaDB>": "请将元信息库的 time_zone 设置为与节点一致，或启动容器时指定 -e TZ=<元信息库的时区>",
		"the database %s holds %d tables, and none of them is one of OMS (%s)":                                          "数据库 %s 中有 %d 张表，但没有 OMS 的表（%s）",
		"write another name in config.yaml, or make an empty database of that name":                                     "请在 config.yaml 中使用其他库名，或创建同名空库",
		"the MetaDB user %s lacks a right (%s): %v":                                                                     "元信息库用户 %s 缺少权限（%s）：%v",
		"grant it all rights on the databases %s, and the right to create them":                                         "请授予其对数据库 %s 的全部权限，以及创建这些数据库的权限",
		"cannot remove the throw-away database %s: %v":                                                                  "无法删除临时数据库 %s：%v",
		"remove it by hand: DROP DATABASE %s":                                                                           "请手动删除：DROP DATABASE %s",

		// regions
		"no region is the default one":                                "没有默认地域",
		"set cm_is_default: true in exactly one region's config.yaml": "请仅在一个地域的 config.yaml 中设置 cm_is_default: true",
	}
}
