package config

import (
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

func placeholderRule() msg.Message {
	return msg.M("this is a placeholder that was left in the file")
}

func realValue(k *Key) msg.Message {
	return msg.M("write the real value instead: %v", k.Description)
}

// What templates of the documentation leave in a file: ${x}, {{ x }}, <x>, xxx.xxx.xxx.xxx, *****, VIP.
var (
	leftover       = pattern.New(`\$\{.*\}|\{\{.*\}\}|<.*>|\*\*\*|租户名|用户名|^\*+$|^[xX]{3,}$`)
	leftoverHost   = pattern.New(`(?:^|[.:/])(?:VIP|[xX]{3,}[0-9]*)(?:$|[.:/])`)
	leftoverSecret = pattern.New(`^(?:\$\{.+\}|\{\{.+\}\}|\*+)$`)
	// A password may look like one of these and be real.
	perhapsSecret = pattern.New(`^<.+>$|\*\*\*|^[xX]{3,}$`)
)

// placeholder reports whether a value was left over from a template, and whether that is sure.
func placeholder(k *Key, text string) (found, sure bool) {
	if k.Secret {
		sure = leftoverSecret().MatchString(text)
		return sure || perhapsSecret().MatchString(text), sure
	}
	isHost := k.Form == Host || k.Form == Address || k.Form == HostPort || k.Form == IPList
	return leftover().MatchString(text) || isHost && leftoverHost().MatchString(text), true
}
