package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/msg"
)

// objection says what is wrong with a value and what to do.
type objection struct{ rule, fix msg.Message }

func object(rule, fix msg.Message) *objection { return &objection{rule, fix} }

// judge looks at a value by itself and gives its normal spelling.
func (k *Key) judge(text string) (normal string, wrong *objection) {
	switch k.Form {
	case Boolean:
		if _, ok := boolean(text); !ok {
			return "", object(msg.M("the value must be true or false"), msg.M("write %s: true or %s: false", k.Name, k.Name))
		}
	case Integer:
		n, ok := decimal(text)
		if !ok || n < k.Min || n > k.Max {
			return "", object(msg.M("the value must be a whole number from %d to %d", k.Min, k.Max),
				msg.M("write it in decimal digits without leading zeros, such as %s", k.line()))
		}
	case Choice:
		normal = strings.ToUpper(text)
		if !slices.Contains(k.Choices, normal) {
			return "", object(msg.M("the value must be one of %s", strings.Join(k.Choices, ", ")), msg.M("write a value, such as %s", k.line()))
		}
		return normal, nil
	case Host:
		return judgeHost(k, text)
	case Account:
		return text, judgeAccount(text)
	case DatabaseName:
		return text, judgeDatabase(text)
	case Address:
		return judgeAddress(k, text)
	case HostPort:
		return judgeHostPort(k, text)
	case IPList:
		return judgeIP(text)
	}
	return text, nil
}

// boolean takes every spelling of YAML 1.1 and of the Python tools around OMS.
func boolean(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "y", "t", "1":
		return true, true
	case "false", "no", "off", "n", "f", "0":
		return false, true
	}
	return false, false
}

// decimal takes decimal digits only: YAML readers disagree on what 010, 0x10
// and 1_000 mean.
func decimal(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && strconv.Itoa(n) == text
}

func judgeHost(k *Key, text string) (string, *objection) {
	if inside, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(text, "]") {
		text = strings.TrimSuffix(inside, "]")
	}
	if validHost(text) {
		return text, nil
	}
	host, port, hasPort := strings.Cut(text, ":")
	if _, isPort := decimal(port); hasPort && isPort && validHost(host) {
		return "", object(msg.M("the value must be an address alone, without a port"),
			msg.M("write %s: %s here and the port %s into its own key", k.Name, host, port))
	}
	if _, rest, ok := strings.Cut(text, "://"); ok {
		// What is before an @ may be a password, and must not be shown.
		if rest = rest[strings.LastIndex(rest, "@")+1:]; !validHost(rest) {
			return "", object(msg.M("the value must be an address alone, without http:// or the like"), msg.M("write a value, such as %s", k.line()))
		}
		return "", object(msg.M("the value must be an address alone, without http:// or the like"), msg.M("write %s: %s", k.Name, rest))
	}
	return "", object(msg.M("the value must be an IPv4 or IPv6 address or a host name"), msg.M("write a value, such as %s", k.line()))
}

// validHost takes IP addresses and the names that DNS and /etc/hosts take.
func validHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 || strings.Trim(host, "0123456789.") == "" {
		return false
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if !isWordByte(label[i]) {
				return false
			}
		}
	}
	return true
}

func judgeAccount(user string) *objection {
	if strings.EqualFold(tenant(user), "sys") {
		return object(msg.M("the user belongs to the sys tenant, which is not for the databases of applications"),
			msg.M("create a tenant for OMS in OceanBase, and write user@tenant"))
	}
	return nil
}

// tenant knows user@tenant, user@tenant#cluster and cluster:tenant:user.
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

func judgeDatabase(name string) *objection {
	fitting := strings.Map(func(c rune) rune {
		if c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '_'
	}, name)
	if len(fitting) > 64 {
		return object(msg.M("the name of a database has 64 characters at most"), msg.M("choose a shorter name"))
	}
	if fitting != name {
		return object(msg.M("the name of a database consists of letters, digits, _ and $ only"), msg.M("choose another name, such as %s", fitting))
	}
	switch strings.ToLower(name) {
	case "mysql", "information_schema", "performance_schema", "sys", "oceanbase":
		return object(msg.M("this is a database of the server's own"), msg.M("choose another name, such as %s", "oms_"+name))
	}
	return nil
}

// judgeAddress takes http(s)://host:port, and host:port.
func judgeAddress(k *Key, text string) (string, *objection) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "http", text
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return "", object(msg.M("the address must begin with http:// or https://"), msg.M("write a value, such as %s", k.line()))
	}
	rest = strings.TrimRight(rest, "/")
	host, port := splitPort(rest)
	switch {
	case strings.ContainsAny(rest, "/?#@ "):
		return "", object(msg.M("the address must be http://host:port and nothing more"), msg.M("write a value, such as %s", k.line()))
	case !validHost(host):
		return "", object(msg.M("the address has no valid host: an IPv4 address, an IPv6 address in [ ], or a host name"), msg.M("write a value, such as %s", k.line()))
	case port == "":
		return "", object(msg.M("the address has no port"), msg.M("add the port of the CM: %s", k.Name+": "+scheme+"://"+joinPort(host, "8088")))
	case !validPort(port):
		return "", object(msg.M("the port of the address must be a number from 1 to 65535"), msg.M("write a value, such as %s", k.line()))
	case unspecified(host):
		return "", object(msg.M("no other node can call this address"), msg.M("write the address that this node has on the network, or a VIP"))
	}
	return scheme + "://" + joinPort(host, port), nil
}

// judgeHostPort takes host:port.
func judgeHostPort(k *Key, text string) (string, *objection) {
	host, port := splitPort(text)
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if host, port = splitPort(strings.TrimRight(rest, "/")); validHost(host) && validPort(port) {
			return "", object(msg.M("the value must be host:port, without http:// or the like"), msg.M("write %s: %s", k.Name, joinPort(host, port)))
		}
	}
	if !validHost(host) || !validPort(port) {
		return "", object(msg.M("the value must be host:port"), msg.M("write a value, such as %s", k.line()))
	}
	return joinPort(host, port), nil
}

// splitPort cuts the port off; a bare IPv6 address has none.
func splitPort(text string) (host, port string) {
	if inside, ok := strings.CutPrefix(text, "["); ok {
		host, port, _ = strings.Cut(inside, "]")
		if rest, colon := strings.CutPrefix(port, ":"); colon {
			return host, rest
		} else if port != "" {
			return text, "" // text after the bracket: no valid host
		}
		return host, ""
	}
	if strings.Count(text, ":") != 1 {
		return text, ""
	}
	host, port, _ = strings.Cut(text, ":")
	return host, port
}

func joinPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

func validPort(port string) bool {
	n, ok := decimal(port)
	return ok && n >= 1 && n <= highestPort
}

func judgeIP(text string) (string, *objection) {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil || ip.Zone() != "":
		return "", object(msg.M("each node must be an IPv4 or IPv6 address, not a host name or anything else"), msg.M("write the OMS_HOST_IP of the node"))
	case ip.IsUnspecified() || ip.IsMulticast():
		return "", object(msg.M("no other node can call this address"), msg.M("write the OMS_HOST_IP of the node"))
	}
	return text, nil
}

func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// loopback reports whether only this very host can call the address.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}
