package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// flaw is what is wrong with a value, and what to do.
type flaw struct{ rule, fix msg.Message }

func refuse(rule, fix msg.Message) (string, *flaw) { return "", &flaw{rule, fix} }

// refuse returns a flaw that an example answers.
func (k *Key) refuse(rule msg.Message) (string, *flaw) { return refuse(rule, k.exampleFix()) }

func (k *Key) exampleFix() msg.Message {
	if k.Form == IPList {
		return msg.M("write the OMS_HOST_IP of each node of the region, such as %s", k.line())
	}
	return msg.M("write a value, such as %s", k.line())
}

// judge looks at a value by itself and returns its normal spelling.
func (k *Key) judge(text string) (normal string, wrong *flaw) {
	switch k.Form {
	case Boolean:
		if _, ok := boolean(text); !ok {
			return refuse(msg.M("the value must be true or false"),
				msg.M("write %s: true or %s: false", k.Name, k.Name))
		}
	case Integer, ComponentPort:
		lowest, highest := k.limits()
		n, ok := decimal(text)
		rule := msg.M("the value must be a whole number from %d to %d", lowest, highest)
		if !ok {
			return refuse(rule, msg.M("write it in decimal digits without leading zeros, such as %s", k.line()))
		}
		if n < lowest || n > highest {
			return k.refuse(rule)
		}
	case Choice:
		normal = strings.ToUpper(text)
		if !slices.Contains(k.Choices, normal) {
			return k.refuse(msg.M("the value must be one of %s", msg.List(k.Choices)))
		}
		return normal, nil
	case Host:
		return judgeHost(k, text)
	case Account:
		return judgeAccount(text)
	case DatabaseName:
		return judgeDatabase(text)
	case Address:
		return judgeAddress(k, text)
	case HostPort:
		return judgeHostPort(k, text)
	case IPList:
		return judgeIP(text)
	}
	return text, nil
}

// limits returns the smallest and the largest number that the key takes.
func (k *Key) limits() (lowest, highest int) {
	if k.Form == ComponentPort {
		return lowestPort, highestPort
	}
	return k.Min, k.Max
}

// Every spelling of YAML 1.1 and of the Python tools around OMS, in lower case.
var (
	trueWords  = []string{"true", "yes", "on", "y", "t", "1"}
	falseWords = []string{"false", "no", "off", "n", "f", "0"}
)

func boolean(text string) (value, ok bool) {
	text = strings.ToLower(text)
	value = slices.Contains(trueWords, text)
	return value, value || slices.Contains(falseWords, text)
}

// decimal takes decimal digits only: YAML readers disagree on what 010, 0x10 and 1_000 mean.
func decimal(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && strconv.Itoa(n) == text
}

func judgeHost(k *Key, text string) (string, *flaw) {
	if inside, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(text, "]") {
		text = strings.TrimSuffix(inside, "]")
	}
	if validHost(text) {
		return text, nil
	}
	host, port, hasPort := strings.Cut(text, ":")
	if _, isPort := decimal(port); hasPort && isPort && validHost(host) {
		return refuse(msg.M("the value must be an address alone, without a port"),
			msg.M("write %s: %s here and the port %s into its own key", k.Name, host, port))
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		rule := msg.M("the value must be an address alone, without http:// or the like")
		// What is before an @ may be a password, and must not be shown.
		if rest = rest[strings.LastIndex(rest, "@")+1:]; !validHost(rest) {
			return k.refuse(rule)
		}
		return refuse(rule, msg.M("write %s: %s", k.Name, rest))
	}
	return k.refuse(msg.M("the value must be an IPv4 or IPv6 address or a host name"))
}

// hostName is a name that DNS or /etc/hosts takes.
var hostName = pattern.New(`^(?:\w(?:[\w-]*\w)?(?:\.|$))+$`)

func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	isNumber := strings.Trim(host, "0123456789.") == ""
	isLong := slices.ContainsFunc(strings.Split(host, "."), func(label string) bool { return len(label) > 63 })
	return !isNumber && !isLong && len(strings.TrimSuffix(host, ".")) <= 253 && hostName().MatchString(host)
}

func judgeAccount(user string) (string, *flaw) {
	if strings.EqualFold(tenant(user), "sys") {
		return refuse(msg.M("the user belongs to the sys tenant, which is not for the databases of applications"),
			msg.M("create a tenant for OMS in OceanBase, and write user@tenant"))
	}
	return user, nil
}

// tenant takes user@tenant, user@tenant#cluster and cluster:tenant:user.
func tenant(user string) string {
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		name, _, _ := strings.Cut(user[at+1:], "#")
		return name
	}
	if parts := strings.Split(user, ":"); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

var notInDatabaseName = pattern.New(`[^0-9A-Za-z_$]`)

func judgeDatabase(name string) (string, *flaw) {
	fitting := notInDatabaseName().ReplaceAllLiteralString(name, "_")
	if len(fitting) > 64 {
		return refuse(msg.M("the name of a database has 64 characters at most"), msg.M("choose a shorter name"))
	}
	if fitting != name {
		return refuse(msg.M("the name of a database consists of letters, digits, _ and $ only"),
			msg.M("choose another name, such as %s", fitting))
	}
	switch strings.ToLower(name) {
	case "mysql", "information_schema", "performance_schema", "sys", "oceanbase":
		return refuse(msg.M("this is a database of the server's own"),
			msg.M("choose another name, such as %s", "oms_"+name))
	}
	return name, nil
}

// judgeAddress takes http(s)://host:port, and host:port.
func judgeAddress(k *Key, text string) (string, *flaw) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "http", text
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return k.refuse(msg.M("the address must begin with http:// or https://"))
	}
	rest = strings.TrimRight(rest, "/")
	host, port := splitPort(rest)
	switch {
	case strings.ContainsAny(rest, "/?#@ "):
		return k.refuse(msg.M("the address must be http://host:port and nothing more"))
	case !validHost(host):
		return k.refuse(msg.M("the address has no valid host: an IPv4 address, an IPv6 address in [ ], or a host name"))
	case port == "":
		return refuse(msg.M("the address has no port"),
			msg.M("add the port of the CM: %s", k.Name+": "+scheme+"://"+net.JoinHostPort(host, "8088")))
	case !validPort(port):
		return k.refuse(msg.M("the port of the address must be a number from 1 to 65535"))
	case net.ParseIP(host).IsUnspecified():
		return refuse(msg.M("no other node can call this address"),
			msg.M("write the address that this node has on the network, or a VIP"))
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// judgeHostPort takes host:port.
func judgeHostPort(k *Key, text string) (string, *flaw) {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if host, port := splitPort(strings.TrimRight(rest, "/")); validHost(host) && validPort(port) {
			return refuse(msg.M("the value must be host:port, without http:// or the like"),
				msg.M("write %s: %s", k.Name, net.JoinHostPort(host, port)))
		}
	}
	host, port := splitPort(text)
	if !validHost(host) || !validPort(port) {
		return k.refuse(msg.M("the value must be host:port"))
	}
	return net.JoinHostPort(host, port), nil
}

// splitPort cuts the port off; a bare IPv6 address has none.
func splitPort(text string) (host, port string) {
	if host, port, err := net.SplitHostPort(text); err == nil {
		return host, port
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), ""
}

func validPort(port string) bool {
	n, ok := decimal(port)
	return ok && n >= 1 && n <= highestPort
}

func judgeIP(text string) (string, *flaw) {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil || ip.Zone() != "":
		return refuse(msg.M("each node must be an IPv4 or IPv6 address, not a host name or anything else"),
			msg.M("write the OMS_HOST_IP of the node"))
	case ip.IsUnspecified() || ip.IsMulticast():
		return refuse(msg.M("no other node can call this address"), msg.M("write the OMS_HOST_IP of the node"))
	}
	return text, nil
}

// loopback reports whether only this very host can call the address.
func loopback(host string) bool {
	host = strings.ToLower(host)
	return net.ParseIP(host).IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
