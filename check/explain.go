package check

import (
	"fmt"
	"io"

	"omsinit/internal/msg"
)

// Explanation is the long help of a finding.
type Explanation struct {
	ID string
	// Cause says in one sentence what is behind the finding or comes of it.
	Cause msg.Message
	// Help says how it is checked, and how to look further.
	Help msg.Message
	// Mandatory: it cannot be ignored, for nothing can go on without it.
	Mandatory bool
}

// Print writes the help.
func (e Explanation) Print(w io.Writer, lang msg.Lang) {
	fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", e.ID, e.Cause.In(lang), e.Help.In(lang))
	if e.Mandatory {
		fmt.Fprintf(w, "\n%s\n", lang.Sprintf("It cannot be ignored."))
	} else {
		fmt.Fprintf(w, "\n%s\n", lang.Sprintf("As an error it can be turned into a warning with --ignore %s.", e.ID))
	}
}

// Explanations are those of all findings, in the order of the checks. They are
// made when they are asked for: a start without findings does not pay for them.
func Explanations() []Explanation {
	must := func(id string, cause, help msg.Message) Explanation { return Explanation{id, cause, help, true} }
	may := func(id string, cause, help msg.Message) Explanation { return Explanation{id, cause, help, false} }
	return []Explanation{
		must("config.file", msg.M("without a readable config.yaml nothing is known about this node"),
			msg.M("config.yaml is a single file that is mounted at /home/admin/conf/config.yaml. When the path on the host is wrong, Docker makes a folder of that name in silence.")),
		may("config.replaced", msg.M("what was changed on the host would be taken for applied, although this node has never seen it"),
			msg.M("Docker mounts the file itself, not its name. `sed -i` and many editors write a new file and rename it; /proc/self/mountinfo in the container then shows //deleted behind the path on the host.")),
		must("config.value", msg.M("a value that is wrong here would be written into every component's configuration"),
			msg.M("All problems of the file are listed at once, each with its line and column. `omsinit config show` prints the effective values, and `omsinit config schema` a JSON Schema for editors.")),
		may("check.deadline", msg.M("something that the check asked has given no answer"),
			msg.M("Each check has a deadline, 5 s unless --deadline says otherwise. A network file system whose server is away, and a database that hangs, give no error: they give no answer at all.")),

		may("upgrade.flag", msg.M("a spelling that means nothing is ignored in silence, and the node would be initialised instead of upgraded"),
			msg.M("The name IS_UPGRADE is in upper case and its value is true in lower case; other spellings such as is_upgrade, True and 1 are not an upgrade.")),
		must("upgrade.version", msg.M("the way from one release to the next depends on where it begins"),
			msg.M("The table oms_version of the console's database records each release. Releases before 4.1.1 have no such table; the documentation tells how to create it when the release is known to be 4.1.1 or later.")),
		may("upgrade.ha", msg.M("with high availability on, tasks move to other nodes while their components are being replaced"),
			msg.M("Only the field enable of the system parameter ha.config decides. enableStore, enableConnector and enableJdbcWriter are true by default and mean nothing while it is false.")),
		must("upgrade.route", msg.M("a release that skips a stop of its documented way finds tables that it does not know"),
			msg.M("Which release upgrades to which is data of the pack (upgrade.routes in pack.yaml). `omsinit upgrade plan` shows the way.")),
		may("upgrade.manual", msg.M("omsinit cannot do this step, and the upgrade fails or loses data without it"),
			msg.M("Enterprise releases before 4.0.1 need the upgrade JAR of the vendor (correction). Do the step as documented, then name it with --confirm.")),
		must("upgrade.unfinished", msg.M("the databases are between two releases, and only the image that began it knows the way on"),
			msg.M("The journal of upgrades is in the database <drc_rm_db>_omsinit_upgrade. `omsinit upgrade plan` shows how far it is.")),
		must("upgrade.schema", msg.M("without the schema of the release nothing would be upgraded but its number"),
			msg.M("Schema files are schema/{rm,cm,hb}/<release>.sql of the pack; `omsinit pack list` shows them, `omsinit metadb status` compares them with the databases.")),
		must("upgrade.databases", msg.M("without a backup of all databases there is no way back"),
			msg.M("The heartbeat databases of other regions are told by the table heatbeat_sequence and by their names; the others are named with --heartbeat-db.")),
		may("upgrade.disk", msg.M("a backup that does not fit ends the upgrade before its first change"),
			msg.M("The size of a dump is estimated from the server's figures. Backups are in the run mount, under metadb-backup.")),
		must("upgrade.tools", msg.M("without a backup there is no way back"),
			msg.M("Backups are made by mariadb-dump or mysqldump, and restored by mariadb or mysql.")),
		may("upgrade.mounts", msg.M("with other mounts the Stores would begin with nothing, and their data would stay in the old folders"),
			msg.M("Compare the mounts of the containers: docker inspect CONTAINER | grep -A5 Binds.")),
		may("upgrade.node-alive", msg.M("a node of the old release that runs writes to the tables while they are changed"),
			msg.M("Heartbeats are rows of heart_beat in the heartbeat databases, by the clock of the MetaDB.")),
		may("upgrade.busy", msg.M("a full migration or a full verification cannot be continued after the upgrade"),
			msg.M("Which rows tell is data of the pack (upgrade.busy in pack.yaml).")),
		may("upgrade.objects", msg.M("the documented dump has no triggers and no routines"),
			msg.M("OMS has none of its own that are known. A restore drops the databases and makes them again from the dump.")),
		may("upgrade.float", msg.M("the dump program of the server writes six digits of a FLOAT"),
			msg.M("Only columns of the type FLOAT are concerned, and only values that need more digits.")),

		must("host.ip", msg.M("without its own address a node cannot be registered, and the machine list of the console stays empty"),
			msg.M("OMS_HOST_IP is given with docker run -e and differs from node to node; it cannot be guessed on a host with several addresses.")),
		may("host.nodes", msg.M("only the addresses in cm_nodes are registered, so this node would get no work"),
			msg.M("All nodes of a region have the same config.yaml, with all their addresses in cm_nodes. Compare it with OMS_HOST_IP of each container: docker inspect CONTAINER.")),
		may("host.address", msg.M("the agent listens on this address, and two nodes with the same one overwrite each other's state"),
			msg.M("The container runs with --net host, so that it has the addresses of the host; see them with ip addr. Behind NAT the public address is none of the host's own.")),
		may("host.cpu", msg.M("the control components alone take four CPUs, and each migration takes its own"),
			msg.M("The number is that of the host, or the quota of the container's cgroup where it is smaller (docker run --cpus).")),
		may("host.memory", msg.M("the console, the CM and the agent have 7 GiB of Java heap, and end when they do not get it"),
			msg.M("The number is that of the host, or the limit of the container's cgroup where it is smaller (docker run --memory).")),
		may("host.disk", msg.M("a Store keeps hours of changes of its source, and a full disk stops all of them"),
			msg.M("Free space is measured in the folders for logs, Stores and the other components: /home/admin/logs, /home/ds/store, /home/ds/run.")),
		may("host.mount", msg.M("what is in the container's own layer is gone with the container, and a new one does not continue the migrations"),
			msg.M("Three folders of the host are mounted: -v …:/home/admin/logs -v …:/home/ds/store -v …:/home/ds/run. /proc/self/mountinfo in the container shows them.")),
		may("host.mount-writable", msg.M("components that cannot write there end at once"),
			msg.M("Nothing is written by this check: the right to write is asked of the kernel. A disk that had errors is read-only until the host repairs it.")),
		may("host.processes", msg.M("the Java components and the data components start thousands of threads, and each counts"),
			msg.M("The documented command line has --ulimit nproc=65535:65535. See it in the container with ulimit -u.")),
		may("host.pids", msg.M("the Java components and the data components start thousands of threads, and each counts"),
			msg.M("The documented command line has --pids-limit -1. The number is pids.max of the container's cgroup.")),
		may("host.privileges", msg.M("components that measure the host or change its limits are refused by the kernel"),
			msg.M("The documented command line has --privileged=true. Looked at is the capability CAP_SYS_ADMIN in /proc/self/status.")),
		may("host.cgroup", msg.M("the agent finds no figures of CPU and memory in cgroup v2, and the console shows the machine as abnormal"),
			msg.M("cgroup v2 is in use where /sys/fs/cgroup/cgroup.controllers exists. OMS understands it from 4.2.4 on.")),
		may("host.tcp-tw-recycle", msg.M("the kernel drops connections of clients behind one address, and the console says Failed to fetch"),
			msg.M("net.ipv4.tcp_tw_recycle exists in kernels before 4.12 only.")),

		may("port.in-use", msg.M("with --net host the ports of the container are those of the host, and a component that cannot listen ends at once"),
			msg.M("Each port is tried on all addresses. Ports that OMS's own running components hold are fine. The holder is named when it is in this PID namespace; on the host, ss -ltnp names it.")),
		may("port.bind", msg.M("a component that cannot listen on its port ends at once"),
			msg.M("The system refuses the port for another reason than that it is in use, such as a missing right.")),
		may("port.supervisorctl", msg.M("the old supervisord listens on 8084; omsinit serves its control socket instead, and needs no port for it"),
			msg.M("The port cannot be changed in config.yaml. supervisorctl talks to the control socket that supervisord.conf names.")),

		may("https.incomplete", msg.M("nginx speaks HTTPS when both files are there, and HTTP otherwise"),
			msg.M("The files are /etc/pki/nginx/oms_server.crt and /etc/pki/nginx/oms_server.key, each mounted with -v.")),
		may("https.file", msg.M("nginx does not start with a certificate or key that it cannot read"),
			msg.M("Both files are in PEM form. The key has no passphrase, for nobody is there to type it. See what is in them with openssl x509 -text -in FILE and openssl pkey -in FILE.")),
		may("https.pair", msg.M("nginx does not start with a key of another certificate"),
			msg.M("openssl x509 -noout -pubkey -in CERTIFICATE and openssl pkey -pubout -in KEY must print the same.")),
		may("https.chain", msg.M("browsers cannot follow the certificate to an authority that they trust"),
			msg.M("The file has the certificate of the server first, then that of the authority that signed it, and so on. The root itself may be left out.")),
		may("https.expiry", msg.M("browsers and other nodes refuse a certificate outside its time"),
			msg.M("A warning begins 30 days before the end. The time is that of this host's clock.")),
		may("https.name", msg.M("browsers refuse a certificate that does not have the name in the address bar"),
			msg.M("Compared are the host of cm_url and OMS_HOST_IP, which people open the console with. Only subjectAltName counts; browsers have stopped to look at CN.")),
		may("https.key-mode", msg.M("whoever reads the key can play this server"),
			msg.M("The mode is that of the file on the host. nginx reads it as root, so mode 600 and owner root are enough.")),

		may("metadb.unreachable", msg.M("OMS keeps all its state in the MetaDB, and nothing works while it is away"),
			msg.M("This may go away by itself: in a container, PID 1 tries again. See whether the server runs, whether a firewall is between, and whether oms_meta_host and oms_meta_port are right. All other checks of the MetaDB wait for this one.")),
		may("metadb.login", msg.M("the MetaDB answers, and does not let this account in"),
			msg.M("On OceanBase the user is user@tenant, or user@tenant#cluster through a proxy. MySQL accounts belong to a host: 'oms'@'10.0.0.%'. The plugins mysql_native_password and caching_sha2_password are supported.")),
		may("metadb.tls", msg.M("omsinit and the generated configuration of the components connect without TLS"),
			msg.M("A login that is refused is tried a second time with TLS; this finding says that it then succeeds. Keep the MetaDB in a network of its own instead.")),
		may("metadb.connect", msg.M("what answers at oms_meta_host and oms_meta_port is not the MetaDB"),
			msg.M("A MySQL server greets whoever connects, before anything is sent to it. Another service, or a proxy without a server behind it, does not.")),
		may("metadb.query", msg.M("the MetaDB let this account in, and did not answer a question that every server of its kind answers"),
			msg.M("The sentence is the server's own. Look into its error log.")),
		may("metadb.version", msg.M("older servers lack statements that the schema of OMS uses"),
			msg.M("Known to work are MySQL 5.7 and 8, MariaDB from 10.2 on, and MySQL tenants of OceanBase.")),
		may("metadb.charset", msg.M("names in Chinese and other scripts become question marks"),
			msg.M("The databases of OMS are created with utf8mb4. A database that exists keeps its own character set.")),
		may("metadb.packet", msg.M("a project with many tables is one long row, and the server ends the connection when it is longer than max_allowed_packet"),
			msg.M("MySQL 5.7 allows 4 MiB unless it is told otherwise, MySQL 8 allows 64 MiB, MariaDB 16 MiB. On OceanBase it is a variable of the tenant.")),
		may("metadb.clock", msg.M("heartbeats are written with one clock and judged by the other, so that nodes are taken for dead"),
			msg.M("Measured is the difference beyond half the time that the question took; the quickest of three counts. A warning begins at 1 s, an error at 5 s.")),
		may("metadb.timezone", msg.M("times are stored without their zone, so prechecks of migrations time out with PreCheckAction doRunningAction timeout"),
			msg.M("The zone of this node is that of the container: TZ, or /etc/localtime. It is a warning because the components' start scripts may set another one.")),
		may("metadb.foreign", msg.M("OMS would create its tables among those of another program"),
			msg.M("A database is known as one of OMS by the documented tables, such as cluster_info, resource_group and heatbeat_sequence. An empty one is fine, and so is none.")),
		may("metadb.release", msg.M("components of one release do not work on the schema of another"),
			msg.M("The table oms_version of the console's database records each release. Step 2 asks the same question again, and does not listen to --ignore.")),
		may("metadb.rights", msg.M("the account lacks a right that creating the databases, their upgrade or a rollback needs"),
			msg.M("It is tried: a database named omsinit_check_<time>_<random> is created, with a table, and removed again. What a killed run leaves is removed by the first check after the time in its name. An account that may only create the three databases is judged by its grants. `omsinit check` tries it always, `omsinit init` only on a node that is not finished.")),

		may("regions.location", msg.M("two regions with the same number take each other's tasks"),
			msg.M("cm_location is from 0 to 127, and another one in each region. Registered regions are in the table cluster_info of the console's database.")),
		may("regions.name", msg.M("regions are told apart by their names in the console"),
			msg.M("cm_region is needed as soon as there are several regions, and is another one in each. A region that was registered without a name is called default.")),
		may("regions.cm-url", msg.M("each region has a CM of its own, and two regions with one address would share it"),
			msg.M("With several nodes cm_url is a VIP or a domain name in front of the nodes of this region.")),
		may("regions.default", msg.M("the console sends what belongs to no region to the default one, so there is exactly one"),
			msg.M("cm_is_default is true when it is not given. The documentation's sample for a further region says true as well, which is a mistake there.")),
		may("regions.nodes", msg.M("a node works for one region only"),
			msg.M("Nodes are in the table host of the CM's database, their regions in resource_group, whose name is the cm_location.")),
		may("regions.heartbeat", msg.M("the CM of each region takes the nodes in its heartbeat database for its own"),
			msg.M("drc_cm_heartbeat_db is the one database that differs from region to region; the nodes of one region share it. Looked at are the addresses in its table heart_beat.")),

		may("cluster.init", msg.M("most machines that the console shows as down were never initialised to the end"),
			msg.M("PID 1 knows how far the initialisation is: omsinit status. Each step can be run again at any time.")),
		may("cluster.program", msg.M("a node whose control components do not run is shown as down"),
			msg.M("oms_drc_supervisor sends the heartbeats, oms_drc_cm writes them into the MetaDB, and oms_console shows them through nginx. A component that ends at once lacks memory, its configuration, the MetaDB, or, with metrics switched on, the time-series database.")),
		may("cluster.region", msg.M("the console and the other regions know this region by its rows in the MetaDB, not by config.yaml"),
			msg.M("The rows are in cluster_info of the console's database, and in location_cm and resource_group of the CM's database; step 5 writes them, and corrects them when config.yaml has changed. Without its resource group the error codes CM-RESONF000002 and CM-RESONF000021 are seen.")),
		may("cluster.node", msg.M("tasks go to nodes that are registered in this region and ONLINE, and to no others"),
			msg.M("The rows are in the table host of the CM's database. A node that was taken out of cm_nodes is marked OFFLINE and keeps its row.")),
		may("cluster.heartbeat", msg.M("a node without a fresh heartbeat is shown as down, and its tasks fail, or move where high availability is on"),
			msg.M("Looked at is the youngest row with task_name supervisor in the table heart_beat, by the MetaDB's own clock. Heartbeats of other regions are looked for in every database of the server that has this table.")),
		may("cluster.stranger", msg.M("heartbeats under a wrong address are those of a node that is shown as down under its right one"),
			msg.M("The agent sends its heartbeats under OMS_HOST_IP, which must be another one on each node and stand in cm_nodes. A container that was started with the right one needs ./docker_init.sh once more.")),
		may("cluster.cm", msg.M("the console and the agents reach the CM at cm_url only"),
			msg.M("GET / of a CM answers 200. With several nodes cm_url is a VIP or a domain name that leads to port cm_server_port of each of them.")),

		may("tsdb.connect", msg.M("an agent that is told to report to a time-series database that does not answer restarts for ever"),
			msg.M("OMS needs InfluxDB 1.8. Its /ping may want the credentials as well. An InfluxDB 2 is named as such. An address that does not answer may do so later; in a container, PID 1 tries again.")),
		may("tsdb.write", msg.M("metrics that cannot be written are lost, and the agent fills its log"),
			msg.M("It is tried: a database named omsinit_check_<time>_<random> is created, with one point, and removed again. The user needs all privileges: GRANT ALL PRIVILEGES TO user.")),
	}
}
