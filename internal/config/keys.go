package config

import (
	"slices"

	"omsinit/internal/msg"
)

// Config is config.yaml with every default applied. A further key is a field here, an entry of the table below, and its
// Chinese description in internal/msg/zh.po.
type Config struct {
	MetaHost     string `key:"oms_meta_host"` // without brackets if it is an IPv6 address
	MetaPort     int    `key:"oms_meta_port"`
	MetaUser     string `key:"oms_meta_user"`
	MetaPassword Secret `key:"oms_meta_password"`

	RMDatabase        string `key:"drc_rm_db"`
	CMDatabase        string `key:"drc_cm_db"`
	HeartbeatDatabase string `key:"drc_cm_heartbeat_db"`

	DRCUser     string `key:"drc_user"`
	DRCPassword Secret `key:"drc_password"`

	CMURL       string   `key:"cm_url"` // http(s)://host:port, no slash at the end
	CMLocation  int      `key:"cm_location"`
	CMRegion    string   `key:"cm_region"`
	CMRegionCN  string   `key:"cm_region_cn"` // CMRegion when it is not in the file
	CMIsDefault bool     `key:"cm_is_default"`
	CMNodes     []string `key:"cm_nodes"` // at least one IP address, no two the same

	TSDBEnabled  bool   `key:"tsdb_enabled"`
	TSDBService  string `key:"tsdb_service"` // INFLUXDB or CERESDB
	TSDBURL      string `key:"tsdb_url"`     // host:port
	TSDBUsername string `key:"tsdb_username"`
	TSDBPassword Secret `key:"tsdb_password"`

	GhanaPort      int `key:"ghana_server_port"`
	NginxPort      int `key:"nginx_server_port"`
	CMPort         int `key:"cm_server_port"`
	SupervisorPort int `key:"supervisor_server_port"`
	SSHDPort       int `key:"sshd_server_port"`

	ApsaraAuditEnable        bool   `key:"apsara_audit_enable"`
	ApsaraAuditAccessKey     Secret `key:"apsara_audit_sls_access_key"`
	ApsaraAuditAccessSecret  Secret `key:"apsara_audit_sls_access_secret"`
	ApsaraAuditEndpoint      string `key:"apsara_audit_sls_endpoint"`
	ApsaraAuditOpsSiteTopic  string `key:"apsara_audit_sls_ops_site_topic"`
	ApsaraAuditUserSiteTopic string `key:"apsara_audit_sls_user_site_topic"`

	// Extra holds the keys of the file that OMS does not know: string, int, bool, nil, Secret for names that sound like
	// one, and lists ([]any) and maps (map[string]any) of these.
	Extra map[string]any
}

// Form is the kind of text a key takes.
type Form int

// The forms of values.
const (
	Text          Form = iota // any text on one line
	Boolean                   // true or false, in any spelling of YAML and Python
	Integer                   // decimal digits, from Min to Max
	ComponentPort             // decimal digits; no two keys of this form have the same value
	Host                      // IPv4 or IPv6 address, or a host name
	Account                   // user, or user@tenant[#cluster]; not of the sys tenant
	DatabaseName              // [0-9A-Za-z_$]{1,64}; no two keys of this form have the same value
	Address                   // http(s)://host:port, the scheme may be left out
	HostPort                  // host:port
	IPList                    // list of IPv4 or IPv6 addresses
	Choice                    // one of Choices, in any case
)

// Key is one key of config.yaml. The table of keys is what the file is read by, checked by and explained by. Source:
// docs/oms-facts.md §1.
type Key struct {
	Name     string
	Form     Form
	Required bool
	// With names the boolean key that switches this one on: while it is true this key is required, while it is false
	// this key is not used, and what is wrong with it is a warning.
	With     string
	Default  string // as it would be written; empty means none
	Example  string // a value to show in a fix
	Min, Max int    // of an Integer
	Choices  []string
	Secret   bool
	// Since and Until are the first and the last community release whose documentation has the key; empty means all.
	Since, Until string
	Description  msg.Message
}

// Keys returns every key of OMS in the order in which a file lists them.
func Keys() []Key { return slices.Clone(keys) }

func find(name string) (*Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return nil, false
	}
	return &keys[i], true
}

const (
	// lowestPort keeps the ports of components out of the range that needs root, as obd does.
	lowestPort  = 1025
	highestPort = 65535
)

var keys = []Key{
	{Name: "oms_meta_host", Form: Host, Required: true, Example: "10.0.0.1",
		Description: msg.M("address of the MetaDB: MySQL, or a MySQL tenant of OceanBase")},
	{Name: "oms_meta_port", Form: Integer, Required: true, Example: "2883", Min: 1, Max: highestPort,
		Description: msg.M("port of the MetaDB")},
	{Name: "oms_meta_user", Form: Account, Required: true, Example: "root@oms",
		Description: msg.M("user of the MetaDB, for OceanBase user@tenant or user@tenant#cluster")},
	{Name: "oms_meta_password", Required: true, Secret: true,
		Description: msg.M("password of oms_meta_user")},

	{Name: "drc_rm_db", Form: DatabaseName, Required: true, Example: "oms_rm",
		Description: msg.M("database of the console; the same in all regions")},
	{Name: "drc_cm_db", Form: DatabaseName, Required: true, Example: "oms_cm",
		Description: msg.M("metadata database of the CM; the same in all regions")},
	{Name: "drc_cm_heartbeat_db", Form: DatabaseName, Required: true, Example: "oms_cm_heartbeat",
		Description: msg.M("heartbeat database of the CM; another one in each region")},

	{Name: "drc_user", Until: "4.1.0",
		Description: msg.M("user in the sys tenant of the OceanBase cluster to migrate, reads its incremental log")},
	{Name: "drc_password", Secret: true, Until: "4.1.0",
		Description: msg.M("password of drc_user")},

	{Name: "cm_url", Form: Address, Required: true, Example: "http://10.0.0.1:8088",
		Description: msg.M(
			"address of the region's CM, with several nodes a VIP or domain name in front of all of them")},
	{Name: "cm_location", Form: Integer, Required: true, Example: "100", Min: 0, Max: 127,
		Description: msg.M("number of the region, another one in each region")},
	{Name: "cm_region", Example: "cn-hangzhou",
		Description: msg.M("name of the region, needed when there are several")},
	{Name: "cm_region_cn", Example: "杭州",
		Description: msg.M("Chinese name of the region, cm_region when it is not given")},
	{Name: "cm_is_default", Form: Boolean, Default: "true",
		Description: msg.M("whether this region's CM is the default one, true in exactly one region")},
	{Name: "cm_nodes", Form: IPList, Required: true, Example: "10.0.0.1",
		Description: msg.M("addresses of all nodes of this region, and of no other")},

	{Name: "tsdb_enabled", Form: Boolean, Default: "false",
		Description: msg.M("whether metrics are reported to a TSDB")},
	{Name: "tsdb_service", Form: Choice, Choices: []string{"INFLUXDB", "CERESDB"},
		Default: "CERESDB", Example: "INFLUXDB",
		Description: msg.M("kind of the TSDB; only INFLUXDB is supported at present")},
	{Name: "tsdb_url", Form: HostPort, With: "tsdb_enabled", Example: "10.0.0.9:8086",
		Description: msg.M("host:port of the TSDB, one for all regions")},
	{Name: "tsdb_username", With: "tsdb_enabled", Example: "oms",
		Description: msg.M("user of the TSDB, with all privileges")},
	{Name: "tsdb_password", Secret: true, With: "tsdb_enabled",
		Description: msg.M("password of tsdb_username")},

	{Name: "ghana_server_port", Form: ComponentPort, Default: "8090", Since: "4.2.2",
		Description: msg.M("port of Ghana, the console's backend")},
	{Name: "nginx_server_port", Form: ComponentPort, Default: "8089", Since: "4.2.2",
		Description: msg.M("port of nginx, where people open the console")},
	{Name: "cm_server_port", Form: ComponentPort, Default: "8088", Since: "4.2.2",
		Description: msg.M("port of the CM")},
	{Name: "supervisor_server_port", Form: ComponentPort, Default: "9000", Since: "4.2.2",
		Description: msg.M("port of the OMS agent on each node (oms_drc_supervisor)")},
	{Name: "sshd_server_port", Form: ComponentPort, Default: "2023", Since: "4.2.2",
		Description: msg.M("port of the container's sshd")},

	{Name: "apsara_audit_enable", Form: Boolean, Default: "false", Since: "4.0.0",
		Description: msg.M("whether audit logs go to Simple Log Service (SLS) of Alibaba Cloud")},
	{Name: "apsara_audit_sls_access_key", Secret: true, With: auditSwitch, Since: "4.0.0",
		Description: msg.M("access key of SLS")},
	{Name: "apsara_audit_sls_access_secret", Secret: true, With: auditSwitch, Since: "4.0.0",
		Description: msg.M("access secret of SLS")},
	{Name: "apsara_audit_sls_endpoint", With: auditSwitch, Since: "4.0.0", Example: "cn-hangzhou.log.aliyuncs.com",
		Description: msg.M("endpoint of SLS")},
	{Name: "apsara_audit_sls_ops_site_topic", With: auditSwitch, Since: "4.0.0",
		Description: msg.M("SLS topic of the operators' site")},
	{Name: "apsara_audit_sls_user_site_topic", With: auditSwitch, Since: "4.0.0",
		Description: msg.M("SLS topic of the users' site")},
}

const auditSwitch = "apsara_audit_enable"

// Port is the port of a component.
type Port struct {
	Key    string
	Number int
	// Program is the component, by the name that OMS's program files give it.
	Program string
}

// listeners are the programs of the ports (oms-facts §3).
var listeners = map[string]string{"ghana_server_port": "oms_console", "nginx_server_port": "nginx",
	"cm_server_port":         "oms_drc_cm",
	"supervisor_server_port": "oms_drc_supervisor", "sshd_server_port": "sshd"}

// Ports returns the ports of the components in the order of Keys.
func (c *Config) Ports() []Port {
	var ports []Port
	for _, name := range KeysOf(ComponentPort) {
		k, _ := find(name)
		ports = append(ports, Port{name, k.value(c).(int), listeners[name]})
	}
	return ports
}

// ConsolePort returns the port of the console as far as the text of a config.yaml says it, whatever else is wrong with
// it; else the usual one.
func ConsolePort(data []byte) Port {
	const key = "nginx_server_port"
	k, _ := find(key)
	r := newReader("")
	k.set(&r.config, k.Default)
	port := Port{key, r.config.NginxPort, listeners[key]}
	if r.all(data); r.taken[key] != nil && !r.reported[key] {
		port.Number = r.config.NginxPort
	}
	return port
}

// KeysOf returns the names of the keys of a form, in the order of Keys.
func KeysOf(form Form) []string {
	var names []string
	for i := range keys {
		if keys[i].Form == form {
			names = append(names, keys[i].Name)
		}
	}
	return names
}
