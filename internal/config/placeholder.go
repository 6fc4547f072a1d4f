package config

import (
	"strings"

	"omsinit/internal/msg"
)

func placeholderRule() msg.Message {
	return msg.M("this is a placeholder that was left in the file")
}

func realValue(k *Key) msg.Message {
	return msg.M("write the real value instead: %v", k.Description)
}

// placeholder reports whether a value was left over from a template of the
// documentation: ${x}, {{ x }}, <x>, xxx.xxx.xxx.xxx, *****, VIP. A password
// may look like one of these and be real; sure is false then.
func placeholder(k *Key, text string) (found, sure bool) {
	if k.Secret {
		switch {
		case enclosed(text, "${", "}"), enclosed(text, "{{", "}}"), only(text, "*"):
			return true, true
		case enclosed(text, "<", ">"), strings.Contains(text, "***"), len(text) >= 3 && only(text, "xX"):
			return true, false
		}
		return false, false
	}
	for _, pair := range [][2]string{{"${", "}"}, {"{{", "}}"}, {"<", ">"}} {
		if _, rest, ok := strings.Cut(text, pair[0]); ok && strings.Contains(rest, pair[1]) {
			return true, true
		}
	}
	for _, part := range []string{"***", "租户名", "用户名"} {
		if strings.Contains(text, part) {
			return true, true
		}
	}
	if only(text, "*") || len(text) >= 3 && only(text, "xX") {
		return true, true
	}
	switch k.Form {
	case Host, Address, HostPort, IPList:
		return placeholderHost(text), true
	}
	return false, false
}

// placeholderHost knows xxx.xxx.xxx.xx1 and http://VIP:8088.
func placeholderHost(text string) bool {
	for _, label := range strings.FieldsFunc(text, func(c rune) bool { return c == '.' || c == ':' || c == '/' }) {
		letters := strings.TrimRight(strings.ToLower(label), "0123456789")
		if letters == "vip" && label == "VIP" || len(letters) >= 3 && only(letters, "x") {
			return true
		}
	}
	return false
}

func only(text, chars string) bool {
	return text != "" && strings.Trim(text, chars) == ""
}

func enclosed(text, open, end string) bool {
	return len(text) > len(open)+len(end) && strings.HasPrefix(text, open) && strings.HasSuffix(text, end)
}
