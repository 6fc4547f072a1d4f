package cli

import (
	"testing"

	"omsinit/internal/msg"
)

func TestLanguage(t *testing.T) {
	for _, tc := range []struct {
		name, env string
		args      []string
		want      msg.Lang
	}{
		{"nothing said", "", []string{"status"}, msg.English},
		{"after the command", "", []string{"status", "--lang", "zh"}, msg.Chinese},
		{"before the command, joined", "", []string{"--lang=zh_CN.UTF-8", "status"}, msg.Chinese},
		{"over the environment", "zh", []string{"--lang", "en", "status"}, msg.English},
		{"environment", "zh", []string{"status"}, msg.Chinese},
		{"not an option any more", "", []string{"run", "--", "--lang", "zh"}, msg.English},
		{"the last one counts", "", []string{"--lang", "zh", "status", "--lang", "en"}, msg.English},
		{"without a value", "", []string{"status", "--lang"}, msg.English},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
				t.Setenv(key, "C")
			}
			t.Setenv("OMS_LANG", tc.env)
			if got := language(tc.args); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
