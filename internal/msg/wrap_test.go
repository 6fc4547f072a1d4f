package msg

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    []string
	}{
		{"", 10, []string{""}},
		{"one two  three", 8, []string{"one two", "three"}},
		{"reads /usr/share/omsinit/pack now", 10, []string{"reads", "/usr/share/omsinit/pack", "now"}},
		{"修改 cm_url 的端口，退出（a）。", 11, []string{"修改 cm_url", "的端口，退", "出（a）。"}},
		{"只写一行，", 8, []string{"只写一", "行，"}},
	} {
		if got := Wrap(c.text, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}
