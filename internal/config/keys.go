package config

import (
	"slices"

	"omsinit/internal/msg"
)

// Form is the kind of text a key takes.
type Form int

// The forms there are.
const (
	Text         Form = iota // any text on one line
	Boolean                  // true or false, in any spelling of YAML and Python
	Integer                  // decimal digits, from Min to Max
	Host                     // IPv4 or IPv6 address, or a host name
	Account                  // user, or user@tenant[#cluster]; not of the sys tenant
	DatabaseName             // [0-9A-Za-z_$]{1,64}
	Address                  // http(s)://host:port, the scheme may be left out
	HostPort                 // host:port
	IPList                   // list of IPv4 or IPv6 addresses
	Choice                   // one of Choices, in any case
)

// Key is one key of config.yaml. The table of keys is what the file is read
// by, checked by and explained by. Source: oms-facts §1.
type Key struct {
	Name     string
	Form     Form
	Required bool
	// With names the boolean key that switches this one on: while it is true
	// this key is required, while it is false this key is not used, and what
	// is wrong with it is a warning.
	With     string
	Default  string // as it would be written; empty means none
	Example  string // a value to show in a fix
	Min, Max int    // of an Integer
	Choices  []string
	Secret   bool
	// Since and Until are the first and the last community release whose
	// documentation knows the key; empty means all of them.
	Since, Until string
	Description  msg.Message

	field func(*Config) any // where the value goes
}

// Keys gives every known key in the order in which a file lists them.
func Keys() []Key { return slices.Clone(keys) }

func find(name string) (*Key, bool) {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i], true
		}
	}
	return nil, false
}

// The ports of components are kept out of the range that needs root, as obd
// does; the MetaDB may listen anywhere.
const (
	lowestPort  = 1025
	highestPort = 65535
)

var keys = []Key{
	{Name: "oms_meta_host", Form: Host, Required: true, Example: "10.0.0.1",
		Description: msg.M("address of the MetaDB: MySQL, or a MySQL tenant of OceanBase"),
		field:       func(c *Config) any { return &c.MetaHost }},
	{Name: "oms_meta_port", Form: Integer, Required: true, Example: "2883", Min: 1, Max: highestPort,
		Description: msg.M("port of the MetaDB"),
		field:       func(c *Config) any { return &c.MetaPort }},
	{Name: "oms_meta_user", Form: Account, Required: true, Example: "root@oms",
		Description: msg.M("user of the MetaDB, for OceanBase user@tenant or user@tenant#cluster"),
		field:       func(c *Config) any { return &c.MetaUser }},
	{Name: "oms_meta_password", Required: true, Secret: true,
		Description: msg.M("password of oms_meta_user"),
		field:       func(c *Config) any { return &c.MetaPassword }},

	{Name: "drc_rm_db", Form: DatabaseName, Required: true, Example: "oms_rm",
		Description: msg.M("database of the console; the same in all regions"),
		field:       func(c *Config) any { return &c.RMDatabase }},
	{Name: "drc_cm_db", Form: DatabaseName, Required: true, Example: "oms_cm",
		Description: msg.M("metadata database of the CM; the same in all regions"),
		field:       func(c *Config) any { return &c.CMDatabase }},
	{Name: "drc_cm_heartbeat_db", Form: DatabaseName, Required: true, Example: "oms_cm_heartbeat",
		Description: msg.M("heartbeat database of the CM; another one in each region"),
		field:       func(c *Config) any { return &c.HeartbeatDatabase }},

	{Name: "drc_user", Until: "4.1.0",
		Description: msg.M("user in the sys tenant of the OceanBase cluster to migrate, reads its incremental log"),
		field:       func(c *Config) any { return &c.DRCUser }},
	{Name: "drc_password", Secret: true, Until: "4.1.0",
		Description: msg.M("password of drc_user"),
		field:       func(c *Config) any { return &c.DRCPassword }},

	{Name: "cm_url", Form: Address, Required: true, Example: "http://10.0.0.1:8088",
		Description: msg.M("address of the region's CM, with several nodes a VIP or domain name in front of all of them"),
		field:       func(c *Config) any { return &c.CMURL }},
	{Name: "cm_location", Form: Integer, Required: true, Example: "100", Min: 0, Max: 127,
		Description: msg.M("number of the region, another one in each region"),
		field:       func(c *Config) any { return &c.CMLocation }},
	{Name: "cm_region", Example: "cn-hangzhou",
		Description: msg.M("name of the region, needed when there are several"),
		field:       func(c *Config) any { return &c.CMRegion }},
	{Name: "cm_region_cn", Example: "杭州",
		Description: msg.M("Chinese name of the region, cm_region when it is not given"),
		field:       func(c *Config) any { return &c.CMRegionCN }},
	{Name: "cm_is_default", Form: Boolean, Default: "true",
		Description: msg.M("whether this region's CM is the default one, true in exactly one region"),
		field:       func(c *Config) any { return &c.CMIsDefault }},
	{Name: "cm_nodes", Form: IPList, Required: true, Example: "10.0.0.1",
		Description: msg.M("addresses of all nodes of this region, and of no other"),
		field:       func(c *Config) any { return &c.CMNodes }},

	{Name: "tsdb_enabled", Form: Boolean, Default: "false",
		Description: msg.M("whether metrics are reported to a TSDB"),
		field:       func(c *Config) any { return &c.TSDBEnabled }},
	{Name: "tsdb_service", Form: Choice, Default: "CERESDB", Choices: []string{"INFLUXDB", "CERESDB"}, Example: "INFLUXDB",
		Description: msg.M("kind of the TSDB; only INFLUXDB is supported at present"),
		field:       func(c *Config) any { return &c.TSDBService }},
	{Name: "tsdb_url", Form: HostPort, With: "tsdb_enabled", Example: "10.0.0.9:8086",
		Description: msg.M("host:port of the TSDB, one for all regions"),
		field:       func(c *Config) any { return &c.TSDBURL }},
	{Name: "tsdb_username", With: "tsdb_enabled", Example: "oms",
		Description: msg.M("user of the TSDB, with all privileges"),
		field:       func(c *Config) any { return &c.TSDBUsername }},
	{Name: "tsdb_password", Secret: true, With: "tsdb_enabled",
		Description: msg.M("password of tsdb_username"),
		field:       func(c *Config) any { return &c.TSDBPassword }},

	{Name: "ghana_server_port", Form: Integer, Default: "8090", Min: lowestPort, Max: highestPort, Since: "4.2.2",
		Description: msg.M("port of Ghana, the console's backend"),
		field:       func(c *Config) any { return &c.GhanaPort }},
	{Name: "nginx_server_port", Form: Integer, Default: "8089", Min: lowestPort, Max: highestPort, Since: "4.2.2",
		Description: msg.M("port of nginx, where people open the console"),
		field:       func(c *Config) any { return &c.NginxPort }},
	{Name: "cm_server_port", Form: Integer, Default: "8088", Min: lowestPort, Max: highestPort, Since: "4.2.2",
		Description: msg.M("port of the CM"),
		field:       func(c *Config) any { return &c.CMPort }},
	{Name: "supervisor_server_port", Form: Integer, Default: "9000", Min: lowestPort, Max: highestPort, Since: "4.2.2",
		Description: msg.M("port of the OMS agent on each node (oms_drc_supervisor)"),
		field:       func(c *Config) any { return &c.SupervisorPort }},
	{Name: "sshd_server_port", Form: Integer, Default: "2023", Min: lowestPort, Max: highestPort, Since: "4.2.2",
		Description: msg.M("port of the container's sshd"),
		field:       func(c *Config) any { return &c.SSHDPort }},

	{Name: "apsara_audit_enable", Form: Boolean, Default: "false", Since: "4.0.0",
		Description: msg.M("whether audit logs go to Simple Log Service (SLS) of Alibaba Cloud"),
		field:       func(c *Config) any { return &c.ApsaraAuditEnable }},
	{Name: "apsara_audit_sls_access_key", Secret: true, With: auditSwitch, Since: "4.0.0",
		Description: msg.M("access key of SLS"),
		field:       func(c *Config) any { return &c.ApsaraAuditAccessKey }},
	{Name: "apsara_audit_sls_access_secret", Secret: true, With: auditSwitch, Since: "4.0.0",
		Description: msg.M("access secret of SLS"),
		field:       func(c *Config) any { return &c.ApsaraAuditAccessSecret }},
	{Name: "apsara_audit_sls_endpoint", With: auditSwitch, Since: "4.0.0", Example: "cn-hangzhou.log.aliyuncs.com",
		Description: msg.M("endpoint of SLS"),
		field:       func(c *Config) any { return &c.ApsaraAuditEndpoint }},
	{Name: "apsara_audit_sls_ops_site_topic", With: auditSwitch, Since: "4.0.0",
		Description: msg.M("SLS topic of the operators' site"),
		field:       func(c *Config) any { return &c.ApsaraAuditOpsSiteTopic }},
	{Name: "apsara_audit_sls_user_site_topic", With: auditSwitch, Since: "4.0.0",
		Description: msg.M("SLS topic of the users' site"),
		field:       func(c *Config) any { return &c.ApsaraAuditUserSiteTopic }},
}

const auditSwitch = "apsara_audit_enable"

// componentPorts are the keys whose values must differ from each other.
var componentPorts = []string{"ghana_server_port", "nginx_server_port", "cm_server_port", "supervisor_server_port", "sshd_server_port"}

// databaseNames are the keys whose values must differ from each other.
var databaseNames = []string{"drc_rm_db", "drc_cm_db", "drc_cm_heartbeat_db"}
