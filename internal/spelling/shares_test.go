package spelling

import (
	"slices"
	"strings"
	"testing"
)

func TestShares(t *testing.T) {
	const secret = "A1 !\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~{{x}}密码"
	back := []rune(strings.ReplaceAll(strings.ReplaceAll(secret, "密", "?"), "码", "?"))
	slices.Reverse(back)
	for text, want := range map[string]bool{
		"dsn = jdbc:" + strings.ReplaceAll(secret, "%", "%%"): true,
		"OMS_ARGS=-p" + strings.ReplaceAll(secret, "%", `\%`): true,
		"seed: " + string(back):                               true,
		"user=administrator":                                  false,
		"nothing of it":                                       false,
	} {
		if got := Shares(text, secret, 10); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if Shares("user=administrator", "administrator1", 6) {
		t.Error("a word")
	}
}
